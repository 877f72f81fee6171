"""A raw file opened: the times and labels of its scans are known; their peaks are read block by block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from spectus.raw.run import Run
from spectus.types import Floats, Ints

_BLOCK_POINTS = 2**20
"""Most points of a block. Chosen: 16 MB as a run, and about ten times that while it is checked and centroided."""


class ScanLabel(NamedTuple):
    """What a file says of the kind of one scan; None where it says nothing.

    Attributes
    ----------
    sim
        The scan is one of selected ions.
    polarity
        "positive" or "negative".
    function
        Number of the acquisition function or experiment, as the file writes it.
    window
        Lowest and highest m/z scanned, Th.
    """

    sim: bool = False
    polarity: str | None = None
    function: str | None = None
    window: tuple[float, float] | None = None


@dataclass(frozen=True)
class FileFacts:
    """What a file says of itself as a whole.

    Attributes
    ----------
    profile
        The file calls its spectra profile data (True) or centroids (False); None: it says nothing, or both.
    time_note
        Line about the unit of the scan times; None where the file states a unit that is known.
    n_fragment_scans
        MS/MS scans, which no reader returns.
    ionization_text
        Ionization, in the file's own words.
    electron_energy_ev
        Electron energy, eV.
    reader_note
        Line about the package that read the file.
    n_null_points
        Points whose m/z or intensity is the format's value for "not there".
    """

    profile: bool | None = None
    time_note: str | None = None
    n_fragment_scans: int = 0
    ionization_text: str | None = None
    electron_energy_ev: float | None = None
    reader_note: str | None = None
    n_null_points: int = 0


@dataclass(frozen=True)
class Scans:
    """The MS1 scans of an open file.

    Attributes
    ----------
    rt_s
        (n_scans,) times, s, in the file's order; NaN or negative where the file gives none.
    n_points
        (n_scans,) points of each scan.
    read
        Function that returns the scans with these numbers, in this order, as a run.
    labels
        The labels that occur.
    label_of
        (n_scans,) Position of each scan's label in `labels`.
    facts
        What the file says of itself.
    """

    rt_s: Floats
    n_points: Ints
    read: Callable[[Ints], Run]
    labels: tuple[ScanLabel, ...] = (ScanLabel(),)
    label_of: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    facts: FileFacts = field(default_factory=FileFacts)

    def __post_init__(self) -> None:
        """Give every scan the first label where the reader names none."""
        if len(self.label_of) != len(self.rt_s):
            object.__setattr__(self, "label_of", np.zeros(len(self.rt_s), dtype=np.int64))

    @property
    def n_scans(self) -> int:
        """Number of scans."""
        return len(self.rt_s)

    def subset(self, numbers: Ints) -> "Scans":
        """Return only the scans with these numbers, in this order."""
        if np.array_equal(numbers, np.arange(self.n_scans)):
            return self
        return replace(
            self, rt_s=self.rt_s[numbers], n_points=self.n_points[numbers], label_of=self.label_of[numbers],
            read=lambda order: self.read(numbers[order]),
        )  # fmt: skip

    def merged(self, rt_s: Floats, members: Ints, weights: Floats, starts: Ints) -> "Scans":
        """Return scans that each hold the points of several, with their intensities weighted.

        Parameters
        ----------
        rt_s
            (n_merged,) times of the new scans, s.
        members
            (n_members,) numbers of the scans whose points they hold, one new scan after another.
        weights
            (n_members,) factors of the intensities.
        starts
            (n_merged + 1,) The members of new scan i are `members[starts[i]:starts[i + 1]]`.
        """

        def read(order: Ints) -> Run:
            counts = np.diff(starts)[order]
            edges = np.concatenate([[0], np.cumsum(counts)])
            chosen = np.repeat(starts[:-1][order] - edges[:-1], counts) + np.arange(edges[-1])
            run = self.read(members[chosen])
            weighted = run.intensity * np.repeat(weights[chosen], np.diff(run.offsets))
            return replace(run, rt_s=rt_s[order], offsets=run.offsets[edges], intensity=weighted)

        n_points = np.add.reduceat(self.n_points[members], starts[:-1])
        label_of = self.label_of[members[starts[:-1]]]
        return replace(self, rt_s=rt_s, n_points=n_points, label_of=label_of, read=read)

    def remembering(self, numbers: Ints, run: Run) -> "Scans":
        """Return the scans with one block already read, so that it is not decoded twice."""

        def read(order: Ints) -> Run:
            return run if np.array_equal(order, numbers) else self.read(order)

        return replace(self, read=read)


def scans_of(
    run: Run, facts: FileFacts, labels: tuple[ScanLabel, ...] = (ScanLabel(),), label_of: Ints | None = None
) -> Scans:
    """Make scans of a run that is in memory as a whole."""
    codes = np.zeros(run.n_scans, dtype=np.int64) if label_of is None else label_of
    return Scans(run.rt_s, np.diff(run.offsets), partial(reordered, run), labels, codes, facts)


def reordered(run: Run, order: Ints) -> Run:
    """Return the scans of a run with these numbers, in this order."""
    if np.array_equal(order, np.arange(run.n_scans)):
        return run
    counts = np.diff(run.offsets)[order]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    peaks = np.repeat(run.offsets[:-1][order] - offsets[:-1], counts) + np.arange(offsets[-1])
    return replace(run, rt_s=run.rt_s[order], offsets=offsets, mz=run.mz[peaks], intensity=run.intensity[peaks])


def joined(blocks: list[Run]) -> Run:
    """Join runs one after another. The list is emptied, so that no more than twice its size is held."""
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


def blocks_of(n_points: Ints) -> Iterator[Ints]:
    """Cut the scan numbers into blocks of neighbors that hold at most `_BLOCK_POINTS` points, or one scan.

    Parameters
    ----------
    n_points
        (n_scans,) points of each scan.
    """
    ends = np.cumsum(n_points)
    start = 0
    while start < len(n_points):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _BLOCK_POINTS, side="right")))
        yield np.arange(start, stop)
        start = stop


def counted_labels(labels: Sequence[ScanLabel]) -> tuple[tuple[ScanLabel, ...], Ints]:
    """Return the labels that occur, and the position among them of each scan's label, (n_scans,)."""
    places: dict[ScanLabel, int] = {}
    codes = [places.setdefault(label, len(places)) for label in labels]
    return tuple(places) or (ScanLabel(),), np.array(codes, dtype=np.int64)
