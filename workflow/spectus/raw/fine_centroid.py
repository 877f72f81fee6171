"""Centroids of accurate-mass profiles: one for each peak, with the mean m/z and the area of its points.

Counting noise gives a weak peak several tops, and noise puts tops beside a strong one. So peaks are sought in the
profile smoothed by the width of a peak. Where there are ions enough, peaks that a light smoothing keeps apart are
apart.

The points of a time-of-flight instrument are even in flight time, those of an Orbitrap in frequency. On these scales
the area of a peak is proportional to its ions at every m/z. The height of a peak is not: the peaks of a time-of-flight
instrument grow wider with m/z, and lower. The area is that of the Gaussian that fits the points best. It is hardly
noisier than the sum of the points is by the chance of counting, and less by other noise.
"""

from dataclasses import dataclass, replace

import numpy as np

from spectus.gaussian import AREA_OF_HEIGHT, FWHM_OF_SD
from spectus.raw.run import Run
from spectus.types import Floats, Ints

_FINE_PPM = 100.0
"""Median distance of points, ppm, below which a profile is of accurate mass. Chosen: a time-of-flight instrument or an
Orbitrap has points 5-50 ppm apart, a quadrupole about 1000 ppm."""

_NEAR_TH = 0.3
"""Distance of points of one peak, Th. Chosen: below the distance of nominal masses."""

_LONGEST_GAP = 20
"""Empty cells that are kept between two stretches of points, at most. Chosen: the widest smoothing reaches as far."""

_BINS = 12
"""Parts of the m/z range in each of which the distance of points and the width of peaks are measured. Chosen."""

_HALF_POINTS = 20
"""Cells on either side of a top in which its width is sought. Chosen: peaks are 3 to 15 cells wide at half height."""

_STRONG_SHARE = 0.2
"""Share of the tops of each of these parts, the highest, that show the width of peaks. Chosen: noise hardly widens
them."""

_HEAVY, _LIGHT = 1.0, 0.4
"""Width of the two smoothings, peak widths. Chosen: the first is that of the best filter for a peak in noise, the
second widens a peak by 8 %."""

_ROUGH = 0.5
"""Width of the smoothing before the width of peaks is measured, peak widths. Chosen: noise tops hardly remain."""

_SIGMA_CLASS = 1.2
"""Ratio of the widths that are smoothed alike. Chosen: a filter that is 10 % too wide or narrow is as good."""

_FEWEST_STRETCHES = 200
"""Stretches with a single top from which the weakest show the threshold of recording. Chosen."""

_WEAKEST = 0.02
"""Share of these stretches below the threshold. Chosen: a few are cut off at the end of the mass range."""

_MANY = 10.0
"""Sum of a peak, in thresholds, from which a light smoothing is enough. Chosen: the threshold is at some 10 ions."""

_SHALLOW = 0.7
"""Two tops that are closer than a peak is wide are one peak if the valley is above this share of the lower top. Chosen:
two equal peaks 1.3 widths apart have a valley of 0.61."""

_REACH = 1.25
"""Largest distance of a peak's points from its top, peak widths. Chosen: 0.3 % of a Gaussian is beyond."""

_LEAST_CUT = 0.1
"""Share of a peak's height above which its points give its m/z, at least; a higher valley beside it raises it. Chosen:
the mean then has 1.1 times the error of the mean of all ions."""


@dataclass(frozen=True)
class _Cells:
    """A profile on an even grid, the stretches of points one after another with empty cells between them.

    Attributes
    ----------
    counts, mz
        (n,) counts and m/z, Th, of each cell.
    stretch
        (n,) number of the stretch of points that each cell belongs to or follows.
    scan
        (n_stretches,) scan of each stretch.
    """

    counts: Floats
    mz: Floats
    stretch: Ints
    scan: Ints


def is_fine(profile: Run) -> bool:
    """Return whether the points are as close as those of an instrument of accurate mass."""
    gaps = np.diff(profile.mz)
    near = (profile.scan[1:] == profile.scan[:-1]) & (gaps < _NEAR_TH)
    return bool(near.any() and 1e6 * np.median((gaps / profile.mz[1:])[near]) < _FINE_PPM)


def fine_centroids(profile: Run) -> Run:
    """Return one centroid for each peak of a fine profile: the mean m/z of its upper part, and its area.

    Parameters
    ----------
    profile
        Profile whose points are as close as `is_fine` says.
    """
    if not profile.intensity.any():
        return profile.with_peaks(profile.intensity > 0)
    cells = _cells(profile)
    width = _widths(cells)
    light = _smoothed(cells, _LIGHT * width)
    top = _tops_of_peaks(cells, width, light)
    mz, intensity = _measured(cells, width, light, top)
    scan = cells.scan[cells.stretch[top]]
    offsets = np.searchsorted(scan, np.arange(profile.n_scans + 1)).astype(np.int64)
    return replace(profile, offsets=offsets, mz=mz, intensity=intensity)


