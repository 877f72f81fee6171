"""Peaks of single ion traces: smoothing, apexes to a fraction of a scan, sharpness.

Smoothing and the precise apex are one quadratic fit (Savitzky and Golay, Anal. Chem. 1964, 36, 1627). Sharpness follows
Stein, J. Am. Soc. Mass Spectrom. 1999, 10, 770.
"""

import itertools
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectus.deconvolution.filters import correlate, row_blocks
from spectus.types import Flags, Floats, Ints, Singles

_HALF_WINDOW_FWHM = 0.3
"""Half the window of the quadratic fit, in peak widths. Chosen: a parabola fits the upper half of a Gaussian."""

_FLANK_FWHM = 1.6
"""How far the flanks of a peak are examined for its valleys, in peak widths. Chosen."""

_LEAST_FLANK_SCANS = 3
"""The same, at least, scans. Chosen."""


@dataclass(frozen=True)
class PeakTraces:
    """Traces in which peaks are sought; all matrices are (n_masses, n_scans).

    Attributes
    ----------
    signal
        Counts above the baseline.
    smoothed
        `smooth(signal, fwhm)`, counts.
    sd
        Standard deviation of the noise, counts.
    fwhm
        (n_scans,) local peak width, scans.
    barred
        Points at the detector's ceiling. A peak with one of them within its top has no reliable apex.
    """

    signal: Singles
    smoothed: Singles
    sd: Singles
    fwhm: Floats
    barred: Flags


@dataclass(frozen=True)
class Apexes:
    """Local maxima of ion traces; every attribute is (n_apexes,).

    Attributes
    ----------
    row
        Row of the trace.
    position
        Time of the maximum, scans, to a fraction of one.
    error
        Standard deviation of `position`, scans, from the noise and the curvature of the top.
    height
        Counts above the baseline.
    snr
        Height over the standard deviation of the smoothed trace.
    sharpness
        Mean over both sides of the steepest fall, in noise units per scan.
    """

    row: Ints
    position: Floats
    error: Floats
    height: Floats
    snr: Floats
    sharpness: Floats

    def __len__(self) -> int:
        """Return the number of apexes."""
        return len(self.row)

    def take(self, index: Ints | Flags) -> "Apexes":
        """Return the apexes at `index`, or where it is true."""
        return Apexes(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def half_fit_window(fwhm: ArrayLike) -> Ints:
    """Return half the window of the quadratic fit, scans: together about 0.6 peak widths, at least three points."""
    return np.maximum(1, np.round(_HALF_WINDOW_FWHM * np.asarray(fwhm) - 0.5)).astype(np.int64)


def smooth(signal: Singles, fwhm: Floats) -> Singles:
    """Smooth along the scans by the Savitzky-Golay quadratic, whose window follows the peak width.

    Parameters
    ----------
    signal
        (n_masses, n_scans) counts.
    fwhm
        (n_scans,) local peak width, scans.

    Returns
    -------
    Singles
        (n_masses, n_scans) counts.
    """
    half = half_fit_window(fwhm)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(half)) + 1, [len(half)]])
    smoothed = np.empty_like(signal)
    for start, stop in itertools.pairwise(edges):
        margin = int(half[start])
        before, after = min(margin, start), min(margin, len(half) - stop)
        part = correlate(signal[:, start - before : stop + after], _kernels(margin)[0])
        smoothed[:, start:stop] = part[:, before : before + stop - start]
    return smoothed


def find_apexes(traces: PeakTraces, min_snr: float) -> Apexes:
    """Find local maxima that stand above the baseline and above the valleys on both sides.

    Parameters
    ----------
    traces
        Traces in which peaks are sought.
    min_snr
        Least height above baseline and valleys, in standard deviations of the smoothed noise.

    Returns
    -------
    Apexes
        Apexes, in no order.
    """
    smoothed = traces.smoothed
    window = half_fit_window(traces.fwhm)
    kinds, kind = np.unique(window[1:-1], return_inverse=True)
    damping = np.array([_damping(int(half)) for half in kinds], dtype=np.float32)[kind]
    row, scan = _above(smoothed, min_snr * damping, traces.sd)
    center = smoothed[row, scan + 1]
    at_top = (center >= smoothed[row, scan]) & (center > smoothed[row, scan + 2])
    row, scan = row[at_top], scan[at_top] + 1
    half = window[scan]
    parts = [
        _examine(traces, row[half == width], scan[half == width], int(width), min_snr) for width in np.unique(half)
    ]
    if not parts:
        empty = np.empty(0)
        return Apexes(np.empty(0, dtype=np.int64), empty, empty, empty, empty, empty)
    columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(Apexes)}
    return Apexes(**{name: np.concatenate(values) for name, values in columns.items()})


