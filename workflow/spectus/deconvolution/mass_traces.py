"""Mass traces: the ions of an accurate-mass run, each a channel of its own in place of a nominal mass.

1. Centroids of neighbouring scans that are each other's nearest, within their errors, are joined to chains; up to
   three missing scans are bridged. So isobars that are seen apart, however near, stay apart, and a slow drift of the
   calibration does not matter.
2. Chains of one nominal mass whose mean m/z agree belong to one ion; the common drift of all ions along the run is
   found by turns with that and taken off.
3. Ions that are never present at the same time share a row of the matrix, so that it stays small.

The deconvolution works on the rows as it does on nominal masses. What the m/z of a row is, at one time and another, it
does not need to know: it is read from the centroids under each component's peak in the end.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.ion_traces import AccurateIons, UnitMassRun, fold, laid
from spectus.raw.mass_accuracy import MassAccuracy, mass_accuracy, nominal_mass
from spectus.raw.run import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_BRIDGED = 3
"""Missing scans that a chain is carried over."""

_LINK_ERRORS = 5.0
"""Two centroids of neighbouring scans may be one ion if they differ by no more than so many standard deviations."""

_FEWEST_POINTS = 3
"""Shorter chains are noise."""

_STRONG = 5.0
"""Ions so many times the threshold do not fall below it by noise."""

_SAME_ION_ERRORS = 4.0
_DRIFT_BLOCKS, _DRIFT_ROUNDS, _DRIFT_SWEEPS = 50, 3, 8

_STRONGEST = 1000
"""So many passing ions tell how long a peak lasts."""


def channels(run: Run, saturation: float = 0.98) -> UnitMassRun:
    """The ion traces of a run: mass traces if its m/z are accurate masses, else those of nominal masses.

    Parameters
    ----------
    saturation: share of the detector's ceiling from which a peak counts as clipped.
    """
    accuracy = mass_accuracy(run)
    if accuracy is None:
        return fold(run, saturation)
    mass, ions = lay_out(run, accuracy)
    return replace(laid(mass, ions.cell, ions.intensity, run, saturation), accurate=ions)


def lay_out(run: Run, accuracy: MassAccuracy) -> tuple[Ints, AccurateIons]:
    """Sort the centroids of a run into rows; what belongs to no ion is left out.

    Returns the nominal mass of every row, of the ion most often in it, and the centroids in the rows.
    """
    present = np.flatnonzero(run.intensity > 0)
    scan, mz, intensity = run.scan[present], run.mz[present], run.intensity[present]
    chain, bridges = _chains(scan, mz, accuracy.error(intensity), run.n_scans)
    scan, mz, intensity, chain = _filled(scan, mz, intensity, chain, bridges)
    error = accuracy.error(intensity)
    blocks = _Blocks(_rest(chain, intensity, run.n_scans), run.n_scans)
    scale = 1e6 * np.log(mz)
    ion, drift = _ions(chain, scan, scale, error, accuracy, run.n_scans)
    ion = _with_strays(ion, scan, scale - drift[scan], error, blocks)
    of_ion = np.flatnonzero(ion >= 0)
    scan, mz, intensity, ion = scan[of_ion], mz[of_ion], intensity[of_ion], ion[of_ion]
    mz = mz * (1 - 1e-6 * drift[scan])
    row, first = _rows(blocks.present(ion, scan))
    narrow = np.int16 if len(first) < 2**15 else np.int64  # numpy sorts short integers in linear time
    order = np.argsort(row[ion].astype(narrow), kind="stable")  # the scans are in order already
    cell = (row[ion] * run.n_scans + scan)[order]
    mass = nominal_mass(_means(ion, mz, intensity))[first]
    return mass, AccurateIons(accuracy, run.n_scans, cell, mz[order], intensity[order])


def _chains(scan: Ints, mz: Floats, error_ppm: Floats, n_scans: int) -> tuple[Ints, Ints]:
    """Number of the chain that each centroid belongs to, from 0, or -1; and the pairs (2, n) linked over missing scans.

    Parameters
    ----------
    scan, mz, error_ppm: (n,), by scan and then m/z.
    """
    span = float(np.ceil(mz.max(initial=0))) + 10
    key = scan * span + mz
    reach = _LINK_ERRORS * 1e-6 * error_ppm * mz
    left = right = np.arange(len(mz))  # without a link to a later scan, and to an earlier one
    links = []
    for step in range(1, 2 + _BRIDGED):
        if not len(left) or not len(right):
            break
        place = _nearest(key[left] + step * span, key[right])
        target = right[place]
        distance = np.abs(key[target] - key[left] - step * span)
        near = np.flatnonzero(distance < np.hypot(reach[left], reach[target]))
        near = near[_nearest_of_each(place[near], distance[near])]
        links.append((left[near], target[near]))
        right = np.delete(right, place[near])
        left = np.delete(left, near)
    before = np.arange(len(mz))
    for one, two in links:
        before[two] = one
    chain = before.copy()
    for start, stop in itertools.pairwise(np.searchsorted(scan, np.arange(n_scans + 1)).tolist()):
        chain[start:stop] = chain[before[start:stop]]
    long = np.bincount(chain, minlength=len(mz)) >= _FEWEST_POINTS
    bridges = np.concatenate([np.empty((2, 0), dtype=np.int64), *(np.array(pair) for pair in links[1:])], axis=1)
    return np.where(long, np.cumsum(long) - 1, -1)[chain], bridges


def _filled(scan: Ints, mz: Floats, intensity: Floats, chain: Ints, bridges: Ints) -> tuple[Ints, Floats, Floats, Ints]:
    """The centroids with those put in that a strong ion lacks in single scans, between its neighbours.

    A weak ion rightly lacks them: there noise fell below the threshold. Between two strong points that does not happen;
    the picker has lost the centroid, and a zero would look like the valley between two peaks.
    """
    before, after = bridges
    if not len(before):
        return scan, mz, intensity, chain
    strong = np.minimum(intensity[before], intensity[after]) > _STRONG * np.quantile(intensity, 0.05)
    before, after = before[strong & (chain[before] >= 0)], after[strong & (chain[before] >= 0)]
    steps = scan[after] - scan[before]
    owner = np.repeat(np.arange(len(before)), steps - 1)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(steps - 1) - (steps - 1), steps - 1) + 1
    share = step / steps[owner]
    place = np.searchsorted(scan, scan[before][owner] + step)
    order = np.argsort(place, kind="stable")
    place, share, before, after, step = (
        place[order],
        share[order],
        before[owner][order],
        after[owner][order],
        step[order],
    )
    level = intensity[before] ** (1 - share) * intensity[after] ** share
    return (
        np.insert(scan, place, scan[before] + step),
        np.insert(mz, place, (1 - share) * mz[before] + share * mz[after]),
        np.insert(intensity, place, level),
        np.insert(chain, place, chain[before]),
    )


def _nearest(wanted: Floats, sorted_values: Floats) -> Ints:
    """Index of the value nearest to each wanted one."""
    right = np.clip(np.searchsorted(sorted_values, wanted), 0, len(sorted_values) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(wanted - sorted_values[left] <= np.abs(sorted_values[right] - wanted), left, right)


def _nearest_of_each(target: Ints, distance: Floats) -> Ints:
    """Of pairs (n,) in order of their target, and within a target along m/z, the place of the nearest of each target.

    Along m/z the distances to one target first fall and then rise, so that it is enough to look at the neighbours.
    """
    same = target[1:] == target[:-1]
    keep = np.ones(len(target), dtype=bool)
    keep[1:] &= ~(same & (distance[1:] >= distance[:-1]))
    keep[:-1] &= ~(same & (distance[:-1] > distance[1:]))
    return np.flatnonzero(keep)


def _means(group: Ints, values: Floats, weights: Floats) -> Floats:
    """Weighted mean of the values of each group (n_groups,)."""
    return np.asarray(np.bincount(group, weights * values) / np.bincount(group, weights))


def _ions(
    chain: Ints, scan: Ints, scale: Floats, error: Floats, accuracy: MassAccuracy, n_scans: int
) -> tuple[Ints, Floats]:
    """The ion of every centroid, -1 for those of no chain, and the drift of the calibration (n_scans,), ppm.

    Parameters
    ----------
    scale: m/z of the centroids as 1e6 times their logarithm, so that differences are ppm. error: ppm.
    """
    held = np.flatnonzero(chain >= 0)
    if not len(held):
        return np.full(len(chain), -1, dtype=np.int64), np.zeros(n_scans)
    links = _links(chain[held], scan[held], scale[held], error[held], n_scans)
    offset = np.zeros(_DRIFT_BLOCKS)
    for _ in range(_DRIFT_ROUNDS):
        offset = _drift(links, _joined(links, offset, accuracy))
    seen = np.bincount(links.block, minlength=_DRIFT_BLOCKS) > 0
    middles = (np.arange(_DRIFT_BLOCKS) + 0.5) * n_scans / _DRIFT_BLOCKS
    drift = np.interp(np.arange(n_scans), middles[seen], offset[seen])
    return np.append(_joined(links, offset, accuracy), -1)[chain], drift


@dataclass(frozen=True)
class _Links:
    """What of the chains matters for ions and drift: of each chain in each block of the run, by chain, the mean m/z.

    Attributes
    ----------
    chain, block: (n,). scale: (n,) 1e6 log m/z. weight: (n,) inverse variance.
    """

    chain: Ints
    block: Ints
    scale: Floats
    weight: Floats


def _links(chain: Ints, scan: Ints, scale: Floats, error: Floats, n_scans: int) -> _Links:
    link = chain * _DRIFT_BLOCKS + scan * _DRIFT_BLOCKS // n_scans
    weight = 1 / error**2
    total = np.bincount(link, weight)
    summed = np.bincount(link, weight * scale)
    link = np.flatnonzero(total)
    held = np.asarray(total[link], dtype=np.float64)
    return _Links(link // _DRIFT_BLOCKS, link % _DRIFT_BLOCKS, summed[link] / held, held)


def _joined(links: _Links, offset: Floats, accuracy: MassAccuracy) -> Ints:
    """Number of the ion of every chain: chains next to each other on the m/z scale that agree.

    The chains are sorted by m/z and cut where two neighbours differ by more than their errors explain.
    """
    centre = _means(links.chain, links.scale - offset[links.block], links.weight)
    # A chain's mean is better than its points, but not beyond what the calibration holds.
    error = np.maximum(1 / np.sqrt(np.bincount(links.chain, links.weight)), accuracy.error_ppm / 4)
    order = np.argsort(centre, kind="stable")
    limit = _SAME_ION_ERRORS * np.hypot(error[order][1:], error[order][:-1])
    cut = np.diff(centre[order]) > limit
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.concatenate([[0], np.cumsum(cut)])
    return number


def _drift(links: _Links, ion: Ints) -> Floats:
    """Drift of the calibration in every block, ppm: what the ions have in common, by alternating means.

    It is zero in the mean of all: where the calibration was right, the data do not say.
    """
    ion = ion[links.chain]
    offset = np.zeros(_DRIFT_BLOCKS)
    held = np.bincount(links.block, links.weight, _DRIFT_BLOCKS)
    for _ in range(_DRIFT_SWEEPS):
        centre = _means(ion, links.scale - offset[links.block], links.weight)
        summed = np.bincount(links.block, links.weight * (links.scale - centre[ion]), _DRIFT_BLOCKS)
        offset = summed / np.where(held > 0, held, 1)
        offset -= np.average(offset, weights=held)
    return offset


def _rest(chain: Ints, intensity: Floats, n_scans: int) -> int:
    """Half the number of scans of a strong ion's peak: ions that rest for so long may make room for others."""
    held = chain >= 0
    length = np.bincount(chain[held])
    current = np.bincount(chain[held], intensity[held])
    passing = np.flatnonzero(length < max(n_scans / 10, _FEWEST_POINTS + 1))
    strongest = passing[np.argsort(-current[passing], kind="stable")[:_STRONGEST]]
    return max(4, round(float(np.median(length[strongest])) / 2)) if len(strongest) else n_scans


