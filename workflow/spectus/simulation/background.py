"""What a GC-MS records beside the compounds: column bleed, air, chemical noise, unresolved hydrocarbons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from spectus.simulation.presets import SimulationSettings
from spectus.types import Floats, Ints

_BLEED = {
    73: 0.35, 96: 0.06, 133: 0.08, 147: 0.15, 177: 0.04, 191: 0.12, 193: 0.05, 207: 1.0, 208: 0.21, 209: 0.14,
    253: 0.06, 265: 0.05, 281: 0.40, 282: 0.11, 283: 0.07, 327: 0.05, 355: 0.15, 356: 0.05, 357: 0.04, 429: 0.07,
    430: 0.03,
}  # fmt: skip
"""Cyclic siloxanes of a 5 % phenyl column, with their silicon isotopes, relative to m/z 207. Source: bleed of real
runs.
"""

_BLEED_IONS = {
    73: "C3H9Si", 96: "C4H12O3Si2", 133: "C4H9OSi2", 147: "C5H15OSi2", 177: "C3H9O3Si3", 191: "C5H15O2Si3",
    193: "C4H13O3Si3", 207: "C5H15O3Si3", 208: "C5H15O3Si3", 209: "C5H15O3Si3", 253: "C5H17O4Si4", 265: "C6H17O4Si4",
    281: "C7H21O4Si4", 282: "C7H21O4Si4", 283: "C7H21O4Si4", 327: "C8H23O5Si5", 355: "C9H27O5Si5", 356: "C9H27O5Si5",
    357: "C9H27O5Si5", 429: "C11H33O6Si6", 430: "C11H33O6Si6",
}  # fmt: skip
"""Composition of these ions."""

_AIR = {18: 0.3, 28: 1.0, 29: 0.008, 32: 0.25, 40: 0.012, 44: 0.03}
"""Air and carbon dioxide from a leak, relative to nitrogen. Source: composition of air."""

_AIR_IONS = {18: "H2O", 28: "N2", 29: "N2", 32: "O2", 40: "Ar", 44: "CO2"}
"""Composition of these ions."""

_HUMP = {
    41: 0.55, 43: 0.85, 55: 0.70, 56: 0.35, 57: 1.0, 67: 0.25, 69: 0.60, 70: 0.25, 71: 0.65, 81: 0.25, 83: 0.45,
    84: 0.15, 85: 0.42, 95: 0.20, 97: 0.35, 98: 0.10, 99: 0.18, 109: 0.12, 111: 0.20, 113: 0.13, 125: 0.10,
    127: 0.10, 141: 0.07, 155: 0.05,
}  # fmt: skip
"""Alkyl and alkenyl ions of unresolved aliphatic hydrocarbons, relative to m/z 57. Source: library spectra of alkanes.
"""

_HOMOLOGOUS = {41: 0.4, 43: 1.0, 42: 0.15, 53: 0.15, 40: 0.05}
"""Lightest ions of the series of alkenyl, alkyl, alkene, cycloalkenyl and other ions, and their relative intensity.
Chosen: the order of library spectra of alkanes and alkenes.
"""

_HOMOLOGY_TH = 14
"""Mass of a CH2 group, Th."""

_HOMOLOGOUS_DECAY_TH = 60.0
"""Decay of the homologous ions with mass, Th. Chosen: as in library spectra of long alkanes."""

_ALIPHATIC = "C36H72"
"""Formula that holds the ions of the hump."""

_CHEMICAL = "C36H64O4"
"""Formula that holds the ions of the chemical noise."""

_BLEED_PLACE = 0.7
"""Place at which the bleed has half its height, as a fraction of the run. Chosen: where temperature programs end."""

_BLEED_STEEPNESS = 0.07
"""Steepness of its rise (logistic), as a fraction of the run. Chosen."""

_AIR_DECAY = 0.05
"""Decay of the excess of air at the start, as a fraction of the run. Chosen."""

_HUMP_PLACE = 0.6
"""Center of the hump, as a fraction of the run. Chosen."""

_HUMP_WIDTH = 0.13
"""Standard deviation of the hump, as a fraction of the run. Chosen."""

_CHEMICAL_DECAY_TH = 70.0
"""Decay of the chemical noise with mass, Th. Chosen: as in blanks of quadrupole instruments."""

_CHEMICAL_SPREAD = 0.4
"""Spread of the chemical noise between masses, standard deviation of the natural logarithm. Chosen."""

_WANDER_S = 60.0
"""Correlation time of slow changes, s. Chosen: much longer than any peak."""


@dataclass(frozen=True)
class Layer:
    """One kind of background: `course` times `pattern`.

    Attributes
    ----------
    course
        (n_scans,) counts.
    pattern
        (n_masses,) relative intensity at nominal masses.
    parents
        (n_masses,) formulas that hold the ions of these masses; None where there is none.
    """

    course: Floats
    pattern: Floats
    parents: Sequence[str | None]


def layers(scan_times: Floats, masses: Ints, settings: SimulationSettings, rng: np.random.Generator) -> Iterator[Layer]:
    """Yield the kinds of background.

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

    Yields
    ------
    Layer
        Bleed, air, hump, homologous hump if there is one, and chemical noise, in this order.
    """
    place = scan_times / settings.run_s
    bleed = settings.bleed_counts / (1.0 + np.exp(-(place - _BLEED_PLACE) / _BLEED_STEEPNESS))
    air = settings.air_counts * (1.0 + 0.5 * np.exp(-place / _AIR_DECAY)) * _wander(len(place), 0.03, settings, rng)
    hump = (
        settings.hump_counts
        * np.exp(-0.5 * ((place - _HUMP_PLACE) / _HUMP_WIDTH) ** 2)
        * _wander(len(place), 0.05, settings, rng)
    )
    yield Layer(bleed, _pattern(_BLEED, masses), [_BLEED_IONS.get(int(mass)) for mass in masses])
    yield Layer(air, _pattern(_AIR, masses), [_AIR_IONS.get(int(mass)) for mass in masses])
    yield Layer(hump, _pattern(_HUMP, masses), [_ALIPHATIC] * len(masses))
    if settings.homologous_counts:
        pattern = homologous_pattern(masses)
        course = np.exp(-0.5 * ((place - _HUMP_PLACE) / _HUMP_WIDTH) ** 2) * _wander(len(place), 0.05, settings, rng)
        yield Layer(settings.homologous_counts * course, pattern, [_ALIPHATIC] * len(masses))
    chemical = settings.chemical_noise_counts * np.exp(-(masses - settings.mz_low) / _CHEMICAL_DECAY_TH)
    chemical = chemical * rng.lognormal(0.0, _CHEMICAL_SPREAD, size=len(masses))
    yield Layer(_wander(len(place), 0.05, settings, rng), chemical, [_CHEMICAL] * len(masses))


def homologous_pattern(masses: Ints) -> Floats:
    """Return the ions of unresolved hydrocarbons over the whole scan range: alkyl and alkenyl series of 14 Th.

    Parameters
    ----------
    masses
        (n_masses,) nominal masses.

    Returns
    -------
    Floats
        (n_masses,) relative intensities, 1 for m/z 57.
    """
    pattern = np.zeros(len(masses))
    for first, share in _HOMOLOGOUS.items():
        pattern += np.where((masses - first) % _HOMOLOGY_TH == 0, share, 0.0)
    return np.asarray(pattern * np.exp(-np.abs(masses - 57) / _HOMOLOGOUS_DECAY_TH))


def background(scan_times: Floats, masses: Ints, settings: SimulationSettings, rng: np.random.Generator) -> Floats:
    """Return the counts (n_scans, n_masses) without compounds and without noise, at nominal `masses`.

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
        Counts.
    """
    counts = np.zeros((len(scan_times), len(masses)))
    for layer in layers(scan_times, masses, settings, rng):
        counts += np.outer(layer.course, layer.pattern)
    return counts


def _pattern(relative: dict[int, float], masses: Ints) -> Floats:
    """Return relative intensities by mass as an array."""
    return np.array([relative.get(int(mass), 0.0) for mass in masses])


def _wander(n_scans: int, spread: float, settings: SimulationSettings, rng: np.random.Generator) -> Floats:
    """Return a slow random walk around 1, much slower than any peak."""
    scans = _WANDER_S / settings.scan_s
    smooth = gaussian_filter1d(rng.normal(size=n_scans), scans, mode="reflect")
    return np.asarray(1.0 + spread * np.clip(smooth * np.sqrt(2.0 * np.sqrt(np.pi) * scans), -3.0, 3.0))
