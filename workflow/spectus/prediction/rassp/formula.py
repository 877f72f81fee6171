"""What the molecular formula alone says of a molecule: its sub-formulae, their masses and isotope patterns.

Isomers share all of it, and structure editing makes thousands of isomers. So the formulae met last are kept.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from spectus.prediction.rassp.subformulae import (
    HEAVY,
    Limits,
    lightest_mass,
    patterns_of_all,
    subformulae_by_skeleton,
    unsaturation,
)

_FORMULAE_KEPT = 256
"""Molecular formulae that are remembered. Chosen: some 100 kB each; a query's candidates have fewer formulae."""


@dataclass(frozen=True, eq=False)
class MolecularFormula:
    """A molecular formula with the K skeletons and F sub-formulae that are read of it.

    Attributes
    ----------
    heavy : ndarray of int64, (len(HEAVY),)
        Heavy atoms by element.
    hydrogens : int
        Hydrogens.
    cells : ndarray of int64, (K,)
        `skeleton_number` of each skeleton, ascending.
    skeletons : ndarray of uint8, (K, len(HEAVY))
        Heavy atoms of each skeleton by element, the whole molecule's last.
    fewest, number : ndarray of int64, (K,)
        Fewest hydrogens of a skeleton's sub-formulae, and how many it has, with one hydrogen more each.
    isotopes : int
        Nominal masses of an isotope pattern.
    """

    heavy: NDArray[np.int64]
    hydrogens: int
    cells: NDArray[np.int64]
    skeletons: NDArray[np.uint8]
    fewest: NDArray[np.int64]
    number: NDArray[np.int64]
    isotopes: int

    @property
    def n_formulae(self) -> int:
        """Sub-formulae, F."""
        return int(self.number.sum())

    def among(self, reachable: NDArray[np.bool_]) -> "MolecularFormula":
        """Return the formula with only the skeletons that are reachable, given by `skeleton_number`."""
        kept = reachable[self.cells]
        return MolecularFormula(
            self.heavy, self.hydrogens, self.cells[kept], self.skeletons[kept], self.fewest[kept], self.number[kept],
            self.isotopes,
        )  # fmt: skip

    @cached_property
    def radix(self) -> NDArray[np.int64]:
        """What an atom of each element adds to a `skeleton_number`, (len(HEAVY),)."""
        return np.cumprod(np.append(1, (self.heavy + 1)[:0:-1]))[::-1]

    @cached_property
    def row(self) -> NDArray[np.int64]:
        """Row of each skeleton by `skeleton_number`, -1 for one that is left out, (prod(heavy + 1),)."""
        row = np.full(int(np.prod(self.heavy + 1)), -1)
        row[self.cells] = np.arange(len(self.cells))
        return row

    @cached_property
    def start(self) -> NDArray[np.int64]:
        """First sub-formula of each skeleton, (K,)."""
        return np.cumsum(self.number) - self.number

    @cached_property
    def skeleton(self) -> NDArray[np.int32]:
        """Skeleton of each sub-formula, (F,)."""
        return np.repeat(np.arange(len(self.number), dtype=np.int32), self.number)

    @cached_property
    def hydrogens_of_each(self) -> NDArray[np.uint8]:
        """Hydrogens of each sub-formula, (F,)."""
        first = np.repeat(self.fewest - self.start, self.number)
        return (first + np.arange(len(first))).astype(np.uint8)

    @cached_property
    def without_hydrogens(self) -> NDArray[np.float64]:
        """Rings and double bonds of each skeleton without hydrogens, (K,)."""
        return unsaturation(self.skeletons.astype(np.int64), 0)

    @cached_property
    def twice_unsaturation(self) -> NDArray[np.int32]:
        """Twice the rings and double bonds of each sub-formula, (F,)."""
        twice = np.rint(2 * self.without_hydrogens).astype(np.int32)
        return twice[self.skeleton] - self.hydrogens_of_each

    @cached_property
    def patterns(self) -> NDArray[np.float32]:
        """Isotope pattern of each skeleton, (K, isotopes)."""
        return patterns_of_all(self.heavy, self.isotopes)[self.cells].astype(np.float32)

    @cached_property
    def first_mass(self) -> NDArray[np.int16]:
        """Nominal mass at which the pattern of each skeleton begins, Da, (K,)."""
        return lightest_mass(self.skeletons.astype(np.int64), HEAVY).astype(np.int16)


@lru_cache(maxsize=_FORMULAE_KEPT)
def molecular_formula(heavy: tuple[int, ...], hydrogens: int, limits: Limits) -> MolecularFormula:
    """Return a molecular formula with all sub-formulae, whatever `limits.formulae` says.

    Parameters
    ----------
    heavy
        Heavy atoms by element.
    hydrogens
        Hydrogens.
    limits
        Bounds of the unsaturation, and the width of isotope patterns.
    """
    counts = np.array(heavy, dtype=np.int64)
    cells, skeletons, fewest, number = subformulae_by_skeleton(counts, hydrogens, limits)
    return MolecularFormula(counts, hydrogens, cells, skeletons.astype(np.uint8), fewest, number, limits.isotopes)
