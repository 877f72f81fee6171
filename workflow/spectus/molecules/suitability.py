"""Which molecules a prediction model can take, and what counts of the whole molecule say."""

from collections.abc import Sequence

from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcNumRings, CalcNumRotatableBonds

ELEMENTS = (6, 1, 7, 8, 16, 15, 9, 17, 35, 53, 14, 5)
"""Atomic numbers that a prediction model may know: C H N O S P F Cl Br I Si B."""

MAX_MASS = 1000
"""Nominal mass, Da, of the heaviest molecule that is predicted, as in NEIMS (Wei et al. 2019)."""

NOMINAL_MASS = {number: round(Chem.GetPeriodicTable().GetMostCommonIsotopeMass(number)) for number in ELEMENTS}
"""Nominal mass of the most common isotope of each element, Da."""
_KNOWN = frozenset(ELEMENTS)


def survey(molecule: Chem.Mol | None) -> tuple[str | None, int, list[int]]:
    """Tell why a molecule cannot be predicted, and count its parts in one pass over the atoms.

    Parameters
    ----------
    molecule
        None where a SMILES could not be read.

    Returns
    -------
    reason : str or None
        None if it can be predicted.
    mass : int
        Nominal mass, Da; 0 where an element is not known.
    counts : list of int
        Elements in the order of `ELEMENTS`, rings, rotatable bonds, and atoms that are aromatic, in a ring, branched,
        quaternary, heavy; empty where an element is not known.
    """
    if molecule is None or molecule.GetNumAtoms() == 0:
        return "no molecule", 0, []
    atoms = [molecule.GetAtomWithIdx(at) for at in range(molecule.GetNumAtoms())]
    elements, borne = [atom.GetAtomicNum() for atom in atoms], [atom.GetTotalNumHs() for atom in atoms]
    if not _KNOWN.issuperset(elements):
        return "an element that the model does not know", 0, []
    degrees = [atom.GetDegree() for atom in atoms]
    counts = [elements.count(number) + (sum(borne) if number == 1 else 0) for number in ELEMENTS]
    kinds = [
        sum(atom.GetIsAromatic() for atom in atoms), sum(atom.IsInRing() for atom in atoms),
        sum(degree >= 3 for degree in degrees), sum(degree >= 4 for degree in degrees), molecule.GetNumHeavyAtoms(),
    ]  # fmt: skip
    reason = unsuitability(molecule, atoms, elements, borne)
    mass = _mass(elements, borne)
    return reason, mass, [*counts, CalcNumRings(molecule), CalcNumRotatableBonds(molecule), *kinds]


def unsuitability(
    molecule: Chem.Mol, atoms: Sequence[Chem.Atom], elements: Sequence[int], borne: Sequence[int]
) -> str | None:
    """Return why a molecule cannot be predicted, None if it can.

    Parameters
    ----------
    molecule
        The molecule.
    atoms
        Its atoms, (N,).
    elements, borne
        Their atomic numbers, and the hydrogens that they bear, (N,).
    """
    if not atoms:
        return "no molecule"
    if not _KNOWN.issuperset(elements):
        return "an element that the model does not know"
    if len(Chem.GetMolFrags(molecule)) > 1:
        return "more than one part"
    if sum(atom.GetFormalCharge() for atom in atoms):
        return "charged"
    if any(atom.GetIsotope() for atom in atoms):
        return "isotopically labelled"
    return "too heavy" if _mass(elements, borne) > MAX_MASS else None


def nominal_mass(molecule: Chem.Mol) -> int:
    """Return the nominal mass of a molecule, Da; 0 where an element is not known."""
    atoms = [molecule.GetAtomWithIdx(at) for at in range(molecule.GetNumAtoms())]  # faster than GetAtoms
    elements = [atom.GetAtomicNum() for atom in atoms]
    return _mass(elements, [atom.GetTotalNumHs() for atom in atoms]) if _KNOWN.issuperset(elements) else 0


def _mass(elements: Sequence[int], borne: Sequence[int]) -> int:
    """Return the nominal mass of atoms and the hydrogens that they bear, Da."""
    return sum(map(NOMINAL_MASS.__getitem__, elements)) + NOMINAL_MASS[1] * sum(borne)
