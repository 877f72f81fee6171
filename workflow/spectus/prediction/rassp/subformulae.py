"""Sub-formulae of a molecule and their isotope patterns on integer masses.

A sub-formula is a skeleton (how many of each heavy element) with a number of hydrogens. RASSP (Zhu and Jonas, Anal.
Chem. 2023, 95, 2653) takes every vector of counts from none to all; those that chemistry forbids can be left out, so
that molecules with several heteroatoms stay within the limit.
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

_TETRAVALENT, _TRIVALENT, _MONOVALENT = (6, 14), (7, 15, 5), (9, 17, 35, 53)
_UNSATURATION = np.array(
    [1.0 if e in _TETRAVALENT else 0.5 if e in _TRIVALENT else -0.5 if e in _MONOVALENT else 0.0 for e in HEAVY]
)


@dataclass(frozen=True)
class Limits:
    """Which molecules are taken, and which of their sub-formulae. The defaults are those published."""

    atoms: int = 48  # hydrogens among them
    formulae: int = 4096
    below_saturated: float = float("inf")  # rings and double bonds that a sub-formula may have fewer than none
    added_unsaturation: float = float("inf")  # and more than the whole molecule
    isotopes: int = 12  # nominal masses of an isotope pattern, from the lightest isotopes on


class Subformulae(NamedTuple):
    """`skeletons` (K, len(HEAVY)) counts, none of them empty, the whole molecule's last; `skeleton` (F,) row of the
    skeleton and `hydrogens` (F,) of each sub-formula, ascending by both; the last is the molecule."""

    skeletons: NDArray[np.int64]
    skeleton: NDArray[np.int64]
    hydrogens: NDArray[np.int64]


def all_skeletons(heavy: NDArray[np.int64]) -> NDArray[np.int64]:
    """(prod(heavy + 1), len(HEAVY)) every vector of counts up to `heavy`, the empty one first; see `skeleton_number`.

    The row of a vector is its `skeleton_number`.
    """
    return np.indices(tuple((heavy + 1).tolist())).reshape(len(heavy), -1).T


def skeleton_number(counts: NDArray[np.int64], heavy: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) rows of `all_skeletons(heavy)` at which vectors of counts (n, len(HEAVY)) stand."""
    radix = np.cumprod(np.append(1, (heavy + 1)[:0:-1]))[::-1]
    return counts @ radix


def unsaturation(skeletons: NDArray[np.int64], hydrogens: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """(n,) rings and double bonds of formulae, with the elements' lowest valences; half numbers are ions of even
    electron count."""
    return 1 + skeletons @ _UNSATURATION - np.asarray(hydrogens) / 2


def subformulae(
    heavy: NDArray[np.int64], hydrogens: int, limits: Limits, reachable: NDArray[np.bool_] | None = None
) -> Subformulae:
    """Sub-formulae of a molecule; as many as there are, whatever `limits.formulae` says.

    The empty skeleton is left out: nothing below m/z 5 is recorded. A sub-formula may have fewer or more rings and
    double bonds than a stable molecule could, but only so many as the limits say; the bounds move with the molecule's
    own number, so that hypervalent ones keep their formula.

    Parameters
    ----------
    heavy: (len(HEAVY),) heavy atoms of the molecule.
    reachable: (prod(heavy + 1),) which skeletons to keep, by `skeleton_number`; None: all.
    """
    skeletons = all_skeletons(heavy)
    own = float(unsaturation(heavy, hydrogens))
    without = unsaturation(skeletons, 0)
    most = np.clip(np.floor(2 * (without - min(own, 0.0) + limits.below_saturated)), -1, hydrogens)
    least = np.clip(np.ceil(2 * (without - max(own, 0.0) - limits.added_unsaturation)), 0, hydrogens + 1)
    number = np.maximum(most - least + 1, 0).astype(np.int64)
    number[0] = 0
    if reachable is not None:
        number[~reachable] = 0
    kept = np.flatnonzero(number)
    number, least = number[kept], least[kept].astype(np.int64)
    skeleton = np.repeat(np.arange(len(kept)), number)
    place = np.arange(len(skeleton)) - np.repeat(np.cumsum(number) - number, number)
    return Subformulae(skeletons[kept], skeleton, place + least[skeleton])


def isotope_patterns(counts: NDArray[np.int64], elements: tuple[int, ...], width: int) -> NDArray[np.float64]:
    """(n, width) shares of the nominal masses of formulae, from that of the lightest isotopes on; each row sums to 1.

    Parameters
    ----------
    counts: (n, len(elements)) atoms of each element.
    width: masses kept; what lies beyond is shared out among them.
    """
    patterns = np.zeros((len(counts), width))
    patterns[:, 0] = 1.0
    for column, element in enumerate(elements):
        most = int(counts[:, column].max(initial=0))
        if most and len(_abundances(element)) > 1:
            patterns = _convolved(patterns, _powers(element, -(-most // 64) * 64, width)[counts[:, column]])
    return patterns / patterns.sum(axis=1, keepdims=True)


def lightest_mass(counts: NDArray[np.int64], elements: tuple[int, ...]) -> NDArray[np.int64]:
    """(n,) nominal masses of formulae of the lightest isotopes: where their patterns begin."""
    return counts @ np.array([_lightest(element) for element in elements], dtype=np.int64)


@cache
def _powers(element: int, most: int, width: int) -> NDArray[np.float64]:
    """(most + 1, width) patterns of 0 to `most` atoms of an element."""
    one = np.zeros((1, width))
    abundances = _abundances(element)[:width]
    one[0, : len(abundances)] = abundances
    found = np.zeros((most + 1, width))
    found[0, 0] = 1.0
    for number in range(1, most + 1):
        found[number] = _convolved(found[number - 1 : number], one)[0]
    return found


def _convolved(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row-wise convolution of patterns of one width, cut to it."""
    width = a.shape[1]
    out = np.zeros_like(a)
    for shift in range(width):
        out[:, shift:] += a[:, : width - shift] * b[:, shift : shift + 1]
    return out


@cache
def _abundances(element: int) -> NDArray[np.float64]:
    """Natural abundances by nominal mass, from the lightest isotope on."""
    table = Chem.GetPeriodicTable()
    first = _lightest(element)
    shares = np.array([table.GetAbundanceForIsotope(element, mass) for mass in range(first, 3 * element + 3)])
    shares = shares[: np.flatnonzero(shares)[-1] + 1]
    return np.asarray(shares / shares.sum())


@cache
def _lightest(element: int) -> int:
    table = Chem.GetPeriodicTable()
    return next(m for m in range(element, 3 * element + 3) if table.GetAbundanceForIsotope(element, m) > 0)
