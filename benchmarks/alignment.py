"""Speed and accuracy of the alignment on components of simulated runs with a known ground truth.

    python benchmarks/alignment.py ../shared/data/libraries/PNNLMetV20191015.msp --runs 5 20 500

Spectra come from a library. Every run shows a random subset of the compounds, at amounts that vary by a factor of 3,
with noise on every ion, spurious ions, and a tenth of components that are no compound. Its times drift by up to 10 s
along its own curve, with 0.15 s of jitter. Printed are CPU seconds and memory of `align_components` (without raw runs,
so no gaps are filled). Recall is the fraction of all pairs of components of one compound that share a feature.
Precision is the fraction of all pairs in a feature that are one compound.
"""

import argparse
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.alignment.align import AlignSettings, align_components
from spectus.library.records import read_spectra
from spectus.nominal_mass import to_nominal_mass

Spectrum = tuple[np.ndarray, np.ndarray]
FIRST_S = 200.0
"""Earliest compound, s."""

LAST_S = 2000.0
"""Latest compound, s."""

PEAK_WIDTH_S = 9.0
"""Width of a peak at 1 % of its height, s."""

THRESHOLD = 100.0
"""Counts below which an ion is not recorded."""


def main() -> None:
    """Align simulated campaigns of several sizes."""
    parser = argparse.ArgumentParser(description="Alignment of simulated runs.")
    parser.add_argument("library", type=Path, help="spectra to draw from")
    parser.add_argument("--runs", nargs="+", type=int, default=[5, 20, 500])
    parser.add_argument("--compounds", type=int, default=400)
    parser.add_argument("--share", type=float, default=0.7, help="share of the compounds that a run shows")
    parser.add_argument("--drift", type=float, default=10.0, help="widest drift, s")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    spectra = usable(read_spectra(options.library))
    print("runs  components  features  CPU s  wall s  MB  recall  precision")
    for n_runs in options.runs:
        rng = np.random.default_rng(options.seed)
        chosen = [spectra[i] for i in rng.permutation(len(spectra))[: options.compounds]]
        with tempfile.TemporaryDirectory() as folder:
            print(one_campaign(Path(folder), rng, chosen, n_runs, options.share, options.drift), flush=True)


def usable(library: pa.Table) -> list[Spectrum]:
    """Return the spectra with enough peaks, by nominal mass."""
    found = []
    for mz, intensity, reason in zip(
        *(library[name].to_pylist() for name in ("mz", "intensity", "reason")), strict=True
    ):
        if reason is None and len(mz) >= 6:
            summed = np.bincount(to_nominal_mass(mz), weights=intensity)
            mass = np.flatnonzero(summed)
            found.append((mass, summed[mass] / summed.max()))
    return found


def one_campaign(
    folder: Path, rng: np.random.Generator, spectra: list[Spectrum], n_runs: int, share: float, drift: float
) -> str:
    """Simulate and align one campaign, and describe the result in one line."""
    times, amounts = np.sort(rng.uniform(FIRST_S, LAST_S, len(spectra))), 10 ** rng.uniform(3.5, 6.5, len(spectra))
    ground_truth: dict[tuple[str, int], int] = {}
    with tables.writing(folder / "components.parquet", tables.COMPONENTS) as writer:
        for number in range(n_runs):
            run = f"run{number:04d}"
            components = made_run(rng, spectra, times + curve(rng, times, drift), amounts, share)
            rows = [{"run": run, "component": place, **row} for place, (row, _) in enumerate(components, 1)]
            ground_truth |= {(run, place): compound for place, (_, compound) in enumerate(components, 1)}
            writer.append(tables.table(tables.COMPONENTS, rows))
    features, peak_areas = folder / "features.parquet", folder / "peak_areas.parquet"
    cpu, wall = time.process_time(), time.perf_counter()
    align_components([folder / "components.parquet"], None, [], AlignSettings(), features, peak_areas)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    n_features = tables.read(features, tables.FEATURES, ["feature"]).num_rows
    recall, precision = pairs(ground_truth, tables.read(peak_areas, tables.PEAK_AREAS, ["feature", "run", "component"]))
    size = f"{n_runs:4d} {len(ground_truth):11d} {n_features:9d}"
    return f"{size} {cpu:6.1f} {wall:7.1f} {memory:5.0f} {recall:7.4f} {precision:8.4f}"


