"""What an Orbitrap or a time-of-flight instrument records in profile mode: the points of every peak, and no others.

The points lie on a fixed grid of the instrument. Those of an Orbitrap are even in frequency, which falls with the
square root of m/z: peaks of any m/z have the same number of points, and the resolving power falls with the square root
of m/z. Those of a time-of-flight instrument are even in flight time, which grows with that root: the resolving power is
constant, and heavy peaks have more points. The m/z of the grid change at each correction by the lock mass.

The points of an ion add up to its counts. On an Orbitrap an ion has a smooth peak on noise that changes no faster than
a peak does. On a time-of-flight instrument each ion gives a pulse of chance height at the time of its arrival. The
interference of close frequencies in an Orbitrap and the dead time of a detector are not simulated.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from spectus.gaussian import AREA_OF_HEIGHT, FWHM_OF_SD
from spectus.raw.run import Run
from spectus.simulation.accurate_detector import LEAST_COUNTS, ion_counts
from spectus.simulation.calibration import drift_ppm, lock_correction_ppm
from spectus.simulation.mixture import Mixture
from spectus.simulation.presets import REFERENCE_TH, SimulationSettings
from spectus.types import Floats, Ints

_HALF_WINDOW_FWHM = 2.0
"""Half the window in which a peak has points, peak widths. Chosen: beyond are 2e-6 of the peak's ions."""

_PULSE = np.array([0.25, 0.5, 0.25])
"""Pulse of a single ion on three points of the digitizer. Chosen: detectors give pulses of 1 to 2 ns."""

_PULSE_VARIANCE = 0.5
"""Variance of this pulse, points^2."""


@dataclass(frozen=True)
class _Points:
    """Points of some scans, ascending in `scan` and then `place`: scan, place on the grid, and counts, each (n,)."""

    scan: Ints
    place: Ints
    counts: Floats


def acquire_profile(mixture: Mixture, settings: SimulationSettings, rng: np.random.Generator) -> Run:
    """Record one run of a mixture in profile mode; compounds and background are those of `detector.acquire`.

    Parameters
    ----------
    mixture
        Compounds of the run.
    settings
        Settings of the simulation.
    rng
        Random numbers.

    Returns
    -------
    Run
        Points of profiles. A point of no intensity stands on each side of every stretch of points.
    """
    scan_times = np.arange(0.0, settings.run_s, settings.scan_s)
    masses = np.arange(settings.mz_low, settings.mz_high + 1)
    parts = [
        _recorded(_signal(*ions, scan_times, settings, rng), ions[0][0], settings, rng)
        for ions in ion_counts(mixture, scan_times, masses, settings, rng)
        if len(ions[0])
    ]
    scan, place, counts = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("scan", "place", "counts")
    )
    order = np.argsort(scan, kind="stable")  # the parts are in order of mass
    scan, place, counts = scan[order], place[order], counts[order]
    correction = lock_correction_ppm(scan_times, settings)
    return Run(
        rt_s=scan_times,
        offsets=np.searchsorted(scan, np.arange(len(scan_times) + 1)).astype(np.int64),
        mz=_mz_of(place * _grid_step(settings), settings) * (1 - 1e-6 * correction[scan]),
        intensity=counts.astype(np.float32).astype(np.float64),  # as a file holds them
        format="simulated",
        instrument="simulated Orbitrap" if settings.analyzer == "orbitrap" else "simulated time of flight",
    )


def _coordinate(mz: Floats, settings: SimulationSettings) -> Floats:
    """Return where m/z lie on a scale on which the instrument's points are even."""
    return np.asarray(-1 / np.sqrt(mz) if settings.analyzer == "orbitrap" else np.sqrt(mz))


def _mz_of(coordinate: Floats, settings: SimulationSettings) -> Floats:
    """Return the m/z of places on this scale, Th."""
    return np.asarray(coordinate**-2.0 if settings.analyzer == "orbitrap" else coordinate**2)


def _grid_step(settings: SimulationSettings) -> float:
    """Return the distance of points on this scale: a peak at `REFERENCE_TH` has `points_fwhm` of them."""
    width = REFERENCE_TH * (1 + np.array([-0.5, 0.5]) / settings.resolving_power)
    return float(np.diff(_coordinate(width, settings))[0]) / settings.points_fwhm


def _width_points(mz: float, settings: SimulationSettings) -> float:
    """Return the width of a peak at half height, points."""
    growth = 1.0 if settings.analyzer == "orbitrap" else np.sqrt(mz / REFERENCE_TH)
    return float(settings.points_fwhm * growth)


