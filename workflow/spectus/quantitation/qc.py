"""Quality control: what the internal standard, the retention times and the QC samples say of each run and feature."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from spectus.quantitation.campaign import AreaMatrix, CampaignRuns
from spectus.quantitation.drift import Drift
from spectus.quantitation.measure import Measured
from spectus.quantitation.settings import QuantifySettings
from spectus.types import Flags, Floats

_FEWEST_FOR_CV = 3
"""Fewest areas of a coefficient of variation. Chosen: two have one degree of freedom."""

_FEWEST_FEATURES = 5
"""Fewest features of a run's retention shift. Chosen: the median of fewer is no more sure than one of them."""


def qc_samples(runs: CampaignRuns) -> Flags:
    """Return which runs show the drift of the signal, (n_runs,): pooled QC samples, else QC samples of one amount."""
    pooled = runs.of_type("pooled_qc")
    if pooled.any():
        return pooled
    amounts = [run.sample.amount for run in runs.runs if run.sample.type == "qc"]
    return runs.of_type("qc") if len(set(amounts)) == 1 else pooled


def standard_ratios(standard: Measured, runs: CampaignRuns) -> Floats:
    """Return the area of the internal standard over the median of the batch, (n_runs,); NaN if missing."""
    area = np.where(standard.detected, standard.area, np.nan)
    batches = np.array([run.sample.batch or "" for run in runs.runs], dtype=object)
    found = np.full(len(area), np.nan)
    for batch in set(batches):
        own = batches == batch
        if np.isfinite(area[own]).any():
            found[own] = area[own] / np.nanmedian(area[own])
    return found


def outside_limits(ratios: Floats, settings: QuantifySettings) -> Flags:
    """Tell which runs have an internal standard too large or too small, (n_runs,)."""
    factor = settings.standard_area_factor
    known = np.nan_to_num(ratios, nan=1.0)
    return np.asarray((known > factor) | (known < 1 / factor))


def run_rows(
    runs: CampaignRuns, areas: AreaMatrix, standard: Measured | None, settings: QuantifySettings
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of QC by run.

    Parameters
    ----------
    runs
        The runs.
    areas
        Areas and times of all features.
    standard
        Peaks of the internal standard; None for none.
    settings
        Settings of the stage.
    """
    shift, spread = _shifts(areas)
    level = _median_ratios(areas)
    ratios = standard_ratios(standard, runs) if standard else np.full(len(runs.runs), np.nan)
    time = np.where(standard.detected, standard.rt_s, np.nan) if standard else np.full(len(runs.runs), np.nan)
    middle = float(np.nanmedian(time)) if np.isfinite(time).any() else float("nan")
    outside = outside_limits(ratios, settings)
    for place, run in enumerate(runs.runs):
        flags = []
        if standard and not standard.detected[place]:
            flags.append("standard missing")
        if outside[place]:
            flags.append("standard area")
        if abs(time[place] - middle) > settings.rt_tolerance:
            flags.append("standard time")
        if abs(shift[place]) > settings.rt_tolerance:
            flags.append("retention shift")
        factor = settings.standard_area_factor
        if run.sample.type == "pooled_qc" and not 1 / factor <= np.nan_to_num(level[place], nan=1.0) <= factor:
            flags.append("signal of the QC sample")
        yield {
            "run": run.sample.run,
            "type": run.sample.type,
            "batch": run.sample.batch,
            "injection": run.injection,
            "injection_source": runs.order_source,
            "acquired_at": run.acquired_at,
            "standard_area": _or_none(standard.area[place]) if standard else None,
            "standard_ratio": _or_none(ratios[place]),
            "standard_rt_s": _or_none(time[place]),
            "standard_shift_s": _or_none(time[place] - middle),
            "shift_s": _or_none(shift[place]),
            "shift_spread_s": _or_none(spread[place]),
            "n_features": int(areas.perceived[:, place].sum()),
            "median_ratio": _or_none(level[place]),
            "flag": "; ".join(flags) or None,
        }


def feature_rows(
    areas: AreaMatrix, runs: CampaignRuns, drift: Drift, settings: QuantifySettings
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of QC by feature.

    The coefficient of variation of raw areas is their standard deviation over their mean. That of corrected areas is
    the root mean square of the logarithms of the QC samples over the curve through the others, so that a curve that
    follows their noise gains nothing.

    Parameters
    ----------
    areas
        Areas of all features.
    runs
        The runs.
    drift
        Drift of all features.
    settings
        Settings of the stage.
    """
    qc, samples = qc_samples(runs), runs.of_type("sample")
    for place, feature in enumerate(areas.features):
        area = areas.area[place]
        in_qc, in_samples = area[qc], area[samples] / drift.factor[place, samples]
        known = in_qc[np.nan_to_num(in_qc) > 0]
        enough = len(known) >= _FEWEST_FOR_CV
        cv = float(known.std(ddof=1) / known.mean()) if enough else float("nan")
        residual = drift.residual[place][np.isfinite(drift.residual[place])]
        corrected = float(np.sqrt((residual**2).mean())) if enough and drift.reason[place] is None else cv
        spread = _deviation(in_samples)
        yield {
            "feature": feature,
            "n_qc": len(known),
            "qc_area": float(known.mean()) if len(known) else None,
            "cv": _or_none(cv),
            "cv_corrected": _or_none(corrected),
            "drift": float(drift.factor[place].max(initial=1.0) / drift.factor[place].min(initial=1.0)),
            "span": _or_none(drift.span[place]),
            "d_ratio": _or_none(corrected * float(known.mean()) / spread) if enough and spread > 0 else None,
            "flag": "coefficient of variation" if corrected > settings.max_cv else None,
            "reason": drift.reason[place],
        }


def _shifts(areas: AreaMatrix) -> tuple[Floats, Floats]:
    """Return median and median absolute deviation of the shifts of the perceived features, (n_runs,) each, s."""
    times = np.where(areas.perceived, areas.rt_s, np.nan)
    shared = areas.perceived.sum(axis=1) > 1
    n_runs = areas.area.shape[1]
    middle, spread = np.full(n_runs, np.nan), np.full(n_runs, np.nan)
    if not shared.any():
        return middle, spread
    shifts = times[shared] - np.nanmedian(times[shared], axis=1, keepdims=True)
    for place in range(n_runs):
        known = shifts[np.isfinite(shifts[:, place]), place]
        if len(known) >= _FEWEST_FEATURES:
            middle[place] = np.median(known)
            spread[place] = np.median(np.abs(known - middle[place]))
    return middle, spread


def _median_ratios(areas: AreaMatrix) -> Floats:
    """Return the median of area over the feature's median area, (n_runs,), over the perceived features."""
    area = np.where(areas.perceived, areas.area, np.nan)
    shared = areas.perceived.sum(axis=1) > 1
    found = np.full(area.shape[1], np.nan)
    if not shared.any():
        return found
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = area[shared] / np.nanmedian(area[shared], axis=1, keepdims=True)
    for place in range(len(found)):
        known = ratios[np.isfinite(ratios[:, place]), place]
        found[place] = np.median(known) if len(known) >= _FEWEST_FEATURES else np.nan
    return found


def _deviation(area: Floats) -> float:
    known = area[np.isfinite(area)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
