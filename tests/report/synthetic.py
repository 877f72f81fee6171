"""A small synthetic campaign for the tests of the report: a ladder, two samples, a blank, one run that failed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.raw.mzml import write_mzml
from spectus.raw.run import Run

HOSTILE = '</script><b onclick="alert(1)">&amp;'
COMPOUNDS = [
    ("Toluene", "Cc1ccccc1", "C7H8", "YXFVVABEGXRONW-UHFFFAOYSA-N"),
    ("Naphthalene", "c1ccc2ccccc2c1", "C10H8", "UFWIBTONFRDIAS-UHFFFAOYSA-N"),
    ("L-Alanine, TMS", "C[C@H](N)C(=O)O[Si](C)(C)C", "C6H15NO2Si", None),
    ("Aspirin", "CC(=O)Oc1ccccc1C(=O)O", "C9H8O4", "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"),
    ("Atrazine", "CCNc1nc(Cl)nc(NC(C)C)n1", "C8H14ClN5", "MXWJVTOOROXGIU-UHFFFAOYSA-N"),
    (HOSTILE, "CCO", "C2H6O", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"),
]
RUNS = ["ladder", "river_up", "river_down", "blank", "broken"]
MEASURED = RUNS[1:4]
Spectrum = tuple[list[float], list[float]]


@dataclass
class Rows:
    """The rows of every table, to be changed by a test before they are written."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    ri_standards: list[dict[str, Any]] = field(default_factory=list)
    features: list[dict[str, Any]] = field(default_factory=list)
    peak_areas: list[dict[str, Any]] = field(default_factory=list)
    library_hits: list[dict[str, Any]] = field(default_factory=list)
    denovo_candidates: list[dict[str, Any]] = field(default_factory=list)
    candidates: list[dict[str, Any]] = field(default_factory=list)

    def write(self, folder: Path) -> dict[str, list[Path]]:
        """Write the tables, runs and de novo candidates in two files each; returns the files by name."""
        files: dict[str, list[Path]] = {}
        for name, schema in SCHEMAS.items():
            rows = getattr(self, name)
            halves = [rows[::2], rows[1::2]] if name == "denovo_candidates" else [rows[:3], rows[3:]]
            parts = halves if name in ("runs", "denovo_candidates") else [rows]
            files[name] = [folder / f"{name}_{number}.parquet" for number in range(len(parts))]
            extra = {"model_sha256": "0" * 64} if name == "denovo_candidates" else None
            for path, part in zip(files[name], parts, strict=True):
                tables.write(tables.table(schema, part), path, schema, extra)
        return files


SCHEMAS: dict[str, pa.Schema] = {
    "runs": tables.RUNS,
    "components": tables.COMPONENTS,
    "ri_standards": tables.RI_STANDARDS,
    "features": tables.FEATURES,
    "peak_areas": tables.PEAK_AREAS,
    "library_hits": tables.LIBRARY_HITS,
    "denovo_candidates": tables.DENOVO_CANDIDATES,
    "candidates": tables.CANDIDATES,
}


EVIDENCE: dict[int, dict[str, Any]] = {
    0: {"explained_mz": [91.0, 65.0], "explained_formula": ["C7H7", "C5H5"], "suspects": "river list; PFAS"},
    1: {"cas": "91-20-3"},
    2: {"derivative": "2 TMS", "formula_probability": 0.8, "scaffold_probability": 0.9},
    5: {"excluded": "m/z 47 has no formula within C2H6O"},
}
"""What the first candidate of a feature says besides, by the feature's kind."""


