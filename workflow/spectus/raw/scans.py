"""A raw file opened: the times of its scans are known, their peaks are read a block of scans at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from spectus.raw.run import Run

# Points of a block: 16 MB as a run, some ten times that while they are checked and centroided.
_BLOCK_POINTS = 2**20


@dataclass(frozen=True)
class Scans:
    """What a reader gives.

    Attributes
    ----------
    rt_s: (n_scans,) float64, s, in the file's order; NaN or negative where the file gives none.
    n_points: (n_scans,) int64.
    read: the scans with these numbers, in this order, as a run.
    profile: whether the file calls them profile data; None: it does not say.
    sim: (n_scans,) bool: the file calls the scan one of selected ions; None: it does not say.
    note: what the user should know of how the file was read.
    """

    rt_s: NDArray[np.float64]
    n_points: NDArray[np.int64]
    read: Callable[[NDArray[np.int64]], Run]
    profile: bool | None = None
    sim: NDArray[np.bool_] | None = None
    note: str | None = None


def scans_of(run: Run, profile: bool | None, sim: NDArray[np.bool_] | None = None) -> Scans:
    """A run that is in memory as a whole."""
    return Scans(run.rt_s, np.diff(run.offsets), partial(taken, run), profile, sim)


def taken(run: Run, order: NDArray[np.int64]) -> Run:
    """The scans with these numbers, in this order."""
    if np.array_equal(order, np.arange(run.n_scans)):
        return run
    counts = np.diff(run.offsets)[order]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    peaks = np.repeat(run.offsets[:-1][order] - offsets[:-1], counts) + np.arange(offsets[-1])
    return replace(run, rt_s=run.rt_s[order], offsets=offsets, mz=run.mz[peaks], intensity=run.intensity[peaks])


def joined(blocks: list[Run]) -> Run:
    """Runs one after another as one. The list is emptied, so that no more than twice its size is held."""
    if len(blocks) == 1:
        return blocks.pop()
    first = blocks[0]
    counts = np.concatenate([np.diff(block.offsets) for block in blocks])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    rt_s = np.concatenate([block.rt_s for block in blocks])
    mz, intensity = np.empty(offsets[-1]), np.empty(offsets[-1])
    end = offsets[-1]
    while blocks:
        block = blocks.pop()
        start = end - len(block.mz)
        mz[start:end], intensity[start:end], end = block.mz, block.intensity, start
    return replace(first, rt_s=rt_s, offsets=offsets, mz=mz, intensity=intensity)


def blocks_of(order: NDArray[np.int64], n_points: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The scan numbers cut into runs of neighbours that hold together no more points than a block may, or one scan."""
    ends = np.cumsum(n_points[order])
    start = 0
    while start < len(order):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _BLOCK_POINTS, side="right")))
        yield order[start:stop]
        start = stop
