import numpy as np
import pytest
from rdkit import Chem

from spectus.prediction.rassp.preparation import NO_FRAGMENT, SHIFTS, Prepared, prepare, prepare_all
from spectus.prediction.rassp.subformulae import HEAVY, Limits
from tests.prediction.rassp.reference import SMILES, check_formula, share_and_matches

LIMITS = Limits(atoms=160, below_saturated=1.0, added_unsaturation=4.0)


def prepared(smiles: str, limits: Limits = LIMITS) -> Prepared:
    return prepare(Chem.MolFromSmiles(smiles), limits)


def place(molecule: Prepared, hydrogens: int, **counts: int) -> int:
    """The row of a sub-formula."""
    names = ("C", "N", "O", "S", "P", "F", "Cl", "Br", "I", "Si", "B")
    wanted = [counts.get(name, 0) for name in names]
    (row,) = np.flatnonzero((molecule.formula.skeletons == wanted).all(axis=1))
    (found,) = np.flatnonzero((molecule.formula.skeleton == row) & (molecule.formula.hydrogens_of_each == hydrogens))
    return int(found)


def matches(molecule: Prepared, at: int, cuts: int, shift: int) -> int:
    return int(molecule.matches[at].reshape(len(SHIFTS), -1)[SHIFTS.index(shift), cuts])


def test_fragments_stand_beside_their_formulae() -> None:
    """Propan-2-ol: CH3 twice for one bond, CH3CHOH once; CH2O lacks one hydrogen of CH(OH), set free by two bonds."""
    molecule = prepared("CC(C)O")
    assert len(molecule.atoms) == 4
    methyl, hydroxyethyl = place(molecule, 3, C=1), place(molecule, 5, C=2, O=1)
    assert matches(molecule, methyl, 1, 0) == 2
    assert matches(molecule, methyl, 2, 2) == 0
    assert matches(molecule, hydroxyethyl, 1, 0) == 2
    assert matches(molecule, place(molecule, 4, C=2, O=1), 1, -1) == 2
    assert matches(molecule, place(molecule, 1, C=1, O=1), 2, -1) == 1
    whole = molecule.formula.n_formulae - 1
    assert matches(molecule, whole, 0, 0) == 1
    assert molecule.cuts[-1] == 0
    assert molecule.formula.first_mass[-1] + molecule.formula.hydrogens_of_each[whole] == 60


def test_the_share_of_an_atom_is_how_often_fragments_hold_it() -> None:
    """CH3 of propan-2-ol is atom 0 or 2, broken off the middle one."""
    molecule = prepared("CC(C)O")
    row = molecule.formula.skeleton[place(molecule, 3, C=1)]
    inside, broken_inside, broken_outside = molecule.share[row] / 255
    np.testing.assert_allclose(inside, [0.5, 0, 0.5, 0], atol=0.01)
    np.testing.assert_allclose(broken_inside, [0.5, 0, 0.5, 0], atol=0.01)
    np.testing.assert_allclose(broken_outside, [0, 1, 0, 0], atol=0.01)
    np.testing.assert_allclose(molecule.share[-1] / 255, [[1] * 4, [0] * 4, [0] * 4])


def test_a_rearrangement_is_known_by_what_it_loses() -> None:
    """Diphenyl ether loses CO from its middle, which no breaking of three bonds leaves in one part."""
    molecule = prepared("CCOCC")
    row = int(molecule.formula.skeleton[place(molecule, 10, C=4)])
    assert molecule.cuts[row] == NO_FRAGMENT
    assert molecule.loss_cuts[row] == 2
    np.testing.assert_allclose(molecule.share[row, 0] / 255, [1, 1, 0, 1, 1])
    np.testing.assert_allclose(molecule.share[row, 1] / 255, [0, 1, 0, 1, 0])


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        (None, "no molecule"),
        ("C[Hg]C", "an element that the model does not know"),
        ("CC(=O)[O-]", "charged"),
        ("CCO.CCO", "more than one part"),
        ("[H][H]", "no heavy atom"),
        ("C" * 60, "too many atoms"),
        ("C" * 65, "too many atoms"),
        ("CC(F)(Cl)C(Br)(N)C(O)C(S)(P)CC(=O)C(F)(F)C(Cl)(Cl)C(O)C(N)CNC(=O)C(S)CI", "too many sub-formulae"),
    ],
)
def test_what_is_beyond_the_limits_has_a_reason(smiles: str | None, reason: str) -> None:
    (molecule,) = prepare_all([smiles], LIMITS)
    assert molecule.reason == reason
    assert molecule.formula.n_formulae == 0


def test_large_molecules_keep_what_the_structure_explains() -> None:
    """Sucrose with eight TMS groups and one with fewer: skeletons that are neither a fragment nor lack one go."""
    tms = "[Si](C)(C)C"
    smiles = f"C(O{tms})C1C(O{tms})C(O{tms})C(O{tms})C(O1)O{tms}"
    few = prepared(smiles, Limits(160, 3000, 1.0, 4.0))
    many = prepared(smiles, Limits(160, 100_000, 1.0, 4.0))
    assert few.reason is None
    assert few.formula.n_formulae <= 3000 < many.formula.n_formulae
    assert ((few.cuts < NO_FRAGMENT) | (few.loss_cuts < NO_FRAGMENT)).all()
    assert (few.formula.skeletons[-1] == few.formula.heavy).all()


def test_the_published_limits_hold() -> None:
    assert prepared("C" * 15, Limits()).reason is None
    assert prepared("C" * 16, Limits()).reason == "too many atoms"
    assert prepared("C" * 15, Limits()).formula.n_formulae == 15 * 33
    assert len(HEAVY) == 11


@pytest.mark.parametrize("smiles", SMILES)
def test_the_fast_way_gives_what_the_plain_way_does(smiles: str) -> None:
    molecule = Chem.MolFromSmiles(smiles)
    found = prepare(molecule, LIMITS)
    share, matches = share_and_matches(molecule, found)
    np.testing.assert_array_equal(found.share, share)
    np.testing.assert_array_equal(found.matches, matches)
    check_formula(found, LIMITS)


def test_isomers_share_what_depends_on_their_formula() -> None:
    first, second, other = (prepared(smiles) for smiles in ("CCCO", "CCOC", "CCCN"))
    assert first.formula is second.formula
    assert first.formula is not other.formula
