"""Baseline of each ion trace: column bleed, chemical noise, humps of unresolved compounds.

The baseline is a morphological opening. The rolling minimum of the smoothed trace removes everything narrower than the
window, the rolling maximum restores the height of what is left, and a rolling mean rounds the corners. A peak narrower
than the window therefore never becomes part of the baseline. The slope that remains under a peak is fitted later,
together with the peak (see `unmixing`).
"""

import numpy as np

from spectus.deconvolution.filters import rolling_maximum, rolling_mean, rolling_minimum
from spectus.types import Singles

_BLOCKS_PER_FWHM = 3
"""Blocks of scans per peak width. Chosen: the Nyquist limit of a Gaussian peak is about two points per width."""


def baseline(traces: Singles, fwhm: float, window_fwhm: float) -> Singles:
    """Estimate the baseline of every ion trace.

    The opening works on means of FWHM / 3 scans, which smooths the trace and saves time. The result is interpolated
    linearly to all scans.

    Parameters
    ----------
    traces
        (n_masses, n_scans) ion traces, counts.
    fwhm
        Width of a peak at half height, scans.
    window_fwhm
        Width of the opening, in peak widths.

    Returns
    -------
    Singles
        (n_masses, n_scans) baseline, counts.
    """
    n_scans = traces.shape[1]
    step = max(1, round(fwhm / _BLOCKS_PER_FWHM))
    if n_scans < 3 * step:
        return np.zeros_like(traces)
    coarse = _block_means(traces, step)
    smooth = rolling_mean(coarse, max(3, round(fwhm / step)))
    size = max(3, round(window_fwhm * fwhm / step))
    opened = rolling_maximum(rolling_minimum(smooth, size), size)
    some = opened.any(axis=1)
    rounded = np.maximum(np.minimum(rolling_mean(opened[some], size), smooth[some]), 0)
    slow = np.zeros_like(traces)
    slow[some] = _interpolate_blocks(rounded, step, n_scans)
    return slow


def _block_means(traces: Singles, step: int) -> Singles:
    n_blocks = traces.shape[1] // step
    return np.asarray(traces[:, : n_blocks * step].reshape(len(traces), n_blocks, step).mean(axis=2))


def _interpolate_blocks(coarse: Singles, step: int, n_scans: int) -> Singles:
    """Interpolate linearly between the centers of the blocks; keep the first and the last value beyond them."""
    share = ((np.arange(step) + 0.5) / step).astype(np.float32)
    left, right = coarse[:, :-1, None], coarse[:, 1:, None]
    drawn = np.empty((len(coarse), n_scans), dtype=np.float32)
    first = step // 2
    last = first + (coarse.shape[1] - 1) * step
    drawn[:, first:last] = (left + (right - left) * share).reshape(len(coarse), last - first)
    drawn[:, :first], drawn[:, last:] = coarse[:, :1], coarse[:, -1:]
    return drawn
