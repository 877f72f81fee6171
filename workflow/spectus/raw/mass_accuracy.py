"""Whether a run's m/z are accurate masses, and how accurate they are. The data show it; there is no setting.

The same ion has the same mass in two scans one after the other. On a quadrupole, its centroids differ by hundredths
of a Th. Where the file holds labels (whole numbers, steps of 0.05 Th) in place of measurements, they often do not
differ at all. On a time-of-flight instrument or an Orbitrap they differ by a few ppm, and are seldom equal.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spectus.nominal_mass import to_nominal_mass
from spectus.raw.run import Run
from spectus.types import Floats, Ints

WORST_PPM = 25.0
"""Scatter from scan to scan, ppm, above which m/z are not called accurate. Chosen: a quadrupole's is ten times as
large, that of a time-of-flight instrument of R 5,000 about 10."""

_STEP_TH = 0.005
"""Step of m/z, Th, above which they are labels. Chosen: measured m/z fill the place around each mass, and files keep
labels in steps of 0.01 Th or more."""

_STRONGEST = (0.25, 0.05, 0.01)
"""Shares of the ions, the strongest first, whose scatter is compared."""

_SAME_ION_TH = 0.3
"""Distance of two centroids of one ion in two scans, Th, at most. Chosen: below the distance of nominal masses."""

_SCAN_PAIRS = 400
"""Pairs of scans that are compared, spread over the run. Chosen: enough for some thousand ions."""

_FEWEST_PAIRS = 30
"""Pairs of centroids needed for a standard deviation. Chosen: it is then known to about 15 %."""

_PAIR_TO_SD = 1.4826 / math.sqrt(2)
"""From the median distance of two centroids of one ion to the standard deviation of one, for a normal distribution."""

_UPPER_TO_SD = 1 / 1.1503 / math.sqrt(2)
"""The same from the upper quartile. The median would be zero where a quadrupole's m/z come in coarse steps."""

_CLOSEST = 0.01
"""Share of the distances between two ions of a scan that are taken for less than the resolution. Chosen: the picker
splits a few peaks."""

_FARTHEST = 2e-3
"""Relative distance of two ions of a scan up to which it may show the resolution. Chosen: 500 of resolving power."""

_FEWEST_DISTANCES = 50
_WIDTH_IN_ERRORS = 16.0
"""Peak width at half height in standard deviations of the centroid, where no two ions are near enough to show it.
Chosen: the centroid of some 50 ions has a standard deviation of 1/16 of the width."""

_WORST_WIDTH_SHARE = 0.25
"""Largest standard deviation of a centroid, in peak widths. Chosen: one of a single ion has 0.42."""

_HIGHEST_DEFECT, _LOWEST_DEFECT, _TWO_HYDROGENS = 1.117e-3, -1.034e-3, 0.0157
"""Mass defects as a share of the mass, of CH2 and of bromine, and that of the two hydrogens at an alkane's ends, Th.
From the atomic masses of IUPAC 2021."""

_CERTAIN_TH = 450.0
"""m/z up to which the ranges of neighboring nominal masses do not overlap, Th; (1 - 0.0157 - 0.001) / 2.151e-3 is
457."""

_CH2, _RICH_TH = 14.01565, 0.015
"""Mass of CH2 and how far an ion rich in hydrogen may be from a multiple of it, Th. Chosen: 25 ppm at m/z 600."""

_RICH_RESTS = (1.00728, 2.01510, -0.00055, -1.00838, 31.98928)
"""Mass of ions rich in hydrogen beyond so many CH2, Th: alkyl, alkane, alkene, alkenyl, and O2 with alkene."""


@dataclass(frozen=True)
class MassAccuracy:
    """How accurate a run's m/z are.

    Attributes
    ----------
    error_ppm
        Standard deviation of the m/z of strong ions from scan to scan, ppm.
    weak_ppm
        Standard deviation of an ion of one count by counting noise, ppm. An ion of intensity I has
        hypot(error_ppm, weak_ppm / sqrt(I)).
    resolving_power
        m/z over the least distance at which two ions of a scan are seen apart.
    """

    error_ppm: float
    weak_ppm: float
    resolving_power: float

    def error(self, intensity: Floats) -> Floats:
        """Return the standard deviation of centroids, ppm; at most a quarter of a peak's width.

        Parameters
        ----------
        intensity
            Intensities of the centroids, counts.
        """
        error = np.hypot(self.error_ppm, self.weak_ppm / np.sqrt(np.maximum(intensity, 1e-9)))
        return np.minimum(error, max(_WORST_WIDTH_SHARE * 1e6 / self.resolving_power, self.error_ppm))


def nominal_mass(mz: Floats) -> Ints:
    """Return the nominal masses of accurate m/z, Th.

    Around their nominal mass n, ions of organic compounds lie between n (1 - 0.001034), all bromine, and
    n (1 + 0.001117) + 0.0157, an alkane. Up to m/z 450 the ranges of neighbors do not overlap and the mass is certain.
    Above, the nearer middle decides, but for the ions of alkanes, alkenes, their fragments and wax esters, which are
    known by their mass: so C40H82, 562.642, is at 562 and a pentabromodiphenyl ether, 565.62, at 566. Ions of six
    bromines or more may be one too low.

    Parameters
    ----------
    mz
        Accurate m/z, Th.
    """
    mz = np.asarray(mz, dtype=np.float64)
    middle = (_HIGHEST_DEFECT + _LOWEST_DEFECT) / 2 * mz + (_TWO_HYDROGENS + _LOWEST_DEFECT) / 2
    mass = np.rint(mz - middle).astype(np.int64)
    heavy = np.flatnonzero(mz > _CERTAIN_TH)
    for rest in _RICH_RESTS:
        units = (mz[heavy] - rest) / _CH2
        rich = np.abs(units - np.rint(units)) * _CH2 < _RICH_TH
        mass[heavy[rich]] = np.floor(mz[heavy[rich]]).astype(np.int64)
    return mass


