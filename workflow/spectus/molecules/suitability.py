"""Which molecules a prediction model can take, and what counts of the whole molecule say."""

from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcNumRings, CalcNumRotatableBonds

ELEMENTS = (6, 1, 7, 8, 16, 15, 9, 17, 35, 53, 14, 5)
"""Atomic numbers a forward model may know: C H N O S P F Cl Br I Si B."""

MAX_MASS = 1000
"""Nominal mass of the heaviest molecule that is predicted, as in NEIMS."""

_NOMINAL = {number: round(Chem.GetPeriodicTable().GetMostCommonIsotopeMass(number)) for number in ELEMENTS}


def survey(molecule: Chem.Mol | None) -> tuple[str | None, int, list[int]]:
    """Why a molecule cannot be predicted, its nominal mass, and the counts of the whole of it: elements, rings,
    rotatable bonds, kinds of atoms. One walk over the atoms, which is what takes the time."""
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
