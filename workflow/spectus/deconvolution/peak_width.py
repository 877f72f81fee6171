"""How wide peaks are: one number for the run, and how it changes along the run.

Widths vary along a run: little under a temperature programme, much on an isothermal stretch. Every length of the
deconvolution (filters, windows, tolerances) is therefore counted in the peak width of its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.filters import correlate
from spectus.deconvolution.ion_traces import Traces
from spectus.deconvolution.noise import Noise

_REACHES = (8, 32, 128)
"""Scans on either side within which a peak must fall. The shortest that shows enough peaks is taken, four times as far:
so the widest can be forty scans, or five hundred where nothing is narrower, and a hump is not taken for a peak."""

_MIN_SNRS = (15.0, 8.0)
"""Peaks this far above the noise are measured, the next where too few are: a blank may hold nothing strong."""

_ENOUGH = 10
_CLEAN_BASE = 0.2
"""Peaks whose valleys lie below this share of the apex are preferred: a neighbour would make them seem narrow."""

_KNOTS = 60
_MIN_FWHM = 1.5


@dataclass(frozen=True)
class Widths:
    """Apex scan (n,) and full width at half maximum (n,), scans, of the strongest peaks of single ions."""

    scan: NDArray[np.int64]
    fwhm: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scan)


def strongest_widths(traces: Traces, saturated: NDArray[np.bool_], noise: Noise, n_strongest: int = 3000) -> Widths:
    """Widths, at half the height above the higher valley, of the most prominent peaks without a clipped top.

    Parameters
    ----------
    traces, saturated: (n_masses, n_scans).
    """
    if traces.shape[1] < 5:
        return Widths(np.empty(0, dtype=np.int64), np.empty(0))
    light = correlate(traces, np.array([0.25, 0.5, 0.25]))
    centre = light[:, 2:-2]
    top = (centre >= light[:, 1:-3]) & (centre > light[:, 3:-1]) & (centre >= light[:, :-4]) & (centre >= light[:, 4:])
    row, scan = np.nonzero(top & (centre > (_MIN_SNRS[-1] * noise.factor) ** 2) & (centre > noise.floor))
    scan += 2
    clipped = saturated[row[:, None], scan[:, None] + np.arange(-2, 3)].any(axis=1)
    row, scan = row[~clipped], scan[~clipped]
    snr = [(light[row, scan] - _valley(light, row, scan, reach)) / noise.sd(light[row, scan]) for reach in _REACHES]
    prominent, reach = _prominent(snr)
    strongest = prominent[np.argsort(-light[row, scan][prominent], kind="stable")[:n_strongest]]
    return _measured(light, row[strongest], scan[strongest], 4 * reach)


def _prominent(snr: Sequence[NDArray[np.floating]]) -> tuple[NDArray[np.int64], int]:
    """Which peaks stand far enough above their valleys, and the reach that shows enough of them; or at least one."""
    for enough in (_ENOUGH, 1):
        for reach, prominence in zip(_REACHES, snr, strict=True):
            for least in _MIN_SNRS:
                found = np.flatnonzero(prominence > least)
                if len(found) >= enough:
                    return found, reach
    return found, reach


def _valley(light: Traces, row: NDArray[np.int64], scan: NDArray[np.int64], reach: int) -> NDArray[np.float32]:
    """The higher of the lowest points on both sides of each apex, looked for up to `reach` or a higher peak."""
    height = light[row, scan][:, None]
    lowest = []
    for side in (-1, 1):
        position = np.clip(scan[:, None] + side * np.arange(1, reach + 1), 0, light.shape[1] - 1)
        values = light[row[:, None], position]
        values[np.logical_or.accumulate(values > height, axis=1)] = np.inf
        lowest.append(np.minimum(values.min(axis=1), height[:, 0]))
    return np.maximum(*lowest)


def _measured(light: Traces, row: NDArray[np.int64], scan: NDArray[np.int64], reach: int) -> Widths:
    """Widths of the apexes at (row, scan); of those on a low base, if there are enough."""
    base = _valley(light, row, scan, reach)
    half = (light[row, scan] + base).astype(np.float64) / 2
    fwhm = _crossing(light, row, scan, half, reach, 1) + _crossing(light, row, scan, half, reach, -1)
    measured = np.isfinite(fwhm)
    clean = measured & (base < _CLEAN_BASE * light[row, scan])
    chosen = clean if np.count_nonzero(clean) >= _ENOUGH else measured
    return Widths(scan[chosen], np.maximum(fwhm[chosen], _MIN_FWHM))


def _crossing(
    light: Traces, row: NDArray[np.int64], scan: NDArray[np.int64], level: NDArray[np.float64], reach: int, side: int
) -> NDArray[np.float64]:
    """Distance from each apex to where the trace passes `level` (n,), scans; infinity where it does not."""
    position = scan[:, None] + np.arange(reach + 1) * side
    inside = (position >= 0) & (position < light.shape[1])
    values = light[row[:, None], np.clip(position, 0, light.shape[1] - 1)].astype(np.float64)
    below = (values < level[:, None]) & inside
    first, found = np.argmax(below, axis=1), below.any(axis=1)
    index = np.arange(len(row))
    before, after = values[index, first - 1], values[index, first]
    return np.where(found, first - 1 + (before - level) / np.where(found, before - after, 1.0), np.inf)


def width_profile(widths: Widths, n_scans: int) -> NDArray[np.float64]:
    """Peak width along the run, (n_scans,), scans; empty if no peak was measured.

    Ions that share their apex have one vote together, their median. The profile is the median of the votes around,
    each counted by a Gaussian of its distance (standard deviation a sixteenth of the run), within a factor of 4 of the
    median.
    """
    if not len(widths):
        return np.empty(0)
    centre, vote = _votes(widths)
    knots = np.linspace(0, n_scans - 1, _KNOTS)
    exponent = -0.5 * ((knots[:, None] - centre) / (n_scans / 16)) ** 2
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    order = np.argsort(vote)
    below = np.cumsum(weight[:, order], axis=1)
    local = vote[order][np.argmax(below >= 0.5 * below[:, -1:], axis=1)]
    middle = float(np.median(vote))
    return np.interp(np.arange(n_scans), knots, np.clip(local, middle / 4, middle * 4))


def _votes(widths: Widths) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scan and median width of every three scans that hold at least three apexes; of all apexes if there are none."""
    group = widths.scan // 3
    if np.bincount(group).max() < 3:
        group = np.zeros_like(group)
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    parts = [part for part in parts if len(part) >= 3] or parts
    return (
        np.array([widths.scan[part].mean() for part in parts]),
        np.array([np.median(widths.fwhm[part]) for part in parts]),
    )
