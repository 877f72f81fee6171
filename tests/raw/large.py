"""mzML of any size, written without holding it: an accurate-mass run as profile data or as centroids."""

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_ARRAY = (
    '<binaryDataArray encodedLength="{length}"><cvParam cvRef="MS" accession="{form}" name="" value=""/>'
    '<cvParam cvRef="MS" accession="MS:1000576" name="no compression" value=""/>'
    '<cvParam cvRef="MS" accession="{kind}" name="" value=""/><binary>{text}</binary></binaryDataArray>'
)
_SPECTRUM = (
    '<spectrum index="{index}" id="scan={number}" defaultArrayLength="{n_points}">'
    '<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="1"/>'
    '<cvParam cvRef="MS" accession="{state}" name="" value=""/>'
    '<scanList count="1"><scan><cvParam cvRef="MS" accession="MS:1000016" name="scan start time" value="{time}" '
    'unitCvRef="UO" unitAccession="UO:0000010" unitName="second"/></scan></scanList>'
    '<binaryDataArrayList count="2">{arrays}</binaryDataArrayList></spectrum>\n'
)
_POINTS = 20_000
_BYTES_A_SPECTRUM = 12 * _POINTS * 4 // 3 + 1000


def write_large_mzml(path: Path, n_bytes: int, profile: bool) -> int:
    """Write about `n_bytes`, 20,000 points a scan, m/z as 64-bit, intensities as 32-bit; the number of scans."""
    n_scans = max(2, n_bytes // _BYTES_A_SPECTRUM)
    with path.open("w", encoding="ascii") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1.0">')
        file.write(f'<run id="run"><spectrumList count="{n_scans}">\n')
        for index, (mz, intensity) in enumerate(_scans(n_scans, profile)):
            arrays = _array(mz, "MS:1000523", "MS:1000514") + _array(intensity, "MS:1000521", "MS:1000515")
            state = "MS:1000128" if profile else "MS:1000127"
            file.write(_SPECTRUM.format(
                index=index, number=index + 1, n_points=len(mz), time=round(0.2 * index, 3), arrays=arrays, state=state,
            ))  # fmt: skip
        file.write("</spectrumList></run></mzML>\n")
    return n_scans


def _scans(n_scans: int, profile: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    chance = np.random.default_rng(3)
    grid = np.linspace(50.0, 600.0, _POINTS)
    # Peaks nine points wide in profile data; in centroid data all points are peaks.
    shape = np.exp(-0.5 * ((np.arange(_POINTS) % 20 - 10) / 2.0) ** 2)
    for _ in range(n_scans):
        counts = (
            chance.integers(100, 1_000_000, _POINTS // 20).repeat(20) * shape if profile else chance.random(_POINTS)
        )
        yield grid + (0.0 if profile else chance.random(_POINTS) * 0.02), np.round(counts * (1 if profile else 1e6)) + 1


def _array(values: np.ndarray, form: str, kind: str) -> str:
    content = values.astype("<f8" if form == "MS:1000523" else "<f4").tobytes()
    text = base64.b64encode(content).decode("ascii")
    return _ARRAY.format(length=len(text), form=form, kind=kind, text=text)
