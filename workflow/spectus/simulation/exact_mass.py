"""Exact masses for the peaks of a unit-mass spectrum, so that an accurate-mass run can be simulated from it.

Each peak is assigned the ion to which most ways lead. Of all subformulas of the compound's formula with the peak's
nominal mass, this is the one that a random choice of as many atoms would hit most often. Heavy isotopes count by their
abundance, and ions with an even number of electrons are preferred to radicals. The result need not be the true ion. It
is an ion of the compound's elements with a realistic mass defect, and it is known.
"""

import itertools
import re
from collections.abc import Mapping
from functools import cache

import numpy as np
from rdkit import Chem
from scipy.special import gammaln

from spectus.types import Floats, Ints

ELECTRON = 0.000548580
"""Mass of the electron that an ion lacks, Da (CODATA)."""

USUAL_DEFECT = 4.5e-4
"""Mass defect, as a fraction of the mass, of ions of unknown composition: between hydrocarbons and oxygen compounds."""

_VALENCE = {"C": 4, "H": 1, "N": 3, "O": 2, "F": 1, "Si": 4, "P": 3, "S": 2, "Cl": 1, "Br": 1, "I": 1, "B": 3, "Se": 2}
"""Usual valence of each element."""

_HEAVY_ISOTOPES = {"C": (13,), "Si": (29, 30), "S": (34,), "Cl": (37,), "Br": (81,)}
"""Heavy isotopes that are considered, mass numbers."""

_LIGHTEST = {"Se": 80, "B": 11}
"""Isotope that gives an element its nominal mass where it is not the most common one of lowest mass."""

_MOST_COMPOSITIONS = 200_000
"""Most subformulas that are enumerated. Chosen: it bounds memory."""

_MOST_RARE = 1
"""Heavy isotopes with an abundance below a tenth that one ion may hold. Chosen: two are below 1 % together."""

_EVEN_ELECTRON = 0.3
"""Log preference of ions with an even number of electrons. Chosen."""

_HYDROGEN = 0.2
"""Weight of the choice of hydrogens. Chosen: which of them an ion keeps is less a matter of chance."""


def parse_formula(formula: str) -> dict[str, int]:
    """Count the atoms of a molecular formula without charges, brackets or isotopes.

    Parameters
    ----------
    formula
        For example C6H5Cl.

    Returns
    -------
    dict
        Number of atoms by element.
    """
    counts: dict[str, int] = {}
    for element, number in re.findall(r"([A-Z][a-z]?)(\d*)", formula):
        counts[element] = counts.get(element, 0) + int(number or 1)
    return counts


def exact_masses(formula: str | None, nominal: Ints) -> Floats:
    """Return the m/z of singly charged ions of a compound.

    Parameters
    ----------
    formula
        Molecular formula; None if unknown.
    nominal
        (n,) nominal masses.

    Returns
    -------
    Floats
        (n,) m/z, Th. A mass that no subformula has gets the usual mass defect. So does every mass if the formula is
        unknown or holds elements that organic compounds rarely have.
    """
    nominal = np.asarray(nominal, dtype=np.int64)
    usual = nominal.astype(np.float64) * (1 + USUAL_DEFECT)
    counts = parse_formula(formula or "")
    heavy = {element: number for element, number in counts.items() if element != "H"}
    size = np.prod([number + 1.0 for number in heavy.values()])
    if not counts or not set(counts) <= set(_VALENCE) or size > _MOST_COMPOSITIONS:
        return usual
    best, mass = np.full(len(nominal), -np.inf), usual
    for labels in _labellings(heavy):
        likelihood, exact = _most_likely(counts.get("H", 0), heavy, labels, nominal)
        better = likelihood > best
        best, mass = np.where(better, likelihood, best), np.where(better, exact, mass)
    return np.where(np.isfinite(best), mass - ELECTRON, usual)


