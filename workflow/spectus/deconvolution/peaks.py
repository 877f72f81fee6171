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

from spectus.deconvolution.filters import correlate
from spectus.deconvolution.ion_traces import Traces


@dataclass(frozen=True)
class Apexes:
    """Local maxima of ion traces, one array an attribute, all of the same length.

    Attributes
    ----------
    row: index of the trace.
    position: of the maximum, scans, to a fraction of one.
    error: standard deviation of `position`, scans, from the noise and the curvature of the top.
    height: counts above the baseline.
    snr: height over the standard deviation of the smoothed trace there.
    sharpness: mean over both sides of the steepest fall, in noise units a scan.
    """

    row: NDArray[np.int64]
    position: NDArray[np.float64]
    error: NDArray[np.float64]
    height: NDArray[np.float64]
    snr: NDArray[np.float64]
    sharpness: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> "Apexes":
        """The apexes at `index`, or where it is true."""
        return Apexes(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def half_window(fwhm: ArrayLike) -> NDArray[np.int64]:
    """Half the window of the quadratic fit, scans: together about 0.6 of a peak's width, at least three points."""
    return np.maximum(1, np.round(0.3 * np.asarray(fwhm) - 0.5)).astype(np.int64)


def smooth(signal: Traces, fwhm: NDArray[np.float64]) -> Traces:
    """Savitzky-Golay quadratic smoothing along the scans, its window following the peak width `fwhm` (n_scans,),
    scans."""
    half = half_window(fwhm)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(half)) + 1, [len(half)]])
    smoothed = np.empty_like(signal)
    for start, stop in itertools.pairwise(edges):
        margin = int(half[start])
        before, after = min(margin, start), min(margin, len(half) - stop)
        part = correlate(signal[:, start - before : stop + after], _kernels(margin)[0])
        smoothed[:, start:stop] = part[:, before : before + stop - start]
    return smoothed


def find_apexes(
    signal: Traces,
    smoothed: Traces,
    sd: Traces,
    fwhm: NDArray[np.float64],
    min_snr: float,
    barred: NDArray[np.bool_],
) -> Apexes:
    """Local maxima that stand `min_snr` above the baseline and above the valleys on both sides.

    Parameters
    ----------
    signal, smoothed: (n_masses, n_scans), counts above the baseline; `smoothed` is `smooth(signal, fwhm)`.
    sd: (n_masses, n_scans), standard deviation of the noise, counts.
    fwhm: (n_scans,), local peak width, scans.
    barred: (n_masses, n_scans), points at the ceiling: a peak with one of them within its top has no apex to trust.
    """
    window = half_window(fwhm)
    kinds, kind = np.unique(window[1:-1], return_inverse=True)
    damping = np.array([_damping(int(half)) for half in kinds], dtype=np.float32)[kind]
    centre = smoothed[:, 1:-1]
    at_top = (centre >= smoothed[:, :-2]) & (centre > smoothed[:, 2:]) & (centre > min_snr * damping * sd[:, 1:-1])
    row, scan = np.nonzero(at_top)
    scan += 1
    half = window[scan]
    parts = [
        _examine(signal, smoothed, sd, row[half == width], scan[half == width], int(width), fwhm, min_snr, barred)
        for width in np.unique(half)
    ]
    return (
        Apexes(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Apexes)}
        )
        if parts
        else _none()
    )


def _none() -> Apexes:
    empty = np.empty(0)
    return Apexes(np.empty(0, dtype=np.int64), empty, empty, empty, empty, empty)


def _examine(
    signal: Traces,
    smoothed: Traces,
    sd: Traces,
    row: NDArray[np.int64],
    scan: NDArray[np.int64],
    half: int,
    fwhm: NDArray[np.float64],
    min_snr: float,
    barred: NDArray[np.bool_],
) -> Apexes:
    """Those of the candidates (row, scan), all with the same window, that are peaks."""
    height, noise = smoothed[row, scan].astype(np.float64), sd[row, scan].astype(np.float64)
    damping = _damping(half)
    reach = max(3, round(1.6 * float(np.median(fwhm[scan]))))
    left = _flank(smoothed, row, scan, -reach)
    right = _flank(smoothed, row, scan, reach)
    prominence = height - np.maximum(left.min(axis=1), right.min(axis=1))
    keep = prominence > min_snr * damping * noise
    if barred.any():
        keep &= ~_windows(barred, row, scan, half).any(axis=1)
    row, scan, height, noise = row[keep], scan[keep], height[keep], noise[keep]
    curvature = 8 * np.log(2) * height / fwhm[scan] ** 2
    shift, error = _precise_top(_windows(signal, row, scan, half).astype(np.float64), curvature, noise, half)
    sharpness = (_steepest(height, left[keep]) + _steepest(height, right[keep])) / 2 / noise
    return Apexes(row, scan + shift, error, height, height / (damping * noise), sharpness)


def _precise_top(
    windows: NDArray[np.float64], usual: NDArray[np.float64], noise: NDArray[np.float64], half: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vertex of the quadratic through each window (n, 2 * half + 1), scans from its centre, and its standard deviation.

    A maximum of noise is more curved than the peak under it. The error therefore counts with the curvature `usual` (n,)
    for a Gaussian of the height and the local width, counts / scan^2, unless the top is flatter still.
    """
    _, slope_kernel, curvature_kernel = _kernels(half)
    slope, curvature = windows @ slope_kernel, -(windows @ curvature_kernel)
    curved = curvature > 0
    shift = np.where(curved, np.clip(slope / np.where(curved, curvature, 1), -half, half), 0.0)
    least = np.minimum(np.where(curved, curvature, 0), usual)
    error = noise * np.linalg.norm(slope_kernel) / np.maximum(least, 1e-12)
    return shift, np.minimum(error, 2.0 * half)


def _steepest(height: NDArray[np.float64], flank: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.max((height[:, None] - flank) / np.arange(1, flank.shape[1] + 1), axis=1)


def _flank(smoothed: Traces, row: NDArray[np.int64], scan: NDArray[np.int64], reach: int) -> NDArray[np.float64]:
    """(n, |reach|) values outward from each apex on one side; from the first value above the apex on, the apex
    itself."""
    steps = np.arange(1, abs(reach) + 1) * np.sign(reach)
    position = np.clip(scan[:, None] + steps, 0, smoothed.shape[1] - 1)
    values = smoothed[row[:, None], position].astype(np.float64)
    height = smoothed[row, scan][:, None]
    behind = np.logical_or.accumulate(values > height, axis=1)
    return np.where(behind, height, values)


def _windows(matrix: NDArray[Any], row: NDArray[np.int64], scan: NDArray[np.int64], half: int) -> NDArray[Any]:
    """(n, 2 * half + 1) values around each scan of each row."""
    position = np.clip(scan[:, None] + np.arange(-half, half + 1), 0, matrix.shape[1] - 1)
    return matrix[row[:, None], position]


@cache
def _damping(half: int) -> float:
    """Standard deviation of smoothed noise over that of the noise."""
    return float(np.linalg.norm(_kernels(half)[0]))


@cache
def _kernels(half: int) -> list[NDArray[np.float64]]:
    """Weights that give value, slope and curvature (second derivative) of the quadratic at the middle of a window.

    Least squares by hand: importing scipy.signal for it would take a fifth of the time of a whole run.
    """
    value, slope, half_curvature = np.linalg.pinv(np.vander(np.arange(-half, half + 1), 3, increasing=True))
    return [value, slope, 2 * half_curvature]
