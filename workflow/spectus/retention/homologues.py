"""Homologous series of ladders, and the similarity of a spectrum to their members.

Fragmentation: F. W. McLafferty, F. Turecek, Interpretation of Mass Spectra, 4th ed. (1993), chapters 9.2 and 9.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spectus.nominal_mass import to_nominal_mass
from spectus.types import Flags, Floats

MIN_CARBON = 5
"""Shortest chain that is sought, carbon atoms: pentane is a gas above 36 degrees Celsius."""

MAX_CARBON = 60
"""Longest chain that is sought, carbon atoms: the limit of gas chromatography columns."""

_LEAST_INTENSITY = 0.005
"""Intensity below which an ion is ignored, base peak 1. Chosen: weaker ions are noise in most ladders."""

_FIRST_MASS = 41
"""Lightest ion that is compared, Th: lighter ions are often below the scan range or air."""

_MOLECULAR_ION_INTENSITY = 0.002
"""Least intensity of a molecular ion, base peak 1. Chosen: long chains show about 1 %."""

_MOLECULAR_ION_STEP = 2.0
"""Least ratio of the molecular ion to the ion one mass below. Chosen: homologous series have no M-1."""

_ISOTOPE_PER_CARBON = 0.02
"""Largest isotope peak per carbon atom, relative to M+. 13C gives 0.011; chosen: twice that allows for noise."""

_ISOTOPE_MARGIN = 0.1
"""Margin of the largest isotope peak, relative to M+. Chosen: noise."""


@dataclass(frozen=True)
class HomologousSeries:
    """A homologous series as electron ionization shows it.

    Attributes
    ----------
    name
        Name in the RI standards table.
    label
        Name in messages.
    patterns
        Usual intensity (base peak 1.0) by nominal mass of the ions that members share; one pattern for short chains,
        one for long ones. Source: means of library spectra.
    homologues
        Masses of the ions whose intensity decays from one to the next; empty if the series has none.
    molecular_ion
        Nominal mass of M+ less 14 times the carbon number.
    """

    name: str
    label: str
    patterns: tuple[Mapping[int, float], ...]
    homologues: range
    molecular_ion: int


ALKANES = HomologousSeries(
    "alkane",
    "n-alkanes",
    (
        {
            41: 0.36, 42: 0.11, 43: 0.72, 55: 0.17, 56: 0.18, 57: 1.0, 69: 0.08, 70: 0.14, 71: 0.56, 84: 0.09,
            85: 0.4, 98: 0.06, 99: 0.09, 113: 0.05, 127: 0.03, 141: 0.02,
        },
        {
            41: 0.22, 42: 0.06, 43: 0.6, 55: 0.24, 56: 0.14, 57: 1.0, 69: 0.16, 70: 0.12, 71: 0.76, 83: 0.12,
            84: 0.08, 85: 0.56, 97: 0.1, 98: 0.06, 99: 0.18, 111: 0.05, 112: 0.04, 113: 0.11, 125: 0.02,
            127: 0.07, 141: 0.05, 155: 0.04, 169: 0.03, 183: 0.024, 197: 0.02,
        },
    ),
    range(57, 14 * MAX_CARBON, 14),
    2,
)  # fmt: skip
FAMES = HomologousSeries(
    "fame",
    "FAME",
    (
        {
            41: 0.35, 43: 0.4, 55: 0.28, 56: 0.05, 57: 0.14, 59: 0.16, 69: 0.11, 74: 1.0, 75: 0.1, 83: 0.05,
            84: 0.03, 87: 0.52, 88: 0.05, 97: 0.03, 101: 0.06, 115: 0.03, 129: 0.045, 143: 0.1, 157: 0.02,
        },
        {
            41: 0.3, 43: 0.55, 55: 0.37, 56: 0.07, 57: 0.37, 59: 0.09, 69: 0.22, 71: 0.12, 74: 1.0, 75: 0.3,
            81: 0.04, 83: 0.14, 84: 0.04, 85: 0.06, 87: 0.73, 88: 0.06, 97: 0.11, 98: 0.04, 101: 0.06,
            111: 0.04, 129: 0.065, 143: 0.2, 157: 0.02, 185: 0.03, 199: 0.05,
        },
    ),
    range(0),
    46,
)  # fmt: skip
SERIES = {series.name: series for series in (ALKANES, FAMES)}


def by_nominal_mass(components: pa.Table) -> Floats:
    """Return the spectra of a components table as a matrix.

    Parameters
    ----------
    components
        Table with the columns mz and intensity.

    Returns
    -------
    Floats
        (n, heaviest mass + 1) intensities, column = nominal mass, base peak 1.0.
    """
    mz, intensity = (components[name].combine_chunks() for name in ("mz", "intensity"))
    lengths = mz.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(mz)), lengths)
    mass = to_nominal_mass(mz.flatten().to_numpy())
    spectra = np.zeros((len(mz), int(mass.max(initial=0)) + 1))
    np.add.at(spectra, (row, mass), intensity.flatten().to_numpy())
    return np.asarray(spectra / spectra.max(axis=1, keepdims=True, initial=1e-12))


def series_score(spectra: Floats, series: HomologousSeries) -> Floats:
    """Score the similarity of spectra to a series: cosine of square-root intensities times the smoothness.

    The smoothness is the fraction of the homologous ions' current that decays from each ion to the next, as in an
    unbranched chain. A branch makes the ions formed at it stand out.

    Parameters
    ----------
    spectra
        (n, n_masses) intensities, column = nominal mass, base peak 1.0. Masses below the lightest of all spectra were
        not scanned and do not count.
    series
        The series.

    Returns
    -------
    Floats
        (n,) scores, 0-1.
    """
    first = max(_FIRST_MASS, int(np.argmax(spectra.any(axis=0))))
    roots = np.sqrt(np.where(spectra >= _LEAST_INTENSITY, spectra, 0.0))[:, first:]
    cosine = np.zeros(len(spectra))
    for pattern in series.patterns:
        model = np.sqrt([pattern.get(mass, 0.0) for mass in range(first, spectra.shape[1])])
        norm = np.linalg.norm(roots, axis=1) * np.linalg.norm(model)
        np.maximum(cosine, np.divide(roots @ model, norm, out=np.zeros(len(spectra)), where=norm > 0), out=cosine)
    ions = spectra[:, [mass for mass in series.homologues if mass < spectra.shape[1]]]
    rise = np.clip(np.diff(ions, axis=1), 0, None).sum(axis=1)
    current = ions[:, 1:].sum(axis=1)
    roughness = np.divide(rise, current, out=np.zeros(len(spectra)), where=current > 0)
    return np.asarray(cosine * (1 - roughness).clip(0, 1))


def molecular_ions(spectra: Floats, series: HomologousSeries) -> Flags:
    """Find the molecular ions of a series.

    M+ has an even mass and no M-1 beside it. An ion much larger than its lighter neighbor with no more than an isotope
    peak behind it is therefore M+. The isotope peaks of odd-mass fragments are smaller than the fragments.

    Parameters
    ----------
    spectra
        (n, n_masses) intensities, column = nominal mass, base peak 1.0.
    series
        The series.

    Returns
    -------
    Flags
        (n, MAX_CARBON - MIN_CARBON + 1) whether the spectrum shows the molecular ion of each carbon number.
    """
    carbons = np.arange(MIN_CARBON, MAX_CARBON + 1)
    mass = 14 * carbons + series.molecular_ion
    padded = np.pad(spectra, ((0, 0), (0, max(0, mass[-1] + 2 - spectra.shape[1]))))
    heavier = padded.sum(axis=1, keepdims=True) - np.cumsum(padded, axis=1)
    ion = padded[:, mass]
    return np.asarray(
        (ion >= _MOLECULAR_ION_INTENSITY * padded.max(axis=1, keepdims=True).clip(1e-12))
        & (ion >= _MOLECULAR_ION_STEP * padded[:, mass - 1])
        & (padded[:, mass + 1] <= ion * (_ISOTOPE_PER_CARBON * carbons + _ISOTOPE_MARGIN))
        & (heavier[:, mass + 1] <= ion)
    )
