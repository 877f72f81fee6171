"""A molecule as editing sees it: a Kekule structure, with what every edit asks for computed once."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

VALENCES = {1: 1, 5: 3, 6: 4, 7: 3, 8: 2, 9: 1, 14: 4, 15: 3, 16: 2, 17: 1, 35: 1, 53: 1}
"""Usual valence of the elements that prediction models know, by atomic number."""

NOMINAL = {number: round(Chem.GetPeriodicTable().GetMostCommonIsotopeMass(number)) for number in VALENCES}
"""Mass number of each element's most abundant isotope, u."""

CLASSES = ("C", "c", "N", "n", "O", "S", "X")
"""Classes of an atom that something is attached to; lower case: aromatic; X: any other element."""

_ORDERS = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
_SANITIZE = (
    Chem.SanitizeFlags.SANITIZE_PROPERTIES
    | Chem.SanitizeFlags.SANITIZE_SYMMRINGS
    | Chem.SanitizeFlags.SANITIZE_KEKULIZE
    | Chem.SanitizeFlags.SANITIZE_SETAROMATICITY
    | Chem.SanitizeFlags.SANITIZE_ADJUSTHS
)
"""The steps that canonical SMILES need; the others take a third of the time."""


class Bond(NamedTuple):
    """A bond of the Kekule structure.

    Attributes
    ----------
    first, second : int
        Atoms.
    order : int
        1, 2 or 3.
    in_ring, aromatic : bool
    """

    first: int
    second: int
    order: int
    in_ring: bool
    aromatic: bool


class EditableMolecule:
    """A neutral molecule of one part, ready to be edited.

    Parameters
    ----------
    smiles
        Canonical SMILES without stereochemistry.

    Attributes
    ----------
    kekule : Chem.Mol
        Without aromatic flags and without explicit hydrogens on uncharged atoms.
    number, hydrogens, charge : list of int
        Of each atom.
    label : list of str
        The class of each atom, of `CLASSES`.
    neighbors : list of list of int
        Atoms that each atom is bonded to.
    bonds : list of Bond
    rank : list of int
        Atoms that a symmetry of the molecule exchanges have the same rank.
    mass : int
        Nominal mass, u.

    Raises
    ------
    ValueError
        Not a molecule that can be edited: several parts, a charge, a radical, an isotope, or an unknown element.
    """

    def __init__(self, smiles: str) -> None:
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None or "." in smiles or not molecule.GetNumAtoms():
            raise ValueError(f"{smiles} is no molecule of one part")
        self.smiles = smiles
        self.number = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
        self.charge = [atom.GetFormalCharge() for atom in molecule.GetAtoms()]
        strange = any(atom.GetNumRadicalElectrons() or atom.GetIsotope() for atom in molecule.GetAtoms())
        if strange or sum(self.charge) != 0 or not set(self.number) <= set(VALENCES):
            raise ValueError(f"{smiles} is charged, a radical, labelled, or of other elements")
        self.hydrogens = [atom.GetTotalNumHs() for atom in molecule.GetAtoms()]
        self.label = [atom_class(atom) for atom in molecule.GetAtoms()]
        self.rank = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
        aromatic = [bond.GetIsAromatic() for bond in molecule.GetBonds()]
        self.kekule = kekulized(molecule)
        self.bonds = [
            Bond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), round(bond.GetBondTypeAsDouble()), bond.IsInRing(), flag)
            for bond, flag in zip(self.kekule.GetBonds(), aromatic, strict=True)
        ]
        self.neighbors: list[list[int]] = [[] for _ in self.number]
        self.order: dict[tuple[int, int], int] = {}
        for bond in self.bonds:
            self.neighbors[bond.first].append(bond.second)
            self.neighbors[bond.second].append(bond.first)
            self.order[bond.first, bond.second] = self.order[bond.second, bond.first] = bond.order
        self.mass = sum(NOMINAL[number] for number in self.number) + sum(self.hydrogens)

    @property
    def size(self) -> int:
        """Number of heavy atoms."""
        return len(self.number)

    def distances(self) -> NDArray[np.float64]:
        """Return the bonds between each two atoms, (n, n)."""
        matrix: NDArray[np.float64] = Chem.GetDistanceMatrix(self.kekule)
        return matrix

    def side(self, start: int, without: int) -> list[int]:
        """Return the atoms that are joined to `start` when its bond to `without` is cut, `start` first."""
        found, seen = [start], {start, without}
        for atom in found:
            for other in self.neighbors[atom]:
                if other not in seen:
                    seen.add(other)
                    found.append(other)
        return found

    def mass_of(self, atoms: Iterable[int]) -> int:
        """Return the nominal mass of some atoms with their hydrogens, u."""
        return sum(NOMINAL[self.number[atom]] + self.hydrogens[atom] for atom in atoms)


def editable(smiles: str) -> EditableMolecule | None:
    """Return a molecule that can be edited; None if it cannot."""
    try:
        return EditableMolecule(smiles)
    except (ValueError, RuntimeError):  # RDKit's exceptions for structures that it cannot kekulize are among them
        return None


def kekulized(molecule: Chem.Mol) -> Chem.Mol:
    """Return the Kekule structure, in which implicit hydrogens follow from the bonds of uncharged atoms."""
    kekule = Chem.Mol(molecule)
    Chem.Kekulize(kekule, clearAromaticFlags=True)
    for atom in kekule.GetAtoms():
        if not atom.GetFormalCharge() and not atom.GetNumRadicalElectrons():
            atom.SetNoImplicit(False)
            atom.SetNumExplicitHs(0)
    return kekule


def atom_class(atom: Chem.Atom) -> str:
    """Return the class of an atom of a molecule with aromatic flags, of `CLASSES`."""
    symbol = atom.GetSymbol()
    if symbol not in ("C", "N", "O", "S"):
        return "X"
    return symbol.lower() if atom.GetIsAromatic() and symbol in ("C", "N") else symbol


def bond_type(order: int) -> Chem.BondType:
    """Return RDKit's type of a bond of the order 1, 2 or 3."""
    return _ORDERS[order]


def finished(edited: Chem.RWMol) -> tuple[Chem.Mol, str] | None:
    """Check an edited structure and write it.

    Parameters
    ----------
    edited
        A Kekule structure.

    Returns
    -------
    tuple of Chem.Mol and str, or None
        The molecule and its canonical SMILES; None if it is no molecule of one part.
    """
    if Chem.SanitizeMol(edited, sanitizeOps=_SANITIZE, catchErrors=True):
        return None
    smiles = Chem.MolToSmiles(edited)
    return None if "." in smiles else (edited, smiles)


def nominal_mass(molecule: Chem.Mol) -> int:
    """Return the nominal mass of a molecule with implicit hydrogens, u; 0 for one with an element that is unknown."""
    total = 0
    for atom in molecule.GetAtoms():
        mass = NOMINAL.get(atom.GetAtomicNum())
        if mass is None:
            return 0
        total += mass + atom.GetTotalNumHs()
    return total
