"""Fit the confidence of components and features to simulated runs, and show how well it is calibrated.

    python benchmarks/confidence.py --library LIB
    python benchmarks/confidence.py --library LIB --features

Runs of every preset that resembles real runs are simulated. A component is a compound if it is the match of a true
compound with a weighted cosine of at least 0.7. Duplicates and all others are ghosts. A logistic regression with a
ridge penalty is fitted to the seeds of `--fit-seeds`, every preset with the same total weight. Its coefficients belong
into `spectus.deconvolution.confidence.COEFFICIENTS`. For the seeds of `--test-seeds`, the fraction of compounds among
components of similar confidence is printed, with the coefficients just fitted.

With `--features` campaigns of five runs are simulated, deconvolved and aligned. In every other campaign the runs are
replicates of one sample. A feature is a compound if at least half of its components match the same compound. The
coefficients belong into `spectus.alignment.confidence.COEFFICIENTS`.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.optimize import minimize
from scipy.special import expit

from spectus import tables
from spectus.alignment import confidence as features
from spectus.alignment.align import AlignSettings, align_campaign
from spectus.alignment.campaign_components import read_campaign
from spectus.deconvolution import confidence as components
from spectus.deconvolution.deconvolve import deconvolve
from spectus.library.records import read_spectra
from spectus.simulation.presets import settings_for
from spectus.simulation.runs import simulate
from spectus.simulation.scoring import FALSE_BELOW, match
from spectus.types import Flags, Floats, Ints

PRESETS = (
    "benchmark", "dense", "saturated", "overloaded", "tailing", "drifting", "matrix", "noisy", "skewed", "real",
    "source", "hydrocarbons",
)  # fmt: skip
"""Presets of the fit."""

CAMPAIGN_PRESETS = ("real", "source", "noisy", "benchmark", "matrix", "tailing")
"""Presets of the campaigns."""

CAMPAIGNS = {
    "replicates": ("samples=5", "shared=1", "amount_sd_decades=0.05", "drift_s=1"),
    "samples": ("samples=5", "shared=0.4", "amount_sd_decades=0.4", "drift_s=1"),
}
"""Settings of the two kinds of campaigns."""

RIDGE = 1.0
"""Penalty of the squared standardized coefficients. Chosen: it affects rare evidence only."""

BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.001)
"""Edges of the bins of confidence that are printed."""

Examples = tuple[str, Floats, Flags]
"""Name of a preset, evidence (n, n_evidence), and which are compounds (n,)."""


def main() -> None:
    """Fit and test the confidence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", nargs="+", required=True, type=Path, help="spectra the compounds are drawn from")
    parser.add_argument("--fit-seeds", nargs="+", type=int, default=list(range(1, 9)))
    parser.add_argument("--test-seeds", nargs="+", type=int, default=[311, 312])
    parser.add_argument("--presets", nargs="+", help="presets of the simulated runs; all by default")
    parser.add_argument("--features", action="store_true", help="fit the confidence of features")
    options = parser.parse_args()
    library = pa.concat_tables([read_spectra(path) for path in options.library])
    make, names, presets = (
        (feature_examples, features.EVIDENCE, CAMPAIGN_PRESETS)
        if options.features
        else (component_examples, components.EVIDENCE, PRESETS)
    )
    presets = tuple(options.presets or presets)
    coefficients = fit(list(make(library, presets, options.fit_seeds)), intercept=not options.features)
    print("COEFFICIENTS = (")
    for name, value in zip(("intercept", *names), coefficients, strict=True):
        print(f"    {value:.3f},  # {name}")
    print(")")
    tested = list(make(library, presets, options.test_seeds))
    probabilities = [expit(coefficients[0] + evidence @ coefficients[1:]) for _, evidence, _ in tested]
    for (preset, _, compound), probability in zip(tested, probabilities, strict=True):
        print(f"{preset:24}{calibration(probability, compound)}")
    everything = np.concatenate(probabilities), np.concatenate([compound for _, _, compound in tested])
    print(f"{'all presets':24}{calibration(*everything)}")


