"""Deconvolution of simulated runs, side by side with other open tools: what is found, what is false, how fast.

    python benchmarks/deconvolution.py --library LIB --presets benchmark dense --seeds 31 32 33 --corems-python PY

Runs follow the recipes of `spectus simulate`; the same seed makes the same runs. Seeds below 30 are for development: no
default was chosen on a seed from 30 up. Each other tool runs in its own interpreter, with its default settings and with
settings that do better on runs of this kind. The tools are not dependencies (PyMassSpec is under the GPL):

    python3.11 -m venv pms && pms/bin/pip install PyMassSpec==2.7.0.post1       # --pymassspec-python pms/bin/python
    python3.11 -m venv corems && corems/bin/pip install corems==4.1.0           # --corems-python corems/bin/python

Times are CPU seconds on one thread. "CPU s" is the deconvolution alone, without importing libraries, reading files and
making each tool's scan objects. "all CPU" is the whole process with all of that, for this project too.

Below this project's row stands the quality of its own figures. For bins of purity, signal-to-noise ratio and confidence
it is the median cosine with the ground truth (a component without a match counts 0). For bins of the relative intensity
error it is the fraction of ions whose true error is smaller (68 % for a standard error), and the median true error as a
fraction of the intensity (0.67 of the relative intensity error, then). For accurate-mass presets the m/z error is
given; the other tools get nominal masses. Presets with profiles (orbitrap, qtof) are written to mzML and converted as
`spectus convert` does it, which no time includes.

Areas are judged on dilution series (preset `dilution`): R2 and slope of area over amount. Over four decades, isolated,
and with a neighbor at half a peak width that is diluted with it:

    --presets dilution --set dilution_decades=4 height_low_counts=1e7 height_high_counts=1e8
    --presets dilution --set dilution_decades=4 height_low_counts=1e7 height_high_counts=1e8 group_shares=0,1
        separations_fwhm=0.5

The simulator and the deconvolution have the same authors, which favors this project.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from peers.conversion import centroids_of
from peers.handover import peer_components, process_seconds
from spectus.deconvolution.deconvolve import deconvolve
from spectus.errors import InputError
from spectus.library.records import read_spectra
from spectus.raw.run import Run
from spectus.simulation.presets import PRESETS, settings_for
from spectus.simulation.runs import SimulatedRun, simulate
from spectus.simulation.scoring import STRATA, Score, ion_errors, mass_errors, match, score
from spectus.types import Floats

Seconds = tuple[float, float]  # CPU seconds of the deconvolution alone, and of the whole process
Tool = Callable[[Run, str], tuple[pa.Table, Seconds]]
BINS = {
    "purity": (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01),
    "snr": (0.0, 10.0, 30.0, 100.0, 300.0, np.inf),
    "confidence": (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01),
}
"""Edges of the bins of each column."""

RELATIVE_ERRORS = (0.0, 0.03, 0.1, 0.3, 0.6, 1.01)
"""Edges of the bins of the relative intensity error."""

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
    "all CPU s",
    "x ours",
)


def main() -> int:
    """Compare the tools on all presets and seeds."""
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
    """Print the comparison for one preset and seed."""
    settings = settings_for(preset, options.set)
    runs = [
        replace(run, run=centroids_of(run), profile=False)
        for run in simulate(library, settings, seed)
        if run.type != "ladder"
    ]
    ground_truth = pa.concat_tables([run.ground_truth for run in runs])
    print(f"\n{preset}, seed {seed}: {len(runs)} runs, {len(ground_truth)} compounds")
    print(
        f"{'':22}"
        + "".join(f"{column:>17}" if "FWHM" in column or "iso" in column else f"{column:>11}" for column in COLUMNS)
    )
    ours = None
    for name, tool in _tools(options).items():
        found, seconds = zip(*(tool(run.run, run.name) for run in runs), strict=True)
        components, total = pa.concat_tables(found), np.sum(seconds, axis=0)
        ours = total if ours is None else ours
        _print_row(name, score(components, ground_truth), total, total / ours)
        if name == "spectus":
            _print_worth(components, ground_truth)
        if any(run.amount for run in runs):
            print(f"{'':22}{_linearity(components, runs)}")


def _tools(options: argparse.Namespace) -> dict[str, Tool]:
    """Return the tools by name, this project first."""
    tools: dict[str, Tool] = {"spectus": _ours}
    if options.pymassspec_python:
        for cutoff in options.pymassspec_cutoff:
            tools[f"PyMassSpec {cutoff}"] = _peer(options.pymassspec_python, "pymassspec_peaks.py", cutoff)
    if options.corems_python:
        for threshold in options.corems_threshold:
            tools[f"CoreMS {threshold}"] = _peer(options.corems_python, "corems_peaks.py", threshold)
    return tools


def _ours(run: Run, name: str) -> tuple[pa.Table, Seconds]:
    """Deconvolve a run with this project."""
    start = time.process_time()
    components = deconvolve(run, name)
    alone = time.process_time() - start
    with tempfile.TemporaryDirectory() as folder:
        everything = process_seconds(Path(sys.executable), "spectus_peaks.py", run, Path(folder), name, nominal=False)
        return components, (alone, everything)


def _peer(python: Path, script: str, setting: str) -> Tool:
    """Return a tool in another interpreter: it gets nominal masses and returns its peaks and CPU seconds."""

    def tool(run: Run, name: str) -> tuple[pa.Table, Seconds]:
        with tempfile.TemporaryDirectory() as folder:
            everything = process_seconds(python, script, run, Path(folder), setting)
            with np.load(Path(folder) / "peaks.npz") as peaks:
                return peer_components(name, peaks), (float(peaks["seconds"]), everything)

    return tool


def _print_row(name: str, found: Score, seconds: Floats, ratio: Floats) -> None:
    """Print the scores of one tool."""
    recalls = "".join(f"{recall:11.3f}" for recall in (found.recall_70, found.recall_80, found.recall_90))
    strata = "".join(f"{recall:11.3f} ({n:3d})" for n, recall in found.strata.values())
    counts = f"{found.n_components:11d}{found.false:11d}{found.duplicates:11d}"
    times = "".join(f"{s:11.2f}{r:11.1f}" for s, r in zip(seconds, ratio, strict=True))
    print(f"{name:22}{recalls}{strata}{counts}{times}", flush=True)


def _print_worth(components: pa.Table, ground_truth: pa.Table) -> None:
    """Print the quality of this project's own figures."""
    found = match(components, ground_truth)
    cosine = np.zeros(len(components))
    matched = found.component >= 0
    cosine[found.component[matched]] = found.cosine[matched]
    for column, edges in BINS.items():
        values = components[column].to_numpy(zero_copy_only=False)
        inside = [cosine[(values >= low) & (values < high)] for low, high in pairwise(edges)]
        _print_bins(f"{column}: cosine", edges, [(np.median(of) if len(of) else np.nan, len(of)) for of in inside])
    relative_errors, errors = ion_errors(components, ground_truth)
    bins = [errors_of(relative_errors, errors, low, high) for low, high in pairwise(RELATIVE_ERRORS)]
    title = "relative intensity error"
    within = [(np.mean(true <= reported) if len(true) else np.nan, len(true)) for reported, true in bins]
    _print_bins(f"{title}: within it", RELATIVE_ERRORS, within)
    real = [(np.median(true) if len(true) else np.nan, len(true)) for _, true in bins]
    _print_bins(f"{title}: real error", RELATIVE_ERRORS, real)
    wrong = np.abs(mass_errors(components, ground_truth))
    if len(wrong):
        print(
            f"{'':22}accurate m/z of {len(wrong)} ions above 1 %: median error {np.median(wrong):.2f} ppm, "
            f"90 % within {np.quantile(wrong, 0.9):.1f} ppm, {np.mean(wrong >= 100):.1%} not seen as such",
            flush=True,
        )


