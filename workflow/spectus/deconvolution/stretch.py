"""A stretch of a run, ready for perception: unbroken in time, deskewed, freed of its baseline, with its noise known."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.baseline import baseline
from spectus.deconvolution.ion_traces import Traces
from spectus.deconvolution.noise import Noise
from spectus.deconvolution.peaks import smooth

_GAP = 5.0
"""A pause of more than this many median scan times breaks the run."""


@dataclass(frozen=True)
class Stretch:
    """Matrices are (n_masses, n_scans); counts.

    Attributes
    ----------
    rt_s: (n_scans,), s.
    fwhm: (n_scans,), local peak width, scans.
    signal: traces above the rough baseline. smoothed: the same, smoothed. level: smoothed traces with the baseline.
    sd: standard deviation of the noise at `level`.
    clipped: points at the detector's ceiling.
    by_mass: the rows ascend with mass, one for each nominal mass.
    """

    rt_s: NDArray[np.float64]
    fwhm: NDArray[np.float64]
    signal: Traces
    smoothed: Traces
    level: Traces
    sd: Traces
    clipped: NDArray[np.bool_]
    by_mass: bool = True

    @property
    def n_scans(self) -> int:
        return len(self.rt_s)

    def fwhm_at(self, position: float) -> float:
        """Local peak width, scans, at a position in scans."""
        return float(self.fwhm[min(max(round(position), 0), len(self.fwhm) - 1)])


def prepare(
    traces: Traces,
    clipped: NDArray[np.bool_],
    rt_s: NDArray[np.float64],
    fwhm: NDArray[np.float64],
    noise: Noise,
    window_fwhm: float,
    by_mass: bool,
) -> Stretch:
    """Baseline, smoothing and noise of an unbroken stretch. `window_fwhm`: width of the baseline's window, peak
    widths; `by_mass`: see there."""
    slow = baseline(traces, float(np.max(fwhm)), window_fwhm)
    signal = traces - slow
    smoothed = smooth(signal, fwhm)
    level = np.maximum(smoothed + slow, 0)
    return Stretch(rt_s, fwhm, signal, smoothed, level, noise.sd(level).astype(np.float32), clipped, by_mass)


def unbroken(rt_s: NDArray[np.float64], least_scans: int) -> Iterator[slice]:
    """Slices of scans without a pause between them; those of fewer than `least_scans` scans are left out."""
    steps = np.diff(rt_s)
    breaks = np.flatnonzero(steps > _GAP * np.median(steps)) + 1 if len(steps) else np.empty(0, dtype=np.int64)
    edges = [0, *breaks.tolist(), len(rt_s)]
    for start, stop in itertools.pairwise(edges):
        if stop - start >= least_scans:
            yield slice(start, stop)
