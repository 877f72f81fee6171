"""From true ion currents to what a quadrupole records: sweep, noise, ceiling, threshold, m/z."""

import numpy as np
from scipy.signal import lfilter

from spectus.raw.run import Run
from spectus.simulation.background import background
from spectus.simulation.disturbances import add_matrix_humps, electronic_noise, peak_profile, peak_reach, tuning
from spectus.simulation.mixture import Mixture
from spectus.simulation.presets import SimulationSettings
from spectus.types import Floats, Ints

_MZ_STEP = 0.05
"""Step of recorded m/z, Th: that of ChemStation files."""


def acquire(mixture: Mixture, settings: SimulationSettings, rng: np.random.Generator) -> Run:
    """Record one run of a mixture with background and noise.

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
        The run. Its times are those at which the scans begin.
    """
    if settings.analyzer:
        from spectus.simulation.profile_detector import acquire_profile  # it needs RDKit

        return acquire_profile(mixture, settings, rng)
    if settings.resolving_power:
        from spectus.simulation.accurate_detector import acquire_accurate  # it needs RDKit

        return acquire_accurate(mixture, settings, rng)
    scan_times = np.arange(0.0, settings.run_s, settings.scan_s)
    masses = np.arange(settings.mz_low, settings.mz_high + 1)
    (child,) = rng.spawn(1)
    counts = background(scan_times, masses, settings, rng)
    add_matrix_humps(counts, scan_times, masses, settings, child)
    delays = settings.skew_scans * settings.scan_s * (masses - masses[0]) / (masses[-1] - masses[0])
    _add_compounds(counts, scan_times, delays, mixture, settings)
    if settings.tuning_drift:
        counts *= tuning(scan_times, masses, settings, child)
    spread = settings.noise_factor * np.sqrt(settings.ion_counts * counts) + settings.noise_floor_counts
    counts += spread * rng.standard_normal(counts.shape)
    if settings.spikes_per_scan or settings.bursts:
        counts += electronic_noise(scan_times, masses, settings, child)
    return _recorded_run(counts, scan_times, masses, settings)


def _add_compounds(
    counts: Floats, scan_times: Floats, delays: Floats, mixture: Mixture, settings: SimulationSettings
) -> None:
    """Add each compound's peak to the channels of its ions; every channel is read at its own time of the sweep."""
    before, after = peak_reach(mixture, settings)
    first = np.searchsorted(scan_times, mixture.rt_s - before - delays[-1])
    last = np.searchsorted(scan_times, mixture.rt_s + after)
    for i in range(len(mixture)):
        ions = np.flatnonzero(mixture.spectra[i])
        scans = slice(first[i], last[i])
        late = mixture.mass_delay_s[i] * (ions / counts.shape[1] - 0.5)
        shift = delays[ions] - late if delays[-1] > 0 or mixture.mass_delay_s[i] > 0 else np.zeros(1)
        profile = peak_profile(scan_times[scans, None] + shift, mixture, i)
        if settings.ion_tailing:
            decay = np.exp(-settings.scan_s / (settings.ion_tail_fwhm * mixture.fwhm_s[i]))
            late_share = mixture.ion_tailing[i, ions]
            profile = (1 - late_share) * profile + late_share * lfilter([1 - decay], [1, -decay], profile, axis=0)
        counts[scans, ions] += profile * (mixture.height[i] * mixture.spectra[i, ions])


def _recorded_run(counts: Floats, scan_times: Floats, masses: Ints, settings: SimulationSettings) -> Run:
    """Apply ceiling, rounding and threshold to noisy counts (n_scans, n_masses)."""
    seen = np.rint(counts)
    if settings.ceiling_counts > 0:
        seen = np.minimum(seen, np.rint(settings.ceiling_counts))
    scan, channel = np.nonzero(seen > settings.threshold_counts)
    mz = np.round(masses * (1.0 + settings.mass_defect_per_th) / _MZ_STEP) * _MZ_STEP
    return Run(
        rt_s=scan_times,
        offsets=np.searchsorted(scan, np.arange(len(scan_times) + 1)).astype(np.int64),
        mz=np.round(mz, 2)[channel],
        intensity=seen[scan, channel],
        format="simulated",
        instrument="simulated quadrupole",
    )
