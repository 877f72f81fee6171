"""Skew: a scanning analyser reads the masses of one scan one after another while the peak goes on.

On a rising flank the masses read last come out too high, on a falling flank too low, and each apex moves with its
mass. Stein (J. Am. Soc. Mass Spectrom. 1999, 10, 770) interpolates every trace to the same moment of the scan; so is
done here, with the scan's duration measured from the apexes themselves, as files seldom state the direction and the
dwell.
"""

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.ion_traces import Traces
from spectus.deconvolution.peaks import Apexes

LEAST_SKEW = 0.08
"""Scans over the whole mass range; less is not worth the smoothing that interpolation brings."""

MIN_SNR = 30.0
"""Lowest signal to noise of an apex that tells of the skew."""

_MIN_IONS = 8
_MIN_CLUSTERS = 2
_ROUNDS = 3


def estimate_skew(apexes: Apexes, mass: NDArray[np.int64], fwhm: float) -> float:
    """Shift of the apex with mass, scans per Th; 0.0 if too few strong components show it.

    Parameters
    ----------
    apexes: of the run, at any SNR; those above 30 are used.
    mass: (n_masses,), mass of each trace. fwhm: median peak width, scans.

    The slope of apex against mass is fitted in every cluster of at least eight ions; their median, weighted by
    precision, holds. Clusters are cut at gaps in the apexes, corrected by the slope of the round before.
    """
    strong = apexes.take(apexes.snr > MIN_SNR)
    heavy = mass[strong.row].astype(np.float64)
    slope = 0.0
    for _ in range(_ROUNDS):
        slopes, weights = _cluster_slopes(strong, heavy, slope, max(0.05 * fwhm, 0.1))
        if len(slopes) < _MIN_CLUSTERS:
            return 0.0
        order = np.argsort(slopes)
        below = np.cumsum(weights[order])
        slope = float(slopes[order][np.searchsorted(below, 0.5 * below[-1])])
    return slope


def _cluster_slopes(
    apexes: Apexes, mass: NDArray[np.float64], slope: float, gap: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted least squares slope of every cluster whose masses span at least 60 Th, and its reciprocal error."""
    corrected = apexes.position - slope * mass
    order = np.argsort(corrected)
    clusters = np.split(order, np.flatnonzero(np.diff(corrected[order]) > gap) + 1)
    found = []
    for cluster in clusters:
        if len(cluster) >= _MIN_IONS and np.ptp(mass[cluster]) >= 60:
            weight = 1 / (apexes.error[cluster] ** 2 + 0.02**2)
            x = mass[cluster] - np.average(mass[cluster], weights=weight)
            information = weight @ x**2
            found.append((weight @ (x * apexes.position[cluster]) / information, np.sqrt(information)))
    slopes, weights = np.array(found).reshape(-1, 2).T
    return slopes, weights


def deskew(
    traces: Traces, saturated: NDArray[np.bool_], mass: NDArray[np.int64], slope: float
) -> tuple[Traces, NDArray[np.bool_]]:
    """Traces as if all masses were read at the moment of the middle mass, and which points hold a clipped one.

    Parameters
    ----------
    traces, saturated: (n_masses, n_scans). slope: scans per Th, from `estimate_skew`.

    Cubic interpolation (Lagrange, four points). Counts do not become negative.
    """
    shift = slope * (mass - (mass[0] + mass[-1]) / 2)
    whole = np.floor(shift).astype(np.int64)
    moved, clipped = np.empty_like(traces), np.empty_like(saturated)
    for step in np.unique(whole):
        rows = whole == step
        share = (shift[rows] - step)[:, None].astype(np.float32)
        moved[rows], clipped[rows] = _interpolate(traces[rows], saturated[rows], int(step), share)
    return moved, clipped


def _interpolate(
    traces: Traces, saturated: NDArray[np.bool_], step: int, share: Traces
) -> tuple[Traces, NDArray[np.bool_]]:
    """Values at scan + step + share, for shares (n_masses, 1) between 0 and 1."""
    weights = (
        -share * (share - 1) * (share - 2) / 6,
        (share + 1) * (share - 1) * (share - 2) / 2,
        -(share + 1) * share * (share - 2) / 2,
        (share + 1) * share * (share - 1) / 6,
    )
    n_scans, margin = traces.shape[1], abs(step) + 2
    padded = np.pad(traces, ((0, 0), (margin, margin)), mode="edge")
    padded_flags = np.pad(saturated, ((0, 0), (margin, margin)))
    moved, clipped = np.zeros_like(traces), np.zeros_like(saturated)
    for offset, weight in enumerate(weights, start=step - 1):
        window = slice(margin + offset, margin + offset + n_scans)
        moved += padded[:, window] * weight
        clipped |= padded_flags[:, window] & (np.abs(weight) > 0.02)
    return np.maximum(moved, 0), clipped
