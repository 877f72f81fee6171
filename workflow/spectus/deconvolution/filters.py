"""Filters along the scans, in NumPy alone: importing scipy.ndimage takes as long as filtering a whole run.

Every filter continues the first and the last value beyond the ends. Matrices are (n_traces, n_points). They are
processed a few rows at a time, so that intermediate results stay in the processor's cache.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectus.types import Floats, Singles

_POINTS_AT_ONCE = 1 << 16
"""Points of a block of rows: 256 KiB of float32, the size of a typical second-level cache."""

_GAUSSIAN_REACH_SD = 3.5
"""Standard deviations at which the Gaussian kernel is cut off. Chosen: 0.05 % of the area lies beyond."""


def correlate(traces: Singles, kernel: Floats) -> Singles:
    """Correlate every trace with a symmetric kernel.

    Parameters
    ----------
    traces
        (n_traces, n_points) values.
    kernel
        (2 * half + 1,) symmetric weights.

    Returns
    -------
    Singles
        (n_traces, n_points) weighted sums.
    """
    half = len(kernel) // 2
    weights = kernel.astype(traces.dtype)
    out = np.empty_like(traces)
    for rows in row_blocks(traces):
        padded = _padded(traces[rows], half, half)
        n = traces.shape[1]
        total = padded[:, half : half + n] * weights[half]
        for step in range(1, half + 1):
            pair = padded[:, half - step : half - step + n] + padded[:, half + step : half + step + n]
            pair *= weights[half + step]
            total += pair
        out[rows] = total
    return out


def rolling_minimum(traces: Singles, size: int) -> Singles:
    """Return the minimum of `size` points around each point, one more before than after it if `size` is even."""
    return _rolling(traces, size, np.minimum)


def rolling_maximum(traces: Singles, size: int) -> Singles:
    """Return the maximum of `size` points around each point, one more before than after it if `size` is even."""
    return _rolling(traces, size, np.maximum)


def rolling_mean(traces: Singles, size: int) -> Singles:
    """Return the mean of `size` points around each point, one more before than after it if `size` is even."""
    out = np.empty_like(traces)
    for rows in row_blocks(traces):
        sums = _padded(traces[rows], size // 2 + 1, (size - 1) // 2).cumsum(axis=1, dtype=np.float64)
        out[rows] = (sums[:, size:] - sums[:, :-size]) / size
    return out


def gaussian(counts: NDArray[np.number], sd: float) -> Floats:
    """Convolve counts with a Gaussian; the counts are zero beyond the ends.

    Parameters
    ----------
    counts
        (n,) values.
    sd
        Standard deviation of the Gaussian, points.

    Returns
    -------
    Floats
        (n,) smoothed values.
    """
    half = max(1, int(_GAUSSIAN_REACH_SD * sd + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sd) ** 2)
    spread = np.convolve(counts, kernel / kernel.sum(), mode="full")
    return np.asarray(spread[half : half + len(counts)])


def _rolling(traces: Singles, size: int, extreme: np.ufunc) -> Singles:
    """Return the extreme of a sliding window. Windows double in width until two shifted ones cover `size` points."""
    out = np.empty_like(traces)
    for rows in row_blocks(traces):
        found, width = _padded(traces[rows], size // 2, (size - 1) // 2), 1
        while 2 * width <= size:
            found = extreme(found[:, :-width], found[:, width:])
            width *= 2
        rest = size - width
        out[rows] = extreme(found[:, :-rest], found[:, rest:]) if rest else found
    return out


def _padded(rows: Singles, before: int, after: int) -> Singles:
    padded = np.empty((len(rows), before + rows.shape[1] + after), rows.dtype)
    padded[:, before : before + rows.shape[1]] = rows
    padded[:, :before] = rows[:, :1]
    padded[:, before + rows.shape[1] :] = rows[:, -1:]
    return padded


def row_blocks(traces: Singles) -> Iterator[slice]:
    """Yield slices of rows (n_rows, n_points) that are processed together."""
    n_rows = max(1, _POINTS_AT_ONCE // max(traces.shape[1], 1))
    return (slice(start, start + n_rows) for start in range(0, len(traces), n_rows))
