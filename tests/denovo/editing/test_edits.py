import pytest
from rdkit import Chem

from spectus.denovo.editing.edits import edit_pairs, edited, single_edits
from spectus.denovo.editing.molecule import EditableMolecule, editable, nominal_mass
from spectus.structures import flat_smiles

MOLECULES = (
    "Cc1cc(C)nc(SCC(=O)c2ccc([N+](=O)[O-])cc2)n1", "CC(=O)Oc1ccccc1C(=O)O", "C[Si](C)(C)OC(C)C(=O)O[Si](C)(C)C",
    "CON=C1CCCCC1", "c1ccc2[nH]ccc2c1", "CCOP(=S)(OCC)Oc1ccc2ccccc2n1", "FC(F)(F)c1ccc(Br)cc1", "C#CCN1CCSC1",
    "CS(=O)(=O)n1cc(F)c(=O)[nH]c1=O", "[O-][n+]1ccccc1C",
)  # fmt: skip


def reached(smiles: str, delta: int) -> set[str]:
    parent = EditableMolecule(smiles)
    found = (edited(parent, edit) for edit in single_edits(parent) if edit.delta == delta)
    return {made[1] for made in found if made is not None}


@pytest.mark.parametrize("smiles", MOLECULES)
def test_every_edit_changes_the_mass_as_it_says_and_keeps_the_molecule_neutral(smiles: str) -> None:
    parent = EditableMolecule(str(flat_smiles(smiles)))
    for edit in single_edits(parent):
        found = edited(parent, edit)
        if found is None:
            continue
        molecule, text = found
        assert nominal_mass(molecule) == parent.mass + edit.delta, (edit, text)
        again = Chem.MolFromSmiles(text)
        assert not any(atom.GetNumRadicalElectrons() for atom in again.GetAtoms()), (edit, text)
        assert Chem.GetFormalCharge(again) == 0
        assert nominal_mass(again) == parent.mass + edit.delta


@pytest.mark.parametrize(
    ("smiles", "delta", "made"),
    [
        ("c1ccccc1", 16, "Oc1ccccc1"),  # add an atom
        ("Oc1ccccc1", -16, "c1ccccc1"),  # remove one
        ("c1ccccc1", 1, "c1ccncc1"),  # exchange one in a ring
        ("Clc1ccccc1", 44, "Brc1ccccc1"),  # exchange a halogen
        ("CCCC", 14, "CCCCC"),  # insert a chain atom
        ("CCCC", -14, "CCC"),  # remove one
        ("CCCC", -2, "C=CCC"),  # raise a bond order
        ("C=CCC", 2, "CCCC"),  # lower one
        ("CCCCCC", -2, "C1CCCCC1"),  # close a ring
        ("C1CCCCC1", 2, "CCCCCC"),  # open one
        ("Cc1ccccc1O", 0, "Cc1ccc(O)cc1"),  # move a substituent
        ("Cc1ccccn1", 0, "Cc1ccncc1"),  # swap two elements
        ("CSC", 16, "CS(C)=O"),  # oxidize sulfur
        ("CS(C)(=O)=O", -16, "CS(C)=O"),  # and reduce it
        ("CC(=O)CC", 0, "CCCC=O"),  # move a double bond's atom
    ],
)
def test_each_kind_of_edit_is_there(smiles: str, delta: int, made: str) -> None:
    assert flat_smiles(made) in reached(str(flat_smiles(smiles)), delta)


def test_edits_that_symmetry_makes_equal_are_made_once() -> None:
    parent = EditableMolecule("c1ccccc1")
    assert sum(edit.kind == "add 8 c" for edit in single_edits(parent)) == 1


def test_pairs_have_the_wanted_mass_and_touch_different_atoms() -> None:
    parent = EditableMolecule("CC(O)c1ccccc1")
    singles = single_edits(parent)
    weights = [-abs(edit.delta) / 10 for edit in singles]
    pairs = list(edit_pairs(singles, [28, 0], weights, 40))
    assert {pair.delta for pair, _ in pairs} == {0, 28}
    assert 40 < len(pairs) <= 80
    of_none = [weight for pair, weight in pairs if pair.delta == 0]
    assert of_none == sorted(of_none, reverse=True)
    for pair, _ in pairs:
        assert len({atom for atom, _ in pair.used}) == len(pair.used)
        found = edited(parent, pair)
        if found is not None:
            assert nominal_mass(found[0]) == parent.mass + pair.delta


@pytest.mark.parametrize("smiles", ["C[NH3+]", "[CH3]", "[13CH4]", "C.C", "[Na]C", "", "C1CC"])
def test_what_cannot_be_edited_is_refused(smiles: str) -> None:
    assert editable(smiles) is None
