"""What disturbs real runs: overload, long tails, tuning drift, matrix humps, spikes and bursts of noise.

All random numbers come from a child of the run's generator, so that recipes without disturbances stay the same.
"""

import numpy as np
from scipy.special import ndtr

from spectus.gaussian import FWHM_OF_SD
from spectus.simulation.elution import emg, emg_area
from spectus.simulation.mixture import Mixture
from spectus.simulation.presets import SimulationSettings
from spectus.types import Floats, Ints

_HUMP_SD_S = (6.0, 25.0)
"""Range of the standard deviation of a matrix hump, s. Chosen: several to many peak widths."""

_HUMP_COMPOUNDS = 40
"""Unresolved compounds of a matrix hump. Chosen: more than can be resolved."""

_HOMOLOGY_TH = 14
"""Mass of a CH2 group, Th."""

_HUMP_SERIES_TH = (41, 43, 44, 45)
"""Lightest ions of the homologous series of a hump: alkenyl, alkyl, amine and alcohol ions."""

_HUMP_DECAY_TH = 45.0
"""Decay of a hump's ions with mass, Th. Chosen: as in library spectra of alkanes."""

_HUMP_JITTER = 0.7
"""Spread of the ions of its compounds, standard deviation of the natural logarithm. Chosen."""

_SPIKE_DECADES = (2.0, 5.0)
"""Range of the height of spikes, log10 of counts. Chosen: from the noise to a strong peak."""

_BURST_S = (0.5, 3.0)
"""Range of the length of a burst of noise, s. Chosen: from single scans to a peak width."""

_AREA_POINTS = 4001
"""Points of the numerical area of a disturbed peak."""


_BEFORE_FWHM = 3.0
"""Reach of a peak on both sides, in widths: a Gaussian has fallen below 1e-10."""

_AFTER_TAU = 14.0
"""Additional reach of its tail, in time constants: the exponential has fallen below 1e-6."""


def peak_reach(mixture: Mixture, settings: SimulationSettings | None = None) -> tuple[Floats, Floats]:
    """Compute how far the peaks of a mixture reach before and after their apexes.

    Parameters
    ----------
    mixture
        Compounds of the run.
    settings
        Settings of the simulation, if ions may leave the source late.

    Returns
    -------
    before, after : Floats
        (n,) s.
    """
    tau_fwhm = np.maximum(mixture.tau_fwhm, np.where(mixture.tail_height > 0, mixture.tail_fwhm, 0.0))
    if settings is not None and settings.ion_tailing:
        tau_fwhm = np.maximum(tau_fwhm, settings.ion_tail_fwhm)
    before = _BEFORE_FWHM * mixture.fwhm_s * (1 + mixture.fronting)
    return before, (_BEFORE_FWHM + _AFTER_TAU * tau_fwhm) * mixture.fwhm_s


def peak_profile(times: Floats, mixture: Mixture, index: int) -> Floats:
    """Compute the elution profile of one compound: an EMG, with fronting and a long tail if it has them.

    Fronting stretches the rising flank. The tail is an exponential that sets in with the peak.

    Parameters
    ----------
    times
        Times of any shape, s.
    mixture
        Compounds of the run.
    index
        Number of the compound.

    Returns
    -------
    Floats
        Heights of the shape of `times`; 1 at the apex without the tail.
    """
    apex, fwhm = mixture.rt_s[index], mixture.fwhm_s[index]
    distance = times - apex
    distance = np.where(distance < 0, distance / (1 + mixture.fronting[index]), distance)
    profile = emg(apex + distance, apex, fwhm, mixture.tau_fwhm[index])
    if mixture.tail_height[index] > 0:
        onset = ndtr(distance * FWHM_OF_SD / fwhm)
        decay = np.exp(-np.maximum(distance, 0) / (mixture.tail_fwhm[index] * fwhm))
        profile = profile + mixture.tail_height[index] * onset * decay
    return profile


