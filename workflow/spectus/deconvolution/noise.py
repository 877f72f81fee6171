"""The noise of an ion counter, after Stein, J. Am. Soc. Mass Spectrom. 1999, 10, 770-781.

The noise of a signal A is taken as Nf * sqrt(A): counting noise, scaled by the gain of the multiplier. The noise factor
Nf is one number a run, measured where a trace crosses its own mean so often that nothing but noise can be in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.ion_traces import Traces

SEGMENT_SCANS = 13
_CROSSINGS = 6
_MIN_SEGMENTS = 20
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Noise:
    """Standard deviation of a signal of A counts: `factor` * sqrt(max(A, floor)).

    Attributes
    ----------
    factor: counts^0.5.
    floor: counts; below it the noise no longer falls, as the instrument cuts the signal there.
    """

    factor: float
    floor: float

    def sd(self, signal: NDArray[np.floating]) -> NDArray[np.floating]:
        """Standard deviation, counts, for signals of any shape, counts."""
        return self.factor * np.sqrt(np.maximum(signal, self.floor))


def estimate_noise(traces: Traces, threshold: float) -> Noise:
    """Measure the noise of a run.

    Parameters
    ----------
    traces: (n_masses, n_scans), counts.
    threshold: smallest intensity the instrument records, counts.

    Stein's segments hold no zero. Where the instrument has cut away too much for that, the noise is read from the third
    differences of whatever stretches are unbroken, and failing these from the threshold itself.
    """
    deviations = _segment_deviations(traces)
    if len(deviations) < _MIN_SEGMENTS:
        deviations = _difference_deviations(traces)
    factor = _MAD_TO_SD * float(np.median(deviations)) if len(deviations) >= _MIN_SEGMENTS else np.sqrt(threshold) / 4
    return Noise(max(factor, 1e-6), threshold)


def _segment_deviations(traces: Traces) -> NDArray[np.float64]:
    """Median deviation over sqrt(mean) of every segment that holds no zero and crosses its mean often enough."""
    n_segments = traces.shape[1] // SEGMENT_SCANS
    segments = traces[:, : n_segments * SEGMENT_SCANS].reshape(-1, SEGMENT_SCANS)
    segments = segments[np.all(segments > 0, axis=1)].astype(np.float64)
    mean = segments.mean(axis=1)
    centred = segments - mean[:, None]
    crossings = np.count_nonzero(np.diff(centred > 0, axis=1), axis=1)
    noisy = crossings >= _CROSSINGS
    return np.median(np.abs(centred[noisy]), axis=1) / np.sqrt(mean[noisy])


def _difference_deviations(traces: Traces) -> NDArray[np.float64]:
    """|third difference| over sqrt(20 * mean), of every unbroken run of four points."""
    if traces.shape[1] < 4:
        return np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(traces, 4, axis=1)
    windows = windows[np.all(windows > 0, axis=2)].astype(np.float64)
    return np.abs(windows @ np.array([-1.0, 3.0, -3.0, 1.0])) / np.sqrt(20.0 * windows.mean(axis=1))
