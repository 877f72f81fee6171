"""Perception of components: something eluted where many ions have their apex at the same time.

Stein (J. Am. Soc. Mass Spectrom. 1999, 10, 770) counts sharpness in bins of a tenth of a scan. Here each apex is spread
over the bins by its own uncertainty. A strong ion therefore locates a component precisely, and a weak ion only supports
it.
"""

import itertools

import numpy as np

from spectus.deconvolution.filters import gaussian
from spectus.deconvolution.mass_order import join_ordered
from spectus.deconvolution.peaks import Apexes
from spectus.types import Floats, Ints

_BINS_PER_SCAN = 10
"""Bins per scan (Stein 1999)."""

_SPREADS = 6
"""Kernel widths into which the uncertainties are sorted. Chosen: more do not change the density visibly."""

_KERNEL = 0.7
"""Width of the kernel in uncertainties. Chosen: narrower than 1, so that near components keep a valley between them."""

_REACH = 3.0
"""Largest distance of an apex from its component, in uncertainties. Chosen: three standard deviations."""

_VALLEY = 0.92
"""Two near maxima with a valley above this fraction of the lower one are one component. Chosen on simulated runs."""

_ONE_FWHM = 0.8
"""Maxima further apart than this, in peak widths, are never joined. Chosen."""

_LEAST_SPREAD_SCANS = 0.1
"""Smallest systematic uncertainty of an apex, scans: the width of a bin."""


def apex_uncertainty(apexes: Apexes, fwhm: Floats, systematic: float) -> Floats:
    """Return the uncertainty of each apex: its own error combined with a systematic part.

    Parameters
    ----------
    apexes
        (n_apexes,) apexes.
    fwhm
        (n_apexes,) local peak width, scans.
    systematic
        Systematic part, in local peak widths.

    Returns
    -------
    Floats
        (n_apexes,) standard deviation, scans.
    """
    return np.asarray(np.hypot(apexes.error, np.maximum(systematic * fwhm, _LEAST_SPREAD_SCANS)))


def apex_density(apexes: Apexes, spreads: Floats, n_scans: int) -> Floats:
    """Return the density of apexes along the stretch, each weighted by log(1 + SNR).

    Parameters
    ----------
    apexes
        (n_apexes,) apexes.
    spreads
        (n_apexes,) their uncertainty, scans.
    n_scans
        Scans of the stretch.

    Returns
    -------
    Floats
        (10 * n_scans,) density in bins of 0.1 scan.
    """
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
    fwhm: Floats,
    min_ions: int,
    systematic: float,
    *,
    by_mass: bool = True,
) -> tuple[Floats, Ints]:
    """Find components as maxima of the apex density.

    Parameters
    ----------
    apexes
        Apexes of one stretch of the run.
    fwhm
        (n_scans,) local peak width, scans.
    min_ions
        Fewest ions whose apex agrees with the component's.
    systematic
        Part of the scatter of the apexes that is not noise, in peak widths.
    by_mass
        Whether the rows ascend with mass. Then ions of one compound that elute in this order are joined.

    Returns
    -------
    positions : Floats
        (n_components,) apex of each component, scans, ascending.
    member : Ints
        (n_apexes,) component that each apex supports, or -1.
    """
    if not len(apexes):
        return np.empty(0), np.empty(0, dtype=np.int64)
    local = fwhm[np.clip(np.round(apexes.position).astype(np.int64), 0, len(fwhm) - 1)]
    spreads = apex_uncertainty(apexes, local, systematic)
    density = apex_density(apexes, spreads, len(fwhm))
    top = np.flatnonzero((density[1:-1] >= density[:-2]) & (density[1:-1] > density[2:])) + 1
    top = _merge_shallow(density, top, fwhm)
    while True:
        positions = top / _BINS_PER_SCAN
        member = assign(apexes, spreads, positions)
        support = np.bincount(member[member >= 0], minlength=len(top))
        if not len(top) or support.min() >= min_ions:
            centers = _centers(apexes, spreads, member, positions)
            return join_ordered(apexes, spreads, centers, member, fwhm) if by_mass else (centers, member)
        top = _drop_unsupported(density, top, support, min_ions)


def _drop_unsupported(density: Floats, top: Ints, support: Ints, min_ions: int) -> Ints:
    """Drop the maxima with too few ions that are lower than both neighbors, so that these can take their ions."""
    height = np.where(support < min_ions, density[top], np.inf)
    padded = np.concatenate([[np.inf], height, [np.inf]])
    weakest = (support < min_ions) & (height <= padded[:-2]) & (height <= padded[2:])
    return top[~weakest]


def _merge_shallow(density: Floats, top: Ints, fwhm: Floats) -> Ints:
    """Join maxima without a clear valley between them, from the left; the higher one stays."""
    kept = list(top)
    floors = [density[a : b + 1].min() for a, b in itertools.pairwise(kept)]
    index = 0
    while index < len(floors):
        a, b = kept[index], kept[index + 1]
        low = min(density[a], density[b])
        near = (b - a) / _BINS_PER_SCAN < _ONE_FWHM * fwhm[min(a // _BINS_PER_SCAN, len(fwhm) - 1)]
        if near and floors[index] > _VALLEY * low:
            gone = index if density[a] < density[b] else index + 1
            del kept[gone]
            lost = floors.pop(index)
            neighbor = gone - 1 if gone == index else index
            if 0 <= neighbor < len(floors):
                floors[neighbor] = min(floors[neighbor], lost)
            index = max(index - 1, 0)
        else:
            index += 1
    return np.array(kept, dtype=np.int64)


def assign(apexes: Apexes, spreads: Floats, positions: Floats) -> Ints:
    """Assign each apex to the nearest component.

    Parameters
    ----------
    apexes
        (n_apexes,) apexes.
    spreads
        (n_apexes,) their uncertainty, scans.
    positions
        (n_components,) apex of each component, scans, ascending.

    Returns
    -------
    Ints
        (n_apexes,) component, or -1 if the nearest one is further away than three uncertainties.
    """
    if not len(positions):
        return np.full(len(apexes), -1, dtype=np.int64)
    right = np.clip(np.searchsorted(positions, apexes.position), 1, max(len(positions) - 1, 1))
    right = np.minimum(right, len(positions) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = apexes.position - positions[left] <= positions[right] - apexes.position
    nearest = np.where(nearer_left, left, right)
    near = np.abs(apexes.position - positions[nearest]) <= _REACH * spreads
    return np.where(near, nearest, -1)


def _centers(apexes: Apexes, spreads: Floats, member: Ints, positions: Floats) -> Floats:
    """Return the precision-weighted mean apex of each component's ions."""
    inside = member >= 0
    weight = 1 / spreads[inside] ** 2
    total = np.bincount(member[inside], weights=weight, minlength=len(positions))
    summed = np.bincount(member[inside], weights=weight * apexes.position[inside], minlength=len(positions))
    return np.where(total > 0, summed / np.maximum(total, 1e-12), positions)
