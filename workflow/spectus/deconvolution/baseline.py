"""The slow part of each ion trace: column bleed, chemical noise, humps of unresolved matter.

A morphological opening: the rolling minimum of the smoothed trace follows what never falls, the rolling maximum of that
brings it back to its height, a rolling mean rounds the corners. Nothing narrower than the window survives in it, so a
peak is never taken for baseline. What the opening leaves under a peak is fitted later, with the peak itself.
"""

import numpy as np

from spectus.deconvolution.filters import rolling_maximum, rolling_mean, rolling_minimum
from spectus.deconvolution.ion_traces import Traces


def baseline(traces: Traces, fwhm: float, window_fwhm: float = 25.0) -> Traces:
    """Baseline of every trace, counts, same shape as `traces` (n_masses, n_scans).

    Parameters
    ----------
    fwhm: width of a peak at half height, scans.
    window_fwhm: width of the opening, in peak widths.

    The opening is made on means of fwhm / 3 scans, which smooths and saves time, and is drawn out linearly again.
    """
    n_scans = traces.shape[1]
    step = max(1, round(fwhm / 3))
    if n_scans < 3 * step:
        return np.zeros_like(traces)
    coarse = _block_means(traces, step)
    smooth = rolling_mean(coarse, max(3, round(fwhm / step)))
    size = max(3, round(window_fwhm * fwhm / step))
    opened = rolling_maximum(rolling_minimum(smooth, size), size)
    rounded = np.minimum(rolling_mean(opened, size), smooth)
    return _draw_out(np.maximum(rounded, 0), step, n_scans)


def _block_means(traces: Traces, step: int) -> Traces:
    n_blocks = traces.shape[1] // step
    return traces[:, : n_blocks * step].reshape(len(traces), n_blocks, step).mean(axis=2)


def _draw_out(coarse: Traces, step: int, n_scans: int) -> Traces:
    """Linear interpolation between the centres of the blocks; flat before the first and after the last."""
    share = ((np.arange(step) + 0.5) / step).astype(np.float32)
    left, right = coarse[:, :-1, None], coarse[:, 1:, None]
    drawn = np.empty((len(coarse), n_scans), dtype=np.float32)
    first = step // 2
    last = first + (coarse.shape[1] - 1) * step
    drawn[:, first:last] = (left + (right - left) * share).reshape(len(coarse), -1)
    drawn[:, :first], drawn[:, last:] = coarse[:, :1], coarse[:, -1:]
    return drawn
