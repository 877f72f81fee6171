"""Connected fragments of a molecule by breaking up to three of its bonds, as sets of heavy atoms.

Electron ionization breaks bonds and moves hydrogens. The structure explains the formulae of the fragments (Wolf et al.,
BMC Bioinformatics 2010, 11, 148). A cut is a bond of a chain, which counts as one broken bond, or a pair of bonds of
one ring, which counts as two. A fragment lies on one side of each of some cuts. Sets of atoms are bit masks of 64 bits,
so that thousands of intersections are fast.

One spanning tree finds all cuts. A bond outside the tree closes a cycle and has a bit of its own. A bond of the tree
has the bits of the cycles that it lies on. A bond without bits is one of a chain, and two bonds with the same bits are
a cut (Pritchard and Thurimella, ACM Trans. Algorithms 2011, 7, 46). The sides of a cut are subtrees.
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

_CUT_BITS = 2
"""Bits that hold a number of cuts, 0 to `MOST_CUTS`."""


class Fragments(NamedTuple):
    """Distinct fragments of a molecule, in no order.

    Attributes
    ----------
    atoms : ndarray of uint64, (n,)
        Bit masks of their heavy atoms.
    cuts : ndarray of uint8, (n,)
        Fewest broken bonds.
    """

    atoms: NDArray[np.uint64]
    cuts: NDArray[np.uint8]

    def membership(self, n_atoms: int) -> NDArray[np.float32]:
        """Return 1 where a fragment holds an atom, else 0, (n, n_atoms)."""
        return membership(self.atoms, n_atoms)


def membership(atoms: NDArray[np.uint64], n_atoms: int) -> NDArray[np.float32]:
    """Return the bits of masks (n,), (n, n_atoms)."""
    octets = atoms.astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
    return np.unpackbits(octets, axis=1, count=n_atoms, bitorder="little").astype(np.float32)


def fragments(molecule: Chem.Mol) -> Fragments:
    """Return the fragments of a molecule of at most 64 heavy atoms in one part, hydrogens implicit."""
    bonds = [molecule.GetBondWithIdx(at) for at in range(molecule.GetNumBonds())]
    return fragments_of_graph(
        molecule.GetNumAtoms(), [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in bonds]
    )


def fragments_of_graph(n_atoms: int, bonds: Sequence[tuple[int, int]]) -> Fragments:
    """Return the fragments of a connected graph of at most 64 atoms, given the two atoms of each bond."""
    one, two = _cut_sides(n_atoms, bonds)
    whole = np.array([(1 << n_atoms) - 1], np.uint64)
    between = (one[:, None] & one).ravel()
    between.sort()
    between = between[first_of_runs(between)]
    levels = [
        whole, one, np.concatenate([between, two]),
        np.concatenate([(between[:, None] & one).ravel(), (one[:, None] & two).ravel()]),
    ]  # fmt: skip
    return _distinct(levels, n_atoms)


def _distinct(levels: Sequence[NDArray[np.uint64]], n_atoms: int) -> Fragments:
    """Return the distinct sets of atoms, none of them empty, of each number of cuts, with the fewest cuts."""
    if n_atoms + _CUT_BITS > MOST_ATOMS:
        atoms = np.concatenate(levels)
        cuts = np.repeat(np.arange(len(levels), dtype=np.uint8), [len(level) for level in levels])
        found, first = np.unique(atoms, return_index=True)
        return Fragments(found[found > 0], cuts[first][found > 0])
    # A plain sort of the set and its number of cuts in one integer is ten times faster than one that returns places.
    keys = np.concatenate([level << np.uint64(_CUT_BITS) | np.uint64(number) for number, level in enumerate(levels)])
    keys.sort()
    sets = keys >> np.uint64(_CUT_BITS)
    first = first_of_runs(sets)
    first = first[int(sets[0] == 0) :]  # the empty set comes first
    return Fragments(sets[first], (keys[first] & np.uint64(MOST_CUTS)).astype(np.uint8))


def first_of_runs(values: NDArray[np.generic]) -> NDArray[np.intp]:
    """Return the places where values differ from the one before, the first place among them, (n_runs,)."""
    new = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return np.flatnonzero(new)


def _cut_sides(n_atoms: int, bonds: Sequence[tuple[int, int]]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return both sides of each cut of one bond of a chain, and of each cut of two bonds of a ring."""
    order, parents, closing = _spanning_tree(n_atoms, bonds)
    cycles, below = [0] * n_atoms, [1 << atom for atom in range(n_atoms)]
    of_cycles: dict[int, list[int]] = {}  # by the cycles of a bond: the subtrees below bonds on just these
    for number, (a, b) in enumerate(closing):
        cycles[a] ^= 1 << number
        cycles[b] ^= 1 << number
        of_cycles[1 << number] = [0]
    whole, chain = (1 << n_atoms) - 1, list[int]()
    for atom in reversed(order[1:]):
        parent, subtree = parents[atom], below[atom]
        if cycles[atom]:
            of_cycles.setdefault(cycles[atom], []).append(subtree)
        else:
            chain += [subtree, whole ^ subtree]
        below[parent] |= subtree
        cycles[parent] ^= cycles[atom]
    ring = list[int]()
    for subtrees in of_cycles.values():
        for a, b in combinations(subtrees, 2):
            ring += [a ^ b, whole ^ a ^ b]
    return np.array(chain, np.uint64), np.array(ring, np.uint64)


def _spanning_tree(
    n_atoms: int, bonds: Sequence[tuple[int, int]]
) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Return the atoms in the order of a breadth-first search, their parents, and the bonds outside the tree."""
    neighbors: list[list[int]] = [[] for _ in range(n_atoms)]
    for a, b in bonds:
        neighbors[a].append(b)
        neighbors[b].append(a)
    order, parents = [0], [-1] * n_atoms
    parents[0] = 0
    for atom in order:
        for other in neighbors[atom]:
            if parents[other] < 0:
                parents[other] = atom
                order.append(other)
    parents[0] = -1
    return order, parents, [(a, b) for a, b in bonds if parents[a] != b and parents[b] != a]
