"""Which molecules a prediction model can take, and what counts of the whole molecule say."""

from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcNumRings, CalcNumRotatableBonds

ELEMENTS = (6, 1, 7, 8, 16, 15, 9, 17, 35, 53, 14, 5)
"""Atomic numbers that a prediction model may know: C H N O S P F Cl Br I Si B."""

MAX_MASS = 1000
"""Nominal mass, Da, of the heaviest molecule that is predicted, as in NEIMS (Wei et al. 2019)."""

_NOMINAL = {number: round(Chem.GetPeriodicTable().GetMostCommonIsotopeMass(number)) for number in ELEMENTS}


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
    elements = dict.fromkeys(ELEMENTS, 0)
    charge = isotopes = aromatic = in_ring = branched = quaternary = 0
    for atom in molecule.GetAtoms():
        number, degree = atom.GetAtomicNum(), atom.GetDegree()
        if number not in elements:
            return "an element that the model does not know", 0, []
        elements[number] += 1
        elements[1] += atom.GetTotalNumHs()
        charge += atom.GetFormalCharge()
        isotopes += atom.GetIsotope()
        aromatic += atom.GetIsAromatic()
        in_ring += atom.IsInRing()
        branched += degree >= 3
        quaternary += degree >= 4
    mass = sum(n * _NOMINAL[number] for number, n in elements.items())
    reason = (
        "more than one part" if len(Chem.GetMolFrags(molecule)) > 1
        else "charged" if charge
        else "isotopically labelled" if isotopes
        else "too heavy" if mass > MAX_MASS
        else None
    )  # fmt: skip
    kinds = [aromatic, in_ring, branched, quaternary, molecule.GetNumHeavyAtoms()]
    return reason, mass, [*elements.values(), CalcNumRings(molecule), CalcNumRotatableBonds(molecule), *kinds]
