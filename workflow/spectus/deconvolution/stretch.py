"""A stretch of a run, ready for perception: unbroken in time, deskewed, without baseline, with known noise."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spectus.deconvolution.baseline import baseline
from spectus.deconvolution.filters import row_blocks
from spectus.deconvolution.ion_traces import IonTraces
from spectus.deconvolution.noise import Noise
from spectus.deconvolution.peaks import smooth
from spectus.types import Flags, Floats, Singles

_PAUSE_SCANS = 5.0
"""Pause that ends a stretch, in median scan times. Chosen: peaks are interpolated over shorter ones."""


@dataclass(frozen=True)
class Stretch:
    """A prepared stretch; all matrices are (n_masses, n_scans), counts.

    Attributes
    ----------
    rt_s
        (n_scans,) scan times, s.
    fwhm
        (n_scans,) local peak width, scans.
    signal
        Traces above the rough baseline.
    smoothed
        The same, smoothed.
    level
        Smoothed traces with the baseline.
    sd
        Standard deviation of the noise at `level`.
    clipped
        Points at the detector's ceiling.
    by_mass
        Whether the rows are nominal masses in ascending order.
    """

    rt_s: Floats
    fwhm: Floats
    signal: Singles
    smoothed: Singles
    level: Singles
    sd: Singles
    clipped: Flags
    by_mass: bool = True

    @property
    def n_scans(self) -> int:
        """Number of scans."""
        return len(self.rt_s)

    @cached_property
    def duration_s(self) -> Floats:
        """Time for which each scan counts, (n_scans,), s: half the way to its neighbors (trapezoidal rule)."""
        return np.gradient(self.rt_s)

    @cached_property
    def current(self) -> Floats:
        """All ion current of each scan, background included, (n_scans,), counts."""
        return np.asarray(self.level.sum(axis=0, dtype=np.float64))

    @cached_property
    def clipped_scans(self) -> Flags:
        """Scans in which an ion reached the detector's ceiling, (n_scans,)."""
        return np.asarray(self.clipped.any(axis=0))

    def fwhm_at(self, position: float) -> float:
        """Return the local peak width, scans, at a position, scans."""
        return float(self.fwhm[min(max(round(position), 0), len(self.fwhm) - 1)])


def prepare_stretch(part: IonTraces, fwhm: Floats, noise: Noise, window_fwhm: float) -> Stretch:
    """Estimate baseline and noise of an unbroken stretch and smooth it.

    Parameters
    ----------
    part
        Ion traces of the stretch.
    fwhm
        (n_scans,) local peak width, scans.
    noise
        Noise of the run.
    window_fwhm
        Width of the baseline's window, peak widths.

    Returns
    -------
    Stretch
        The prepared stretch.
    """
    signal, smoothed, level, sd = (np.empty_like(part.traces) for _ in range(4))
    for rows in row_blocks(part.traces):
        slow = baseline(part.traces[rows], float(np.max(fwhm)), window_fwhm)
        signal[rows] = part.traces[rows] - slow
        smoothed[rows] = smooth(signal[rows], fwhm)
        level[rows] = np.maximum(smoothed[rows] + slow, 0)
        sd[rows] = noise.sd(level[rows])
    return Stretch(part.rt_s, fwhm, signal, smoothed, level, sd, part.saturated, by_mass=part.accurate is None)


def unbroken(rt_s: Floats, least_scans: int) -> Iterator[slice]:
    """Yield slices of scans without a pause between them.

    Parameters
    ----------
    rt_s
        (n_scans,) scan times, s.
    least_scans
        Shorter stretches are left out, scans.

    Yields
    ------
    slice
        Scans of one stretch.
    """
    steps = np.diff(rt_s)
    breaks = np.flatnonzero(steps > _PAUSE_SCANS * np.median(steps)) + 1 if len(steps) else np.empty(0, dtype=np.int64)
    edges = [0, *breaks.tolist(), len(rt_s)]
    for start, stop in itertools.pairwise(edges):
        if stop - start >= least_scans:
            yield slice(start, stop)
