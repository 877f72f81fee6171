"""Sub-formulae of a molecule and their isotope patterns on integer masses.

A sub-formula is a skeleton (how many of each heavy element) with a number of hydrogens. RASSP (Zhu and Jonas, Anal.
Chem. 2023, 95, 2653) takes every vector of counts from none to all. Those with impossible unsaturation can be left out,
so that molecules with several heteroatoms stay within the limit.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from spectus.molecules.suitability import ELEMENTS

HEAVY = tuple(number for number in ELEMENTS if number != 1)
"""Atomic numbers of a skeleton's columns; hydrogens are counted apart."""

_PATTERN_STEP = 64
"""Numbers of atoms for which isotope patterns are computed together. Chosen: one or two steps serve every molecule."""

_TETRAVALENT, _TRIVALENT, _MONOVALENT = (6, 14), (7, 15, 5), (9, 17, 35, 53)
_UNSATURATION = np.array(
    [1.0 if e in _TETRAVALENT else 0.5 if e in _TRIVALENT else -0.5 if e in _MONOVALENT else 0.0 for e in HEAVY]
)


@dataclass(frozen=True)
class Limits:
    """Which molecules are taken, and which of their sub-formulae. The defaults are those published.

    Attributes
    ----------
    atoms : int
        Most atoms, hydrogens among them.
    formulae : int
        Most sub-formulae.
    below_saturated : float
        Rings and double bonds that a sub-formula may have fewer than 0.
    added_unsaturation : float
        Rings and double bonds that a sub-formula may have more than the whole molecule.
    isotopes : int
        Nominal masses of an isotope pattern, from the lightest isotopes on, Da.
    """

    atoms: int = 48
    formulae: int = 4096
    below_saturated: float = float("inf")
    added_unsaturation: float = float("inf")
    isotopes: int = 12


class Subformulae(NamedTuple):
    """Sub-formulae of a molecule, ascending by skeleton and hydrogens; the last is the molecule.

    Attributes
    ----------
    skeletons : ndarray of int64, (K, len(HEAVY))
        Heavy atoms by element, none of them empty, the whole molecule's last.
    skeleton : ndarray of int64, (F,)
        Row of the skeleton of each sub-formula.
    hydrogens : ndarray of int64, (F,)
        Hydrogens of each sub-formula.
    """

    skeletons: NDArray[np.int64]
    skeleton: NDArray[np.int64]
    hydrogens: NDArray[np.int64]


