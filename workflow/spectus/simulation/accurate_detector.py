"""What an instrument of accurate mass (time of flight, Orbitrap) records: centroids with a small scatter of m/z.

Ions of one scan that lie closer than a peak's width at half height are one centroid, at their mean m/z weighted by
intensity. Each centroid scatters by the settings' jitter and by its counting noise. The standard deviation of the mean
of N ions of a peak of width w is w / (2.355 * sqrt(N)).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from spectus.gaussian import FWHM_OF_SD
from spectus.raw.run import Run
from spectus.simulation.background import layers
from spectus.simulation.calibration import drift_ppm, lock_correction_ppm
from spectus.simulation.disturbances import peak_reach
from spectus.simulation.elution import emg
from spectus.simulation.exact_mass import exact_masses
from spectus.simulation.mixture import Mixture
from spectus.simulation.presets import SimulationSettings
from spectus.types import Floats, Ints

LEAST_COUNTS = 1.0
"""Ions of a scan weaker than this, counts, do not shift the centroid of another."""


def acquire_accurate(mixture: Mixture, settings: SimulationSettings, rng: np.random.Generator) -> Run:
    """Record one run of a mixture with background and noise; compounds and background are those of `detector.acquire`.

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
        Centroids with measured m/z.
    """
    scan_times = np.arange(0.0, settings.run_s, settings.scan_s)
    masses = np.arange(settings.mz_low, settings.mz_high + 1)
    parts = [
        _recorded_centroids(*ions, settings, rng) for ions in ion_counts(mixture, scan_times, masses, settings, rng)
    ]
    scan, mz, intensity = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((mz, scan))
    scan, mz, intensity = scan[order], mz[order], intensity[order]
    drift = drift_ppm(scan_times[scan], settings) - lock_correction_ppm(scan_times[scan], settings)
    return Run(
        rt_s=scan_times,
        offsets=np.searchsorted(scan, np.arange(len(scan_times) + 1)).astype(np.int64),
        mz=mz * (1 + 1e-6 * drift),
        intensity=intensity,
        format="simulated",
        instrument="simulated accurate-mass instrument",
    )


def ion_counts(
    mixture: Mixture, scan_times: Floats, masses: Ints, settings: SimulationSettings, rng: np.random.Generator
) -> Iterator[tuple[Floats, Floats]]:
    """Yield for each nominal mass the m/z of its ions (n,), ascending, Th, and their counts (n, n_scans).

    Parameters
    ----------
    mixture
        Compounds of the run.
    scan_times
        (n_scans,) s.
    masses
        (n_masses,) nominal masses.
    settings
        Settings of the simulation.
    rng
        Random numbers.
    """
    background = list(layers(scan_times, masses, settings, rng))
    exact = [_background_masses(layer.parents, masses) for layer in background]
    before, after = peak_reach(mixture)
    first = np.searchsorted(scan_times, mixture.rt_s - before)
    last = np.searchsorted(scan_times, mixture.rt_s + after)
    profiles = [
        mixture.height[i] * emg(scan_times[first[i] : last[i]], mixture.rt_s[i], mixture.fwhm_s[i], mixture.tau_fwhm[i])
        for i in range(len(mixture))
    ]
    for column in range(len(masses)):
        sources = [layer for layer, mass in enumerate(exact) if background[layer].pattern[column] > 0]
        compounds = np.flatnonzero(mixture.spectra[:, column])
        mz = np.array([*(exact[layer][column] for layer in sources), *mixture.exact[compounds, column]])
        ions, row = np.unique(np.round(mz, 6), return_inverse=True)
        counts = np.zeros((len(ions), len(scan_times)))
        for layer, at in zip(sources, row, strict=False):
            counts[at] += background[layer].course * background[layer].pattern[column]
        for compound, at in zip(compounds, row[len(sources) :], strict=True):
            counts[at, first[compound] : last[compound]] += mixture.spectra[compound, column] * profiles[compound]
        yield ions, counts


def _background_masses(parents: Sequence[str | None], masses: Ints) -> Floats:
    """Return the m/z of the background's ions; the masses of each parent are computed at once."""
    named = np.array([parent or "" for parent in parents], dtype=object)
    result = masses.astype(np.float64)
    for parent in set(named):
        own = named == parent
        result[own] = exact_masses(parent, masses[own])
    return result


def _recorded_centroids(
    ions: Floats, counts: Floats, settings: SimulationSettings, rng: np.random.Generator
) -> tuple[Ints, Floats, Floats]:
    """Return scan, m/z and intensity of the centroids that ions of one nominal mass give."""
    mz, merged = _merged_ions(ions, counts, settings.resolving_power)
    spread = settings.noise_factor * np.sqrt(settings.ion_counts * merged) + settings.noise_floor_counts
    seen = np.rint(merged + spread * rng.standard_normal(merged.shape))
    if settings.ceiling_counts > 0:
        seen = np.minimum(seen, np.rint(settings.ceiling_counts))
    row, scan = np.nonzero((seen > settings.threshold_counts) & (merged > 0))
    intensity = seen[row, scan]
    n_ions = np.maximum(intensity / settings.ion_counts, 1.0)
    scatter = np.hypot(settings.mass_jitter_ppm, 1e6 / (FWHM_OF_SD * settings.resolving_power * np.sqrt(n_ions)))
    return scan, mz[row, scan] * (1 + 1e-6 * scatter * rng.standard_normal(len(row))), intensity


def _merged_ions(ions: Floats, counts: Floats, resolving_power: float) -> tuple[Floats, Floats]:
    """Return m/z and counts (n, n_scans); in every scan unresolved ions are merged into the last of them."""
    mz = np.repeat(ions[:, None], counts.shape[1], axis=1)
    merged = np.where(counts >= LEAST_COUNTS, counts, 0.0)
    held_mz, held, place = np.zeros(counts.shape[1]), np.zeros(counts.shape[1]), np.zeros(counts.shape[1], np.int64)
    columns = np.arange(counts.shape[1])
    for row in range(len(ions)):
        here = merged[row] > 0
        near = here & (held > 0) & (ions[row] - held_mz < ions[row] / resolving_power)
        total = held + merged[row]
        center = np.where(near, (held * held_mz + merged[row] * ions[row]) / np.where(total > 0, total, 1), ions[row])
        merged[place[near], columns[near]] = 0.0
        merged[row, near], mz[row] = total[near], center
        held_mz, held = np.where(here, center, held_mz), np.where(here, merged[row], held)
        place = np.where(here, row, place)
    return mz, merged