def curve(rng: np.random.Generator, times: np.ndarray, drift: float) -> np.ndarray:
    """Draw a smooth drift of half to all of `drift` at its widest."""
    place = np.concatenate([np.linspace(0, 1, 300), (times - FIRST_S) / (LAST_S - FIRST_S)])
    phase, height = rng.uniform(0, 2 * np.pi, 3), rng.normal(size=3) / (1, 1.5, 2.5)
    shift = sum(height[k] * np.sin(2 * np.pi * (k + 0.5) * place + phase[k]) for k in range(3))
    return shift[300:] / np.abs(shift[:300]).max() * drift * rng.uniform(0.5, 1)


def made_run(
    rng: np.random.Generator, spectra: list[Spectrum], times: np.ndarray, amounts: np.ndarray, share: float
) -> list[tuple[dict, int]]:
    """Make the components of a run by time, each with the number of its compound, or -1."""
    shown = np.flatnonzero(rng.random(len(spectra)) < share)
    components = []
    for compound in shown:
        mass, value = spectra[compound]
        height = amounts[compound] * 10 ** rng.normal(0, 0.5)
        ions = height * value * np.exp(rng.normal(0, 0.15, len(value)))
        ions += rng.normal(0, 30 + 2 * np.sqrt(height * value))
        spurious = rng.choice(np.setdiff1d(np.arange(45, 400), mass), 3, replace=False)
        mass, ions = np.append(mass, spurious), np.append(ions, rng.uniform(THRESHOLD, 4 * THRESHOLD, 3))
        rt_s = times[compound] + rng.normal(0, 0.15)
        components.append((component(rng, rt_s, mass[ions > THRESHOLD], ions[ions > THRESHOLD]), int(compound)))
    for _ in range(len(shown) // 10):
        mass = rng.choice(np.arange(45, 400), 15, replace=False)
        components.append((component(rng, rng.uniform(FIRST_S, LAST_S), mass, rng.uniform(100, 3000, 15)), -1))
    return sorted(components, key=lambda entry: entry[0]["rt_s"])


def component(rng: np.random.Generator, rt_s: float, mass: np.ndarray, ions: np.ndarray) -> dict:
    """Make one row of a components table."""
    order = np.argsort(mass)
    return {
        "rt_s": rt_s,
        "rt_start_s": rt_s - PEAK_WIDTH_S / 2,
        "rt_end_s": rt_s + PEAK_WIDTH_S / 2,
        "area": float(ions.sum()),
        "snr": float(ions.max() / 50),
        "purity": rng.uniform(0.5, 1),
        "mz": mass[order],
        "intensity": ions[order] / ions.max(),
    }


def pairs(ground_truth: dict[tuple[str, int], int], peak_areas: pa.Table) -> tuple[float, float]:
    """Return recall and precision of the pairs of components."""
    perceived = [row for row in peak_areas.to_pylist() if row["component"] is not None]
    found = [(row["feature"], ground_truth[row["run"], row["component"]]) for row in perceived]
    together = count_pairs(entry for entry in found if entry[1] >= 0)
    return (
        together / count_pairs(compound for _, compound in found if compound >= 0),
        together / count_pairs(feature for feature, _ in found),
    )


def count_pairs(groups: Iterable[object]) -> float:
    """Count the pairs within groups."""
    return sum(size * (size - 1) / 2 for size in Counter(groups).values())


if __name__ == "__main__":
    main()
