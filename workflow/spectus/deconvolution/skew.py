"""Skew: a scanning analyzer measures the masses of one scan one after another while the peak elutes.

On a rising flank the masses measured last are too high, on a falling flank too low, so that each apex shifts with its
mass. Stein (J. Am. Soc. Mass Spectrom. 1999, 10, 770) interpolates every trace to the same moment of the scan. This
module does the same. It measures the duration of the sweep from the apexes, because files seldom state it.
"""

import numpy as np

from spectus.deconvolution.filters import row_blocks
from spectus.deconvolution.peaks import Apexes
from spectus.types import Flags, Floats, Ints, Singles

LEAST_SKEW = 0.08
"""Smallest skew that is corrected, scans over the whole mass range. Chosen: interpolation smooths more than less skew
distorts.
"""

SKEW_MIN_SNR = 30.0
"""Lowest signal-to-noise ratio of an apex that is used. Chosen: weaker apexes scatter more than the skew."""

_MIN_CLUSTER_IONS = 8
"""Fewest apexes of a cluster. Chosen: the slope of fewer is uncertain."""

_MIN_CLUSTERS = 2
"""Fewest clusters that show a skew, if their slope is uncertain. Chosen: one compound may have its own delay (see
`mass_order`).
"""

_SURE_SLOPE = 5.0
"""Slope of a single cluster, in standard errors, from which it is the skew of the run. Chosen: in a run that shows one
compound only, the correction is right for that compound, whatever the cause.
"""

_SKEW_ROUNDS = 3
"""Rounds of clustering and fitting. Chosen: the slope no longer changes."""

_MIN_SPAN_TH = 60
"""Smallest range of masses of a cluster, Th. Chosen."""

_APEX_FLOOR_SCANS = 0.02
"""Error of an apex beside its noise, scans. Chosen: it keeps the strongest ions from deciding alone."""

_CLUSTER_GAP_FWHM = 0.05
"""Gap between two clusters, in peak widths. Chosen."""

_LEAST_GAP_SCANS = 0.1
"""Smallest gap between two clusters, scans. Chosen."""

_LEAST_WEIGHT = 0.02
"""Interpolation weight from which a clipped point makes the result clipped. Chosen."""


def estimate_skew(apexes: Apexes, mass: Ints, fwhm: float) -> float:
    """Estimate the shift of the apex with mass.

    The slope of apex over mass is fitted in every cluster of ions. The median of the slopes, weighted by their
    precision, is the skew. Clusters are split at gaps between the apexes, which are corrected by the slope of the
    previous round.

    Parameters
    ----------
    apexes
        Apexes of the run; those above `SKEW_MIN_SNR` are used.
    mass
        (n_masses,) mass of each trace, Th.
    fwhm
        Median peak width, scans.

    Returns
    -------
    float
        Scans per Th; 0.0 if too few strong components show a skew.
    """
    strong = apexes.take(apexes.snr > SKEW_MIN_SNR)
    heavy = mass[strong.row].astype(np.float64)
    slope = 0.0
    for _ in range(_SKEW_ROUNDS):
        slopes, weights = _cluster_slopes(strong, heavy, slope, max(_CLUSTER_GAP_FWHM * fwhm, _LEAST_GAP_SCANS))
        sure = len(slopes) > 0 and abs(slopes[0]) * weights[0] > _SURE_SLOPE
        if len(slopes) < _MIN_CLUSTERS and not sure:
            return 0.0
        order = np.argsort(slopes)
        below = np.cumsum(weights[order])
        slope = float(slopes[order][np.searchsorted(below, 0.5 * below[-1])])
    return slope


def _cluster_slopes(apexes: Apexes, mass: Floats, slope: float, gap: float) -> tuple[Floats, Floats]:
    """Return the weighted least squares slope of every wide enough cluster, and its reciprocal error."""
    corrected = apexes.position - slope * mass
    order = np.argsort(corrected)
    clusters = np.split(order, np.flatnonzero(np.diff(corrected[order]) > gap) + 1)
    found = []
    for cluster in clusters:
        if len(cluster) >= _MIN_CLUSTER_IONS and np.ptp(mass[cluster]) >= _MIN_SPAN_TH:
            weight = 1 / (apexes.error[cluster] ** 2 + _APEX_FLOOR_SCANS**2)
            x = mass[cluster] - np.average(mass[cluster], weights=weight)
            information = weight @ x**2
            found.append((weight @ (x * apexes.position[cluster]) / information, np.sqrt(information)))
    slopes, weights = np.array(found).reshape(-1, 2).T
    return slopes, weights


def deskew(traces: Singles, saturated: Flags, mass: Ints, slope: float) -> tuple[Singles, Flags]:
    """Interpolate all traces to the moment at which the middle mass is measured.

    The interpolation is cubic (Lagrange, four points). Counts do not become negative.

    Parameters
    ----------
    traces, saturated
        (n_masses, n_scans) counts, and points at the detector's ceiling.
    mass
        (n_masses,) mass of each trace, Th.
    slope
        Skew, scans per Th, from `estimate_skew`.

    Returns
    -------
    traces : Singles
        (n_masses, n_scans) counts.
    saturated : Flags
        (n_masses, n_scans) whether a clipped point contributes.
    """
    shift = slope * (mass - (mass[0] + mass[-1]) / 2)
    whole = np.floor(shift).astype(np.int64)
    moved, clipped = np.empty_like(traces), np.empty_like(saturated)
    for step in np.unique(whole):
        of_step = np.flatnonzero(whole == step)
        for some in row_blocks(traces[of_step]):
            rows = of_step[some]
            share = (shift[rows] - step)[:, None].astype(np.float32)
            moved[rows], clipped[rows] = _interpolate_scans(traces[rows], saturated[rows], int(step), share)
    return moved, clipped


def _interpolate_scans(traces: Singles, saturated: Flags, step: int, share: Singles) -> tuple[Singles, Flags]:
    """Return the values at scan + step + share, for shares (n_masses, 1) between 0 and 1."""
    weights = (
        -share * (share - 1) * (share - 2) / 6,
        (share + 1) * (share - 1) * (share - 2) / 2,
        -(share + 1) * share * (share - 2) / 2,
        (share + 1) * share * (share - 1) / 6,
    )
    n_scans, margin = traces.shape[1], abs(step) + 2
    padded = np.pad(traces, ((0, 0), (margin, margin)), mode="edge")
    padded_flags = np.pad(saturated, ((0, 0), (margin, margin))) if saturated.any() else None
    moved, clipped = np.zeros_like(traces), np.zeros_like(saturated)
    for offset, weight in enumerate(weights, start=step - 1):
        window = slice(margin + offset, margin + offset + n_scans)
        moved += padded[:, window] * weight
        if padded_flags is not None:
            clipped |= padded_flags[:, window] & (np.abs(weight) > _LEAST_WEIGHT)
    return np.maximum(moved, 0), clipped
