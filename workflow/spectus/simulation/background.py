"""What a GC-MS records beside the compounds: column bleed, air, chemical noise, unresolved hydrocarbons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spectus.simulation.presets import Settings

Floats = NDArray[np.float64]

# Cyclic siloxanes of a 5 % phenyl column, with their silicon isotopes, relative to m/z 207.
_BLEED = {
    73: 0.35, 96: 0.06, 133: 0.08, 147: 0.15, 177: 0.04, 191: 0.12, 193: 0.05, 207: 1.0, 208: 0.21, 209: 0.14,
    253: 0.06, 265: 0.05, 281: 0.40, 282: 0.11, 283: 0.07, 327: 0.05, 355: 0.15, 356: 0.05, 357: 0.04, 429: 0.07,
    430: 0.03,
}  # fmt: skip
_BLEED_IONS = {
    73: "C3H9Si", 96: "C4H12O3Si2", 133: "C4H9OSi2", 147: "C5H15OSi2", 177: "C3H9O3Si3", 191: "C5H15O2Si3",
    193: "C4H13O3Si3", 207: "C5H15O3Si3", 208: "C5H15O3Si3", 209: "C5H15O3Si3", 253: "C5H17O4Si4", 265: "C6H17O4Si4",
    281: "C7H21O4Si4", 282: "C7H21O4Si4", 283: "C7H21O4Si4", 327: "C8H23O5Si5", 355: "C9H27O5Si5", 356: "C9H27O5Si5",
    357: "C9H27O5Si5", 429: "C11H33O6Si6", 430: "C11H33O6Si6",
}  # fmt: skip
# Air and carbon dioxide leaking in, relative to nitrogen.
_AIR = {18: 0.3, 28: 1.0, 29: 0.008, 32: 0.25, 40: 0.012, 44: 0.03}
_AIR_IONS = {18: "H2O", 28: "N2", 29: "N2", 32: "O2", 40: "Ar", 44: "CO2"}
# Alkyl and alkenyl ions of aliphatic hydrocarbons that are not resolved, relative to m/z 57.
_HUMP = {
    41: 0.55, 43: 0.85, 55: 0.70, 56: 0.35, 57: 1.0, 67: 0.25, 69: 0.60, 70: 0.25, 71: 0.65, 81: 0.25, 83: 0.45,
    84: 0.15, 85: 0.42, 95: 0.20, 97: 0.35, 98: 0.10, 99: 0.18, 109: 0.12, 111: 0.20, 113: 0.13, 125: 0.10,
    127: 0.10, 141: 0.07, 155: 0.05,
}  # fmt: skip

_ALIPHATIC, _CHEMICAL = "C36H72", "C36H64O4"
"""Parents of the ions of the hump, and of those of the chemical noise."""


@dataclass(frozen=True)
class Layer:
    """One kind of background: `course` (n_scans,) counts times `pattern` (n_masses,) at nominal masses.

    `parents` (n_masses,) are formulas of which the ions at these masses are made; None where there is none.
    """

    course: Floats
    pattern: Floats
    parents: Sequence[str | None]


def layers(
    scan_times: Floats, masses: NDArray[np.int64], settings: Settings, rng: np.random.Generator
) -> Iterator[Layer]:
    """The kinds of background, each of its own ions."""
    place = scan_times / settings.run_s
    bleed = settings.bleed_counts / (1.0 + np.exp(-(place - 0.7) / 0.07))
    air = settings.air_counts * (1.0 + 0.5 * np.exp(-place / 0.05)) * _wander(len(place), 0.03, settings, rng)
    hump = settings.hump_counts * np.exp(-0.5 * ((place - 0.6) / 0.13) ** 2) * _wander(len(place), 0.05, settings, rng)
    yield Layer(bleed, _pattern(_BLEED, masses), [_BLEED_IONS.get(int(mass)) for mass in masses])
    yield Layer(air, _pattern(_AIR, masses), [_AIR_IONS.get(int(mass)) for mass in masses])
    yield Layer(hump, _pattern(_HUMP, masses), [_ALIPHATIC] * len(masses))
    chemical = settings.chemical_noise_counts * np.exp(-(masses - settings.mz_low) / 70.0)
    chemical = chemical * rng.lognormal(0.0, 0.4, size=len(masses))
    yield Layer(_wander(len(place), 0.05, settings, rng), chemical, [_CHEMICAL] * len(masses))


def background(scan_times: Floats, masses: NDArray[np.int64], settings: Settings, rng: np.random.Generator) -> Floats:
    """Counts (n_scans, n_masses) without compounds and without shot noise, at nominal `masses`."""
    counts = np.zeros((len(scan_times), len(masses)))
    for layer in layers(scan_times, masses, settings, rng):
        counts += np.outer(layer.course, layer.pattern)
    return counts


def _pattern(relative: dict[int, float], masses: NDArray[np.int64]) -> Floats:
    return np.array([relative.get(int(mass), 0.0) for mass in masses])


def _wander(n_scans: int, spread: float, settings: Settings, rng: np.random.Generator) -> Floats:
    """A slow random walk around 1, much slower than any peak: correlated over a minute."""
    scans = 60.0 / settings.scan_s
    smooth = gaussian_filter1d(rng.normal(size=n_scans), scans, mode="reflect")
    return np.asarray(1.0 + spread * np.clip(smooth * np.sqrt(2.0 * np.sqrt(np.pi) * scans), -3.0, 3.0))
