"""Filters along the scans, in NumPy alone: importing scipy.ndimage would take as long as filtering a whole run.

Every filter goes on beyond the ends with the first and the last value. Matrices are (n_traces, n_points) and are worked
on a few rows at a time, so that what is added up stays in the processor's cache.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.ion_traces import Traces

Array = NDArray[np.float64]

_POINTS_AT_ONCE = 1 << 16


def correlate(traces: Traces, kernel: Array) -> Traces:
    """Symmetric `kernel`, (2 * half + 1,), laid over every point."""
    half = len(kernel) // 2
    weights = kernel.astype(traces.dtype)
    out = np.empty_like(traces)
    for rows in _row_blocks(traces):
        padded = _padded(traces[rows], half, half)
        n = traces.shape[1]
        total = padded[:, half : half + n] * weights[half]
        for step in range(1, half + 1):
            pair = padded[:, half - step : half - step + n] + padded[:, half + step : half + step + n]
            pair *= weights[half + step]
            total += pair
        out[rows] = total
    return out


def rolling_minimum(traces: Traces, size: int) -> Traces:
    """Least value of `size` points around each, one more before than after it if `size` is even."""
    return _rolling(traces, size, np.minimum)


def rolling_maximum(traces: Traces, size: int) -> Traces:
    """Largest value of `size` points around each, one more before than after it if `size` is even."""
    return _rolling(traces, size, np.maximum)


def rolling_mean(traces: Traces, size: int) -> Traces:
    """Mean of `size` points around each, one more before than after it if `size` is even."""
    out = np.empty_like(traces)
    for rows in _row_blocks(traces):
        sums = _padded(traces[rows], size // 2 + 1, (size - 1) // 2).cumsum(axis=1, dtype=np.float64)
        out[rows] = (sums[:, size:] - sums[:, :-size]) / size
    return out


def gaussian(counts: NDArray[np.number], sd: float, reach: float = 3.5) -> Array:
    """Counts (n,) spread by a Gaussian of standard deviation `sd` points, cut off at `reach` of these; zero beyond the
    ends."""
    half = max(1, int(reach * sd + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sd) ** 2)
    spread = np.convolve(counts, kernel / kernel.sum(), mode="full")
    return np.asarray(spread[half : half + len(counts)])


def _rolling(traces: Traces, size: int, extreme: np.ufunc) -> Traces:
    """Windows double until two of them, shifted, cover `size` points."""
    out = np.empty_like(traces)
    for rows in _row_blocks(traces):
        found, width = _padded(traces[rows], size // 2, (size - 1) // 2), 1
        while 2 * width <= size:
            found = extreme(found[:, :-width], found[:, width:])
            width *= 2
        rest = size - width
        out[rows] = extreme(found[:, :-rest], found[:, rest:]) if rest else found
    return out


def _padded(rows: Traces, before: int, after: int) -> Traces:
    padded = np.empty((len(rows), before + rows.shape[1] + after), rows.dtype)
    padded[:, before : before + rows.shape[1]] = rows
    padded[:, :before] = rows[:, :1]
    padded[:, before + rows.shape[1] :] = rows[:, -1:]
    return padded


def _row_blocks(traces: Traces) -> Iterator[slice]:
    n_rows = max(1, _POINTS_AT_ONCE // max(traces.shape[1], 1))
    return (slice(start, start + n_rows) for start in range(0, len(traces), n_rows))
