"""How many components of a real run recur when its even and its odd scans are deconvolved on their own.

    python benchmarks/split_half.py RUN [RUN ...]
    python benchmarks/split_half.py --simulate benchmark --library LIB --seed 22 --set height_low_counts=150

The two halves of the scans are two measurements of one elution with independent noise. A component that noise makes is
in one half at most, so this tells noise from signal in a run whose contents are not known. It does not tell which
signals are compounds: parts of a larger peak recur, too. Each half has half of the ions, so that a weak compound may be
missed. A simulated run with weak compounds shows how often that happens.

A component recurs in a half if one with a weighted cosine of at least 0.6 has its apex within a fifth of its width at
1 % of the height, or 0.8 s. For bins of confidence and of signal-to-noise ratio the fractions of the components are
printed that recur in both halves, in one, and in none.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from peers.conversion import centroids_of
from spectus.deconvolution.deconvolve import deconvolve
from spectus.errors import InputError
from spectus.library.records import read_spectra
from spectus.library.similarity import weighted_matrix
from spectus.raw.read import read_run
from spectus.raw.run import Run
from spectus.simulation.presets import PRESETS, settings_for
from spectus.simulation.runs import simulate
from spectus.types import Floats, Ints

SAME_COSINE = 0.6
"""Weighted cosine from which two components are the same. Chosen: noise disturbs the spectra of weak ones."""

SAME_WIDTHS, SAME_S = 0.2, 0.8
"""Largest distance of their apexes, in widths at 1 % of the height, or s if that is more. Chosen."""

N_MASSES = 2001
"""Nominal masses 0 to 2000."""

BINS = {
    "confidence": (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01),
    "snr": (0.0, 6.0, 8.0, 10.0, 15.0, 30.0, np.inf),
}
"""Edges of the bins of each column."""


def main() -> int:
    """Print the recurrence of the components of every run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    parser.add_argument("--simulate", choices=list(PRESETS), help="preset of a simulated run")
    parser.add_argument("--library", type=Path, help="spectra the simulated compounds are drawn from")
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of the recipe to change")
    options = parser.parse_args()
    try:
        for name, run in _runs(options):
            _print_recurrence(name, run)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _runs(options: argparse.Namespace) -> Iterator[tuple[str, Run]]:
    """Yield the runs with their names."""
    for path in options.runs:
        yield path.name, read_run(path)
    if options.simulate:
        library = read_spectra(options.library)
        for simulated in simulate(library, settings_for(options.simulate, options.set), options.seed):
            yield f"{options.simulate}, seed {options.seed}", centroids_of(simulated)


def half_of(run: Run, first: int) -> Run:
    """Return every other scan of a run, from scan `first` on."""
    kept = run.with_peaks(run.scan % 2 == first)
    counts = np.diff(kept.offsets)[first::2]
    return replace(kept, rt_s=run.rt_s[first::2], offsets=np.concatenate([[0], np.cumsum(counts)]))


def recurrences(run: Run, components: pa.Table) -> Ints:
    """Return in how many halves (n_components,), 0 to 2, each component of a run recurs."""
    width = _column(components, "rt_end_s") - _column(components, "rt_start_s")
    reach, spectra = np.maximum(SAME_WIDTHS * width, SAME_S), _spectra(components)
    found = np.zeros(len(components), dtype=np.int64)
    for first in (0, 1):
        half = deconvolve(half_of(run, first), "half")
        near = np.abs(_column(components, "rt_s")[:, None] - _column(half, "rt_s")) <= reach[:, None]
        found += (near & (spectra @ _spectra(half).T >= SAME_COSINE)).any(axis=1)
    return found


def _print_recurrence(name: str, run: Run) -> None:
    """Print the fractions of the components of a run that recur in both halves, in one and in none."""
    components = deconvolve(run, "run")
    halves = recurrences(run, components)
    print(f"{name}: {len(components)} components")
    for column, edges in BINS.items():
        values = _column(components, column)
        for low, high in pairwise(edges):
            inside = halves[(values >= low) & (values < high)]
            if len(inside):
                both, one, none = (np.mean(inside == count) for count in (2, 1, 0))
                print(f"  {column} from {low:g}: {len(inside):4} both {both:.2f}, one {one:.2f}, none {none:.2f}")


def _spectra(components: pa.Table) -> Floats:
    """Return weighted spectra (n, n_masses) of length 1."""
    return np.asarray(weighted_matrix(components["mz"], components["intensity"], n_masses=N_MASSES).toarray())


def _column(components: pa.Table, name: str) -> Floats:
    return np.asarray(components[name].to_numpy(), dtype=np.float64)


if __name__ == "__main__":
    raise SystemExit(main())