def component_examples(library: pa.Table, presets: Sequence[str], seeds: Sequence[int]) -> Iterator[Examples]:
    """Yield, for each preset, the evidence of all components and whether each is a compound."""
    for preset in presets:
        evidence, compound = [], []
        for seed in seeds:
            for simulated in simulate(library, settings_for(preset), seed):
                found = deconvolve(simulated.run, simulated.name)
                evidence.append(components.component_evidence(found))
                compound.append(matched_compound(found, simulated.ground_truth) >= 0)
        yield preset, np.concatenate(evidence), np.concatenate(compound)


def feature_examples(library: pa.Table, presets: Sequence[str], seeds: Sequence[int]) -> Iterator[Examples]:
    """Yield, for each preset and kind of campaign, the evidence of all features and whether each is a compound."""
    for preset in presets:
        for kind, changes in CAMPAIGNS.items():
            evidence, compound = [], []
            for seed in seeds:
                found, of_compound = [], []
                for simulated in simulate(library, settings_for(preset, changes), seed):
                    found.append(deconvolve(simulated.run, simulated.name))
                    of_compound.append(matched_compound(found[-1], simulated.ground_truth))
                columns, label = aligned(found, replicates=kind == "replicates")
                evidence.append(columns)
                compound.append(majority(label, np.concatenate(of_compound)))
            yield f"{preset}, {kind}", np.concatenate(evidence), np.concatenate(compound)


def matched_compound(found: pa.Table, ground_truth: pa.Table) -> Ints:
    """Return the number of the compound that each component (n,) matches, or -1."""
    matches = match(found, ground_truth)
    good = matches.cosine >= FALSE_BELOW
    compound = np.full(len(found), -1)
    compound[matches.component[good]] = ground_truth["compound"].to_numpy()[good]
    return compound


def aligned(found: Sequence[pa.Table], *, replicates: bool) -> tuple[Floats, Ints]:
    """Align runs; return the evidence of the features, and the feature of each component in the order of the runs."""
    runs = [part["run"][0].as_py() for part in found]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "components.parquet"
        tables.write(pa.concat_tables(found), path, tables.COMPONENTS)
        campaign = read_campaign([path], runs)
    label = align_campaign(campaign, AlignSettings()).label
    group = np.full(len(runs), 0 if replicates else -1)
    in_order = np.empty_like(label)
    in_order[campaign.position] = label
    return features.feature_evidence(campaign.values["confidence"], label, campaign.run, group), in_order


def majority(label: Ints, compound: Ints) -> Flags:
    """Return whether at least half of the components of each feature match the same compound."""
    members: dict[int, Counter[int]] = {}
    for feature, number in zip(label.tolist(), compound.tolist(), strict=True):
        members.setdefault(feature, Counter())[number] += 1
    return np.array(
        [
            max((count for number, count in members[feature].items() if number >= 0), default=0)
            >= members[feature].total() / 2
            for feature in range(len(members))
        ]
    )


def fit(examples: Sequence[Examples], *, intercept: bool = True) -> Floats:
    """Fit the logistic regression and return intercept and coefficients; every preset has the same weight."""
    evidence = np.concatenate([part for _, part, _ in examples])
    compound = np.concatenate([part for _, _, part in examples]).astype(np.float64)
    weight = np.concatenate([np.full(len(part), 1000.0 / len(part)) for _, part, _ in examples])
    center, scale = intercept * evidence.mean(axis=0), np.maximum(evidence.std(axis=0), 1e-9)
    columns = np.column_stack([np.full(len(evidence), float(intercept)), (evidence - center) / scale])
    penalty = RIDGE * np.array([0.0, *np.ones(evidence.shape[1])])

    def loss(solution: Floats) -> tuple[float, Floats]:
        odds = columns @ solution
        value = weight @ (np.logaddexp(0, odds) - compound * odds) + 0.5 * penalty @ solution**2
        return float(value), (weight * (expit(odds) - compound)) @ columns + penalty * solution

    solution = minimize(loss, np.zeros(columns.shape[1]), jac=True, method="BFGS").x
    slopes = solution[1:] / scale
    return np.concatenate([[solution[0] - slopes @ center], slopes])


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
