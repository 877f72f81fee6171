"""Comparison of every feature with the blanks: how many times more the samples have, and how sure that is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from spectus.quantitation.campaign import AreaMatrix, CampaignRuns
from spectus.quantitation.settings import QuantifySettings
from spectus.types import Flags, Floats

CAMPAIGN = "campaign"
"""Name of the group of all runs."""

_FEWEST_BLANKS = 2
"""Fewest blanks of a chunk that are compared with its samples; with fewer, all blanks of the campaign are. Chosen: one
blank has no standard deviation."""

_LIMIT_CONFIDENCE = 0.99
"""One-sided confidence that another blank lies below the limit. Chosen: as the method detection limit of US EPA, 40 CFR
136, appendix B."""

_LEAST_LOG_SD = 0.1
"""Least standard deviation of the natural logarithm of areas in the test. Chosen: replicates of a GC-MS run scatter by
10 % or more, and two equal areas by chance are no proof."""

_SAMPLES = ("sample", "calibrator", "qc", "pooled_qc")
"""Types of runs that are compared with blanks."""


@dataclass(frozen=True)
class BlankComparison:
    """Runs that share blanks.

    Attributes
    ----------
    name
        A batch, a chunk or CAMPAIGN.
    runs, blanks
        (n_runs,) runs that are compared, and the blanks that they are compared with.
    """

    name: str
    runs: Flags
    blanks: Flags


def blank_groups(runs: CampaignRuns, chunk_runs: int) -> list[BlankComparison]:
    """Divide the runs into groups that share blanks.

    The runs of a batch share its blanks. Without batches, the runs of a chunk do: so many neighbors in the order of the
    sheet. A batch or chunk with fewer than two blanks is compared with all blanks of the campaign.

    Parameters
    ----------
    runs
        The runs.
    chunk_runs
        Runs of a chunk.
    """
    blanks = runs.of_type("blank")
    batches = [run.sample.batch for run in runs.runs]
    keys = [f"chunk {place // chunk_runs + 1:04d}" if batch is None else batch for place, batch in enumerate(batches)]
    count = Counter(key for key, blank in zip(keys, blanks, strict=True) if blank)
    keys = [key if count[key] >= _FEWEST_BLANKS else CAMPAIGN for key in keys]
    groups = []
    for name in dict.fromkeys(keys):
        own = np.array([key == name for key in keys], dtype=bool)
        groups.append(BlankComparison(name, own, blanks if name == CAMPAIGN else blanks & own))
    return groups


def blank_rows(
    group: BlankComparison, runs: CampaignRuns, areas: AreaMatrix, settings: QuantifySettings
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one group for the table of blank verdicts, without the contaminants.

    The test is Welch's t-test of the logarithms of the areas, one-sided. Areas below half the smallest area of the
    feature, zeros among them, count as that. The false discovery rate over the features is that of Benjamini and
    Hochberg (1995, J. R. Stat. Soc. B 57, 289).

    Parameters
    ----------
    group
        The runs and their blanks.
    runs
        All runs.
    areas
        Areas of all features.
    settings
        Settings of the stage.
    """
    samples = group.runs & runs.of_type(*_SAMPLES)
    n_samples, n_blanks = int(samples.sum()), int(group.blanks.sum())
    if not n_samples or not n_blanks:
        why = "the group has no blanks" if n_samples else "the group has no samples"
        for feature in areas.features:
            yield {"feature": feature, "n_samples": n_samples, "n_blanks": n_blanks, "reason": why}
        return
    level = blank_levels(areas.area, group.blanks)
    limit = blank_limits(areas.area, group.blanks)
    p_values = _p_values(areas.area[:, samples], areas.area[:, group.blanks])
    q_values = np.full(len(p_values), np.nan)
    tested = np.isfinite(p_values)
    if tested.any():
        q_values[tested] = stats.false_discovery_control(p_values[tested])
    # Only the columns of this group: a campaign has a group for each batch, so that all columns would be read as often.
    of_samples, perceived = areas.area[:, samples], areas.perceived[:, samples]
    of_blanks = areas.area[:, group.blanks]
    in_any_blank = np.asarray(areas.perceived[:, group.blanks].any(axis=1))
    n_above = exceeds_blanks(of_samples, level, limit, settings.min_blank_ratio).sum(axis=1)
    for place, feature in enumerate(areas.features):
        known = of_samples[place, perceived[place]]
        in_samples = float(np.median(known)) if len(known) else float("nan")
        in_blanks = float(level[place])
        yield {
            "feature": feature,
            "n_samples": n_samples,
            "n_blanks": n_blanks,
            "sample_area": _or_none(in_samples),
            "blank_area": _or_none(in_blanks),
            "blank_sd": _or_none(_deviation(of_blanks[place])),
            "blank_limit": _or_none(float(limit[place])),
            "ratio": _or_none(in_samples / in_blanks) if in_blanks > 0 else None,
            "p_value": _or_none(p_values[place]),
            "q_value": _or_none(q_values[place]),
            "n_above": int(n_above[place]),
            "verdict": _verdict(len(known) > 0, bool(in_any_blank[place]), bool(n_above[place])),
        }


