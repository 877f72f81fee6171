"""Comprehensive two-dimensional runs (GC×GC): recognized by their scan rate and their repeated, narrow peaks.

The modulator cuts each peak of the first column into slices of a few seconds, and the second column gives each slice
a peak of some tenths of a second. One compound so appears several times, at a fixed interval.
"""

import numpy as np

from spectus.types import Floats

_FEWEST_HZ = 10.0
"""Fewest scans a second. Chosen: peaks of 0.1 s need at least ten points."""

_BASELINE_S = 30.0
"""Width of the moving average that is taken as the baseline, s. Chosen: a few modulations."""

_MODULATIONS_S = (1.5, 15.0)
"""Shortest and longest modulation period, s. Chosen: usual ones are 2-10 s."""

_WIDEST_S = 0.5
"""Greatest lag, s, at which the autocorrelation falls to a half. It is 0.71 of a Gaussian peak's full width at half
height; peaks of a single column are wider. Measured: 0.23 s on a GC×GC run, 0.9-5 s on eleven runs of one column."""

_REPEATED, _TWICE = 0.4, 0.2
"""Least autocorrelation at the modulation period, and at twice the period where the run is long enough. Measured: 0.68
on a GC×GC run; at most 0.39 and 0.06 on six runs of one column whose times were divided by 10-40."""

_FEWEST_SCANS = 200


def modulation_period(rt_s: Floats, tic: Floats) -> float | None:
    """Return the modulation period of a GC×GC run, s; None if the run is of a single column.

    Parameters
    ----------
    rt_s
        (n_scans,) times, s.
    tic
        (n_scans,) total ion current, counts.
    """
    n = len(rt_s)
    step = float(np.median(np.diff(rt_s))) if n >= _FEWEST_SCANS else np.inf
    if step > 1 / _FEWEST_HZ:
        return None
    correlation = _autocorrelation(tic, min(n, round(_BASELINE_S / step)), round(2 * _MODULATIONS_S[1] / step))
    fallen = int(np.argmax(correlation < 0.5))
    if not 2 < fallen <= _WIDEST_S / step:
        return None
    low, high = round(_MODULATIONS_S[0] / step), min(round(_MODULATIONS_S[1] / step), 2 * n // 3)
    if low >= min(high, len(correlation)):
        return None
    best = low + int(np.argmax(correlation[low:high]))
    twice = correlation[2 * best] if 2 * best < min(len(correlation), 2 * n // 3) else 1.0
    return best * step if correlation[best] >= _REPEATED and twice >= _TWICE else None


def modulation_note(rt_s: Floats, tic: Floats) -> str | None:
    """Return the line about a GC×GC run; None for a run of a single column."""
    period = modulation_period(rt_s, tic)
    if period is None:
        return None
    return (
        f"peaks narrower than {_WIDEST_S:g} s that come again every {period:.3g} s: a GC×GC run; "
        "the slices of one compound are treated as separate peaks of one chromatogram"
    )


def _autocorrelation(tic: Floats, window: int, most: int) -> Floats:
    """Return the autocorrelation of the current over its baseline at lags of 0 to `most` scans."""
    values = np.sqrt(np.maximum(tic, 0.0))
    n = len(values)
    total = np.concatenate([[0.0], np.cumsum(values)])
    first, last = np.maximum(np.arange(n) - window // 2, 0), np.minimum(np.arange(n) + window // 2 + 1, n)
    values = values - (total[last] - total[first]) / (last - first)
    length = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(values, length)
    lags = min(most, n - 1)
    products = np.fft.irfft(np.abs(spectrum) ** 2, length)[:lags]
    energy = np.concatenate([[0.0], np.cumsum(values**2)])
    lag = np.arange(lags)
    overlapping = np.sqrt(energy[n - lag] * (energy[n] - energy[lag]))
    return np.asarray(products / np.maximum(overlapping, 1e-12 * max(float(energy[n]), 1e-300)))
