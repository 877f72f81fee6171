"""Drift of the signal over the injections of a campaign, measured in pooled QC samples and taken out of all areas.

The method is QC-RLSC without its robust iterations (Dunn et al. 2011, Nat. Protoc. 6, 1060): a LOESS curve (Cleveland
1979, J. Am. Stat. Assoc. 74, 829) through the logarithms of a feature's areas in the QC samples.
"""

from dataclasses import dataclass

import numpy as np

from spectus.types import Flags, Floats, Ints

FEWEST_QC = 5
"""Fewest QC samples of a correction. Chosen: with four, a curve follows their noise (benchmarks/quantitation.py)."""

_SPANS = (0.5, 0.75, 1.0)
"""Shares of the QC samples in each local fit that are tried. Chosen: 0.75 is the usual one; less follows noise."""

_FEWEST_IN_FIT = 4
"""Fewest QC samples in a local fit, which has two coefficients. Chosen."""

_GAIN = 0.8
"""Share of the leave-one-out variance about the mean that a curve must stay below. Chosen on simulated drift
(benchmarks/quantitation.py): with 5 to 10 QC samples it corrects one in six features without drift, which adds a
quarter of their scatter; of the drifts that a share of 0.5 misses, it finds a third to a half."""

_LEAST_SHARE = 0.8
"""Least share of the QC samples in which a feature must have an area. Chosen: the "80 % rule" of Bijlsma et al. 2006,
Anal. Chem. 78, 567."""


_LEAST_SQUARE = 1e-12
"""Least weighted variance of the places in a local fit, injections squared: that of statsmodels."""


@dataclass(frozen=True)
class Drift:
    """Drift of every feature.

    Attributes
    ----------
    factor
        (n_features, n_runs) signal at each injection over its median; 1 without a correction.
    span
        (n_features,) share of the QC samples in each local fit; NaN without a correction.
    residual
        (n_features, n_qc) logarithm of each QC sample over the curve through the others, or over the mean of the others
        without a correction; NaN where there is no area.
    reason
        Why a feature was not corrected; None if it was.
    """

    factor: Floats
    span: Floats
    residual: Floats
    reason: list[str | None]


