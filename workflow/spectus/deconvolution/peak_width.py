"""Peak width along a run.

Peak widths vary along a run: little under a temperature program, much on an isothermal stretch. Every length of the
deconvolution (filters, windows, tolerances) is therefore given in local peak widths.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.filters import correlate
from spectus.deconvolution.noise import Noise
from spectus.types import Flags, Floats, Ints, Singles

_REACHES = (8, 32, 128)
"""Scans on either side of an apex within which a peak must fall. The shortest reach that shows enough peaks is taken,
and widths are measured within four times that. So the widest peak can be forty scans, or five hundred if nothing is
narrower, and a hump is not taken for a peak. Chosen: quadrupole runs have 4 to 40 scans per peak.
"""

_MIN_SNRS = (15.0, 8.0)
"""Signal-to-noise ratios of the measured peaks; the second if too few peaks reach the first, as in blanks. Chosen."""

_ENOUGH = 10
"""Fewest peaks that a choice of reach and signal-to-noise ratio must give. Chosen."""

_CLEAN_BASE = 0.2
"""Peaks whose valleys lie below this fraction of the apex are preferred. Chosen: a neighbor makes a peak seem narrow.
"""

_WIDTH_KNOTS = 60
"""Points along the run at which the width is estimated. Chosen: about four per standard deviation of the voting."""

_MIN_FWHM = 1.5
"""Narrowest peak width, scans. Chosen: narrower peaks are single points."""

_MOST_PEAKS = 3000
"""Strongest peaks that are measured. Chosen: more do not change the median but cost time."""

_MOST_DEPARTURE = 4.0
"""Factor within which the local width stays of the run's median. Chosen."""

_VOTING_REACH = 1 / 16
"""Standard deviation of the Gaussian that weighs the votes by distance, as a fraction of the run. Chosen."""


@dataclass(frozen=True)
class Widths:
    """Widths of the strongest peaks of single ions.

    Attributes
    ----------
    scan
        (n,) apex scan.
    fwhm
        (n,) full width at half maximum, scans.
    """

    scan: Ints
    fwhm: Floats

    def __len__(self) -> int:
        """Return the number of peaks."""
        return len(self.scan)


def strongest_widths(traces: Singles, saturated: Flags, noise: Noise) -> Widths:
    """Measure the widths of the most prominent peaks without a clipped top.

    The width is taken at half the height above the higher of the two valleys.

    Parameters
    ----------
    traces
        (n_masses, n_scans) ion traces, counts.
    saturated
        (n_masses, n_scans) points at the detector's ceiling.
    noise
        Noise of the run.

    Returns
    -------
    Widths
        Widths of the peaks; empty if the run shows none.
    """
    if traces.shape[1] < 5:
        return Widths(np.empty(0, dtype=np.int64), np.empty(0))
    light = correlate(traces, np.array([0.25, 0.5, 0.25]))
    row, scan = np.nonzero(light[:, 2:-2] > max((_MIN_SNRS[-1] * noise.factor) ** 2, noise.floor))
    before, left, center, right, after = (light[row, scan + step] for step in range(5))
    top = (center >= left) & (center > right) & (center >= before) & (center >= after)
    row, scan = row[top], scan[top] + 2
    if saturated.any():
        clipped = saturated[row[:, None], scan[:, None] + np.arange(-2, 3)].any(axis=1)
        row, scan = row[~clipped], scan[~clipped]
    height, sd = light[row, scan], noise.sd(light[row, scan])
    prominent, reach = _prominent((height - _valley(light, row, scan, reach)) / sd for reach in _REACHES)
    strongest = prominent[np.argsort(-light[row, scan][prominent], kind="stable")[:_MOST_PEAKS]]
    return _measured(light, row[strongest], scan[strongest], 4 * reach)


