"""Mass traces: the ions of an accurate-mass run, each a channel of its own in place of a nominal mass.

1. Centroids of neighbouring scans that are each other's nearest, within their errors, are joined to chains; up to
   three missing scans are bridged. So isobars that are seen apart, however near, stay apart, and a slow drift of the
   calibration does not matter.
2. Chains of one nominal mass whose mean m/z agree belong to one ion; the common drift of all ions along the run is
   found by turns with that and taken off.
3. Ions of one nominal mass that are never present at the same time share a row of the matrix, so that it stays small.

The deconvolution works on the rows as it does on nominal masses. What the m/z of a row is, it does not need to know:
it is read from the centroids under each component's peak in the end.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spectus.chromatography.mass_accuracy import MassAccuracy, mass_accuracy, nominal_mass
from spectus.chromatography.unit_mass import UnitMassRun, fold, laid
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

_SAME_ION_ERRORS = 4.0
_DRIFT_BLOCKS, _DRIFT_ROUNDS = 50, 3
_REST_BLOCKS = 256
"""Time is counted in so many blocks when it is asked which ions are present together."""


@dataclass(frozen=True)
class AccurateIons:
    """The centroids of an accurate-mass run, by row and scan.

    Attributes
    ----------
    accuracy: of the run.
    n_scans: of the run.
    cell: (n,) ascending, row * n_scans + scan.
    mz, intensity: (n,), m/z without the drift of the calibration, Th, and counts.
    """

    accuracy: MassAccuracy
    n_scans: int
    cell: Ints
    mz: Floats
    intensity: Floats

    def measured(self, rows: Ints, start: int, profile: Floats) -> Floats:
        """m/z (n_rows,) of the ions in `rows` under a peak whose first point is scan `start`; NaN where none is seen.

        The mean of the centroids, weighted by intensity and by the peak's profile (n,).
        """
        first = np.searchsorted(self.cell, rows * self.n_scans + start)
        counts = np.searchsorted(self.cell, rows * self.n_scans + start + len(profile)) - first
        owner = np.repeat(np.arange(len(rows)), counts)
        index = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        weight = self.intensity[index] * profile[self.cell[index] - rows[owner] * self.n_scans - start]
        total = np.bincount(owner, weight, len(rows))
        summed = np.bincount(owner, weight * self.mz[index], len(rows))
        return np.where(total > 0, summed / np.where(total > 0, total, 1), np.nan)

    def columns(self, spectrum: Floats, start: int, profile: Floats) -> dict[str, object]:
        """Columns of COMPONENTS that only accurate masses have, of a component with these counts a row (n_rows,)."""
        rows = np.flatnonzero(spectrum)
        mz = self.measured(rows, start, profile)
        order = np.argsort(mz)[: np.count_nonzero(np.isfinite(mz))]
        counts = spectrum[rows][order]
        return {
            "accurate_mz": mz[order],
            "accurate_intensity": (counts / counts.max(initial=1e-30)).astype(np.float32),
            "mass_error_ppm": self.accuracy.error_ppm,
            "resolving_power": self.accuracy.resolving_power,
        }


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
    """Sort the centroids of a run into rows, at least one a nominal mass; what belongs to no ion is left out.

    Returns the nominal mass of every row, ascending, and the centroids in the rows.
    """
    present = np.flatnonzero(run.intensity > 0)
    scan, mz, intensity = run.scan[present], run.mz[present], run.intensity[present]
    error = accuracy.error(intensity)
    chain = _chains(scan, mz, error, run.n_scans)
    ion, drift = _ions(chain, scan, 1e6 * np.log(mz), error, accuracy, run.n_scans)
    ion = _with_strays(ion, scan, 1e6 * np.log(mz) - drift[scan], error, run.n_scans)
    of_ion = ion >= 0
    scan, mz, intensity, ion = scan[of_ion], mz[of_ion], intensity[of_ion], ion[of_ion]
    mz = mz * (1 - 1e-6 * drift[scan])
    mass = nominal_mass(_means(ion, mz, intensity))
    row, row_mass = _rows(mass, _present(ion, scan, run.n_scans), np.bincount(ion))
    cell = row[ion] * run.n_scans + scan
    order = np.argsort(cell, kind="stable")
    return row_mass, AccurateIons(accuracy, run.n_scans, cell[order], mz[order], intensity[order])


def _chains(scan: Ints, mz: Floats, error_ppm: Floats, n_scans: int) -> Ints:
    """Number of the chain that each centroid belongs to, from 0, or -1.

    Parameters
    ----------
    scan, mz, error_ppm: (n,), by scan and then m/z.
    """
    span = float(np.ceil(mz.max(initial=0))) + 10
    key = scan * span + mz
    reach = _LINK_ERRORS * 1e-6 * error_ppm * mz
    before = np.ones(len(mz), dtype=bool)  # nothing is linked to it from a scan before
    after = before.copy()
    links = []
    for step in range(1, 2 + _BRIDGED):
        left, right = np.flatnonzero(after & (scan < n_scans - step)), np.flatnonzero(before & (scan >= step))
        if not len(left) or not len(right):
            break
        forth = _nearest(key[left] + step * span, key[right])
        back = _nearest(key[right] - step * span, key[left])
        mutual = back[forth] == np.arange(len(left))
        one, two = left[mutual], right[forth[mutual]]
        near = np.abs(key[two] - key[one] - step * span) < np.hypot(reach[one], reach[two])
        one, two = one[near], two[near]
        after[one], before[two] = False, False
        links.append((one, two))
    one, two = (np.concatenate([np.empty(0, np.int64), *(pair[side] for pair in links)]) for side in (0, 1))
    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, two)), shape=(len(mz), len(mz)))
    _, chain = connected_components(graph, directed=False)
    long = np.bincount(chain) >= _FEWEST_POINTS
    return np.where(long, np.cumsum(long) - 1, -1)[chain]


def _nearest(wanted: Floats, sorted_values: Floats) -> Ints:
    """Index of the value nearest to each wanted one."""
    right = np.clip(np.searchsorted(sorted_values, wanted), 0, len(sorted_values) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(wanted - sorted_values[left] <= np.abs(sorted_values[right] - wanted), left, right)


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
    drift = np.zeros(n_scans)
    ion = np.full(len(chain), -1, dtype=np.int64)
    held = np.flatnonzero(chain >= 0)
    if not len(held):
        return ion, drift
    chain, scan, scale, weight = chain[held], scan[held], scale[held], 1 / error[held] ** 2
    for _ in range(_DRIFT_ROUNDS):
        drift = _drift(_joined(chain, scale - drift[scan], weight, accuracy)[chain], scan, scale, weight, n_scans)
    ion[held] = _joined(chain, scale - drift[scan], weight, accuracy)[chain]
    return ion, drift


def _with_strays(ion: Ints, scan: Ints, scale: Floats, error: Floats, n_scans: int) -> Ints:
    """The ion of every centroid, now also of those in no chain that agree with an ion seen at about their time.

    Without them the noise of a weak ion would be left out where it is low and kept where it is high.
    """
    held = ion >= 0
    stray = np.flatnonzero(~held)
    if not held.any() or not len(stray):
        return ion
    centre = _means(ion[held], scale[held], 1 / error[held] ** 2)
    order = np.argsort(centre)
    nearest = order[_nearest(scale[stray], centre[order])]
    block = scan[stray] * _n_blocks(n_scans) // n_scans
    seen = _widened(_present(ion[held], scan[held], n_scans))
    belongs = (np.abs(scale[stray] - centre[nearest]) < _SAME_ION_ERRORS * error[stray]) & seen[nearest, block]
    ion = ion.copy()
    ion[stray[belongs]] = nearest[belongs]
    return ion


def _joined(chain: Ints, scale: Floats, weight: Floats, accuracy: MassAccuracy) -> Ints:
    """Number of the ion of every chain: chains next to each other on the m/z scale, in ppm, that agree.

    The chains are sorted by m/z and cut where two neighbours differ by more than their errors explain.
    """
    centre = _means(chain, scale, weight)
    # A chain's mean is better than its points, but not beyond what the calibration holds.
    error = np.maximum(1 / np.sqrt(np.bincount(chain, weight)), accuracy.error_ppm / 4)
    order = np.argsort(centre, kind="stable")
    limit = _SAME_ION_ERRORS * np.hypot(error[order][1:], error[order][:-1])
    cut = np.diff(centre[order]) > limit
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.concatenate([[0], np.cumsum(cut)])
    return number


def _drift(ion: Ints, scan: Ints, scale: Floats, weight: Floats, n_scans: int) -> Floats:
    """Drift along the run (n_scans,), ppm: what the ions have in common, block by block, by alternating means."""
    block = scan * _DRIFT_BLOCKS // n_scans
    n_blocks = min(_DRIFT_BLOCKS, n_scans)
    offset = np.zeros(_DRIFT_BLOCKS)
    held = np.bincount(block, weight, _DRIFT_BLOCKS)
    for _ in range(8):
        centre = _means(ion, scale - offset[block], weight)
        summed = np.bincount(block, weight * (scale - centre[ion]), _DRIFT_BLOCKS)
        offset = summed / np.where(held > 0, held, 1)
        offset -= np.average(offset, weights=held)
    seen = held > 0
    middles = (np.arange(_DRIFT_BLOCKS) + 0.5) * n_scans / n_blocks
    return np.interp(np.arange(n_scans), middles[seen], offset[seen])


def _n_blocks(n_scans: int) -> int:
    return min(_REST_BLOCKS, n_scans)


def _present(ion: Ints, scan: Ints, n_scans: int) -> Flags:
    """(n_ions, n_blocks): whether the ion is seen in that block of scans."""
    present = np.zeros((int(ion.max(initial=-1)) + 1, _n_blocks(n_scans)), dtype=bool)
    present[ion, scan * _n_blocks(n_scans) // n_scans] = True
    return present


def _widened(present: Flags) -> Flags:
    """Whether the ion is seen in a block or in one next to it."""
    widened = present.copy()
    widened[:, 1:] |= present[:, :-1]
    widened[:, :-1] |= present[:, 1:]
    return widened


def _rows(mass: Ints, present: Flags, n_centroids: Ints) -> tuple[Ints, Ints]:
    """Row of every ion, and the nominal mass of every row.

    Ions of one nominal mass share a row if they are never present in the same block of scans or the next. The most
    frequent are laid first.
    """
    widened = _widened(present)
    row = np.empty(len(mass), dtype=np.int64)
    row_mass: list[int] = []
    taken: list[Flags] = []
    first = 0
    for number in np.lexsort((-n_centroids, mass)).tolist():
        if not row_mass or row_mass[-1] != mass[number]:
            first = len(row_mass)
        for place in range(first, len(row_mass)):
            if not (taken[place] & present[number]).any():
                taken[place] |= widened[number]
                break
        else:
            place = len(row_mass)
            row_mass.append(int(mass[number]))
            taken.append(widened[number].copy())
        row[number] = place
    return row, np.array(row_mass, dtype=np.int64)