def make_rows(folder: Path, n_features: int = 12, seed: int = 3) -> Rows:
    """A campaign's rows; its mzML files are written to `folder`."""
    rng = np.random.default_rng(seed)
    rows = Rows()
    times = np.sort(rng.uniform(120, 880, n_features))
    spectra = [_spectrum(rng) for _ in range(n_features)]
    heights = {run: rng.lognormal(11, 1, n_features) * (0.1 if run == "blank" else 1) for run in MEASURED}
    for run in RUNS[:4]:
        drift = rng.normal(0, 0.4)
        seen = times if run != "ladder" else np.linspace(130, 870, 9)
        tall = heights.get(run, np.full(len(seen), 1e5))
        rows.runs.append(_run(run, folder, seen + drift, tall, rng))
        if run == "ladder":
            rows.components += [_component(run, i, t, 1e5, spectra[0]) for i, t in enumerate(seen, 1)]
            rows.ri_standards += [
                {"run": run, "series": "alkane", "carbon": 10 + i, "ri": 1000.0 + 100 * i, "component": i + 1,
                 "rt_s": t, "score": 0.97, "missing": False} for i, t in enumerate(seen)
            ]  # fmt: skip
            rows.ri_standards[4].update(component=None, rt_s=None, score=None, missing=True)
        else:
            rows.components += [
                _component(run, i, t + drift, h, s)
                for i, (t, h, s) in enumerate(zip(times, tall, spectra, strict=True), 1)
            ]
    rows.runs.append(
        {"run": "broken", "path": "raw/broken.cdf", "status": "failed",
         "error": "raw/broken.cdf: ends in the middle of a variable; copy it again from the instrument"}
    )  # fmt: skip
    for i in range(n_features):
        _add_feature(rows, i, times[i], spectra[i], {run: tall[i] for run, tall in heights.items()})
    return rows


def make_library(path: Path, rows: Rows) -> Path:
    """An MSP library that holds the records which the hits name."""
    records = []
    for feature, hit in zip(rows.features, rows.library_hits, strict=False):
        peaks = "\n".join(f"{mz:.0f} {y * 999:.0f}" for mz, y in zip(feature["mz"], feature["intensity"], strict=True))
        records.append(f"NAME: {hit.get('name', 'unused')}\nNum Peaks: {len(feature['mz'])}\n{peaks}\n")
    path.write_text("\n".join(records), encoding="utf-8")
    return path


def make_sheet(path: Path) -> Path:
    """The sample sheet of the campaign."""
    types = ["ladder", "sample", "sample", "blank", "sample"]
    lines = [f"{run}\traw/{run}.cdf\t{kind}\t\tday1" for run, kind in zip(RUNS, types, strict=True)]
    path.write_text("\n".join(["run\tpath\ttype\tamount\tbatch", *lines]) + "\n", encoding="utf-8")
    return path


def _spectrum(rng: np.random.Generator) -> Spectrum:
    masses = np.sort(rng.choice(np.arange(40, 320), size=24, replace=False)).astype(float)
    heights = rng.exponential(0.15, len(masses))
    return masses.tolist(), (heights / heights.max()).tolist()


