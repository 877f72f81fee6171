from itertools import combinations

import numpy as np
import pytest
from rdkit import Chem

from spectus.prediction.rassp.fragments import fragments


def by_breaking(smiles: str, most: int) -> dict[frozenset[int], int]:
    """Every connected set of atoms that breaking so many bonds sets free, with the fewest bonds that must break."""
    molecule = Chem.MolFromSmiles(smiles)
    found: dict[frozenset[int], int] = {}
    for number in range(most + 1):
        for bonds in combinations(range(molecule.GetNumBonds()), number):
            broken = Chem.FragmentOnBonds(molecule, bonds, addDummies=False) if bonds else molecule
            for part in Chem.GetMolFrags(broken):
                found.setdefault(frozenset(part), number)
    return found


def sets(smiles: str) -> dict[frozenset[int], int]:
    molecule = Chem.MolFromSmiles(smiles)
    found = fragments(molecule)
    members = found.membership(molecule.GetNumAtoms())
    return {frozenset(np.flatnonzero(row).tolist()): int(cuts) for row, cuts in zip(members, found.cuts, strict=True)}


@pytest.mark.parametrize("smiles", ["CCCCC", "CC(C)(C)CO", "CCC1CCCC1", "Cc1ccccc1OC", "C", "C1CC1"])
def test_fragments_are_those_of_breaking_bonds(smiles: str) -> None:
    """Up to two bonds they are all; of three, those that do not open one ring three times over."""
    found, wanted = sets(smiles), by_breaking(smiles, 3)
    assert {part: cuts for part, cuts in found.items() if cuts <= 2} == {
        part: cuts for part, cuts in wanted.items() if cuts <= 2
    }
    assert found.items() <= wanted.items()


def test_three_cuts_of_a_chain_are_complete() -> None:
    assert sets("CC(C)(C)CC(O)CN") == by_breaking("CC(C)(C)CC(O)CN", 3)


def test_each_fragment_is_one_connected_part() -> None:
    molecule = Chem.MolFromSmiles("CC(C)Cc1ccc2c(c1)OCO2")
    found = fragments(molecule)
    assert found.membership(molecule.GetNumAtoms())[found.cuts == 0].tolist() == [[1] * molecule.GetNumAtoms()]
    for part in sets("CC(C)Cc1ccc2c(c1)OCO2"):
        bonds = [
            bond.GetIdx() for bond in molecule.GetBonds()
            if (bond.GetBeginAtomIdx() in part) != (bond.GetEndAtomIdx() in part)
        ]  # fmt: skip
        broken = Chem.FragmentOnBonds(molecule, bonds, addDummies=False) if bonds else molecule
        assert tuple(sorted(part)) in Chem.GetMolFrags(broken)


def test_sixty_four_atoms_fit() -> None:
    molecule = Chem.MolFromSmiles("C" * 64)
    found = fragments(molecule)
    assert (found.cuts == 1).sum() == 126
    assert found.membership(64)[found.cuts == 0].sum() == 64
    # A chain's parts: from any atom to any other, with as many cuts as ends that are not the chain's.
    assert len(found.atoms) == 64 * 65 // 2