def _cells(profile: Run) -> _Cells:
    """Put the points on an even grid; a file may leave out points without intensity."""
    gaps = np.diff(profile.mz)
    scan = profile.scan
    same_scan = scan[1:] == scan[:-1]
    near = same_scan & (gaps > 0) & (gaps < _NEAR_TH)
    step = _law(profile.mz[1:][near], gaps[near], 0.25)(profile.mz[1:])
    with np.errstate(invalid="ignore"):
        steps = np.where(same_scan, np.clip(np.rint(gaps / step), 1, _LONGEST_GAP), _LONGEST_GAP).astype(np.int64)
    place = np.concatenate([[1], 1 + np.cumsum(steps)])
    counts = np.zeros(place[-1] + 2)
    counts[place] = profile.intensity
    begins = np.append(True, steps == _LONGEST_GAP)
    first = np.zeros(len(counts), dtype=np.int64)
    first[place[begins]] = 1
    first[place[0]] = 0
    mz = np.interp(np.arange(len(counts)), place, profile.mz)
    return _Cells(counts, mz, np.cumsum(first), scan[begins])


class _PowerLaw:
    """A quantity that follows a power of m/z, as the distance of points and the width of peaks do."""

    def __init__(self, mz: Floats, values: Floats) -> None:
        """Fit the law to values (n,), at m/z (n,), Th."""
        degree = 1 if len(mz) > 2 and np.ptp(np.log(mz)) > 0.1 else 0
        self._line = np.polyfit(np.log(mz), np.log(values), degree)

    def __call__(self, mz: Floats) -> Floats:
        """Return the quantity at m/z, Th."""
        return np.asarray(np.exp(np.polyval(self._line, np.log(mz))))


def _law(mz: Floats, values: Floats, quantile: float) -> _PowerLaw:
    """Fit the law to a quantile of the values (n,) in parts of the m/z range with as many values each."""
    parts = np.array_split(np.argsort(mz, kind="stable"), min(_BINS, len(mz)))
    centers = np.array([np.median(mz[part]) for part in parts])
    return _PowerLaw(centers, np.array([np.quantile(values[part], quantile) for part in parts]))


def _tops(counts: Floats) -> Ints:
    """Return the cells that are higher than both neighbors, or the first of equal ones."""
    inner = (counts[1:-1] > counts[:-2]) & (counts[1:-1] >= counts[2:])
    return 1 + np.flatnonzero(inner)


def _widths(cells: _Cells) -> Floats:
    """Return the width of a peak at half height at each cell, cells; the second look is on less noise."""
    rough = _ROUGH * _width_of_tops(cells, cells.counts)
    wide = _width_of_tops(cells, _smoothed(cells, rough))
    done = FWHM_OF_SD * _SIGMA_CLASS ** _sigma_class(rough)
    return np.sqrt(np.maximum(wide**2 - done**2, 1.0))


def _width_of_tops(cells: _Cells, counts: Floats) -> Floats:
    """Return the width at half height of the strong tops of counts (n,), as it is at each cell, cells."""
    top = _tops(counts)
    top = top[counts[top] >= np.median(counts[top])]  # no noise
    parts = np.array_split(top[np.argsort(cells.mz[top], kind="stable")], min(_BINS, len(top)))
    top = np.concatenate([part[counts[part] >= np.quantile(counts[part], 1 - _STRONG_SHARE)] for part in parts])
    offset, height = _vertex(counts, top)
    left, right = (_half_width(counts, top, height, side) + side * -offset for side in (-1, 1))
    return _law(cells.mz[top], 2 * np.minimum(left, right), 0.5)(cells.mz)  # a neighbor is at one side only


def _vertex(counts: Floats, top: Ints) -> tuple[Floats, Floats]:
    """Return how far the vertex of each top (n,) is to the right of its cell, cells, and its height."""
    before, here, after = np.log(np.maximum(counts[top + np.array([[-1], [0], [1]])], 1e-6 * counts[top]))
    offset = np.clip((after - before) / np.maximum(2 * (2 * here - before - after), 1e-9), -0.5, 0.5)
    return offset, np.exp(here + offset * (after - before) / 4)


def _half_width(counts: Floats, top: Ints, height: Floats, side: int) -> Floats:
    """Return the distance from each top (n,) to where its height (n,) is halved, cells; side is -1 or 1."""
    index = np.clip(top[:, None] + side * np.arange(_HALF_POINTS + 1), 0, len(counts) - 1)
    share = counts[index] / height[:, None]
    share[:, -1] = 0.0
    rows, after = np.arange(len(top)), np.argmax(share < 0.5, axis=1)
    inner, outer = share[rows, after - 1], share[rows, after]
    return np.asarray(after - 1 + (inner - 0.5) / (inner - outer))


def _smoothed(cells: _Cells, width: Floats) -> Floats:
    """Return the counts smoothed by Gaussians of these widths at half height (n,), cells."""
    from scipy.ndimage import gaussian_filter1d  # slow to import, and centroids of unit mass do not need it

    first = np.flatnonzero(np.diff(cells.stretch, prepend=-1))
    kinds = _sigma_class(width[first])
    kind = kinds[cells.stretch]  # one for each stretch
    smooth = np.empty_like(cells.counts)
    for one in np.unique(kinds).tolist():
        alike = kind == one
        smooth[alike] = gaussian_filter1d(cells.counts[alike], _SIGMA_CLASS**one, mode="constant")
    return smooth


