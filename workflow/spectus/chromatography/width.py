"""How wide peaks are: one number for the run, and how it changes along the run.

Widths vary along a run: little under a temperature programme, much on an isothermal stretch. Every length of the
deconvolution (filters, windows, tolerances) is therefore counted in the peak width of its place.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from spectus.chromatography.noise import Noise
from spectus.chromatography.unit_mass import Traces

_WIDEST = 128
"""Scans on either side within which a peak must fall to half its height to be measured."""

_MIN_SNRS = (30.0, 15.0, 8.0)
"""Apexes this far above the noise are measured, the next where too few are: a blank may hold nothing strong."""

_ENOUGH = 10
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
    """Widths of the strongest peaks that fall to half their height on both sides and have no clipped point at the top.

    Parameters
    ----------
    traces, saturated: (n_masses, n_scans).
    """
    if traces.shape[1] < 5:
        return Widths(np.empty(0, dtype=np.int64), np.empty(0))
    light = convolve1d(traces, np.array([0.25, 0.5, 0.25], dtype=np.float32), axis=1, mode="nearest")
    centre = light[:, 2:-2]
    top = (centre >= light[:, 1:-3]) & (centre > light[:, 3:-1]) & (centre >= light[:, :-4]) & (centre >= light[:, 4:])
    for min_snr in _MIN_SNRS:
        row, scan = np.nonzero(top & (centre > (min_snr * noise.factor) ** 2) & (centre > noise.floor))
        found = _measured(light, saturated, row, scan + 2, n_strongest)
        if len(found) >= _ENOUGH:
            break
    return found


def _measured(
    light: Traces, saturated: NDArray[np.bool_], row: NDArray[np.int64], scan: NDArray[np.int64], n_strongest: int
) -> Widths:
    """Widths of the strongest of the apexes at (row, scan), without clipped ones and shoulders."""
    order = np.argsort(light[row, scan])[::-1]
    row, scan = row[order], scan[order]
    clipped = saturated[row[:, None], scan[:, None] + np.arange(-2, 3)].any(axis=1)
    row, scan = row[~clipped][:n_strongest], scan[~clipped][:n_strongest]
    fwhm = _half_crossing(light, row, scan, 1) + _half_crossing(light, row, scan, -1)
    measured = np.isfinite(fwhm)
    return Widths(scan[measured], np.maximum(fwhm[measured], _MIN_FWHM))


def _half_crossing(light: Traces, row: NDArray[np.int64], scan: NDArray[np.int64], side: int) -> NDArray[np.float64]:
    """Distance from each apex to where the trace passes half its height, scans; infinity where it does not."""
    reach = min(_WIDEST, light.shape[1] - 1)
    position = scan[:, None] + np.arange(reach + 1) * side
    inside = (position >= 0) & (position < light.shape[1])
    values = light[row[:, None], np.clip(position, 0, light.shape[1] - 1)] / light[row, scan][:, None]
    below = (values < 0.5) & inside
    first, found = np.argmax(below, axis=1), below.any(axis=1)
    index = np.arange(len(row))
    before, after = values[index, first - 1], values[index, first]
    return np.where(found, first - 1 + (before - 0.5) / np.where(found, before - after, 1.0), np.inf)


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
