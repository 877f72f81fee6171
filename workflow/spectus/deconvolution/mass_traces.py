"""Mass traces: each ion of an accurate-mass run gets its own trace instead of sharing that of its nominal mass.

1. Centroids of consecutive scans that are mutual nearest neighbors within their errors are linked to chains. Up to
   three missing scans are bridged. Isobars that the instrument resolves therefore stay apart, and a slow drift of the
   calibration has no effect.
2. Chains of one nominal mass whose mean m/z agree belong to one ion. The common drift of all ions along the run is
   estimated alternately with this grouping and subtracted.
3. Ions that never overlap in time share a row of the matrix, which keeps it small.

The deconvolution treats the rows as it treats nominal masses. The m/z of each component's ions are read from the
centroids under its peak at the end.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from spectus.deconvolution.calibration_drift import N_BLOCKS, Links, calibration_jumps, links_of, slow_drift
from spectus.deconvolution.ion_traces import (
    SATURATION,
    THRESHOLD_QUANTILE,
    AccurateIons,
    IonTraces,
    fold_to_nominal_mass,
    traces_from_cells,
)
from spectus.raw.mass_accuracy import MassAccuracy, mass_accuracy, nominal_mass
from spectus.raw.run import Run
from spectus.types import Flags, Floats, Ints

_BRIDGED = 3
"""Missing scans over which a chain continues. Chosen."""

_LINK_ERRORS = 5.0
"""Largest difference, in standard deviations, of two centroids of consecutive scans that may be one ion. Chosen."""

_JUMP_PPM = 10.0
"""Jump of the calibration over which a chain is followed, ppm. Chosen: above the corrections of most instruments."""

_FEWEST_POINTS = 3
"""Fewest centroids of a chain. Chosen: shorter chains are noise."""

_STRONG = 5.0
"""Intensity, in multiples of the threshold, from which noise does not push an ion below the threshold. Chosen."""

_SAME_ION_ERRORS = 4.0
"""Largest difference, in standard deviations, of the mean m/z of two chains of one ion. Chosen."""

_CALIBRATION_SHARE = 0.25
"""Smallest error of a chain's mean m/z, as a fraction of the run's m/z error. Chosen: the calibration limits the mean.
"""

_DRIFT_ROUNDS = 3
"""Rounds of grouping chains and estimating the drift. Chosen: the grouping no longer changes."""

_LONGEST_PASSING = 0.1
"""Longest chain of an ion that elutes, as a fraction of the run; longer ones are background. Chosen."""

_SHORTEST_REST = 4
"""Shortest pause, scans, after which another ion may use a row. Chosen."""

_STRONGEST_IONS = 1000
"""Strongest eluting ions whose median length is the length of a peak. Chosen."""


def extract_traces(run: Run, saturation: float = SATURATION) -> IonTraces:
    """Extract the ion traces of a run: mass traces if its m/z are accurate masses, else traces of nominal masses.

    Parameters
    ----------
    run
        Centroided run.
    saturation
        Fraction of the detector's ceiling from which a peak counts as clipped.

    Returns
    -------
    IonTraces
        Traces of the run.
    """
    accuracy = mass_accuracy(run)
    if accuracy is None:
        return fold_to_nominal_mass(run, saturation)
    mass, ions = sort_into_rows(run, accuracy)
    return replace(traces_from_cells(mass, ions.cell, ions.intensity, run, saturation), accurate=ions)


def sort_into_rows(run: Run, accuracy: MassAccuracy) -> tuple[Ints, AccurateIons]:
    """Sort the centroids of a run into rows and leave out those that belong to no ion.

    Parameters
    ----------
    run
        Centroided accurate-mass run.
    accuracy
        Its mass accuracy.

    Returns
    -------
    mass : Ints
        (n_rows,) nominal mass of the ion most frequent in each row.
    ions : AccurateIons
        The centroids in the rows.
    """
    present = np.flatnonzero(run.intensity > 0)
    scan, mz, intensity = run.scan[present], run.mz[present], run.intensity[present]
    mz = _without_jumps(scan, mz, accuracy.error(intensity), run.n_scans, accuracy.error_ppm)
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


def _without_jumps(scan: Ints, mz: Floats, error_ppm: Floats, n_scans: int, strong_ppm: float) -> Floats:
    """Return the m/z without the jumps of the calibration; the mean correction of all scans is zero."""
    chain, _ = _chains(scan, mz, np.hypot(error_ppm, _JUMP_PPM / _LINK_ERRORS), n_scans)
    held = np.flatnonzero(chain >= 0)
    jumps = calibration_jumps(chain[held], scan[held], 1e6 * np.log(mz[held]), error_ppm[held], strong_ppm)
    if not jumps.any():
        return mz
    jumps = jumps[np.minimum(np.arange(n_scans), len(jumps) - 1)]
    return np.asarray(mz * (1 - 1e-6 * (jumps - jumps.mean())[scan]))


def _chains(scan: Ints, mz: Floats, error_ppm: Floats, n_scans: int) -> tuple[Ints, Ints]:
    """Link centroids to chains.

    Parameters
    ----------
    scan, mz, error_ppm
        (n,) scan, m/z and its error, ppm, of the centroids, sorted by scan and then m/z.
    n_scans
        Scans of the run.

    Returns
    -------
    chain : Ints
        (n,) number of each centroid's chain, from 0; -1 for none.
    bridges : Ints
        (2, n_bridges) pairs of centroids that are linked over missing scans.
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
    """Insert the centroids that a strong ion lacks in single scans, interpolated between its neighbors.

    A weak ion lacks centroids where noise pushed it below the threshold. This does not happen between two strong
    points; there the peak picker has lost the centroid, and a zero would look like a valley between two peaks.
    """
    before, after = bridges
    if not len(before):
        return scan, mz, intensity, chain
    strong = np.minimum(intensity[before], intensity[after]) > _STRONG * np.quantile(intensity, THRESHOLD_QUANTILE)
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
    """Return the index of the value nearest to each wanted one."""
    right = np.clip(np.searchsorted(sorted_values, wanted), 0, len(sorted_values) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(wanted - sorted_values[left] <= np.abs(sorted_values[right] - wanted), left, right)


def _nearest_of_each(target: Ints, distance: Floats) -> Ints:
    """Return the position of the nearest pair of each target.

    The pairs (n,) are sorted by target and, within a target, along m/z. Along m/z the distances to one target first
    fall and then rise, so that comparing neighbors is enough.
    """
    same = target[1:] == target[:-1]
    keep = np.ones(len(target), dtype=bool)
    keep[1:] &= ~(same & (distance[1:] >= distance[:-1]))
    keep[:-1] &= ~(same & (distance[:-1] > distance[1:]))
    return np.flatnonzero(keep)


def _means(group: Ints, values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of the values of each group, (n_groups,)."""
    return np.asarray(np.bincount(group, weights * values) / np.bincount(group, weights))


def _ions(
    chain: Ints, scan: Ints, scale: Floats, error: Floats, accuracy: MassAccuracy, n_scans: int
) -> tuple[Ints, Floats]:
    """Group chains into ions and estimate the drift of the calibration.

    Parameters
    ----------
    chain, scan
        (n,) chain, or -1, and scan of each centroid.
    scale
        (n,) 1e6 times the logarithm of m/z, so that differences are ppm.
    error
        (n,) error of m/z, ppm.
    accuracy
        Mass accuracy of the run.
    n_scans
        Scans of the run.

    Returns
    -------
    ion : Ints
        (n,) ion of every centroid; -1 for those in no chain.
    drift : Floats
        (n_scans,) drift of the calibration, ppm.
    """
    held = np.flatnonzero(chain >= 0)
    if not len(held):
        return np.full(len(chain), -1, dtype=np.int64), np.zeros(n_scans)
    links = links_of(chain[held], scan[held], scale[held], error[held], n_scans)
    offset = np.zeros(N_BLOCKS)
    for _ in range(_DRIFT_ROUNDS):
        offset = slow_drift(links, _joined(links, offset, accuracy), accuracy.error_ppm)
    seen = np.bincount(links.block, minlength=N_BLOCKS) > 0
    middles = (np.arange(N_BLOCKS) + 0.5) * n_scans / N_BLOCKS
    drift = np.interp(np.arange(n_scans), middles[seen], offset[seen])
    return np.append(_joined(links, offset, accuracy), -1)[chain], drift


def _joined(links: Links, offset: Floats, accuracy: MassAccuracy) -> Ints:
    """Return the number of the ion of every chain. Chains are sorted by m/z and split where two neighbors disagree."""
    center = _means(links.chain, links.scale - offset[links.block], links.weight)
    # A chain's mean is better than its points, but not beyond what the calibration holds.
    error = np.maximum(1 / np.sqrt(np.bincount(links.chain, links.weight)), accuracy.error_ppm * _CALIBRATION_SHARE)
    order = np.argsort(center, kind="stable")
    limit = _SAME_ION_ERRORS * np.hypot(error[order][1:], error[order][:-1])
    cut = np.diff(center[order]) > limit
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.concatenate([[0], np.cumsum(cut)])
    return number


def _rest(chain: Ints, intensity: Floats, n_scans: int) -> int:
    """Return half the length of a strong ion's peak, scans: an ion absent for so long may share its row with others."""
    held = chain >= 0
    length = np.bincount(chain[held])
    current = np.bincount(chain[held], intensity[held])
    passing = np.flatnonzero(length < max(_LONGEST_PASSING * n_scans, _FEWEST_POINTS + 1))
    strongest = passing[np.argsort(-current[passing], kind="stable")[:_STRONGEST_IONS]]
    return max(_SHORTEST_REST, round(float(np.median(length[strongest])) / 2)) if len(strongest) else n_scans


@dataclass(frozen=True)
class _Blocks:
    """Blocks of `length` scans of a run of `n_scans`, in which the presence of ions is recorded."""

    length: int
    n_scans: int

    def present(self, ion: Ints, scan: Ints) -> Flags:
        """Return (n_ions, n_blocks) whether each ion is seen in each block."""
        n_blocks = (self.n_scans - 1) // self.length + 1
        present = np.zeros((int(ion.max(initial=-1)) + 1) * n_blocks, dtype=bool)
        present[ion * n_blocks + scan // self.length] = True
        return present.reshape(-1, n_blocks)


def _widened(present: Flags) -> Flags:
    """Return whether each ion is seen in a block or in one next to it."""
    widened = present.copy()
    widened[:, 1:] |= present[:, :-1]
    widened[:, :-1] |= present[:, 1:]
    return widened


def _with_strays(ion: Ints, scan: Ints, scale: Floats, error: Floats, blocks: _Blocks) -> Ints:
    """Assign centroids in no chain to the ion that agrees with them at about their time.

    Without them the noise of a weak ion would be left out where it is low and kept where it is high.
    """
    held, stray = np.flatnonzero(ion >= 0), np.flatnonzero(ion < 0)
    if not len(held) or not len(stray):
        return ion
    center = _means(ion[held], scale[held], 1 / error[held] ** 2)
    order = np.argsort(center)
    nearest = order[_nearest(scale[stray], center[order])]
    seen = _widened(blocks.present(ion[held], scan[held]))
    near = np.abs(scale[stray] - center[nearest]) < _SAME_ION_ERRORS * error[stray]
    belongs = near & seen[nearest, scan[stray] // blocks.length]
    ion = ion.copy()
    ion[stray[belongs]] = nearest[belongs]
    return ion


def _rows(present: Flags) -> tuple[Ints, Ints]:
    """Assign ions to rows: return the row of every ion, and the first ion of every row.

    Ions share a row if they are never present in the same block of scans or the next. The most frequent ions are placed
    first, each in the first row that has room.
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