def nominal_rule(run: Run) -> Callable[[Floats], Ints]:
    """Return the function by which the m/z of a run, and those of its components, become nominal masses."""
    return to_nominal_mass if mass_accuracy(run) is None else nominal_mass


def mass_accuracy(run: Run) -> MassAccuracy | None:
    """Return how accurate the m/z of a run are; None if they are of unit mass, or too few to tell."""
    pairs = _neighboring_centroids(run)
    if pairs is None:
        return None
    mz, delta, intensity = pairs
    ppm = np.abs(delta) / mz * 1e6
    error, strong = _strong_error(ppm, intensity)
    if error > WORST_PPM or _are_labels(mz[intensity >= strong]):
        return None
    power = _resolving_power(run, error, np.minimum(strong, np.quantile(intensity, 1 - np.array(_STRONGEST[::-1]))))
    return MassAccuracy(error, _weak_error(ppm, intensity, error, 1e6 / power), power)


def _neighboring_centroids(run: Run) -> tuple[Floats, Floats, Floats] | None:
    """Return m/z of ions of some scans, their shift to the next scan, Th, and the weaker intensity of the two."""
    counts = np.diff(run.offsets)
    first = np.flatnonzero((counts[:-1] > 0) & (counts[1:] > 0))
    first = first[:: max(1, len(first) // _SCAN_PAIRS)]
    if not len(first):
        return None
    found = [_nearest(run, int(scan)) for scan in first]
    mz, delta, intensity = (np.concatenate(column) for column in zip(*found, strict=True))
    same = np.abs(delta) < _SAME_ION_TH
    return (mz[same], delta[same], intensity[same]) if np.count_nonzero(same) >= _FEWEST_PAIRS else None


def _nearest(run: Run, scan: int) -> tuple[Floats, Floats, Floats]:
    here, there = (slice(*run.offsets[number : number + 2]) for number in (scan, scan + 1))
    mz, others = run.mz[here], run.mz[there]
    right = np.clip(np.searchsorted(others, mz), 0, len(others) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(others[left] - mz) <= np.abs(others[right] - mz), left, right)
    return mz, others[nearest] - mz, np.minimum(run.intensity[here], run.intensity[there][nearest])


def _are_labels(mz: Floats) -> bool:
    """Return whether the m/z come in steps, so that the values that occur near a nominal mass lie apart."""
    gaps = np.diff(np.unique(mz))
    near = gaps[gaps < _SAME_ION_TH]
    return not len(near) or float(np.median(near)) > _STEP_TH


def _strong_error(ppm: Floats, intensity: Floats) -> tuple[float, float]:
    """Return the standard deviation of the m/z of strong ions, ppm, and the intensity from which ions are strong.

    Most centroids of a scan may be noise, which pairs by chance. So the scatter is measured for several shares of the
    strongest ions, and the least one counts.
    """
    found: list[tuple[float, float]] = []
    for share in _STRONGEST:
        least = float(np.quantile(intensity, 1 - share))
        strong = ppm[intensity >= least]
        if len(strong) >= _FEWEST_PAIRS or not found:
            found.append((_UPPER_TO_SD * float(np.quantile(strong, 0.75)), least))
    error, least = min(found)
    return max(error, 1e-3), least


def _resolving_power(run: Run, error_ppm: float, least: Floats) -> float:
    """Return the resolving power from the least distances of two centroids of one scan.

    `least` holds intensities, falling: the strongest centroids that have distances enough count.
    """
    step = max(1, run.n_scans // (2 * _SCAN_PAIRS))
    scans = [slice(*run.offsets[scan : scan + 2]) for scan in range(0, run.n_scans, step)]
    for strong in least.tolist():
        parts = [run.mz[scan][run.intensity[scan] >= strong] for scan in scans]
        distances = [np.diff(mz) / mz[1:] for mz in parts if len(mz) > 1]
        near = np.concatenate([np.empty(0), *(distance[distance < _FARTHEST] for distance in distances)])
        near = near[near > 0]
        if len(near) >= _FEWEST_DISTANCES:
            return float(min(1 / np.quantile(near, _CLOSEST), 1e6 / (2 * error_ppm)))
    return 1e6 / (_WIDTH_IN_ERRORS * error_ppm)


def _weak_error(ppm: Floats, intensity: Floats, error_ppm: float, width_ppm: float) -> float:
    """Return the error of an ion of one count, ppm, from the weaker half of the pairs that are likely one ion."""
    weak = (intensity < np.median(intensity)) & (ppm < width_ppm / 2)
    if np.count_nonzero(weak) < _FEWEST_PAIRS:
        return 0.0
    seen = _PAIR_TO_SD * float(np.median(ppm[weak]))
    return float(np.sqrt(max(seen**2 - error_ppm**2, 0.0) * np.median(intensity[weak])))