def _verdict(in_samples: bool, in_blanks: bool, above: bool) -> str | None:
    """Return the verdict on a feature: whether a component was perceived in samples and blanks, and which is larger."""
    if not in_samples:
        return "in blanks only" if in_blanks else None
    if not above:
        return "like blanks"
    return "above blanks" if in_blanks else "absent in blanks"


def blank_levels(area: Floats, blanks: Flags) -> Floats:
    """Return the mean area of the blanks, (n_features,) from (n_features, n_runs); NaN where no blank has any."""
    return _means(area[:, blanks])


def blank_limits(area: Floats, blanks: Flags) -> Floats:
    """Return the area that one more blank would exceed in 1 of 100 cases, (n_features,) from (n_features, n_runs).

    It is the upper prediction limit of the blanks, mean + t s sqrt(1 + 1/n). One blank alone gives its own area.
    """
    known = np.isfinite(area[:, blanks])
    count = known.sum(axis=1)
    mean = _means(area[:, blanks])
    squares = np.where(known, (area[:, blanks] - mean[:, None]) ** 2, 0.0).sum(axis=1)
    several = count > 1
    deviation = np.sqrt(squares / np.where(several, count - 1, 1))
    t = stats.t.ppf(_LIMIT_CONFIDENCE, np.where(several, count - 1, 1))
    spread = np.where(several, t * deviation * np.sqrt(1 + 1 / np.maximum(count, 1)), 0.0)
    return np.asarray(mean + spread)


def exceeds_blanks(area: Floats, level: Floats, limit: Floats, min_ratio: float) -> Flags:
    """Tell which areas, (n_features, n_runs), exceed the limit of the blanks and so many times their mean."""
    least = np.nan_to_num(np.fmax(limit, min_ratio * level))[:, None]
    return np.asarray(np.nan_to_num(area) > least)


def _means(area: Floats) -> Floats:
    known = np.isfinite(area)
    count = known.sum(axis=1)
    return np.where(count > 0, np.nan_to_num(area).sum(axis=1) / np.maximum(count, 1), np.nan)


def _deviation(area: Floats) -> float:
    known = area[np.isfinite(area)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def _p_values(samples: Floats, blanks: Floats) -> Floats:
    """Return the p-values of samples over blanks, (n_features,); NaN where either has fewer than two areas."""
    together = np.concatenate([samples, blanks], axis=1)
    positive = np.where(together > 0, together, np.inf)
    least = positive.min(axis=1, initial=np.inf, keepdims=True) / 2
    least = np.where(np.isfinite(least), least, 1.0)
    one, other = (np.log(np.maximum(area, least)) for area in (samples, blanks))
    (n, mean, variance), (m, blank_mean, blank_variance) = _moments(one), _moments(other)
    with np.errstate(divide="ignore", invalid="ignore"):
        error, blank_error = variance / n, blank_variance / m
        t = (mean - blank_mean) / np.sqrt(error + blank_error)
        freedom = (error + blank_error) ** 2 / (error**2 / (n - 1) + blank_error**2 / (m - 1))
    return np.where((n > 1) & (m > 1), stats.t.sf(t, freedom), np.nan)


def _moments(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Return count, mean and variance of the finite values of each row; the variance has a least value."""
    known = np.isfinite(values)
    count = known.sum(axis=1).astype(np.float64)
    mean = np.nan_to_num(values).sum(axis=1) / np.maximum(count, 1)
    squares = np.where(known, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return count, mean, np.maximum(squares / np.maximum(count - 1, 1), _LEAST_LOG_SD**2)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def group_names(groups: Sequence[BlankComparison], n_runs: int) -> list[str]:
    """Return the name of the group of each run."""
    names = [""] * n_runs
    for group in groups:
        for place in np.flatnonzero(group.runs):
            names[int(place)] = group.name
    return names
