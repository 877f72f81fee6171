"""Fit the confidence of components to simulated runs, and show how well it is calibrated.

    python benchmarks/confidence.py --library LIB

Runs of every preset that resembles real runs are simulated. A component is a compound if it is the match of a true
compound with a weighted cosine of at least 0.7. Duplicates and all others are ghosts. A logistic regression with a
ridge penalty is fitted to the seeds of `--fit-seeds`, every preset with the same total weight. Its coefficients belong
into `spectus.deconvolution.confidence.COEFFICIENTS`. For the seeds of `--test-seeds`, the fraction of compounds among
components of similar confidence is printed, with the coefficients just fitted.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from spectus.deconvolution.confidence import EVIDENCE, component_evidence
from spectus.deconvolution.deconvolve import deconvolve
from spectus.library.records import read_spectra
from spectus.simulation.presets import settings_for
from spectus.simulation.runs import simulate
from spectus.simulation.scoring import FALSE_BELOW, match
from spectus.types import Flags, Floats

PRESETS = ("benchmark", "dense", "saturated", "overloaded", "tailing", "drifting", "matrix", "noisy", "skewed", "real")
"""Presets of the fit."""

RIDGE = 1.0
"""Penalty of the squared standardized coefficients. Chosen: it affects rare evidence only."""

BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.001)
"""Edges of the bins of confidence that are printed."""


def main() -> None:
    """Fit and test the confidence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", nargs="+", required=True, type=Path, help="spectra the compounds are drawn from")
    parser.add_argument("--fit-seeds", nargs="+", type=int, default=list(range(1, 9)))
    parser.add_argument("--test-seeds", nargs="+", type=int, default=[311, 312])
    options = parser.parse_args()
    library = pa.concat_tables([read_spectra(path) for path in options.library])
    fitted = list(examples(library, options.fit_seeds))
    coefficients = fit(fitted)
    print("COEFFICIENTS = (")
    for name, value in zip(("intercept", *EVIDENCE), coefficients, strict=True):
        print(f"    {value:.3f},  # {name}")
    print(")")
    for preset, evidence, compound in examples(library, options.test_seeds):
        print(f"{preset:12}{calibration(probability(evidence, coefficients), compound)}")


def examples(library: pa.Table, seeds: Sequence[int]) -> Iterator[tuple[str, Floats, Flags]]:
    """Yield, for each preset, the evidence of all components and whether each is a compound."""
    for preset in PRESETS:
        evidence, compound = [], []
        for seed in seeds:
            for simulated in simulate(library, settings_for(preset), seed):
                components = deconvolve(simulated.run, simulated.name)
                found = match(components, simulated.ground_truth)
                matched = found.component[found.cosine >= FALSE_BELOW]
                evidence.append(component_evidence(components))
                compound.append(np.isin(np.arange(len(components)), matched))
        yield preset, np.concatenate(evidence), np.concatenate(compound)


def fit(fitted: Sequence[tuple[str, Floats, Flags]]) -> Floats:
    """Fit the logistic regression by Newton's method and return intercept and coefficients."""
    evidence = np.concatenate([part for _, part, _ in fitted])
    compound = np.concatenate([part for _, _, part in fitted]).astype(np.float64)
    weight = np.concatenate([np.full(len(part), 1000.0 / len(part)) for _, part, _ in fitted])
    center, scale = evidence.mean(axis=0), evidence.std(axis=0)
    columns = np.column_stack([np.ones(len(evidence)), (evidence - center) / scale])
    penalty = RIDGE * np.diag([0.0, *np.ones(evidence.shape[1])])
    solution = np.zeros(columns.shape[1])
    for _ in range(50):
        expected = 1 / (1 + np.exp(-columns @ solution))
        gradient = columns.T @ (weight * (compound - expected)) - penalty @ solution
        curvature = (columns.T * (weight * expected * (1 - expected))) @ columns + penalty
        solution = solution + np.linalg.solve(curvature, gradient)
    slopes = solution[1:] / scale
    return np.concatenate([[solution[0] - slopes @ center], slopes])


def probability(evidence: Floats, coefficients: Floats) -> Floats:
    """Return the confidence of components with this evidence."""
    return np.asarray(1 / (1 + np.exp(-coefficients[0] - evidence @ coefficients[1:])))


def calibration(confidence: Floats, compound: Flags) -> str:
    """Describe the fraction of compounds in bins of confidence, and how well ghosts are told from compounds."""
    order = np.argsort(np.argsort(confidence)) + 1.0
    n_true, n_false = int(compound.sum()), int((~compound).sum())
    auc = (order[compound].sum() - n_true * (n_true + 1) / 2) / max(n_true * n_false, 1)
    place = np.digitize(confidence, BINS) - 1
    parts = []
    for number, low in enumerate(BINS[:-1]):
        inside = compound[place == number]
        parts.append(f"{low:.1f}: {inside.mean() if len(inside) else np.nan:.2f} ({len(inside)})")
    return f"{n_true} compounds, {n_false} ghosts, AUC {auc:.3f}; {'; '.join(parts)}"


if __name__ == "__main__":
    main()
