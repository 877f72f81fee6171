"""What a spectrum says of a molecular formula: ions that it can explain, ions above it, isotope peaks that are missing.

Everything here works on nominal masses and needs no model. A formula is a row of counts in the order of
`suitability.ELEMENTS`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectus.molecules.suitability import ELEMENTS, NOMINAL_MASS
from spectus.prediction.rassp.subformulae import isotope_patterns, lightest_mass

_VALENCES = {6: 2, 14: 2, 7: 1, 15: 1, 5: 1, 9: -1, 17: -1, 35: -1, 53: -1, 8: 0, 16: 0}
"""Hydrogens that an atom adds to what a saturated skeleton can hold."""

_HYDROGENS_OF_NOTHING = 3
"""Two hydrogens of an empty saturated skeleton, and one that an ion may take up by a rearrangement."""

_PATTERN = 5
"""Masses M to M + 4 are compared with the isotope pattern of the molecule, Da. Chosen: Br2 and Cl2 show up to M + 4."""

_EXCESS, _DEFICIT = 1.3, 0.6
"""Factors on an expected isotope peak beyond which a measured one is too high, and below which it is too low. Chosen:
isotope ratios of unit-mass scans of small peaks are off by up to a third (measured on molecular ions of MassBank)."""

_FLOOR = 0.003
"""Intensity of noise, of the base peak. Chosen: many libraries cut peaks below it."""

_STRONG = 0.05
"""Intensity of a molecular ion, of the base peak, from which on a missing isotope peak excludes a structure. Chosen: an
isotope peak of a third of it is five times the floor."""

_CERTAIN, _CERTAIN_DEFICIT = 0.2, 0.7
"""Intensity of a molecular ion, of the base peak, from which on its isotope ratios are certain, and the share of an
expected isotope peak below which a measured one excludes a structure then. Measured on 373 such spectra of compounds
with Cl or Br: apart from records whose intensities are off by ten, 99 % have more. Of 6,848 candidates of evaluation
queries that this excludes, none was right."""

_HALF = 0.5
"""Share of the required isotope peaks that must be missing where the molecular ion is weaker."""

EXCLUDED = 5.0
"""Taken off the score of a structure that its isotopes exclude, logarithm of odds. Chosen: odds of 1 to 150."""

_MUCH_ABOVE = 0.10
"""Share of the ion current above the molecule that excludes a structure. Chosen: coeluting compounds and noise of a
component are mostly below it."""

LEAST_SHARE = 1e-3
"""Added to a share of the ion current before the logarithm. Chosen: shares below it are noise."""

_HALOGEN_RATIO = 0.25
"""Ratio of M + 2 to M from which on chlorine or bromine must be there; 37Cl : 35Cl is .32."""

Formula = tuple[int, ...]
"""Atoms of each element, in the order of ELEMENTS."""


class FormulaMasses(NamedTuple):
    """Masses of a formula.

    Attributes
    ----------
    mass : int
        Nominal mass of the most common isotopes, Da.
    reached : ndarray of bool, (bins,)
        Nominal masses that a subformula of an acceptable number of hydrogens has.
    pattern : ndarray of float64, (5,)
        Isotope pattern of the molecule, M = 1.
    heavier : ndarray of float64, (2,)
        Most that an ion can add at one and two masses above it, as shares of its own peak.
    """

    mass: int
    reached: NDArray[np.bool_]
    pattern: NDArray[np.float64]
    heavier: NDArray[np.float64]


@lru_cache(maxsize=20_000)
def formula_masses(formula: Formula, bins: int) -> FormulaMasses:
    """Compute the masses of a formula.

    A subformula has at most as many atoms of each element as the molecule, and at most as many hydrogens as its heavy
    atoms can bind.

    Parameters
    ----------
    formula
        Atoms of each element, in the order of `suitability.ELEMENTS`.
    bins
        Columns of a spectrum.
    """
    hydrogens = formula[ELEMENTS.index(1)]
    room = np.full(bins, -np.inf)  # most hydrogens of the heavy atoms of each mass
    room[0] = _HYDROGENS_OF_NOTHING
    for element, number in zip(ELEMENTS, formula, strict=True):
        if element == 1 or not number:
            continue
        before = room.copy()
        for atoms in range(1, number + 1):
            shift = atoms * NOMINAL_MASS[element]
            if shift >= bins:
                break
            room[shift:] = np.maximum(room[shift:], before[:-shift] + atoms * _VALENCES[element])
    reached = np.zeros(bins + 1, np.int64)
    start = np.flatnonzero(room >= 0)
    most = np.minimum(room[start], hydrogens).astype(np.int64)
    np.add.at(reached, start, 1)
    np.add.at(reached, np.minimum(start + most + 1, bins), -1)
    covered = np.cumsum(reached[:-1]) > 0
    covered[0] = False
    counts = np.array([formula], np.int64)
    mass = int(sum(number * NOMINAL_MASS[element] for element, number in zip(ELEMENTS, formula, strict=True)))
    lighter = mass - int(lightest_mass(counts, ELEMENTS)[0])  # boron has a lighter isotope than its most common one
    pattern = isotope_patterns(counts, ELEMENTS, 12 + lighter)[0, lighter:]
    pattern = pattern / max(pattern[0], 1e-12)
    return FormulaMasses(mass, covered, pattern[:_PATTERN], pattern[1:3])


class FormulaEvidence(NamedTuple):
    """What a spectrum says of n formulae, all (n,).

    Attributes
    ----------
    explained : ndarray of float64
        Share of the ion current that subformulae explain, with their isotopes, 0-1.
    above : ndarray of float64
        Share of the ion current above the molecule and its isotopes, 0-1.
    at_mass : ndarray of float64
        Intensity at the molecular mass, of the base peak, 0-1.
    missing : ndarray of float64
        How far the isotope peaks of the molecular ion fall short of what the formula requires, 0-1.
    """

    explained: NDArray[np.float64]
    above: NDArray[np.float64]
    at_mass: NDArray[np.float64]
    missing: NDArray[np.float64]


def formula_evidence(measured: NDArray[np.float32], formulae: list[Formula]) -> FormulaEvidence:
    """Compare a spectrum with formulae.

    Parameters
    ----------
    measured
        (bins,) intensities by nominal mass, base peak 1.
    formulae
        (n,) the formulae.

    Returns
    -------
    FormulaEvidence
    """
    distinct = sorted(set(formulae))
    rows = {formula: row for row, formula in enumerate(distinct)}
    place = np.array([rows[formula] for formula in formulae], np.int64)
    found = np.array([_evidence(measured, formula) for formula in distinct]).reshape(-1, 4)[place]
    return FormulaEvidence(*found.T)


def exclusion(measured: NDArray[np.float32], formula: Formula) -> str | None:
    """Tell why a spectrum excludes a formula.

    Parameters
    ----------
    measured
        (bins,) intensities by nominal mass, base peak 1.
    formula
        Atoms of each element.

    Returns
    -------
    str or None
        One sentence; None if nothing excludes it.
    """
    masses = formula_masses(formula, len(measured))
    _, above, at_mass, missing = _evidence(measured, formula)
    if above > _MUCH_ABOVE:
        return f"{above:.0%} of the ion current is above the molecule (m/z {masses.mass})"
    offset = int(np.argmax(masses.pattern[1:])) + 1
    if _lacks_isotopes(measured, masses, at_mass, missing):
        expected = masses.pattern[offset]
        seen = _at(measured, masses.mass + offset) / max(at_mass, 1e-12)
        return (
            f"the isotope peak at m/z {masses.mass + offset} is {seen:.0%} of m/z {masses.mass}, and the formula"
            f" requires {expected:.0%}"
        )
    return None


def isotope_penalty(measured: NDArray[np.float32], formulae: Sequence[Formula]) -> NDArray[np.float64]:
    """Return what is taken off the scores of structures, (n,), because the isotopes of the molecular ion exclude them.

    Parameters
    ----------
    measured
        (bins,) intensities by nominal mass, base peak 1.
    formulae
        (n,) atoms of each element; all zeros where a structure is not known.
    """
    penalty = dict[Formula, float]()
    for formula in set(formulae):
        masses = formula_masses(formula, len(measured))
        known = any(formula) and masses.pattern[2] >= _HALOGEN_RATIO
        _, _, at_mass, missing = _evidence(measured, formula) if known else (0.0, 0.0, 0.0, 0.0)
        penalty[formula] = EXCLUDED if known and _lacks_isotopes(measured, masses, at_mass, missing) else 0.0
    return np.array([penalty[formula] for formula in formulae])


def _lacks_isotopes(measured: NDArray[np.float32], masses: FormulaMasses, at_mass: float, missing: float) -> bool:
    """Say whether a molecular ion lacks the isotope peaks of chlorine or bromine."""
    if masses.pattern[2] < _HALOGEN_RATIO or at_mass < _STRONG:
        return False
    offset = int(np.argmax(masses.pattern[1:])) + 1
    seen, expected = _at(measured, masses.mass + offset), masses.pattern[offset] * at_mass
    return missing > _HALF or (at_mass >= _CERTAIN and seen + _FLOOR < _CERTAIN_DEFICIT * expected)


def _evidence(measured: NDArray[np.float32], formula: Formula) -> tuple[float, float, float, float]:
    """Return explained, above, at_mass and missing of one formula."""
    bins = len(measured)
    masses = formula_masses(formula, bins)
    total = max(float(measured.sum()), 1e-12)
    at_mass = _at(measured, masses.mass)
    heavier = masses.heavier * _EXCESS
    of_isotopes = np.zeros(bins)
    of_isotopes[1:] += heavier[0] * measured[:-1]
    of_isotopes[2:] += heavier[1] * measured[:-2]
    explained = np.where(masses.reached, measured, np.minimum(measured, of_isotopes)).sum() / total
    tail = np.array(measured[min(masses.mass + 1, bins) :], np.float64)
    expected = masses.pattern[1:] * at_mass
    n = min(len(tail), len(expected))
    tail[:n] -= _EXCESS * expected[:n]
    above = np.maximum(tail - _FLOOR, 0).sum() / total
    measured_isotopes = np.array([_at(measured, masses.mass + k) for k in range(1, _PATTERN)])
    required = np.where(masses.pattern[1:] >= _HALOGEN_RATIO, expected, 0.0)
    short = np.maximum(_DEFICIT * required - measured_isotopes - _FLOOR, 0).sum()
    missing = short / max(_DEFICIT * required.sum(), 1e-12) if required.sum() > _FLOOR else 0.0
    return float(explained), float(above), at_mass, float(min(missing, 1.0))


def _at(measured: NDArray[np.float32], mass: int) -> float:
    return float(measured[mass]) if mass < len(measured) else 0.0


def isotope_contradiction(
    measured: NDArray[np.float32], predicted: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare the pairs of peaks two masses apart that chlorine and bromine make, in fragments too.

    Parameters
    ----------
    measured
        (bins,) intensities of the query by nominal mass, base peak 1.
    predicted
        (n, bins) the same of the candidates' predicted spectra.

    Returns
    -------
    missing, extra : ndarray of float64, (n,)
        Share of the common ion current whose predicted heavy isotope is not there, and whose measured one is not
        predicted, 0-1.
    """
    light, heavy = measured[:-2].astype(np.float64), measured[2:].astype(np.float64)
    of_light, of_heavy = predicted[:, :-2].astype(np.float64), predicted[:, 2:].astype(np.float64)
    common = np.minimum(light, of_light)
    seen = heavy / np.maximum(light, 1e-9)
    expected = of_heavy / np.maximum(of_light, 1e-9)
    lost = np.where(expected >= _HALOGEN_RATIO, np.clip(1 - seen / np.maximum(_DEFICIT * expected, 1e-9), 0, 1), 0.0)
    found = np.where(seen >= _HALOGEN_RATIO, np.clip(1 - expected / np.maximum(_DEFICIT * seen, 1e-9), 0, 1), 0.0)
    strong = np.where(common >= _STRONG, common, 0.0)
    total = np.maximum(common.sum(axis=1), 1e-9)
    return (strong * lost).sum(axis=1) / total, (strong * found).sum(axis=1) / total
