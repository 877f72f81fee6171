"""Perception of components: where many ions have their apex at the same moment, something eluted.

Stein (J. Am. Soc. Mass Spectrom. 1999, 10, 770) counts sharpness in bins of a tenth of a scan. Here each apex is
spread over the bins by its own uncertainty, so that one strong ion places a component well and a weak one only
supports it.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.filters import gaussian
from spectus.deconvolution.mass_order import join_ordered
from spectus.deconvolution.peaks import Apexes

_BINS_PER_SCAN = 10
_SPREADS = 6
_KERNEL = 0.7
_REACH = 3.0
_VALLEY = 0.92


def spread(apexes: Apexes, fwhm: NDArray[np.float64], systematic: float) -> NDArray[np.float64]:
    """Uncertainty of each apex, scans: its own error and a systematic part, a share `systematic` of the local width."""
    return np.hypot(apexes.error, np.maximum(systematic * fwhm, 0.1))


def apex_density(apexes: Apexes, spreads: NDArray[np.float64], n_scans: int) -> NDArray[np.float64]:
    """Density of apexes in bins of 0.1 scan, (10 * n_scans,), each weighted by log(1 + SNR)."""
    n_bins = n_scans * _BINS_PER_SCAN
    bins = np.clip(np.round(apexes.position * _BINS_PER_SCAN).astype(np.int64), 0, n_bins - 1)
    weight = np.log1p(apexes.snr)
    density = np.zeros(n_bins)
    edges = np.geomspace(spreads.min(), max(spreads.max(), spreads.min() * 1.01), _SPREADS + 1)
    kind = np.clip(np.searchsorted(edges, spreads, side="right") - 1, 0, _SPREADS - 1)
    for index in range(_SPREADS):
        chosen = kind == index
        if chosen.any():
            width = _KERNEL * float(np.median(spreads[chosen])) * _BINS_PER_SCAN
            counts = np.bincount(bins[chosen], weights=weight[chosen], minlength=n_bins)
            density += gaussian(counts, width)
    return density


def perceive(
    apexes: Apexes,
    fwhm: NDArray[np.float64],
    min_ions: int,
    systematic: float = 0.025,
    valley: float | None = None,
    *,
    by_mass: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Components as maxima of the apex density.

    Parameters
    ----------
    apexes: of one stretch of the run.
    fwhm: (n_scans,), local peak width, scans.
    min_ions: fewest ions whose apex agrees with the component's.
    systematic: part of the apexes' scatter that is not noise, in peak widths.
    valley: two maxima with a valley above this share of the lower one, closer than 0.8 width, are one.
    by_mass: rows ascend with mass; then one compound's ions that come in that order are joined.

    Returns
    -------
    positions: (n_components,), scans, ascending.
    member: (n_apexes,), component each apex supports, or -1.
    """
    valley = valley or _VALLEY
    if not len(apexes):
        return np.empty(0), np.empty(0, dtype=np.int64)
    local = fwhm[np.clip(np.round(apexes.position).astype(np.int64), 0, len(fwhm) - 1)]
    spreads = spread(apexes, local, systematic)
    density = apex_density(apexes, spreads, len(fwhm))
    top = np.flatnonzero((density[1:-1] >= density[:-2]) & (density[1:-1] > density[2:])) + 1
    top = _merge_shallow(density, top, fwhm, valley)
    while True:
        positions = top / _BINS_PER_SCAN
        member = assign(apexes, spreads, positions)
        support = np.bincount(member[member >= 0], minlength=len(top))
        if not len(top) or support.min() >= min_ions:
            centres = _centres(apexes, spreads, member, positions)
            return join_ordered(apexes, spreads, centres, member, fwhm) if by_mass else (centres, member)
        top = _drop_unsupported(density, top, support, min_ions)


def _drop_unsupported(
    density: NDArray[np.float64], top: NDArray[np.int64], support: NDArray[np.int64], min_ions: int
) -> NDArray[np.int64]:
    """Leave out the maxima with too few ions that are lower than both neighbours, so that their ions can go there."""
    height = np.where(support < min_ions, density[top], np.inf)
    padded = np.concatenate([[np.inf], height, [np.inf]])
    weakest = (support < min_ions) & (height <= padded[:-2]) & (height <= padded[2:])
    return top[~weakest]


def _merge_shallow(
    density: NDArray[np.float64], top: NDArray[np.int64], fwhm: NDArray[np.float64], valley: float
) -> NDArray[np.int64]:
    """Join maxima without a real valley between them, shallowest first; the higher one stays."""
    kept = list(top)
    floors = [density[a : b + 1].min() for a, b in itertools.pairwise(kept)]
    index = 0
    while index < len(floors):
        a, b = kept[index], kept[index + 1]
        low = min(density[a], density[b])
        near = (b - a) / _BINS_PER_SCAN < 0.8 * fwhm[min(a // _BINS_PER_SCAN, len(fwhm) - 1)]
        if near and floors[index] > valley * low:
            gone = index if density[a] < density[b] else index + 1
            del kept[gone]
            lost = floors.pop(index)
            neighbour = gone - 1 if gone == index else index
            if 0 <= neighbour < len(floors):
                floors[neighbour] = min(floors[neighbour], lost)
            index = max(index - 1, 0)
        else:
            index += 1
    return np.array(kept, dtype=np.int64)


def assign(
    apexes: Apexes, spreads: NDArray[np.float64], positions: NDArray[np.float64], reach: float | None = None
) -> NDArray[np.int64]:
    """Nearest component of each apex, or -1 if it lies further than `reach` of its uncertainties away."""
    reach = reach or _REACH
    if not len(positions):
        return np.full(len(apexes), -1, dtype=np.int64)
    right = np.clip(np.searchsorted(positions, apexes.position), 1, max(len(positions) - 1, 1))
    right = np.minimum(right, len(positions) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = apexes.position - positions[left] <= positions[right] - apexes.position
    nearest = np.where(nearer_left, left, right)
    near = np.abs(apexes.position - positions[nearest]) <= reach * spreads
    return np.where(near, nearest, -1)


def _centres(
    apexes: Apexes, spreads: NDArray[np.float64], member: NDArray[np.int64], positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Precision-weighted mean apex of each component's ions."""
    inside = member >= 0
    weight = 1 / spreads[inside] ** 2
    total = np.bincount(member[inside], weights=weight, minlength=len(positions))
    summed = np.bincount(member[inside], weights=weight * apexes.position[inside], minlength=len(positions))
    return np.where(total > 0, summed / np.maximum(total, 1e-12), positions)
