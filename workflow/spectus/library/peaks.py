"""Peak lists of many records: checked, sorted, scaled arrays."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectus.types import Ints, Singles

HIGHEST_MZ = 10_000.0
"""Th. No EI spectrum reaches it: a number above is no m/z, and would widen every matrix made of the library."""

LOWEST_MZ = 0.7
"""Th. Peaks below have the nominal mass 0, which no ion has: prediction models and some instruments write them. They
are left out and counted."""

NO_PEAKS = "no peaks"


@dataclass(frozen=True)
class Peaks:
    """The peak lists of n records, one after another.

    Attributes
    ----------
    mz : ndarray of float32, (n_peaks,)
        Th.
    intensity : ndarray of float32, (n_peaks,)
        Any unit.
    offsets : ndarray of int64, (n + 1,)
        The peaks of record i are `offsets[i]:offsets[i + 1]`.
    reasons : list of str or None, length n
        Why the record cannot be used, "kind" or "kind: detail"; None where it can.
    n_at_zero : int
        Peaks at m/z 0 that were left out of all records.
    """

    mz: Singles
    intensity: Singles
    offsets: Ints
    reasons: list[str | None]
    n_at_zero: int = field(default=0)

    def columns(self) -> tuple[pa.ListArray, pa.ListArray]:
        """Return `mz` and `intensity` as list columns, null where there is a reason."""
        unusable = pa.array([reason is not None for reason in self.reasons], pa.bool_())
        offsets = pa.array(self.offsets, pa.int32())
        return (
            pa.ListArray.from_arrays(offsets, pa.array(self.mz), mask=unusable),
            pa.ListArray.from_arrays(offsets, pa.array(self.intensity), mask=unusable),
        )

    def heaviest(self, least: float = 0.01) -> NDArray[np.float64]:
        """Return the highest m/z of each record, Th, of peaks of at least `least` of the base peak; 0 without peaks."""
        record = np.repeat(np.arange(len(self.reasons)), np.diff(self.offsets))
        tall = self.intensity >= least
        highest = np.zeros(len(self.reasons))
        np.maximum.at(highest, record[tall], self.mz[tall])
        return highest


def clean_peaks(peaks: Peaks) -> Peaks:
    """Make peak lists fit for use: ascending m/z, each m/z once (intensities summed), base peak 1.0.

    Peaks of intensity 0 and peaks at m/z 0 are left out: they are no peaks. A record with a peak that cannot be right,
    or with nothing left, gets a reason; a reason that it has already stays. Records with a reason come out without
    peaks.
    """
    n = len(peaks.reasons)
    record = np.repeat(np.arange(n, dtype=np.int32), np.diff(peaks.offsets))
    at_zero = (peaks.mz >= 0) & (peaks.mz < LOWEST_MZ)
    reasons = _reasons(peaks, record, at_zero, n)
    usable = np.array([reason is None for reason in reasons], dtype=bool)
    n_at_zero = int(np.count_nonzero(at_zero & (peaks.intensity > 0) & usable[record]))
    keep = usable[record] & (peaks.intensity > 0) & ~at_zero
    mz, intensity, record = peaks.mz[keep], peaks.intensity[keep], record[keep]
    mz, intensity, record = _merged(*_sorted(mz, intensity, record))
    offsets = np.searchsorted(record, np.arange(n + 1))
    if len(mz):
        filled = np.flatnonzero(np.diff(offsets))
        base = np.zeros(n, intensity.dtype)
        base[filled] = np.maximum.reduceat(intensity, offsets[filled])
        intensity = intensity / base[record]
    return Peaks(mz, intensity.astype(np.float32), offsets.astype(np.int64), reasons, n_at_zero)


def _reasons(peaks: Peaks, record: NDArray[np.int32], at_zero: NDArray[np.bool_], n: int) -> list[str | None]:
    """Return why each record cannot be used; the first fault that holds is told."""
    mz, intensity = peaks.mz, peaks.intensity
    positive, heavy = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    positive[record[intensity > 0]] = True
    heavy[record[(intensity > 0) & ~at_zero]] = True
    faults = [
        ("an m/z that is not a number above 0", ~(np.isfinite(mz) & (mz >= 0))),
        (f"an m/z above {HIGHEST_MZ:,.0f}", mz > HIGHEST_MZ),
        ("an intensity that is not a finite number", ~np.isfinite(intensity)),
        ("a negative intensity", intensity < 0),
    ]
    reasons: list[str | None] = [
        NO_PEAKS if length == 0
        else None if some_heavy
        else "all peaks are at m/z 0" if some
        else "all intensities are zero"
        for length, some, some_heavy in zip(np.diff(peaks.offsets), positive, heavy, strict=True)
    ]  # fmt: skip
    for reason, fault in reversed(faults):
        for index in np.unique(record[fault]):
            reasons[index] = reason
    return [given or found for given, found in zip(peaks.reasons, reasons, strict=True)]


def _sorted(mz: Singles, intensity: Singles, record: NDArray[np.int32]) -> tuple[Singles, Singles, NDArray[np.int32]]:
    """Sort the peaks by record and m/z. Only the records that need it are sorted: most libraries are in order."""
    falls = (np.diff(mz) < 0) & (np.diff(record) == 0)
    if not falls.any():
        return mz, intensity, record
    at = np.flatnonzero(np.isin(record, record[1:][falls]))
    order = at[np.lexsort((mz[at], record[at]))]
    mz[at], intensity[at] = mz[order], intensity[order]
    return mz, intensity, record


def _merged(
    mz: Singles, intensity: Singles, record: NDArray[np.int32]
) -> tuple[Singles, NDArray[np.floating], NDArray[np.int32]]:
    """Add up the peaks of one record that have the very same m/z."""
    if not len(mz):
        return mz, intensity, record
    first = np.ones(len(mz), dtype=bool)
    first[1:] = (np.diff(mz) != 0) | (np.diff(record) != 0)
    if first.all():
        return mz, intensity, record
    return mz[first], np.add.reduceat(intensity, np.flatnonzero(first), dtype=np.float64), record[first]
