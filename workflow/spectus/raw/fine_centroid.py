"""Centroids of accurate-mass profiles: one for each peak, with the mean m/z of the peak's upper part.

The picker takes every point above its neighbors, and for the m/z the vertex through the highest points. Counting noise
splits the top of a weak peak in two, and moves the vertex several times as far as it moves the mean of all points.
"""

from dataclasses import replace

import numpy as np

from spectus.raw.run import Run
from spectus.types import Flags, Floats, Ints

_FINE_PPM = 100.0
"""Median distance of points, ppm, below which a profile is of accurate mass. Chosen: a time-of-flight instrument or an
Orbitrap has points 5-50 ppm apart, a quadrupole about 1000 ppm."""

_NEAR_TH = 0.3
"""Distance of points of one peak, Th. Chosen: below the distance of nominal masses."""

_HALF_POINTS = 12
"""Points on either side of an apex that are considered. Chosen: peaks have 5-15 points above a tenth of the height."""

_CUT_SHARE = 0.4
"""Share of a peak's height above which its points give its m/z. Chosen: lower points may belong to a neighbor."""

_SHALLOW = 0.7
"""Two tops that are closer than a peak is wide are one peak if the valley is above this share of the lower top. Chosen:
two equal peaks 1.3 widths apart have a valley of 0.61."""


def is_fine(profile: Run) -> bool:
    """Return whether the points are as close as those of an instrument of accurate mass."""
    gaps = np.diff(profile.mz)
    near = (profile.scan[1:] == profile.scan[:-1]) & (gaps < _NEAR_TH)
    return bool(near.any() and 1e6 * np.median((gaps / profile.mz[1:])[near]) < _FINE_PPM)


def refined(centroids: Run, profile: Run) -> Run:
    """Return one centroid for each peak of a profile, with the m/z of the peak's upper part and its height.

    Parameters
    ----------
    centroids
        Centroids as the picker gives them.
    profile
        Profile that they were picked from.
    """
    if not len(centroids.mz):
        return centroids
    apex = _apexes(centroids, profile)
    keep = ~_split_off(centroids, profile, apex)
    kept = centroids.with_peaks(keep)
    return replace(kept, mz=_means(kept, profile, apex[keep]))


def _apexes(centroids: Run, profile: Run) -> Ints:
    """Return the number of the profile's point at the top of each peak."""
    span = float(profile.mz.max()) + 1
    key = profile.scan * span + profile.mz
    right = np.clip(np.searchsorted(key, centroids.scan * span + centroids.mz), 1, len(key) - 1)
    return np.where(profile.intensity[right] >= profile.intensity[right - 1], right, right - 1)


def _above(centroids: Run, profile: Run, apex: Ints, share: float) -> tuple[Ints, Flags]:
    """Return points around each apex, and whether all points from there to it are above a share of its height.

    Points beyond half way to the next centroid of the scan belong to that one. Both arrays are
    (n, 2 * _HALF_POINTS + 1).
    """
    steps = np.arange(-_HALF_POINTS, _HALF_POINTS + 1)
    index = np.clip(apex[:, None] + steps, 0, len(profile.mz) - 1)
    same_scan = np.diff(centroids.scan) == 0
    middle = (centroids.mz[1:] + centroids.mz[:-1]) / 2
    lower = np.concatenate([[-np.inf], np.where(same_scan, middle, -np.inf)])
    upper = np.concatenate([np.where(same_scan, middle, np.inf), [np.inf]])
    own = profile.intensity[index] > share * profile.intensity[apex][:, None]
    own &= (profile.mz[index] >= lower[:, None]) & (profile.mz[index] <= upper[:, None])
    own &= (profile.scan[index] == centroids.scan[:, None]) & (index == apex[:, None] + steps)
    own[:, _HALF_POINTS] = True
    for side in (slice(_HALF_POINTS, None), slice(_HALF_POINTS, None, -1)):
        own[:, side] = np.logical_and.accumulate(own[:, side], axis=1)
    return index, own


def _split_off(centroids: Run, profile: Run, apex: Ints) -> Flags:
    """Return whether each centroid is a side top of a higher one next to it."""
    strong = np.flatnonzero(centroids.intensity >= np.quantile(centroids.intensity, 0.75))
    index, above = _above(centroids.with_peaks(np.isin(np.arange(len(apex)), strong)), profile, apex[strong], 0.5)
    mz = profile.mz[index]
    extent = np.where(above, mz, -np.inf).max(axis=1) - np.where(above, mz, np.inf).min(axis=1)
    width = float(np.median(extent / centroids.mz[strong]))
    near = (np.diff(centroids.mz) < width * centroids.mz[1:]) & (np.diff(centroids.scan) == 0) & (np.diff(apex) > 0)
    left = np.flatnonzero(near)
    split = np.zeros(len(apex), dtype=bool)
    if not len(left):
        return split
    edges = np.column_stack([apex[left], apex[left + 1] + 1]).ravel()
    valley = np.minimum.reduceat(np.append(profile.intensity, np.inf), edges)[::2]
    height = profile.intensity[apex]
    shallow = valley > _SHALLOW * np.minimum(height[left], height[left + 1])
    left = left[shallow]
    split[np.where(height[left] < height[left + 1], left, left + 1)] = True
    return split


def _means(centroids: Run, profile: Run, apex: Ints) -> Floats:
    """Return the mean m/z of each peak's upper part, weighted by the height above the cut.

    With these weights, it matters little which points are just above the cut.
    """
    index, own = _above(centroids, profile, apex, _CUT_SHARE)
    weight = np.where(own, profile.intensity[index] - _CUT_SHARE * profile.intensity[apex][:, None], 0.0)
    return np.asarray((weight * profile.mz[index]).sum(axis=1) / weight.sum(axis=1))
