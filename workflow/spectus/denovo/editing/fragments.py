"""Fragments of structures, cut at one bond, and structures made of two of them.

A fragment's SMILES has a star in place of the atom that it was cut from: *C(C)=O is acetyl, *=NOC a methoxime, and
*[Si](C)(C)C trimethylsilyl. To exchange a branch for a fragment of the right mass takes any branch to any mass in one
step, as from one matched molecular pair to the next (Hussain and Rea 2010, J. Chem. Inf. Model. 50, 339).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rdkit import Chem

from spectus.denovo.editing.molecule import EditableMolecule, bond_type, finished, kekulized, nominal_mass

HYDROGEN = "*[H]"
"""The fragment that leaves nothing but a hydrogen."""

LARGEST = 12
"""Heavy atoms of a fragment of the table, at most. Chosen: larger ones are rarely shared."""


class Core(NamedTuple):
    """What is left of a structure when a branch, or a hydrogen, is cut off.

    Attributes
    ----------
    molecule : Chem.Mol
        A Kekule structure; the open valence is filled with hydrogen until a fragment takes its place.
    atom : int
        The atom with the open valence.
    label : str
        Its class, of `molecule.CLASSES`.
    order : int
        Of the bond that was cut.
    mass : int
        Nominal mass without the branch and without hydrogens in its place, u.
    removed : str
        The branch, or `HYDROGEN`.
    """

    molecule: Chem.Mol
    atom: int
    label: str
    order: int
    mass: int
    removed: str


class Fragment(NamedTuple):
    """A branch that can be put on a core.

    Attributes
    ----------
    smiles : str
        With a star for the core.
    molecule : Chem.Mol
        A Kekule structure without the star.
    atom : int
        The atom that is bonded to the core.
    order : int
        Of the bond to the core.
    mass : int
        Nominal mass, u.
    """

    smiles: str
    molecule: Chem.Mol | None
    atom: int
    order: int
    mass: int


@lru_cache(maxsize=50_000)
def fragment_of(smiles: str) -> Fragment | None:
    """Read a fragment; None if it is none.

    Parameters
    ----------
    smiles
        With one star, that has one bond.
    """
    if smiles == HYDROGEN:
        return Fragment(smiles, None, 0, 1, 1)
    molecule = Chem.MolFromSmiles(smiles)
    stars = [atom for atom in molecule.GetAtoms() if not atom.GetAtomicNum()] if molecule else []
    if len(stars) != 1 or stars[0].GetDegree() != 1:
        return None
    star = stars[0].GetIdx()
    kekule = Chem.RWMol(kekulized(molecule))
    bond = kekule.GetAtomWithIdx(star).GetBonds()[0]
    atom, order = bond.GetOtherAtomIdx(star), round(bond.GetBondTypeAsDouble())
    kekule.GetAtomWithIdx(star).SetAtomicNum(1)  # keeps the hydrogens of its neighbor as they are
    kekule.UpdatePropertyCache(strict=False)
    mass = nominal_mass(kekule) - 1 - kekule.GetAtomWithIdx(star).GetTotalNumHs()
    kekule.RemoveAtom(star)
    return Fragment(smiles, kekule.GetMol(), atom - (star < atom), order, mass)


def cuts(parent: EditableMolecule, largest: int = LARGEST) -> Iterator[Core]:
    """Cut off each branch of a structure, those that its symmetry makes equal once.

    Parameters
    ----------
    parent
        The structure.
    largest
        Heavy atoms of a branch, at most.

    Yields
    ------
    Core
    """
    seen = set[tuple[int, int]]()
    for first, second, order, in_ring, _ in parent.bonds:
        if in_ring or order > 2:
            continue
        for atom, start in ((first, second), (second, first)):
            ranks = parent.rank[atom], parent.rank[start]
            branch = parent.side(start, atom)
            if ranks in seen or len(branch) > largest or parent.charge[atom]:
                continue
            seen.add(ranks)
            inside = set(branch)
            if sum(parent.charge[other] for other in branch):
                continue
            core = Chem.RWMol(parent.kekule)
            core.BeginBatchEdit()
            for other in inside:
                core.RemoveAtom(other)
            core.CommitBatchEdit()
            mass = parent.mass - parent.mass_of(branch)
            left = atom - sum(other < atom for other in inside)
            yield Core(core, left, parent.label[atom], order, mass, branch_smiles(parent, branch, atom))


def open_places(parent: EditableMolecule) -> Iterator[Core]:
    """Take one hydrogen, or two, from each atom, of atoms that the symmetry makes equal once.

    Parameters
    ----------
    parent
        The structure.

    Yields
    ------
    Core
    """
    seen = set[int]()
    for atom, free in enumerate(parent.hydrogens):
        if free and not parent.charge[atom] and parent.rank[atom] not in seen:
            seen.add(parent.rank[atom])
            for order in range(1, min(free, 2) + 1):
                yield Core(parent.kekule, atom, parent.label[atom], order, parent.mass - order, HYDROGEN)


def branch_smiles(parent: EditableMolecule, branch: list[int], atom: int) -> str:
    """Return the SMILES of a branch, with a star for the atom that it is cut from.

    Parameters
    ----------
    parent
        The structure.
    branch
        Atoms of the branch.
    atom
        The atom beside it.
    """
    part = Chem.RWMol(parent.kekule)
    star = part.GetAtomWithIdx(atom)
    star.SetAtomicNum(0)
    star.SetNoImplicit(True)
    kept = {*branch, atom}
    part.BeginBatchEdit()
    for other in range(parent.size):
        if other not in kept:
            part.RemoveAtom(other)
    part.CommitBatchEdit()
    for bond in list(part.GetBonds()):  # a ring cannot close over the star, since the bond was in none
        if not bond.GetBeginAtom().GetAtomicNum() and not bond.GetEndAtom().GetAtomicNum():
            part.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    done = finished(part)
    return done[1] if done else ""


def joined(core: Core, fragment: Fragment) -> tuple[Chem.Mol, str] | None:
    """Put a fragment on a core.

    Parameters
    ----------
    core, fragment
        Their bonds have the same order.

    Returns
    -------
    tuple of Chem.Mol and str, or None
        The structure and its canonical SMILES; None if it is no molecule of one part.
    """
    made = Chem.RWMol(core.molecule)
    if fragment.molecule is not None:
        offset = made.GetNumAtoms()
        made.InsertMol(fragment.molecule)
        made.AddBond(core.atom, offset + fragment.atom, bond_type(core.order))
    return finished(made)