def _above(smoothed: Singles, factor: Singles, sd: Singles) -> tuple[Ints, Ints]:
    """Return row and scan of the points above `factor` (n_scans - 2,) times `sd`, counted without the first scan."""
    found = []
    for rows in row_blocks(smoothed):
        row, scan = np.nonzero(smoothed[rows, 1:-1] > factor * sd[rows, 1:-1])
        found.append((row + rows.start, scan))
    rows_of_all, scans_of_all = zip(*found, strict=True)
    return np.concatenate(rows_of_all), np.concatenate(scans_of_all)


def _examine(traces: PeakTraces, row: Ints, scan: Ints, half: int, min_snr: float) -> Apexes:
    """Return those of the candidates (row, scan), all with the same window, that are peaks."""
    smoothed, fwhm = traces.smoothed, traces.fwhm
    height, noise = smoothed[row, scan].astype(np.float64), traces.sd[row, scan].astype(np.float64)
    damping = _damping(half)
    reach = max(_LEAST_FLANK_SCANS, round(_FLANK_FWHM * float(np.median(fwhm[scan]))))
    left = _flank(smoothed, row, scan, -reach)
    right = _flank(smoothed, row, scan, reach)
    prominence = height - np.maximum(left.min(axis=1), right.min(axis=1))
    keep = prominence > min_snr * damping * noise
    if traces.barred.any():
        keep &= ~_windows(traces.barred, row, scan, half).any(axis=1)
    row, scan, height, noise = row[keep], scan[keep], height[keep], noise[keep]
    curvature = 8 * np.log(2) * height / fwhm[scan] ** 2
    shift, error = _precise_top(_windows(traces.signal, row, scan, half).astype(np.float64), curvature, noise, half)
    sharpness = (_steepest(height, left[keep]) + _steepest(height, right[keep])) / 2 / noise
    return Apexes(row, scan + shift, error, height, height / (damping * noise), sharpness)


def _precise_top(windows: Floats, usual: Floats, noise: Floats, half: int) -> tuple[Floats, Floats]:
    """Fit a quadratic to each window, (n, 2 * half + 1).

    A maximum of noise is more curved than the peak under it. The error is therefore computed with the curvature `usual`
    (n,) of a Gaussian of the height and the local width, counts / scan^2, unless the top is flatter still.

    Returns
    -------
    shift, error : Floats
        (n,) vertex, scans from the center of the window, and its standard deviation, scans.
    """
    _, slope_kernel, curvature_kernel = _kernels(half)
    slope, curvature = windows @ slope_kernel, -(windows @ curvature_kernel)
    curved = curvature > 0
    shift = np.where(curved, np.clip(slope / np.where(curved, curvature, 1), -half, half), 0.0)
    least = np.minimum(np.where(curved, curvature, 0), usual)
    error = noise * np.linalg.norm(slope_kernel) / np.maximum(least, 1e-12)
    return shift, np.minimum(error, 2.0 * half)


def _steepest(height: Floats, flank: Floats) -> Floats:
    """Return the steepest fall (n,) from the apex to any point of one flank, counts per scan."""
    return np.asarray(np.max((height[:, None] - flank) / np.arange(1, flank.shape[1] + 1), axis=1))


def _flank(smoothed: Singles, row: Ints, scan: Ints, reach: int) -> Floats:
    """Return (n, |reach|) values outward from each apex on one side; from the first value above it, the apex itself."""
    steps = np.arange(1, abs(reach) + 1) * np.sign(reach)
    position = np.clip(scan[:, None] + steps, 0, smoothed.shape[1] - 1)
    values = smoothed[row[:, None], position].astype(np.float64)
    height = smoothed[row, scan][:, None]
    behind = np.logical_or.accumulate(values > height, axis=1)
    return np.asarray(np.where(behind, height, values))


def _windows(matrix: NDArray[Any], row: Ints, scan: Ints, half: int) -> NDArray[Any]:
    """Return (n, 2 * half + 1) values around each scan of each row."""
    position = np.clip(scan[:, None] + np.arange(-half, half + 1), 0, matrix.shape[1] - 1)
    return np.asarray(matrix[row[:, None], position])


@cache
def _damping(half: int) -> float:
    """Return the standard deviation of smoothed noise over that of the noise."""
    return float(np.linalg.norm(_kernels(half)[0]))


@cache
def _kernels(half: int) -> list[Floats]:
    """Return the weights that give value, slope and second derivative of the quadratic at a window's center.

    The least squares are solved here, because importing scipy.signal takes a fifth of the time of a whole run.
    """
    value, slope, half_curvature = np.linalg.pinv(np.vander(np.arange(-half, half + 1), 3, increasing=True))
    return [value, slope, 2 * half_curvature]