def _run(run: str, folder: Path, times: np.ndarray, tall: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    rt_s = np.arange(100.0, 900.0, 2.0)
    tic = rng.normal(3000, 60, len(rt_s)) + (tall[:, None] * np.exp(-0.5 * ((rt_s - times[:, None]) / 1.3) ** 2)).sum(
        axis=0
    )
    path = folder / f"{run}.mzML"
    n = len(rt_s)
    mz = 100.0 + 0.05 * (np.arange(n) % 7)  # one and the same in every scan would be a run of selected ions
    write_mzml(Run(rt_s, np.arange(n + 1), mz, np.maximum(tic, 0), "mzML"), path, f"raw/{run}.cdf")
    return {
        "run": run, "path": f"raw/{run}.cdf", "format": "ANDI/netCDF", "sha256": f"{int.from_bytes(run.encode()):064x}",
        "instrument": "Agilent 5975C", "acquired_at": "2024-05-02T09:30:00", "n_scans": n, "rt_min_s": 100.0,
        "rt_max_s": 898.0, "mz_min": 40.0, "mz_max": 320.0, "status": "ok", "mzml": str(path),
    }  # fmt: skip


def _component(run: str, number: int, rt_s: float, height: float, spectrum: Spectrum) -> dict[str, Any]:
    offsets = np.linspace(-4, 4, 21)
    return {
        "run": run, "component": number, "rt_s": rt_s, "rt_start_s": rt_s - 4, "rt_end_s": rt_s + 4,
        "area": height * 3.2, "height": height, "snr": height / 60, "purity": 0.9, "n_peaks": 24, "saturated": False,
        "mz": spectrum[0], "intensity": spectrum[1], "profile_rt_s": (rt_s + offsets).tolist(),
        "profile": np.exp(-0.5 * (offsets / 1.3) ** 2).tolist(),
    }  # fmt: skip


def _add_feature(rows: Rows, i: int, rt_s: float, spectrum: Spectrum, tall: dict[str, float]) -> None:
    """Feature i: of every six, four with a library hit, one with de novo candidates only, one with nothing."""
    feature, kind = f"F{i + 1:04d}", i % 6
    rows.features.append(
        {"feature": feature, "rt_s": rt_s, "ri": 1000 + (rt_s - 130) * 1.08, "ri_extrapolated": rt_s < 130,
         "n_runs": 3, "best_run": "river_up", "best_component": i + 1, "snr": 800.0, "purity": 0.91,
         "mz": spectrum[0], "intensity": spectrum[1]}
    )  # fmt: skip
    for run, height in tall.items():
        gap = run == "blank" and i % 2 == 1
        rows.peak_areas.append(
            {"feature": feature, "run": run, "component": None if gap else i + 1, "rt_s": rt_s,
             "area": height * 3.2 * (0.02 if gap else 1), "gap_filled": gap}
        )  # fmt: skip
    first = _add_hit(rows, feature, i) if kind in (0, 1, 2, 5) else 1
    if kind == 3:
        first = _add_predicted_hit(rows, feature, i)
    if kind == 4:
        refused = "heavier than m/z 500, which the model does not know"
        rows.denovo_candidates.append({"query": feature, "rank": 1, "model": "tiny", "reason": refused})
        why = "no library hit and no de novo candidate"
        rows.candidates.append({"query": feature, "rank": 1, "level": "5", "reason": why})
    else:
        _add_denovo_candidates(rows, feature, i, first)
        rows.candidates.append(
            {"query": feature, "rank": first + 3, "name": "none of these", "source": "none", "probability": 0.1,
             "in_set_80": False, "in_set_90": kind == 3}
        )  # fmt: skip
    if kind == 4:
        rows.library_hits.append({"query": feature, "rank": 1, "reason": "no library spectrum scores 0.5 or more"})


def _add_hit(rows: Rows, feature: str, i: int) -> int:
    """A library hit as first candidate; every sixth record has no structure. Returns the next rank."""
    name, smiles, formula, inchikey = COMPOUNDS[i % len(COMPOUNDS)]
    both = i % 6 == 1
    hit = {"query": feature, "rank": 1, "name": name, "smiles": smiles, "inchikey": inchikey, "formula": formula}
    rows.library_hits.append(
        hit | {"library": "known", "entry": i, "score": 0.91, "cosine": 0.93, "ri_delta": -2.1, "predicted": False}
    )
    known: dict[str, Any] = {"smiles": None, "inchikey": None} if i % 6 == 2 else {}
    rows.candidates.append(
        hit | known | EVIDENCE[i % 6] | {
            "source": "library+model" if both else "library", "library_score": 0.91, "probability": 0.62,
            "log_prob": -0.7 if both else None, "ri_delta": -2.1, "level": "2b" if both else "2a",
            "in_set_80": False, "in_set_90": True, "explained": 0.83, "ri_predicted": 1003.6,
        }
    )  # fmt: skip
    return 2


def _add_predicted_hit(rows: Rows, feature: str, i: int) -> int:
    """A hit in a library of predicted spectra, which is a tentative candidate. Returns the next rank."""
    name, smiles, formula, inchikey = COMPOUNDS[i % len(COMPOUNDS)]
    hit = {"query": feature, "rank": 1, "name": f"{name} (50-78-2)#2", "smiles": smiles, "inchikey": inchikey}
    hit |= {"formula": formula, "ri_delta": None}
    rows.library_hits.append(
        hit | {"library": "predicted", "entry": i, "score": 0.71, "cosine": 0.71, "predicted": True}
    )
    rows.candidates.append(
        hit | {"source": "predicted", "predicted_score": 0.71, "level": "3", "probability": 0.4, "in_set_80": True,
               "in_set_90": True}
    )  # fmt: skip
    return 2


def _add_denovo_candidates(rows: Rows, feature: str, i: int, first: int) -> None:
    for rank in (1, 2, 3):
        _, smiles, formula, inchikey = COMPOUNDS[(i + rank) % len(COMPOUNDS)]
        guess = {"query": feature, "rank": rank, "smiles": smiles, "log_prob": -1.2 * rank}
        rows.denovo_candidates.append(guess | {"n_invalid": 1, "model": "tiny"})
        place = {"rank": first + rank - 1, "formula": formula, "inchikey": inchikey, "source": "model", "level": "3"}
        place["probability"] = 0.2 / rank
        rows.candidates.append(guess | place)


def make_quantities(folder: Path, rows: Rows) -> dict[str, list[Path]]:
    """The tables of the stage quantify: one curve of three calibrators, one QC sample, blank and QC verdicts."""
    known, unit = np.array([25.0, 50.0, 100.0]), {"compound": "Toluene", "batch": ""}
    response = 0.02 * known * np.array([1.02, 0.97, 1.01])
    points = [
        unit | {"run": run, "type": "calibrator", "known_amount": amount, "response": y,
                "fitted": 0.02 * amount, "residual": y - 0.02 * amount, "weighted_residual": 0.5, "amount": y / 0.02,
                "relative_error": y / 0.02 / amount - 1, "used": amount != 50}
        for run, amount, y in zip(["ladder", "river_down", "blank"], known, response, strict=True)
    ]  # fmt: skip
    points.append(points[0] | {"run": "broken", "type": "qc", "known_amount": 40.0, "response": 0.81, "used": False})
    curve = unit | {
        "feature": "F0001", "rt_s": 130.0, "standard": "F0003", "quantifier_mz": 91.0, "model": "linear",
        "weighting": "1/x", "intercept": 0.0, "slope": 0.02, "curvature": 0.0, "r2": 0.9991, "weighted_r2": 0.999,
        "residual_sd": 0.02, "covariance": [1e-4, 0, 0, 0, 1e-8, 0, 0, 0, 0], "freedom": 3, "n_calibrators": 4,
        "amount_min": 25.0, "amount_max": 250.0, "lod": 4.0, "loq": 12.0, "unit": "ug/mL",
    }  # fmt: skip
    amounts = [{"compound": "Toluene", "feature": "F0001", "run": "river_up", "amount": 61.2, "amount_low": 58.0,
                "amount_high": 64.0, "unit": "ug/mL", "response": 1.22}]  # fmt: skip
    verdicts = ["above blanks", "like blanks", "absent in blanks"]
    blanks = [
        {"feature": row["feature"], "blank_group": "campaign", "n_samples": 2, "n_blanks": 1, "ratio": 2.0 + place,
         "q_value": 0.01, "verdict": verdicts[place % 3], "contaminant": "DEHP" if place == 1 else None}
        for place, row in enumerate(rows.features)
    ]  # fmt: skip
    runs = [
        {"run": run, "type": kind, "injection": place, "injection_source": "rows", "standard_ratio": 1.0 + 0.1 * place,
         "standard_shift_s": 0.2, "shift_s": 0.1, "n_features": 10, "median_ratio": 0.9,
         "flag": "internal standard" if place == 2 else None}
        for place, (run, kind) in enumerate(zip(MEASURED, ["sample", "sample", "blank"], strict=True), 1)
    ]  # fmt: skip
    features = [{"feature": row["feature"], "n_qc": 3, "cv": 0.12, "cv_corrected": 0.08} for row in rows.features]
    found = {
        "calibration_curves": (tables.CALIBRATION_CURVES, [curve]),
        "calibration_points": (tables.CALIBRATION_POINTS, points),
        "amounts": (tables.AMOUNTS, amounts), "blank_verdicts": (tables.BLANK_VERDICTS, blanks),
        "qc_runs": (tables.QC_RUNS, runs), "qc_features": (tables.QC_FEATURES, features),
    }  # fmt: skip
    for name, (schema, content) in found.items():
        tables.write(tables.table(schema, content), folder / f"{name}.parquet", schema)
    return {name: [folder / f"{name}.parquet"] for name in found}