def _sigma_class(width: Floats) -> Floats:
    """Return the power of `_SIGMA_CLASS` nearest to the standard deviation of Gaussians of these widths."""
    return np.asarray(np.rint(np.log(width / FWHM_OF_SD) / np.log(_SIGMA_CLASS)))


def _tops_of_peaks(cells: _Cells, width: Floats, light: Floats) -> Ints:
    """Return the cell at the top of each peak."""
    heavy = _smoothed(cells, _HEAVY * width)
    top = _tops(heavy)
    bounds = _bounds(heavy, top)
    total = np.add.reduceat(cells.counts, bounds[:-1])
    threshold = _threshold(cells.stretch[top], total)
    many = total > _MANY * threshold
    fine = _deep_tops(light, width)
    owner = np.searchsorted(bounds, fine, side="right") - 1
    divided = many & (np.bincount(owner, minlength=len(top)) > 0)
    top = np.sort(np.concatenate([_highest(light, bounds)[~divided], fine[divided[owner]]]))
    return _without_weak(cells, light, top, threshold)


def _without_weak(cells: _Cells, light: Floats, top: Ints, threshold: float) -> Ints:
    """Return the tops without those beside a higher one that the instrument would not have recorded on their own."""
    total = np.add.reduceat(cells.counts, _bounds(light, top)[:-1])
    height, stretch = light[top], cells.stretch[top]
    same, rises = stretch[1:] == stretch[:-1], height[1:] > height[:-1]
    beside = np.append(same & rises, False) | np.append(False, same & ~rises)
    return np.asarray(top[(total > 0) & ~((total < threshold) & beside)])


def _deep_tops(light: Floats, width: Floats) -> Ints:
    """Return the tops without those that only a shallow valley parts from a higher one nearby."""
    top = _tops(light)
    if len(top) < 2:
        return top
    height = light[top]
    valley = np.minimum.reduceat(light, top)[:-1]
    lower = np.minimum(height[:-1], height[1:])
    left = np.flatnonzero((np.diff(top) < width[top[1:]]) & (valley > _SHALLOW * lower))
    split = np.where(height[left] < height[left + 1], left, left + 1)
    return np.delete(top, split)


def _bounds(counts: Floats, top: Ints) -> Ints:
    """Return the first cell of the territory of each top (n,), and the end of the last: the lowest cells between."""
    owner = np.searchsorted(top, np.arange(len(counts)), side="right") - 1
    lowest = np.minimum.reduceat(counts, top)
    cell = np.flatnonzero((owner >= 0) & (counts == lowest[owner]))
    first = cell[np.searchsorted(owner[cell], np.arange(len(top) - 1))]
    return np.concatenate([[0], first, [len(counts)]])


def _highest(counts: Floats, bounds: Ints) -> Ints:
    """Return the highest cell of each territory, (n,)."""
    owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    cell = np.flatnonzero(counts == np.maximum.reduceat(counts, bounds[:-1])[owner])
    return np.asarray(cell[np.searchsorted(owner[cell], np.arange(len(bounds) - 1))])


def _threshold(stretch: Ints, total: Floats) -> float:
    """Return the least sum of points that the instrument records on its own; 0 if it does not show.

    Parameters
    ----------
    stretch, total
        (n,) stretch and sum of each top, counts.
    """
    alone = (np.bincount(stretch) == 1)[stretch]
    if np.count_nonzero(alone) < _FEWEST_STRETCHES:
        return 0.0
    return float(np.quantile(total[alone], _WEAKEST))


def _measured(cells: _Cells, width: Floats, light: Floats, top: Ints) -> tuple[Floats, Floats]:
    """Return m/z and area of the peaks with these tops."""
    bounds = _bounds(light, top)
    reach = np.ceil(_REACH * width[top]).astype(np.int64)
    first, end = np.maximum(bounds[:-1], top - reach), np.minimum(bounds[1:], top + reach + 1)
    left = np.where(first == bounds[:-1], light[first], 0.0)
    right = np.where(end == bounds[1:], light[end - 1], 0.0)
    cut = np.maximum(_LEAST_CUT * light[top], np.maximum(left, right))  # not below the valleys
    number = end - first
    owner = np.repeat(np.arange(len(top)), number)
    index = np.repeat(first - (np.cumsum(number) - number), number) + np.arange(number.sum())
    counts, distance = cells.counts[index], (index - top[owner]).astype(np.float64)
    weight = np.where(light[index] >= cut[owner], np.maximum(counts - cut[owner], 0.0), 0.0)
    total = np.bincount(owner, weight, len(top))
    shift = np.bincount(owner, weight * distance, len(top)) / np.where(total > 0, total, 1.0)
    shape = np.exp(-4 * np.log(2) * ((distance - shift[owner]) / width[top][owner]) ** 2)
    height = np.bincount(owner, counts * shape, len(top)) / np.bincount(owner, shape**2, len(top))
    return np.interp(top + shift, np.arange(len(cells.mz)), cells.mz), height * width[top] * AREA_OF_HEIGHT
