"""Noise of an ion counter, after Stein, J. Am. Soc. Mass Spectrom. 1999, 10, 770-781.

The noise of a signal A is Nf * sqrt(A): counting noise, scaled by the gain of the multiplier. The noise factor Nf is
one number per run. It is measured where a trace crosses its own mean so often that it holds nothing but noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectus.types import Floats, Singles

_SEGMENT_SCANS = 13
"""Scans of a segment (Stein 1999)."""

_CROSSINGS = 6
"""Fewest crossings of the mean in a segment of pure noise (Stein 1999: more than half of the scans)."""

_MIN_SEGMENTS = 20
"""Fewest segments whose median is trusted. Chosen: the standard error of the median is then about 25 %."""

_MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

_LEAST_FACTOR = 1e-6
"""Least noise factor, counts^0.5: it prevents division by zero in runs without noise."""

_THRESHOLD_NOISE = 0.25
"""Noise factor over the square root of the threshold, if nothing can be measured. Chosen: instruments put the threshold
at about four standard deviations of their noise.
"""

_SPIKE_SD = 10.0
"""Least height of a spike, in standard deviations of the noise. Chosen: noise never reaches it."""

_SPIKE_NEIGHBOR = 0.15
"""Largest height of the points beside a spike, as a fraction of it. The narrowest peak (1.5 scans) has 0.29 there."""


@dataclass(frozen=True)
class Noise:
    """Standard deviation of a signal of A counts: `factor` * sqrt(max(A, floor)).

    Attributes
    ----------
    factor
        Noise factor, counts^0.5.
    floor
        Counts below which the noise no longer falls, because the instrument cuts the signal there.
    """

    factor: float
    floor: float

    def sd(self, signal: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the standard deviation, counts, of signals of any shape, counts."""
        deviation = np.maximum(signal, self.floor)
        np.sqrt(deviation, out=deviation)
        deviation *= self.factor
        return np.asarray(deviation)


def estimate_noise(traces: Singles, threshold: float) -> Noise:
    """Measure the noise of a run.

    Stein's segments hold no zero. If the instrument has cut away too much for that, the noise is read from the third
    differences of all unbroken stretches of four points. If these are too few, it is read from the threshold.

    Parameters
    ----------
    traces
        (n_masses, n_scans) ion traces, counts.
    threshold
        Smallest intensity that the instrument records, counts.

    Returns
    -------
    Noise
        Noise of the run.
    """
    deviations = _segment_deviations(traces)
    if len(deviations) < _MIN_SEGMENTS:
        deviations = _difference_deviations(traces)
    if len(deviations) < _MIN_SEGMENTS:
        return Noise(max(np.sqrt(threshold) * _THRESHOLD_NOISE, _LEAST_FACTOR), threshold)
    return Noise(max(_MAD_TO_SD * float(np.median(deviations)), _LEAST_FACTOR), threshold)


def remove_spikes(traces: Singles, noise: Noise) -> Singles:
    """Replace single points that stand far above both neighbors, as electronic noise makes them, by their mean.

    Parameters
    ----------
    traces
        (n_masses, n_scans) ion traces, counts.
    noise
        Noise of the run.

    Returns
    -------
    Singles
        (n_masses, n_scans) ion traces; the same array if there are no spikes.
    """
    least = max((_SPIKE_SD * noise.factor) ** 2, noise.floor)  # where the height is that many standard deviations
    row, scan = np.nonzero(traces[:, 1:-1] > least)
    limit = np.float32(_SPIKE_NEIGHBOR) * traces[row, scan + 1]
    alone = (limit > traces[row, scan]) & (limit > traces[row, scan + 2])
    row, scan = row[alone], scan[alone]
    if not len(row):
        return traces
    cleaned = traces.copy()
    cleaned[row, scan + 1] = (traces[row, scan] + traces[row, scan + 2]) / 2
    return cleaned


def _segment_deviations(traces: Singles) -> Floats:
    """Return median deviation over sqrt(mean) of every segment without zeros that crosses its mean often enough."""
    n_segments = traces.shape[1] // _SEGMENT_SCANS
    segments = traces[:, : n_segments * _SEGMENT_SCANS].reshape(-1, _SEGMENT_SCANS)
    segments = segments[np.all(segments > 0, axis=1)].astype(np.float64)
    mean = segments.mean(axis=1)
    centered = segments - mean[:, None]
    crossings = np.count_nonzero(np.diff(centered > 0, axis=1), axis=1)
    noisy = crossings >= _CROSSINGS
    return np.asarray(np.median(np.abs(centered[noisy]), axis=1) / np.sqrt(mean[noisy]))


def _difference_deviations(traces: Singles) -> Floats:
    """Return |third difference| over sqrt(20 * mean) of every unbroken run of four points; 20 = 1 + 9 + 9 + 1."""
    if traces.shape[1] < 4:
        return np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(traces, 4, axis=1)
    windows = windows[np.all(windows > 0, axis=2)].astype(np.float64)
    return np.asarray(np.abs(windows @ np.array([-1.0, 3.0, -3.0, 1.0])) / np.sqrt(20.0 * windows.mean(axis=1)))