def _prominent(snr: Iterable[NDArray[np.floating]]) -> tuple[Ints, int]:
    """Return the peaks far enough above their valleys, and the reach that shows enough (or else one) of them.

    `snr` has one array for each reach, which is computed only if it is needed.
    """
    fewer: tuple[Ints, int] | None = None
    for reach, prominence in zip(_REACHES, snr, strict=True):
        for least in _MIN_SNRS:
            found = np.flatnonzero(prominence > least)
            if len(found) >= _ENOUGH:
                return found, reach
            if len(found) and fewer is None:
                fewer = found, reach
    return fewer or (found, reach)


def _valley(light: Singles, row: Ints, scan: Ints, reach: int) -> Singles:
    """Return the higher of the lowest points on both sides of each apex, within `reach` scans or to a higher peak."""
    height = light[row, scan][:, None]
    lowest = []
    for side in (-1, 1):
        position = np.clip(scan[:, None] + side * np.arange(1, reach + 1), 0, light.shape[1] - 1)
        values = light[row[:, None], position]
        values[np.logical_or.accumulate(values > height, axis=1)] = np.inf
        lowest.append(np.minimum(values.min(axis=1), height[:, 0]))
    return np.asarray(np.maximum(*lowest))


def _measured(light: Singles, row: Ints, scan: Ints, reach: int) -> Widths:
    """Return the widths of the apexes at (row, scan); of those on a low base only, if these are enough."""
    base = _valley(light, row, scan, reach)
    half = (light[row, scan] + base).astype(np.float64) / 2
    fwhm = _crossing(light, row, scan, half, reach, 1) + _crossing(light, row, scan, half, reach, -1)
    measured = np.isfinite(fwhm)
    clean = measured & (base < _CLEAN_BASE * light[row, scan])
    chosen = clean if np.count_nonzero(clean) >= _ENOUGH else measured
    return Widths(scan[chosen], np.maximum(fwhm[chosen], _MIN_FWHM))


def _crossing(light: Singles, row: Ints, scan: Ints, level: Floats, reach: int, side: int) -> Floats:
    """Return the distance from each apex to where the trace passes `level` (n,), scans; infinity where it does not."""
    position = scan[:, None] + np.arange(reach + 1) * side
    inside = (position >= 0) & (position < light.shape[1])
    values = light[row[:, None], np.clip(position, 0, light.shape[1] - 1)].astype(np.float64)
    below = (values < level[:, None]) & inside
    first, found = np.argmax(below, axis=1), below.any(axis=1)
    index = np.arange(len(row))
    before, after = values[index, first - 1], values[index, first]
    return np.asarray(np.where(found, first - 1 + (before - level) / np.where(found, before - after, 1.0), np.inf))


def width_profile(widths: Widths, n_scans: int) -> Floats:
    """Estimate the peak width along the run.

    Ions that share their apex have one vote together, their median. The profile is the weighted median of the votes.
    Each vote is weighted by a Gaussian of its distance.

    Parameters
    ----------
    widths
        Measured widths.
    n_scans
        Scans of the run.

    Returns
    -------
    Floats
        (n_scans,) peak width, scans; empty if no peak was measured.
    """
    if not len(widths):
        return np.empty(0)
    center, vote = _votes(widths)
    knots = np.linspace(0, n_scans - 1, _WIDTH_KNOTS)
    exponent = -0.5 * ((knots[:, None] - center) / (_VOTING_REACH * n_scans)) ** 2
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    order = np.argsort(vote)
    below = np.cumsum(weight[:, order], axis=1)
    local = vote[order][np.argmax(below >= 0.5 * below[:, -1:], axis=1)]
    middle = float(np.median(vote))
    inside = np.clip(local, middle / _MOST_DEPARTURE, middle * _MOST_DEPARTURE)
    return np.asarray(np.interp(np.arange(n_scans), knots, inside))


def _votes(widths: Widths) -> tuple[Floats, Floats]:
    """Return scan and median width of every three scans with at least three apexes; of all apexes if there are none."""
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