def errors_of(reported: Floats, true: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Return reported and true errors of the ions whose reported error lies in a bin."""
    inside = (reported >= low) & (reported < high)
    return reported[inside], true[inside]


def _print_bins(title: str, edges: Sequence[float], values: Sequence[tuple[float, int]]) -> None:
    """Print value and number of each bin."""
    texts = [f"from {low:g} {value:.3f} ({n})" for low, (value, n) in zip(edges[:-1], values, strict=True)]
    print(f"{'':22}{title:18}{'; '.join(texts)}", flush=True)


def _linearity(components: pa.Table, runs: Sequence[SimulatedRun]) -> str:
    """Describe the linearity of area over amount, for each compound found in at least five levels and half of all.

    R2 of the areas weighs large amounts, R2 of the logarithms weighs all alike. The slope of the latter is 1 for a
    straight line through zero.
    """
    ground_truth = pa.concat_tables([run.ground_truth for run in runs])
    found = match(components, ground_truth)
    amount = {run.name: run.amount for run in runs if run.amount}
    amounts = np.array([amount[name] for name in ground_truth["run"].to_pylist()])
    compound, areas = ground_truth["compound"].to_numpy(), components["area"].to_numpy(zero_copy_only=False)
    lines, decades = [], []
    for number in np.unique(compound):
        rows = np.flatnonzero((compound == number) & (found.cosine >= 0.8))
        x, y = amounts[rows], areas[found.component[rows]]
        if len(rows) >= max(5, len(amount) / 2) and np.isfinite(y).all():
            (slope, r2_log), (_, r2) = _line(np.log10(x), np.log10(y)), _line(x, y)
            lines.append((slope, r2_log, r2))
            decades.append(np.log10(x.max() / x.min()))
    if not lines:
        return "areas: none"
    slope, r2_log, r2 = np.transpose(lines)
    return (
        f"areas of {len(lines)} of {len(np.unique(compound))} compounds over {np.median(decades):.1f} decades: "
        f"R2 {np.median(r2):.5f} (lowest twentieth {np.quantile(r2, 0.05):.4f}), "
        f"of the logarithms {np.median(r2_log):.5f} ({np.quantile(r2_log, 0.05):.4f}), "
        f"their slope {np.median(slope):.3f} (5-95 %: {np.quantile(slope, 0.05):.3f} to {np.quantile(slope, 0.95):.3f})"
    )


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Return slope and R2 of the straight line through the points."""
    slope, intercept = np.polyfit(x, y, 1)
    return float(slope), 1 - float(np.var(y - slope * x - intercept) / np.var(y))


if __name__ == "__main__":
    raise SystemExit(main())
