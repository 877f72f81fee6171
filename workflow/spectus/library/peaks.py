"""Peak lists of many records: checked, sorted, scaled arrays."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectus.types import Ints, Singles

HIGHEST_MZ = 10_000.0
"""Th. No EI spectrum reaches it: a number above is no m/z, and would widen every matrix made of the library."""

LOWEST_MZ = 0.7
"""Th. Peaks below have the nominal mass 0, which no ion has: prediction models and some instruments write them. They
are left out and counted."""

NO_PEAKS = "no peaks"

_MOST_BAD = 0.1
"""Largest fraction of a record's peaks that may be left out as bad. Chosen: as for the points of a run."""

_TALL = 0.01
"""Of the base peak: a peak below may be noise; chosen."""


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
    n_bad : int
        Peaks that were left out of all records because their m/z or intensity is negative or no number.
    """

    mz: Singles
    intensity: Singles
    offsets: Ints
    reasons: list[str | None]
    n_at_zero: int = field(default=0)
    n_bad: int = field(default=0)

    def columns(self) -> tuple[pa.ListArray, pa.ListArray]:
        """Return `mz` and `intensity` as list columns, null where there is a reason."""
        unusable = pa.array([reason is not None for reason in self.reasons], pa.bool_())
        offsets = pa.array(self.offsets, pa.int32())
        return (
            pa.ListArray.from_arrays(offsets, pa.array(self.mz), mask=unusable),
            pa.ListArray.from_arrays(offsets, pa.array(self.intensity), mask=unusable),
        )


def heaviest_peaks(mz: pa.Array | pa.ChunkedArray, intensity: pa.Array | pa.ChunkedArray) -> list[float]:
    """Return the m/z, Th, of the heaviest peak of at least 1 % of the base peak of each record; 0 without peaks.

    Parameters
    ----------
    mz, intensity
        List columns, n records long, base peak 1.0.
    """
    lengths = pc.fill_null(pc.list_value_length(mz), 0).to_numpy()
    record = np.repeat(np.arange(len(lengths)), lengths)
    tall = pc.list_flatten(intensity).to_numpy() >= _TALL
    highest = np.zeros(len(lengths))
    np.maximum.at(highest, record[tall], pc.list_flatten(mz).to_numpy()[tall])
    heaviest: list[float] = highest.tolist()
    return heaviest


def clean_peaks(peaks: Peaks) -> Peaks:
    """Make peak lists fit for use: ascending m/z, each m/z once (intensities summed), base peak 1.0.

    Peaks of intensity 0 and peaks at m/z 0 are left out: they are no peaks. A record with a peak that cannot be right,
    or with nothing left, gets a reason; a reason that it has already stays. Records with a reason come out without
    peaks. Where at most a tenth of a record's peaks have a negative m/z or intensity or one that is no number, these
    peaks are left out and counted; an infinite intensity may be the base peak, and makes the record useless.
    """
    peaks = _without_bad(peaks)
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
    return Peaks(mz, intensity.astype(np.float32), offsets.astype(np.int64), reasons, n_at_zero, peaks.n_bad)


def _without_bad(peaks: Peaks) -> Peaks:
    """Leave out bad peaks of records in which they are few."""
    with np.errstate(invalid="ignore"):
        bad = ~(peaks.mz >= 0) | ~(peaks.intensity >= 0)
    if not bad.any():
        return peaks
    counts = np.diff(peaks.offsets)
    record = np.repeat(np.arange(len(counts)), counts)
    few = np.bincount(record[bad], minlength=len(counts)) <= _MOST_BAD * counts
    leave = bad & few[record]
    offsets = np.concatenate([[0], np.cumsum(~leave)])[peaks.offsets]
    mz, intensity = peaks.mz[~leave], peaks.intensity[~leave]
    return Peaks(mz, intensity, offsets, peaks.reasons, peaks.n_at_zero, int(leave.sum()))


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