@dataclass(frozen=True)
class _Blocks:
    """Blocks of `length` scans of a run of `n_scans`, by which it is asked what is present together."""

    length: int
    n_scans: int

    def present(self, ion: Ints, scan: Ints) -> Flags:
        """(n_ions, n_blocks): whether the ion is seen in that block."""
        n_blocks = (self.n_scans - 1) // self.length + 1
        present = np.zeros((int(ion.max(initial=-1)) + 1) * n_blocks, dtype=bool)
        present[ion * n_blocks + scan // self.length] = True
        return present.reshape(-1, n_blocks)


def _widened(present: Flags) -> Flags:
    """Whether the ion is seen in a block or in one next to it."""
    widened = present.copy()
    widened[:, 1:] |= present[:, :-1]
    widened[:, :-1] |= present[:, 1:]
    return widened


def _with_strays(ion: Ints, scan: Ints, scale: Floats, error: Floats, blocks: _Blocks) -> Ints:
    """The ion of every centroid, now also of those in no chain that agree with an ion seen at about their time.

    Without them the noise of a weak ion would be left out where it is low and kept where it is high.
    """
    held, stray = np.flatnonzero(ion >= 0), np.flatnonzero(ion < 0)
    if not len(held) or not len(stray):
        return ion
    centre = _means(ion[held], scale[held], 1 / error[held] ** 2)
    order = np.argsort(centre)
    nearest = order[_nearest(scale[stray], centre[order])]
    seen = _widened(blocks.present(ion[held], scan[held]))
    near = np.abs(scale[stray] - centre[nearest]) < _SAME_ION_ERRORS * error[stray]
    belongs = near & seen[nearest, scan[stray] // blocks.length]
    ion = ion.copy()
    ion[stray[belongs]] = nearest[belongs]
    return ion


def _rows(present: Flags) -> tuple[Ints, Ints]:
    """Row of every ion, and the first ion of every row.

    Ions share a row if they are never present in the same block of scans or the next. The most frequent are laid
    first, each into the first row that has room.
    """
    widened = _widened(present)
    taken = np.zeros_like(present)
    row = np.empty(len(present), dtype=np.int64)
    first: list[int] = []
    for ion in np.argsort(-np.count_nonzero(present, axis=1), kind="stable").tolist():
        blocks = np.flatnonzero(present[ion])
        busy = taken[: len(first), blocks].any(axis=1)
        row[ion] = len(first) if busy.all() else int(np.argmin(busy))
        if row[ion] == len(first):
            first.append(ion)
        taken[row[ion]] |= widened[ion]
    return row, np.array(first, dtype=np.int64)