def all_skeletons(heavy: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return every vector of counts up to `heavy`, the empty one first, (prod(heavy + 1), len(HEAVY)).

    The row of a vector is its `skeleton_number`.
    """
    return np.indices(tuple((heavy + 1).tolist())).reshape(len(heavy), -1).T


def skeleton_number(counts: NDArray[np.int64], heavy: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of `all_skeletons(heavy)` that hold vectors of counts (n, len(HEAVY)), (n,)."""
    radix = np.cumprod(np.append(1, (heavy + 1)[:0:-1]))[::-1]
    return counts @ radix


def unsaturation(skeletons: NDArray[np.int64], hydrogens: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """Return the rings and double bonds of formulae, with the elements' lowest valences, (n,).

    Half numbers are ions of even electron count.
    """
    found: NDArray[np.float64] = 1 + skeletons @ _UNSATURATION - np.asarray(hydrogens) / 2
    return found


def subformulae(
    heavy: NDArray[np.int64], hydrogens: int, limits: Limits, reachable: NDArray[np.bool_] | None = None
) -> Subformulae:
    """Return the sub-formulae of a molecule, all of them, whatever `limits.formulae` says.

    The empty skeleton is left out, because nothing below m/z 5 is recorded. A sub-formula may have fewer or more rings
    and double bonds than a stable molecule, within the limits. The bounds move with the molecule's own number, so that
    hypervalent molecules keep their formula.

    Parameters
    ----------
    heavy
        (len(HEAVY),) heavy atoms of the molecule by element.
    hydrogens
        Hydrogens of the molecule.
    limits
        Bounds of the unsaturation.
    reachable
        (prod(heavy + 1),) which skeletons to keep, by `skeleton_number`; None: all.
    """
    cells, skeletons, fewest, number = subformulae_by_skeleton(heavy, hydrogens, limits)
    if reachable is not None:
        kept = reachable[cells]
        skeletons, fewest, number = skeletons[kept], fewest[kept], number[kept]
    skeleton = np.repeat(np.arange(len(number)), number)
    place = np.arange(len(skeleton)) - np.repeat(np.cumsum(number) - number, number)
    return Subformulae(skeletons, skeleton, place + fewest[skeleton])


def subformulae_by_skeleton(
    heavy: NDArray[np.int64], hydrogens: int, limits: Limits
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the skeletons of `subformulae` and the range of their hydrogens.

    Returns
    -------
    cells : ndarray of int64, (K,)
        Their `skeleton_number`.
    skeletons : ndarray of int64, (K, len(HEAVY))
        Heavy atoms by element.
    fewest, number : ndarray of int64, (K,)
        Fewest hydrogens, and number of sub-formulae.
    """
    present = np.flatnonzero(heavy)
    grid = np.indices(tuple((heavy[present] + 1).tolist())).reshape(len(present), -1)
    own = float(unsaturation(heavy, hydrogens))
    without = 1 + _UNSATURATION[present] @ grid
    most = np.clip(np.floor(2 * (without - min(own, 0.0) + limits.below_saturated)), -1, hydrogens)
    least = np.clip(np.ceil(2 * (without - max(own, 0.0) - limits.added_unsaturation)), 0, hydrogens + 1)
    number = np.maximum(most - least + 1, 0).astype(np.int64)
    number[0] = 0
    cells = np.flatnonzero(number)
    skeletons = np.zeros((len(cells), len(HEAVY)), np.int64)
    skeletons[:, present] = grid[:, cells].T
    return cells, skeletons, least[cells].astype(np.int64), number[cells]


def isotope_patterns(counts: NDArray[np.int64], elements: tuple[int, ...], width: int) -> NDArray[np.float64]:
    """Return the isotope patterns of formulae, from the mass of the lightest isotopes on; each row sums to 1.

    Parameters
    ----------
    counts
        (n, len(elements)) atoms of each element.
    elements
        Atomic numbers.
    width
        Nominal masses to keep; what lies beyond is distributed among them.

    Returns
    -------
    ndarray of float64, (n, width)
    """
    patterns = np.zeros((len(counts), width))
    patterns[:, 0] = 1.0
    for column, element in enumerate(elements):
        most = int(counts[:, column].max(initial=0))
        if most and len(_abundances(element)) > 1:
            patterns = _convolved(
                patterns, _powers(element, -(-most // _PATTERN_STEP) * _PATTERN_STEP, width)[counts[:, column]]
            )
    shares: NDArray[np.float64] = patterns / patterns.sum(axis=1, keepdims=True)
    return shares


def patterns_of_all(heavy: NDArray[np.int64], width: int) -> NDArray[np.float64]:
    """Return the isotope patterns of `all_skeletons(heavy)`, as of `isotope_patterns`, (prod(heavy + 1), width)."""
    patterns = np.zeros((1, width))
    patterns[0, 0] = 1.0
    for element, count in zip(HEAVY, heavy.tolist(), strict=True):
        if count:
            # A row of patterns times this matrix holds its convolutions with 0, 1, 2 ... atoms one after the other.
            shifted = _shifted_powers(element, -(-count // _PATTERN_STEP) * _PATTERN_STEP, width)
            patterns = (patterns @ shifted[:, : (count + 1) * width]).reshape(-1, width)
    shares: NDArray[np.float64] = patterns / patterns.sum(axis=1, keepdims=True)
    return shares


def lightest_mass(counts: NDArray[np.int64], elements: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the nominal masses of formulae of the lightest isotopes, where their patterns begin, (n,)."""
    return counts @ np.array([_lightest(element) for element in elements], dtype=np.int64)


@cache
def _powers(element: int, most: int, width: int) -> NDArray[np.float64]:
    """Return the patterns of 0 to `most` atoms of an element, (most + 1, width)."""
    one = np.zeros((1, width))
    abundances = _abundances(element)[:width]
    one[0, : len(abundances)] = abundances
    found = np.zeros((most + 1, width))
    found[0, 0] = 1.0
    for number in range(1, most + 1):
        found[number] = _convolved(found[number - 1 : number], one)[0]
    return found


@cache
def _shifted_powers(element: int, most: int, width: int) -> NDArray[np.float64]:
    """Return for each shift the shifted patterns of 0 to `most` atoms of an element, (width, (most + 1) width)."""
    powers = _powers(element, most, width)
    shifted = np.zeros((width, most + 1, width))
    for shift in range(width):
        shifted[shift, :, shift:] = powers[:, : width - shift]
    return shifted.reshape(width, -1)


def _convolved(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the row-wise convolution of patterns of one width, cut to it."""
    width = a.shape[1]
    out = np.zeros_like(a)
    for shift in range(width):
        out[:, shift:] += a[:, : width - shift] * b[:, shift : shift + 1]
    return out


@cache
def _abundances(element: int) -> NDArray[np.float64]:
    """Return natural abundances by nominal mass, from the lightest isotope on."""
    table = Chem.GetPeriodicTable()
    first = _lightest(element)
    shares = np.array([table.GetAbundanceForIsotope(element, mass) for mass in range(first, 3 * element + 3)])
    shares = shares[: np.flatnonzero(shares)[-1] + 1]
    return np.asarray(shares / shares.sum())


@cache
def _lightest(element: int) -> int:
    table = Chem.GetPeriodicTable()
    return next(m for m in range(element, 3 * element + 3) if table.GetAbundanceForIsotope(element, m) > 0)
