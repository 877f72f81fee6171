"""The drift of an accurate-mass run's calibration: what the m/z of all ions have in common along the run.

Instruments drift slowly. Those that measure a lock mass correct their calibration now and then, and all m/z jump by a
few ppm from one scan to the next. The jumps are found first, since a slow drift cannot follow them.
"""

from dataclasses import dataclass

import numpy as np

from spectus.types import Floats, Ints

_MEAN_SCANS = 10
"""Centroids of an ion before and after a jump whose mean m/z are compared. Chosen: a third of the noise of single ones,
in less than the width of a peak."""

_FEWEST_IONS = 10
"""Ions that must be there before and after a jump. Chosen: fewer may shift together by chance."""

_CERTAIN = 5.0
"""Jump over the scatter of the common shift. Chosen: chance has one in two million scans."""

_LEAST_JUMP = 0.5
"""Smallest jump, in errors of strong ions. Chosen: smaller ones do not matter."""

_MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

N_BLOCKS = 50
"""Blocks of a run, in each of which the slow drift is one value. Chosen: calibrations drift over minutes."""

_OWN_ERROR = 0.5
"""Error of a block's mean m/z of an ion beyond that by chance, in errors of strong ions. Chosen: isobars that are not
resolved move the mean of the strongest ions further than chance does."""

_SUSPECT = 2.0
"""Deviation of a mean m/z, in standard deviations, from which it counts for less than half. Chosen."""

_LARGEST_CHANGE_PPM = 2.0
"""Usual change of the drift from block to block, ppm; it holds where ions do not show the drift. Chosen."""

_SWEEPS = 5
"""Rounds of the estimate. Chosen: the weights no longer change."""


def calibration_jumps(chain: Ints, scan: Ints, scale: Floats, error_ppm: Floats, strong_ppm: float) -> Floats:
    """Return the sum of all jumps of the calibration up to the last scan, ppm; zeros where it does not jump.

    Parameters
    ----------
    chain, scan, scale, error_ppm
        (n,) chain, scan, 1e6 times the logarithm of m/z, and its error, ppm, of the centroids, sorted by scan.
    strong_ppm
        Error of strong ions, ppm.

    Returns
    -------
    Floats
        (n_scans,) ppm.
    """
    from scipy.ndimage import maximum_filter1d  # slow to import, and runs of unit masses do not need it

    order = np.argsort(chain, kind="stable")
    shift, weight = _shifts(chain[order], scale[order], 1 / error_ppm[order] ** 2)
    inner = weight > 0
    to = scan[order][inner]
    n_scans = int(scan.max(initial=-1)) + 1
    step, n_ions, total = _medians(to, shift[inner], weight[inner], n_scans)
    sure = np.abs(step) * np.sqrt(total)
    seen = n_ions >= _FEWEST_IONS
    if not seen.any():
        return np.zeros(n_scans)
    highest = sure >= maximum_filter1d(sure, 2 * _MEAN_SCANS + 1)
    limit = _CERTAIN * _MAD_TO_SD * float(np.median(sure[seen]))
    jumps = seen & highest & (sure > limit) & (np.abs(step) > _LEAST_JUMP * strong_ppm)
    return np.cumsum(np.where(jumps, step, 0.0))


