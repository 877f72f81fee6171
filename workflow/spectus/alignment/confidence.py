"""Confidence of features: the probability that a feature is a compound, from all its components.

A compound recurs in the runs that hold it, an artifact of the deconvolution seldom does. The evidence of a feature is
the highest and the mean confidence of its components, the number of its runs, the number of runs of the campaign, and
the fraction of the replicates of these runs that lack it. A logistic regression turns it into a probability. It has no
intercept, so that in a campaign of one run a component of confidence 0.5 is a feature of confidence 0.5.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit

from spectus.samples import Sample
from spectus.types import Floats, Ints

_MOST_ODDS = 6.0
"""Largest logarithm of the odds of a component that counts. Chosen: the calibration of components is no finer."""

_USUAL_CONFIDENCE = 0.5
"""Confidence of a component whose table has none."""

REPLICATE_COLUMNS = ("replicate_of", "sample")
"""Columns of the sample sheet that may name the sample a run is of; the first that the sheet has is used."""

_MOST_RUNS = 10
"""Runs of a campaign from which more do not count. Chosen: large campaigns hold many kinds of samples."""

EVIDENCE = ("highest odds", "mean odds", "log runs", "log runs of the campaign", "missing replicates")
"""Names of the evidence, in the order of `feature_evidence`."""

COEFFICIENTS = (
    0.0,  # intercept
    0.152,  # highest odds
    0.642,  # mean odds
    1.329,  # log runs
    -0.872,  # log runs of the campaign
    -4.467,  # missing replicates
)
"""Coefficients of the logistic regression, the intercept first, in natural logarithms of the odds. Fitted to four
simulated campaigns of four to six runs (presets benchmark, dense, real and source), once as different samples and once
as replicates.
"""


def replicate_groups(runs: Sequence[str], sheet: Sequence[Sample]) -> Ints:
    """Find the groups of replicates: runs of one sample, pooled QC samples of one batch.

    Parameters
    ----------
    runs
        Names of the runs.
    sheet
        The sample sheet; may be empty.

    Returns
    -------
    Ints
        (n_runs,) number of the group of each run; -1 for a run without replicates.
    """
    column = next((name for name in REPLICATE_COLUMNS if any(name in row.extra for row in sheet)), None)
    key_of: dict[str, tuple[str, str]] = {}
    for row in sheet:
        if column and row.extra.get(column):
            key_of[row.run] = "sample", row.extra[column]
        elif row.type == "pooled_qc":
            key_of[row.run] = "pooled_qc", row.batch or ""
    keys = [key_of.get(run) for run in runs]
    number = {key: place for place, key in enumerate(sorted({key for key in keys if key}))}
    group = np.array([number[key] if key else -1 for key in keys], dtype=np.int64)
    size = np.bincount(group[group >= 0], minlength=len(number))
    return np.array([place if place >= 0 and size[place] > 1 else -1 for place in group], dtype=np.int64)


def feature_confidence(confidence: Floats, label: Ints, run: Ints, group: Ints) -> Floats:
    """Estimate the probability that each feature is a compound.

    Parameters
    ----------
    confidence
        (n,) confidence of the components; NaN where the table has none.
    label
        (n,) feature of each component.
    run
        (n,) run of each component.
    group
        (n_runs,) group of replicates of each run, or -1.

    Returns
    -------
    Floats
        (n_features,) probabilities, 0-1; NaN for a feature whose components have no confidence.
    """
    evidence = feature_evidence(confidence, label, run, group)
    known = np.bincount(label[np.isfinite(confidence)], minlength=len(evidence)) > 0
    return np.where(known, expit(COEFFICIENTS[0] + evidence @ np.array(COEFFICIENTS[1:])), np.nan)


def feature_evidence(confidence: Floats, label: Ints, run: Ints, group: Ints) -> Floats:
    """Collect the evidence for and against each feature.

    Parameters
    ----------
    confidence, label, run, group
        As for `feature_confidence`.

    Returns
    -------
    Floats
        (n_features, n_evidence) values in the order of `EVIDENCE`.
    """
    n = int(label.max(initial=-1)) + 1
    odds = np.clip(logit(np.nan_to_num(confidence, nan=_USUAL_CONFIDENCE)), -_MOST_ODDS, _MOST_ODDS)
    highest = np.full(n, -_MOST_ODDS)
    np.maximum.at(highest, label, odds)
    n_runs = np.bincount(label, minlength=n)
    mean = np.bincount(label, odds, n) / np.maximum(n_runs, 1)
    of_campaign = np.full(n, np.log(np.clip(len(group), 1, _MOST_RUNS)))
    missing = _missing_replicates(label, run, group, n)
    return np.column_stack((highest, mean, np.log(np.maximum(n_runs, 1)), of_campaign, missing))


def _missing_replicates(label: Ints, run: Ints, group: Ints, n: int) -> Floats:
    """Return the fraction (n,) of the other replicates of a feature's runs that lack it; 0 without replicates.

    Of several groups that have the feature the one in which it recurs best counts, because a compound may lie near the
    limit of detection in the others.
    """
    size = np.bincount(group[group >= 0])
    replicated = group[run] >= 0
    least = np.ones(n)
    if replicated.any():
        pair, count = np.unique(label[replicated] * len(size) + group[run[replicated]], return_counts=True)
        others = size[pair % len(size)] - 1
        np.minimum.at(least, pair // len(size), (size[pair % len(size)] - count) / others)
    has = np.bincount(label[replicated], minlength=n) > 0
    return np.where(has, least, 0.0)
