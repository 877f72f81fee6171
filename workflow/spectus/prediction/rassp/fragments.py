"""Connected fragments of a molecule by breaking up to three of its bonds, as sets of heavy atoms.

Electron ionization breaks bonds and moves hydrogens. The structure explains the formulae of the fragments (Wolf et al.,
BMC Bioinformatics 2010, 11, 148). A cut is a bond of a chain, which counts as one broken bond, or a pair of bonds of
one ring, which counts as two. A fragment lies on one side of each of some cuts. Sets of atoms are bit masks of 64 bits,
so that thousands of intersections are fast.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

MOST_ATOMS = 64
"""Heavy atoms of a molecule: one bit each."""

MOST_CUTS = 3
"""Broken bonds of a fragment. Chosen: each further one multiplies the fragments by about the number of bonds."""


class Fragments(NamedTuple):
    """Distinct fragments of a molecule, the whole molecule first.

    Attributes
    ----------
    atoms : ndarray of uint64, (n,)
        Bit masks of their heavy atoms.
    cuts : ndarray of uint8, (n,)
        Fewest broken bonds, ascending.
    """

    atoms: NDArray[np.uint64]
    cuts: NDArray[np.uint8]

    def membership(self, n_atoms: int) -> NDArray[np.float32]:
        """Return 1 where a fragment holds an atom, else 0, (n, n_atoms)."""
        return ((self.atoms[:, None] >> np.arange(n_atoms, dtype=np.uint64)) & np.uint64(1)).astype(np.float32)


def fragments(molecule: Chem.Mol) -> Fragments:
    """Return the fragments of a molecule of at most 64 heavy atoms in one part, hydrogens implicit."""
    n_atoms = molecule.GetNumAtoms()
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    neighbors = [0] * n_atoms
    for a, b in bonds:
        neighbors[a] |= 1 << b
        neighbors[b] |= 1 << a
    rings = molecule.GetRingInfo()
    whole = (1 << n_atoms) - 1
    chain = [(bonds[at],) for at in range(len(bonds)) if rings.NumBondRings(at) == 0]
    pairs = {
        (bonds[i], bonds[j]) for ring in rings.BondRings() for i, j in combinations(sorted(ring), 2)
    }  # two rings of a bridged system may share a pair
    one = _sides(chain, neighbors, whole)
    two = _sides(sorted(pairs), neighbors, whole)
    between = _meets(one, one)
    levels = [
        np.array([whole], np.uint64), one, np.concatenate([between, two]),
        np.concatenate([_meets(np.unique(between), one), _meets(one, two)]),
    ]  # fmt: skip
    atoms = np.concatenate(levels)
    cuts = np.repeat(np.arange(len(levels), dtype=np.uint8), [len(level) for level in levels])
    found, first = np.unique(atoms, return_index=True)
    order = np.lexsort((found, cuts[first]))
    order = order[found[order] > 0]
    return Fragments(found[order], cuts[first][order])


def _meets(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (a[:, None] & b[None, :]).ravel()


def _sides(cuts: Sequence[tuple[tuple[int, int], ...]], neighbors: list[int], whole: int) -> NDArray[np.uint64]:
    """Return both sides of each cut that divides the molecule, in pairs."""
    sides = list[int]()
    for cut in cuts:
        for a, b in cut:
            neighbors[a] &= ~(1 << b)
            neighbors[b] &= ~(1 << a)
        side = _reached(cut[0][0], neighbors)
        if side != whole and not side >> cut[0][1] & 1:
            sides += [side, whole ^ side]
        for a, b in cut:
            neighbors[a] |= 1 << b
            neighbors[b] |= 1 << a
    return np.array(sides, dtype=np.uint64)


def _reached(start: int, neighbors: list[int]) -> int:
    """Return the bit mask of the atoms that are connected with one."""
    reached = frontier = 1 << start
    while frontier:
        lowest = frontier & -frontier
        new = neighbors[lowest.bit_length() - 1] & ~reached
        reached |= new
        frontier = (frontier ^ lowest) | new
    return reached