def _most_likely(
    hydrogens: int, heavy: Mapping[str, int], labels: Mapping[tuple[str, int], int], nominal: Ints
) -> tuple[Floats, Floats]:
    """Return the highest log likelihood (n,) of ions with these heavy isotopes (else -inf) and its mass (n,), Da."""
    elements = list(heavy)
    counts = np.array(list(itertools.product(*(range(heavy[element] + 1) for element in elements))), dtype=np.int64)
    counts = counts.reshape(-1, len(elements))
    light = [_light(element) for element in elements]
    counts = counts[counts @ np.array([mass for mass, _ in light], dtype=np.int64) <= nominal.max(initial=0)]
    chance = sum(
        (_log_ways(heavy[element], counts[:, index]) for index, element in enumerate(elements)), np.zeros(len(counts))
    )
    integer = counts @ np.array([mass for mass, _ in light], dtype=np.int64)
    exact = counts @ np.array([mass for _, mass in light], dtype=np.float64)
    for (element, isotope), number in labels.items():
        held = counts[:, elements.index(element)]
        least = sum(n for (other, _), n in labels.items() if other == element)
        share = _abundance(element, isotope) / _abundance(element, light[elements.index(element)][0])
        chance = np.where(held >= least, chance + _log_ways(held, number) + number * np.log(share), -np.inf)
        integer = integer + number * (isotope - light[elements.index(element)][0])
        exact = exact + number * (_mass(element, isotope) - light[elements.index(element)][1])
    hydrogen = nominal[None, :] - integer[:, None]
    bonds = counts @ np.array([_VALENCE[element] - 2 for element in elements], dtype=np.int64)
    unsaturation = 1 + (bonds[:, None] - hydrogen) / 2
    possible = (hydrogen >= 0) & (hydrogen <= hydrogens) & (unsaturation >= 0)
    likelihood = np.where(
        possible,
        chance[:, None]
        + _HYDROGEN * _log_ways(hydrogens, np.clip(hydrogen, 0, hydrogens))
        + _EVEN_ELECTRON * 2 * (unsaturation % 1),
        -np.inf,
    )
    choice = np.argmax(likelihood, axis=0)
    column = np.arange(len(nominal))
    return likelihood[choice, column], exact[choice] + hydrogen[choice, column] * _mass("H", 1)


def _labellings(heavy: Mapping[str, int]) -> list[dict[tuple[str, int], int]]:
    """Return the heavy isotopes that an ion may hold, and how many of each; none first."""
    kinds = [(element, isotope) for element in heavy for isotope in _HEAVY_ISOTOPES.get(element, ())]
    common = {kind: _abundance(*kind) > 0.1 for kind in kinds}
    ranges = [range(heavy[kind[0]] + 1 if common[kind] else min(heavy[kind[0]], _MOST_RARE) + 1) for kind in kinds]
    labellings = []
    for numbers in itertools.product(*ranges):
        held = {kind: number for kind, number in zip(kinds, numbers, strict=True) if number}
        if sum(number for kind, number in held.items() if not common[kind]) <= _MOST_RARE:
            labellings.append(held)
    return labellings


def _log_ways(total: int | Ints, chosen: int | Ints) -> Floats:
    """Return the logarithm of the number of ways to choose `chosen` of `total`."""
    chosen = np.minimum(chosen, total)
    return np.asarray(gammaln(np.add(total, 1)) - gammaln(np.add(chosen, 1)) - gammaln(np.subtract(total, chosen) + 1))


@cache
def _light(element: str) -> tuple[int, float]:
    """Return mass number and mass of the isotope that gives the element its nominal mass."""
    number = _LIGHTEST.get(element) or Chem.GetPeriodicTable().GetMostCommonIsotope(element)
    return number, _mass(element, number)


@cache
def _mass(element: str, isotope: int) -> float:
    """Return the mass of an isotope, Da."""
    return float(Chem.GetPeriodicTable().GetMassForIsotope(element, isotope))


@cache
def _abundance(element: str, isotope: int) -> float:
    """Return the natural abundance of an isotope, 0-1."""
    return float(Chem.GetPeriodicTable().GetAbundanceForIsotope(element, isotope)) / 100