def drift_of(area: Floats, injection: Ints, qc: Flags) -> Drift:
    """Measure the drift of every feature.

    A span is chosen for each feature by the smallest variance of QC samples about the curve through the others
    (leave-one-out, by the leverages of the linear smoother). A feature is corrected only if that variance is less than
    0.8 of the variance about the mean of the others. Runs before the first and after the last QC sample get its factor.

    Parameters
    ----------
    area
        (n_features, n_runs) counts x s; NaN and 0 where there is none.
    injection
        (n_runs,) places in the order of injection.
    qc
        (n_runs,) which runs are pooled QC samples.
    """
    n_features, n_qc = len(area), int(qc.sum())
    found = Drift(
        np.ones(area.shape), np.full(n_features, np.nan), np.full((n_features, n_qc), np.nan), [None] * n_features
    )
    known = np.nan_to_num(area[:, qc]) > 0
    logs = np.log(np.where(known, area[:, qc], 1.0))
    patterns, pattern_of = np.unique(known, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(pattern_of.ravel() == number)
        _leave_one_out_mean(found, rows, pattern, logs)
        if n_qc < FEWEST_QC:
            why = f"{n_qc} pooled QC samples, {FEWEST_QC} are needed"
        elif pattern.sum() < max(FEWEST_QC, _LEAST_SHARE * n_qc):
            why = f"an area in {pattern.sum()} of {n_qc} QC samples"
        else:
            _correct(found, rows, pattern, logs, (injection, qc))
            continue
        for row in rows:
            found.reason[row] = why
    return found


@dataclass(frozen=True)
class ResponseDrift:
    """Drift of the responses of one compound.

    Attributes
    ----------
    factor
        (n_runs,) responses are divided by it; 1 without a correction.
    note
        What was corrected, or why nothing was.
    """

    factor: Floats
    note: str


def response_drift(response: Floats, injection: Ints, qc: Flags) -> ResponseDrift:
    """Measure the drift of the responses of one compound, as `drift_of` does that of areas.

    Parameters
    ----------
    response
        (n_runs,) area, or area over that of the internal standard; NaN and 0 where there is none.
    injection
        (n_runs,) places in the order of injection.
    qc
        (n_runs,) which runs are pooled QC samples.
    """
    found = drift_of(response[None], injection, qc)
    why = found.reason[0]
    if why is not None:
        return ResponseDrift(found.factor[0], f"not corrected: {why}")
    change = float(found.factor[0].max() / found.factor[0].min() - 1)
    n_qc = int((np.nan_to_num(response[qc]) > 0).sum())
    return ResponseDrift(found.factor[0], f"a drift of {change:.0%} was corrected by {n_qc} pooled QC samples")


def _leave_one_out_mean(found: Drift, rows: Ints, pattern: Flags, logs: Floats) -> None:
    n = int(pattern.sum())
    if n > 1:
        values = logs[np.ix_(rows, pattern)]
        found.residual[np.ix_(rows, pattern)] = (values - values.mean(axis=1, keepdims=True)) * n / (n - 1)


def _correct(found: Drift, rows: Ints, pattern: Flags, logs: Floats, runs: tuple[Ints, Flags]) -> None:
    """Correct the features `rows`, which have areas in the same QC samples."""
    injection, qc = runs
    at = injection[qc][pattern].astype(np.float64)
    values = logs[np.ix_(rows, pattern)]
    flat = found.residual[np.ix_(rows, pattern)]
    least = _GAIN * (flat**2).mean(axis=1)
    best = np.full(len(rows), -1)
    spans = [span for span in _SPANS if span * len(at) >= _FEWEST_IN_FIT]
    residuals = []
    for number, span in enumerate(spans):
        of_qc = _smoother(at, at, span)
        residual = (values - values @ of_qc.T) / np.maximum(1 - np.diag(of_qc), 1e-6)
        residuals.append(residual)
        error = (residual**2).mean(axis=1)
        better = error < least
        best[better], least[better] = number, error[better]
    for number in np.unique(best[best >= 0]):
        chosen = best == number
        of_runs = _smoother(at, injection.astype(np.float64).clip(at.min(), at.max()), spans[number])
        curve = values[chosen] @ of_runs.T
        found.factor[rows[chosen]] = np.exp(curve - np.median(curve, axis=1, keepdims=True))
        found.span[rows[chosen]] = spans[number]
        found.residual[np.ix_(rows[chosen], pattern)] = residuals[number][chosen]
    for row in rows[best < 0]:
        found.reason[row] = "no drift beyond the scatter of the QC samples"


def _smoother(at: Floats, places: Floats, span: float) -> Floats:
    """Return the matrix (n_places, n_qc) of the LOESS curve through QC samples, at some places.

    A LOESS curve without robust iterations is a linear function of the values, so that its matrix serves all features.
    It is that of `statsmodels.nonparametric.smoothers_lowess.lowess`, which gives one curve at a time: the matrix would
    take as many calls as there are QC samples, for each pattern of missing areas. A test compares both.

    Parameters
    ----------
    at
        (n_qc,) places of the QC samples, all different.
    places
        (n_places,) where the curve is wanted.
    span
        Share of the QC samples in each local fit.
    """
    order = np.argsort(at)
    x, size = at[order], int(span * len(at) + 1e-10)
    first = np.searchsorted((x[:-size] + x[size:]) / 2, places)  # the nearest QC samples are neighbors
    near = first[:, None] + np.arange(size)
    distance = np.abs(x[near] - places[:, None])
    weight = (1 - (distance / distance.max(axis=1, keepdims=True)) ** 3) ** 3
    weight /= weight.sum(axis=1, keepdims=True)
    center = (weight * x[near]).sum(axis=1, keepdims=True)
    deviation = x[near] - center
    square = (weight * deviation**2).sum(axis=1, keepdims=True)
    matrix = np.zeros((len(places), len(at)))
    fit = weight * (1 + (places[:, None] - center) * deviation / np.maximum(square, _LEAST_SQUARE))
    np.put_along_axis(matrix, order[near], fit, axis=1)
    return matrix