def peak_areas(mixture: Mixture) -> Floats:
    """Compute the area under each profile: in closed form, or numerically for disturbed peaks.

    Parameters
    ----------
    mixture
        Compounds of the run.

    Returns
    -------
    Floats
        (n,) area of a peak of height 1, s.
    """
    areas = emg_area(mixture.fwhm_s, mixture.tau_fwhm)
    for index in np.flatnonzero((mixture.fronting > 0) | (mixture.tail_height > 0)):
        before, after = (float(reach[index]) for reach in peak_reach(mixture))
        times = mixture.rt_s[index] + np.linspace(-before, after, _AREA_POINTS)
        areas[index] = np.trapezoid(peak_profile(times, mixture, int(index)), times)
    return areas


def add_matrix_humps(
    counts: Floats, scan_times: Floats, masses: Ints, settings: SimulationSettings, rng: np.random.Generator
) -> None:
    """Add humps of unresolved homologous compounds, whose ions repeat every 14 Th, to true counts in place.

    Parameters
    ----------
    counts
        (n_scans, n_masses) true counts.
    scan_times
        (n_scans,) s.
    masses
        (n_masses,) nominal masses.
    settings
        Settings of the simulation.
    rng
        Random numbers.
    """
    for center in rng.uniform(settings.solvent_s, settings.run_s, size=settings.matrix_humps):
        sd = rng.uniform(*_HUMP_SD_S)
        apexes = center + sd * rng.standard_normal(_HUMP_COMPOUNDS)
        widths = rng.uniform(1.0, 3.0, _HUMP_COMPOUNDS) * settings.fwhm_high_s / FWHM_OF_SD
        courses = np.exp(-0.5 * ((scan_times[:, None] - apexes) / widths) ** 2)
        series = np.isin((masses[:, None] - np.array(_HUMP_SERIES_TH)) % _HOMOLOGY_TH, 0).any(axis=1)
        usual = np.where(series, np.exp(-(masses - masses[0]) / _HUMP_DECAY_TH), 0.0)
        patterns = usual * rng.lognormal(0.0, _HUMP_JITTER, (_HUMP_COMPOUNDS, len(masses)))
        hump = courses @ patterns
        counts += settings.matrix_hump_counts * rng.uniform(0.2, 1.0) * hump / max(hump.max(), 1e-30)


def tuning(scan_times: Floats, masses: Ints, settings: SimulationSettings, rng: np.random.Generator) -> Floats:
    """Compute the sensitivity as the tuning drifts: the ratio of heavy to light ions swings with time.

    Parameters
    ----------
    scan_times
        (n_scans,) s.
    masses
        (n_masses,) nominal masses.
    settings
        Settings of the simulation.
    rng
        Random numbers.

    Returns
    -------
    Floats
        (n_scans, n_masses) factors around 1.
    """
    phase = 2 * np.pi * (scan_times / settings.tuning_period_s + rng.random())
    place = (masses - masses.mean()) / (np.ptp(masses) / 2)
    return np.asarray(np.exp(settings.tuning_drift * np.outer(np.sin(phase), place)))


def electronic_noise(
    scan_times: Floats, masses: Ints, settings: SimulationSettings, rng: np.random.Generator
) -> Floats:
    """Draw spikes (single points) and bursts (all masses for a moment).

    Parameters
    ----------
    scan_times
        (n_scans,) s.
    masses
        (n_masses,) nominal masses.
    settings
        Settings of the simulation.
    rng
        Random numbers.

    Returns
    -------
    Floats
        (n_scans, n_masses) counts to add.
    """
    added = np.zeros((len(scan_times), len(masses)))
    n_spikes = rng.poisson(settings.spikes_per_scan * len(scan_times))
    at = rng.integers(len(scan_times), size=n_spikes), rng.integers(len(masses), size=n_spikes)
    added[at] = 10.0 ** rng.uniform(*_SPIKE_DECADES, size=n_spikes)
    for start in rng.uniform(scan_times[0], scan_times[-1], size=settings.bursts):
        inside = (scan_times >= start) & (scan_times < start + rng.uniform(*_BURST_S))
        added[inside] += settings.burst_counts * np.abs(rng.standard_normal((int(inside.sum()), len(masses))))
    return added
