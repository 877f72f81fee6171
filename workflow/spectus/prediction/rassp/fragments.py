"""Connected fragments of a molecule by breaking up to three of its bonds, as sets of heavy atoms.

Electron ionisation breaks bonds and moves hydrogens; what is left whole has a formula that the structure explains
(Wolf et al., BMC Bioinformatics 2010, 11, 148). Cuts are single bonds of chains, which cost one, and pairs of bonds of
one ring, which cost two; a fragment is what lies on one side of each of some cuts. Sets are bit masks of 64 bits, so
intersections of thousands take no time.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

MOST_ATOMS = 64
MOST_CUTS = 3


class Fragments(NamedTuple):
    """`atoms` (n,) uint64 bit masks, each set once; `cuts` (n,) uint8 the fewest bonds broken, ascending; the first
    is the whole molecule."""

    atoms: NDArray[np.uint64]
    cuts: NDArray[np.uint8]

    def membership(self, n_atoms: int) -> NDArray[np.float32]:
        """(n, n_atoms) 1 where a fragment holds an atom."""
        return ((self.atoms[:, None] >> np.arange(n_atoms, dtype=np.uint64)) & np.uint64(1)).astype(np.float32)


def fragments(molecule: Chem.Mol) -> Fragments:
    """Fragments of a molecule of at most 64 heavy atoms in one part, hydrogens implicit."""
    n_atoms = molecule.GetNumAtoms()
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    neighbours = [0] * n_atoms
    for a, b in bonds:
        neighbours[a] |= 1 << b
        neighbours[b] |= 1 << a
    rings = molecule.GetRingInfo()
    whole = (1 << n_atoms) - 1
    chain = [(bonds[at],) for at in range(len(bonds)) if rings.NumBondRings(at) == 0]
    pairs = {
        (bonds[i], bonds[j]) for ring in rings.BondRings() for i, j in combinations(sorted(ring), 2)
    }  # two rings of a bridged system may share a pair
    one = _sides(chain, neighbours, whole)
    two = _sides(sorted(pairs), neighbours, whole)
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


def _sides(cuts: Sequence[tuple[tuple[int, int], ...]], neighbours: list[int], whole: int) -> NDArray[np.uint64]:
    """Both sides of each cut that parts the molecule, in pairs."""
    sides = list[int]()
    for cut in cuts:
        for a, b in cut:
            neighbours[a] &= ~(1 << b)
            neighbours[b] &= ~(1 << a)
        side = _reached(cut[0][0], neighbours)
        if side != whole and not side >> cut[0][1] & 1:
            sides += [side, whole ^ side]
        for a, b in cut:
            neighbours[a] |= 1 << b
            neighbours[b] |= 1 << a
    return np.array(sides, dtype=np.uint64)


def _reached(start: int, neighbours: list[int]) -> int:
    """Bit mask of the atoms that hang together with one."""
    reached = frontier = 1 << start
    while frontier:
        lowest = frontier & -frontier
        new = neighbours[lowest.bit_length() - 1] & ~reached
        reached |= new
        frontier = (frontier ^ lowest) | new
    return reached
