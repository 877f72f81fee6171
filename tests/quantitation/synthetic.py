"""A small campaign with known amounts: mzML of Gaussian peaks, and the tables that the stages before would make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spectus import tables
from spectus.raw.mzml import write_mzml
from spectus.raw.run import Run

RT = np.arange(350.0, 660.0, 0.5)
STANDARD = {140: 1.0, 84: 0.4, 112: 0.3}
DRUG = {342: 1.0, 313: 0.35, 266: 0.25, 344: 0.4, 73: 0.1}
OWN = sorted({*STANDARD, *DRUG, 207})
FEATURES = {"F0001": (390.0, STANDARD), "F0002": (615.0, DRUG)}


@dataclass(frozen=True)
class SyntheticRun:
    """One run: its row of the sheet, and the heights of standard and drug, counts."""

    name: str
    type: str
    standard: float
    drug: float
    amount: float | None = None
    shift_s: float = 0.0
    ratios: Mapping[int, float] = field(default_factory=dict)


def write_campaign(folder: Path, runs: Sequence[SyntheticRun], seed: int = 1) -> dict[str, Path]:
    """Write mzML, runs, features, peak areas and sheet; return the paths of the tables by name."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[dict[str, object]]] = {"runs": [], "peak_areas": []}
    lines = ["run\tpath\ttype\tamount"]
    for run in runs:
        path = folder / f"{run.name}.mzML"
        write_mzml(_measured(run, rng), path, run.name)
        rows["runs"].append({"run": run.name, "path": run.name, "status": "ok", "mzml": str(path)})
        lines.append(f"{run.name}\t{path}\t{run.type}\t{'' if run.amount is None else run.amount}")
        for feature, height in (("F0001", run.standard), ("F0002", run.drug)):
            rows["peak_areas"].append(
                {
                    "feature": feature, "run": run.name, "component": 1 if height > 500 else None,
                    "rt_s": FEATURES[feature][0] + run.shift_s, "area": 5.0 * height, "gap_filled": height <= 500,
                }
            )  # fmt: skip
    features = [
        {
            "feature": name, "rt_s": rt_s, "n_runs": len(runs), "mz": sorted(ions),
            "intensity": [ions[mass] for mass in sorted(ions)],
        }
        for name, (rt_s, ions) in FEATURES.items()
    ]  # fmt: skip
    paths = {name: folder / f"{name}.parquet" for name in ("runs", "features", "peak_areas")}
    tables.write(tables.table(tables.RUNS, rows["runs"]), paths["runs"], tables.RUNS)
    tables.write(tables.table(tables.FEATURES, features), paths["features"], tables.FEATURES)
    tables.write(tables.table(tables.PEAK_AREAS, rows["peak_areas"]), paths["peak_areas"], tables.PEAK_AREAS)
    paths["samples"] = folder / "samples.tsv"
    paths["samples"].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def _measured(run: SyntheticRun, rng: np.random.Generator) -> Run:
    """Simulate the scans: both compounds, column bleed, and noise on all masses, of which most scans lack most."""
    masses = list(range(50, 360))
    traces = np.zeros((len(masses), len(RT)))
    for height, (rt_s, ions) in zip((run.standard, run.drug), FEATURES.values(), strict=True):
        shape = np.exp(-0.5 * ((RT - rt_s - run.shift_s) / 1.6) ** 2)
        for mass, intensity in ions.items():
            traces[masses.index(mass)] += height * intensity * run.ratios.get(mass, 1.0) * shape
    traces[masses.index(207)] += 2000 * RT / RT[-1]
    traces += rng.normal(0, 0.3 * np.sqrt(traces) + 10) + 40
    absent = (traces < 80) & (rng.random(traces.shape) < np.where(np.isin(masses, OWN), 0.0, 0.97)[:, None])
    traces[absent] = 0.0
    present = traces.T > 0
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    mz = np.tile(np.array(masses, dtype=np.float64), (len(RT), 1))[present]
    return Run(RT, offsets, mz, traces.T[present], "synthetic")