def _signal(
    ions: Floats, counts: Floats, scan_times: Floats, settings: SimulationSettings, rng: np.random.Generator
) -> _Points:
    """Return the expected counts of all points around the ions of one nominal mass.

    Parameters
    ----------
    ions
        (n,) m/z, Th.
    counts
        (n, n_scans) counts.
    scan_times
        (n_scans,) s.
    """
    row, scan = np.nonzero(counts >= LEAST_COUNTS)
    amount = counts[row, scan]
    if settings.analyzer == "orbitrap":
        spread = settings.noise_factor * np.sqrt(settings.ion_counts * amount)
        amount = np.maximum(amount + spread * rng.standard_normal(len(amount)), 0.0)
    ppm = drift_ppm(scan_times, settings)[scan] + settings.mass_jitter_ppm * rng.standard_normal(len(scan))
    center = _coordinate(ions[row] * (1 + 1e-6 * ppm), settings) / _grid_step(settings)
    width = whole = _width_points(float(ions[0]), settings)
    if settings.analyzer == "tof":  # the pulse widens the peak again
        width = float(np.sqrt(whole**2 - _PULSE_VARIANCE * FWHM_OF_SD**2))
    reach = int(np.ceil(_HALF_WINDOW_FWHM * whole))
    place = np.rint(center).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    shape = np.exp(-4 * np.log(2) * ((place - center[:, None]) / width) ** 2) / (AREA_OF_HEIGHT * width)
    first = int(place.min(initial=0))
    span = int(place.max(initial=0)) - first + 1
    key, point = np.unique(scan[:, None] * span + place - first, return_inverse=True)
    summed = np.bincount(point.ravel(), (amount[:, None] * shape).ravel(), len(key)).astype(np.float64)
    return _Points(key // span, key % span + first, summed)


def _recorded(signal: _Points, mz: float, settings: SimulationSettings, rng: np.random.Generator) -> _Points:
    """Return the points that are written for ions near `mz`: whole stretches above the noise with enough counts."""
    if not len(signal.counts):
        return signal
    width = _width_points(mz, settings)
    if settings.analyzer == "orbitrap":
        floor = settings.noise_floor_counts / (AREA_OF_HEIGHT * width)
        smooth = gaussian_filter1d(rng.standard_normal(len(signal.counts)), width / FWHM_OF_SD, mode="wrap")
        seen = signal.counts + floor * np.sqrt(2 * np.sqrt(np.pi) * width / FWHM_OF_SD) * smooth
    else:
        floor = 0.0
        seen = np.convolve(_detected(signal.counts, settings, rng), _PULSE, mode="same")
    if settings.ceiling_counts > 0:
        seen = np.minimum(seen, settings.ceiling_counts)
    apart = (np.diff(signal.scan) != 0) | (np.diff(signal.place) != 1)
    above = seen > floor
    begins = above & np.concatenate([[True], apart | ~above[:-1]])
    stretch = np.cumsum(begins) - 1
    total = np.bincount(stretch[above], seen[above], int(begins.sum()))
    kept = above & (total > settings.threshold_counts)[stretch] if len(total) else above
    return _with_zeros(_Points(signal.scan[kept], signal.place[kept], seen[kept]))


def _detected(expected: Floats, settings: SimulationSettings, rng: np.random.Generator) -> Floats:
    """Return the counts of detected ions: their number is Poisson, the height of each is of a gamma distribution.

    The variance of a height is such that the sum of a peak is as noisy as the settings' `noise_factor` says.
    """
    number = rng.poisson(expected / settings.ion_counts)
    variance = settings.noise_factor**2 - 1
    if variance > 0:
        return np.asarray(settings.ion_counts * variance * rng.gamma(number / variance))
    return np.asarray(settings.ion_counts * number, dtype=np.float64)


def _with_zeros(points: _Points) -> _Points:
    """Add a point without intensity on each side of every stretch, as files have it."""
    scan = np.tile(points.scan, 3)
    place = np.concatenate([points.place, points.place - 1, points.place + 1])
    counts = np.concatenate([points.counts, np.zeros(2 * len(points.counts))])
    order = np.lexsort((-counts, place, scan))
    scan, place, counts = scan[order], place[order], counts[order]
    first = np.append(True, (np.diff(scan) != 0) | (np.diff(place) != 0)) if len(scan) else np.zeros(0, dtype=bool)
    return _Points(scan[first], place[first], counts[first])
