"""The deconvoluted spectra of the features as MSP (NIST MS Search, MS-DIAL, AMDIS) and MGF (GNPS).

A feature's name is its identifier: the spectrum is measured, and the candidate for it may be wrong. The first candidate
is in the comment, with its level.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spectus.export.results import ExportedResults, base_peak, candidate_name
from spectus.files import replacing

_BASE_PEAK = 1000
"""Intensity of the base peak in the files. NIST's libraries use 999; 1000 keeps the shares readable."""
_S_PER_MIN = 60


def write_msp(results: ExportedResults, path: Path) -> None:
    """Write the spectra as MSP, with retention time in minutes and retention index."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as handle:
        for feature in results.features:
            lines = [f"NAME: {feature['feature']}"]
            lines += [f"{key}: {value}" for key, value in _msp_fields(results, feature)]
            peaks = _peaks_text(feature)
            handle.write("\n".join([*lines, f"Num Peaks: {len(peaks)}", *peaks]) + "\n\n")


def write_mgf(results: ExportedResults, path: Path) -> None:
    """Write the spectra as MGF; PEPMASS, which readers require, is m/z of the base peak."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as handle:
        for number, feature in enumerate(results.features, 1):
            fields: dict[str, Any] = {
                "TITLE": feature["feature"],
                "FEATURE_ID": feature["feature"],
                "SCANS": number,
                "PEPMASS": _short_number(base_peak(feature) or 0.0),
                "CHARGE": "1+",
                "MSLEVEL": 1,
                "IONMODE": "Positive",
                "RTINSECONDS": f"{feature['rt_s']:.3f}",
            }
            if feature["ri"] is not None:
                fields["RETENTIONINDEX"] = f"{feature['ri']:.2f}"
            if feature.get("ri_scale"):
                fields["RISCALE"] = feature["ri_scale"]
            lines = [f"{key}={value}" for key, value in fields.items()]
            handle.write("\n".join(["BEGIN IONS", *lines, *_peaks_text(feature), "END IONS"]) + "\n\n")


def _msp_fields(results: ExportedResults, feature: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "RETENTIONTIME", f"{feature['rt_s'] / _S_PER_MIN:.4f}"
    if feature["ri"] is not None:
        yield "RETENTIONINDEX", f"{feature['ri']:.2f}"
    if feature.get("ri_scale"):
        yield "RISCALE", feature["ri_scale"]
    yield "IONMODE", "Positive"
    yield "INSTRUMENTTYPE", "GC-EI"
    best = results.best(feature)
    if best:
        name = candidate_name(best).name or best.get("smiles") or "without a name"
        yield "Comment", f"first candidate at level {best['level']} is {one_line(name)}"


def _peaks_text(feature: Mapping[str, Any]) -> list[str]:
    return [
        f"{_short_number(mz)} {_short_number(intensity * _BASE_PEAK)}"
        for mz, intensity in zip(feature["mz"] or [], feature["intensity"] or [], strict=True)
    ]


def _short_number(value: float) -> str:
    """Return up to four decimals without trailing zeros."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def one_line(text: str) -> str:
    """Return a text on one line, without tabs and control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
