"""Deconvolution of simulated runs, side by side with other open tools: what is found, what is made up, how fast.

    python benchmarks/deconvolution.py --library LIB --presets benchmark dense --seeds 31 32 33 \
        --pymassspec-python PY --corems-python PY

Runs are made by `spectus simulate`'s recipes; the same seed makes the same runs. Seeds below 30 are for development:
no default may be chosen by looking at a seed from 30 up. Each peer runs in an interpreter of its own
(`pip install PyMassSpec`, `pip install corems`), as it comes and with settings that do better on runs of this kind.
Times are CPU seconds on one thread, without importing libraries, reading files and making each tool's scan objects.
The simulator and this project's method have the same authors: read the numbers with that in mind.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.chromatography.deconvolution import deconvolve
from spectus.chromatography.unit_mass import to_unit_mass
from spectus.errors import InputError
from spectus.library.records import read_spectra
from spectus.raw.run import Run
from spectus.simulation.presets import PRESETS, settings_for
from spectus.simulation.runs import SimulatedRun, simulate
from spectus.simulation.scoring import STRATA, Score, match, score

PEERS = Path(__file__).parent / "peers"
Tool = Callable[[Run, str], tuple[pa.Table, float]]

COLUMNS = (
    "recall .7",
    ".8",
    ".9",
    *(f".8 {name}" for name in STRATA),
    "components",
    "false",
    "double",
    "CPU s",
    "x ours",
)


def main() -> int:
    options = _parser().parse_args()
    try:
        library = pa.concat_tables([read_spectra(path) for path in options.library])
        for preset in options.presets:
            for seed in options.seeds:
                _compare(library, preset, seed, options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Deconvolution of simulated runs, side by side with other tools.")
    parser.add_argument("--library", nargs="+", required=True, type=Path, help="spectra the compounds are drawn from")
    parser.add_argument("--presets", nargs="+", default=["benchmark"], choices=list(PRESETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[31, 32, 33])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of the recipe to change")
    parser.add_argument("--pymassspec-python", type=Path, help="interpreter that has PyMassSpec")
    parser.add_argument("--pymassspec-cutoff", nargs="+", default=["noise", "300", "1000"], help="counts, or noise")
    parser.add_argument("--corems-python", type=Path, help="interpreter that has CoreMS")
    parser.add_argument("--corems-threshold", nargs="+", default=["default", "0.001"], help="per cent, or default")
    return parser


def _compare(library: pa.Table, preset: str, seed: int, options: argparse.Namespace) -> None:
    runs = [run for run in simulate(library, settings_for(preset, options.set), seed) if run.type != "ladder"]
    truth = pa.concat_tables([run.truth for run in runs])
    print(f"\n{preset}, seed {seed}: {len(runs)} runs, {len(truth)} compounds")
    print(
        f"{'':22}"
        + "".join(f"{column:>17}" if "FWHM" in column or "iso" in column else f"{column:>11}" for column in COLUMNS)
    )
    ours = None
    for name, tool in _tools(options).items():
        found, seconds = zip(*(tool(run.run, run.name) for run in runs), strict=True)
        components, total = pa.concat_tables(found), sum(seconds)
        ours = ours or total
        _print_row(name, score(components, truth), total, total / ours)
        if any(run.amount for run in runs):
            print(f"{'':22}{_linearity(components, runs)}")


def _tools(options: argparse.Namespace) -> dict[str, Tool]:
    tools: dict[str, Tool] = {"spectus": _ours}
    if options.pymassspec_python:
        for cutoff in options.pymassspec_cutoff:
            tools[f"PyMassSpec {cutoff}"] = _peer(options.pymassspec_python, "pymassspec_peaks.py", cutoff)
    if options.corems_python:
        for threshold in options.corems_threshold:
            tools[f"CoreMS {threshold}"] = _peer(options.corems_python, "corems_peaks.py", threshold)
    return tools


def _ours(run: Run, name: str) -> tuple[pa.Table, float]:
    start = time.process_time()
    components = deconvolve(run, name)
    return components, time.process_time() - start


def _peer(python: Path, script: str, setting: str) -> Tool:
    """A tool in another interpreter: the run goes there with nominal masses, its peaks and CPU seconds come back."""

    def tool(run: Run, name: str) -> tuple[pa.Table, float]:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "run.npz", Path(folder) / "peaks.npz"
            mz = to_unit_mass(run.mz).astype(float)
            np.savez(source, rt_s=run.rt_s, offsets=run.offsets, mz=mz, intensity=run.intensity)
            command = [str(python), str(PEERS / script), str(source), str(target), setting]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                last = (done.stderr.strip() or "no message").splitlines()[-1]
                raise InputError(python, f"{script} failed: {last}", "install the peer there, or leave it out")
            with np.load(target) as peaks:
                return _components(name, peaks), float(peaks["seconds"])

    return tool


def _components(name: str, peaks: Mapping[str, np.ndarray]) -> pa.Table:
    rt_s, bounds = peaks["rt_s"], peaks["offsets"]
    spectra = [slice(a, b) for a, b in pairwise(bounds)]
    columns: dict[str, Any] = {
        "run": [name] * len(rt_s),
        "component": np.arange(1, len(rt_s) + 1, dtype=np.int32),
        "rt_s": rt_s.astype(float),
        "area": np.full(len(rt_s), np.nan),
        "mz": [peaks["mz"][peak].astype(np.float32) for peak in spectra],
        "intensity": [peaks["intensity"][peak].astype(np.float32) for peak in spectra],
    }
    return tables.table(tables.COMPONENTS, columns)


def _print_row(name: str, found: Score, seconds: float, ratio: float) -> None:
    recalls = "".join(f"{recall:11.3f}" for recall in (found.recall_70, found.recall_80, found.recall_90))
    strata = "".join(f"{recall:11.3f} ({n:3d})" for n, recall in found.strata.values())
    counts = f"{found.n_components:11d}{found.false:11d}{found.duplicates:11d}"
    print(f"{name:22}{recalls}{strata}{counts}{seconds:11.2f}{ratio:11.1f}", flush=True)


def _linearity(components: pa.Table, runs: Sequence[SimulatedRun]) -> str:
    """Slope of log area over log amount for each compound found in five levels or more; 1 is a straight line."""
    truth = pa.concat_tables([run.truth for run in runs])
    found = match(components, truth)
    amount = {run.name: run.amount for run in runs if run.amount}
    compound, slopes, residuals = truth["compound"].to_numpy(), [], []
    x_all = np.log10([amount[name] for name in truth["run"].to_pylist()])
    areas = components["area"].to_numpy(zero_copy_only=False)
    for number in np.unique(compound):
        rows = np.flatnonzero((compound == number) & (found.cosine >= 0.8))
        y = np.log10(areas[found.component[rows]])
        if len(rows) >= 5 and np.isfinite(y).all():
            slope, intercept = np.polyfit(x_all[rows], y, 1)
            slopes.append(slope)
            residuals.append(np.std(y - slope * x_all[rows] - intercept))
    if not slopes:
        return "areas: none"
    return (
        f"areas over {len(slopes)} compounds: slope {np.median(slopes):.3f} "
        f"(5-95 %: {np.quantile(slopes, 0.05):.3f} to {np.quantile(slopes, 0.95):.3f}), "
        f"residual {np.median(residuals):.3f} decades"
    )


if __name__ == "__main__":
    raise SystemExit(main())
