"""A stretch of a run, ready for perception: unbroken in time, deskewed, without baseline, with known noise."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spectus.deconvolution.baseline import baseline
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
    slow = baseline(part.traces, float(np.max(fwhm)), window_fwhm)
    signal = part.traces - slow
    smoothed = smooth(signal, fwhm)
    level = np.maximum(smoothed + slow, 0)
    sd = noise.sd(level).astype(np.float32)
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