def _shifts(chain: Ints, scale: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return for each centroid how far the mean m/z of its chain from here on lies above that before.

    Parameters
    ----------
    chain, scale, weight
        (n,) chain, 1e6 times the logarithm of m/z, and inverse variance of it, ppm^-2, sorted by chain.

    Returns
    -------
    shift : Floats
        (n,) ppm.
    weight : Floats
        (n,) inverse variance of it; 0 for the first centroid of a chain.
    """
    place = np.arange(len(chain))
    first = np.searchsorted(chain, chain)
    end = np.searchsorted(chain, chain, side="right")
    start, stop = np.maximum(place - _MEAN_SCANS, first), np.minimum(place + _MEAN_SCANS, end)
    reference = scale[first]  # keeps the sums small
    held = np.concatenate([[0.0], np.cumsum(weight)])
    summed = np.concatenate([[0.0], np.cumsum(weight * (scale - reference))])
    before, after = held[place] - held[start], held[stop] - held[place]
    inner = place > first
    safe = np.where(inner, before, 1.0)
    shift = (summed[stop] - summed[place]) / after - (summed[place] - summed[start]) / safe
    return np.where(inner, shift, 0.0), np.where(inner, before * after / (safe + after), 0.0)


def _medians(group: Ints, values: Floats, weight: Floats, n_groups: int) -> tuple[Floats, Ints, Floats]:
    """Return of each group the median of its values, weighted by the root of their weights, their number and weight."""
    order = np.lexsort((values, group))
    values, weight, group = values[order], weight[order], group[order]
    number = np.bincount(group, minlength=n_groups).astype(np.int64)
    total = np.bincount(group, weight, n_groups).astype(np.float64)
    if not len(values):
        return total, number, total
    summed = np.concatenate([[0.0], np.cumsum(np.sqrt(weight))])
    end = np.cumsum(number)
    half = (summed[end - number] + summed[end]) / 2
    middle = np.clip(np.searchsorted(summed, half) - 1, 0, len(values) - 1)
    return np.where(number > 0, values[middle], 0.0), number, total


@dataclass(frozen=True)
class Links:
    """Mean m/z of each chain in each block of the run, which is all that the grouping and the drift need.

    Attributes
    ----------
    chain, block
        (n,) chain and block, sorted by chain.
    scale
        (n,) 1e6 times the logarithm of the mean m/z.
    weight
        (n,) inverse variance of it, ppm^-2.
    """

    chain: Ints
    block: Ints
    scale: Floats
    weight: Floats


def links_of(chain: Ints, scan: Ints, scale: Floats, error_ppm: Floats, n_scans: int) -> Links:
    """Return the means of the chains.

    Parameters
    ----------
    chain, scan, scale, error_ppm
        (n,) chain, scan, 1e6 times the logarithm of m/z, and its error, ppm, of the centroids.
    n_scans
        Scans of the run.
    """
    link = chain * N_BLOCKS + scan * N_BLOCKS // n_scans
    weight = 1 / error_ppm**2
    total = np.bincount(link, weight)
    summed = np.bincount(link, weight * scale)
    link = np.flatnonzero(total)
    held = np.asarray(total[link], dtype=np.float64)
    return Links(link // N_BLOCKS, link % N_BLOCKS, summed[link] / held, held)


def slow_drift(links: Links, ion: Ints, strong_ppm: float) -> Floats:
    """Return the drift of the calibration in every block, ppm: what all ions have in common.

    Its mean over the run is zero, because the data do not show where the calibration was right.

    Parameters
    ----------
    links
        Means of the chains.
    ion
        (n_chains,) ion of every chain.
    strong_ppm
        Error of strong ions, ppm.
    """
    ion = ion[links.chain]
    variance = 1 / links.weight + (_OWN_ERROR * strong_ppm) ** 2
    first = links.scale - _means(ion, links.scale, links.weight)[ion]
    weight, offset = 1 / variance, np.zeros(N_BLOCKS)
    for _ in range(_SWEEPS):
        offset = _least_squares(ion, links.block, first, weight)
        rest = first - offset[links.block]
        rest -= _means(ion, rest, weight)[ion]
        weight = 1 / variance / (1 + rest**2 / (_SUSPECT**2 * variance))
    return np.asarray(offset - offset.mean())


def _least_squares(ion: Ints, block: Ints, values: Floats, weight: Floats) -> Floats:
    """Return the blocks' offsets that fit values (n,) = mean of their ion + offset of their block best."""
    from scipy.sparse import csr_array  # as above

    shape = (int(ion.max()) + 1, N_BLOCKS)
    held = csr_array((weight, (ion, block)), shape=shape)
    summed = csr_array((weight * values, (ion, block)), shape=shape)
    of_ion = np.maximum(held.sum(axis=1), 1e-300)
    share = held.multiply(1 / of_ion[:, None]).tocsr()
    matrix = np.diag(held.sum(axis=0)) - (share.T @ held).toarray()
    right = summed.sum(axis=0) - share.T @ summed.sum(axis=1)
    steps = np.diff(np.eye(N_BLOCKS), axis=0)
    matrix += steps.T @ steps / _LARGEST_CHANGE_PPM**2
    return np.asarray(np.linalg.lstsq(matrix, right, rcond=1e-12)[0])


def _means(group: Ints, values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of the values of each group, (n_groups,); 0 for an empty one."""
    total = np.bincount(group, weights)
    return np.asarray(np.bincount(group, weights * values) / np.where(total > 0, total, 1))
