from itertools import product

import numpy as np
import pytest
from rdkit import Chem

from spectus.prediction.rassp.subformulae import (
    HEAVY,
    Limits,
    all_skeletons,
    isotope_patterns,
    lightest_mass,
    skeleton_number,
    subformulae,
    unsaturation,
)

WITH_HYDROGEN = (*HEAVY, 1)
PRUNED = Limits(below_saturated=1.0, added_unsaturation=4.0)


def counts(smiles: str) -> tuple[np.ndarray, int]:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    return np.array([numbers.count(element) for element in HEAVY]), numbers.count(1)


def listed(smiles: str, limits: Limits) -> set[tuple[int, ...]]:
    found = subformulae(*counts(smiles), limits)
    rows = [
        (*found.skeletons[skeleton].tolist(), hydrogens)
        for skeleton, hydrogens in zip(found.skeleton.tolist(), found.hydrogens.tolist(), strict=True)
    ]
    assert len(set(rows)) == len(rows)
    return set(rows)


@pytest.mark.parametrize("smiles", ["CCO", "CC(=O)Nc1ccccc1Cl", "C[Si](C)(C)OB(C)Br", "O"])
def test_all_counts_are_listed_once_as_brute_force_does(smiles: str) -> None:
    heavy, hydrogens = counts(smiles)
    wanted = set(product(*(range(n + 1) for n in heavy), range(hydrogens + 1)))
    wanted = {row for row in wanted if any(row[:-1])}
    assert listed(smiles, Limits()) == wanted


@pytest.mark.parametrize("smiles", ["CCO", "CC(=O)Nc1ccccc1Cl", "C[Si](C)(C)OCCBr", "FS(F)(F)(F)(F)F", "O=P(OC)(OC)OC"])
def test_pruning_drops_what_no_ion_could_be(smiles: str) -> None:
    """Brute force again: every vector within the bounds, none beyond; the molecule is the last one."""
    heavy, hydrogens = counts(smiles)
    own = float(unsaturation(heavy, hydrogens))
    every = listed(smiles, Limits())
    low, high = min(own, 0.0) - 1.0, max(own, 0.0) + 4.0
    wanted = {row for row in every if low <= float(unsaturation(np.array(row[:-1]), row[-1])) <= high}
    assert listed(smiles, PRUNED) == wanted
    last = subformulae(heavy, hydrogens, PRUNED)
    assert (last.skeletons[last.skeleton[-1]].tolist(), last.hydrogens[-1]) == (heavy.tolist(), hydrogens)


def test_well_known_ions_survive_the_pruning() -> None:
    """m/z 147 of two TMS groups, the tropylium ion, m/z 39 of an alkane's chain, m/z 19 of an alcohol."""

    def holds(smiles: str, **wanted: int) -> bool:
        order = {6: "C", 7: "N", 8: "O", 14: "Si"}
        row = tuple(wanted.get(order.get(element, ""), 0) for element in HEAVY)
        return (*row, wanted["H"]) in listed(smiles, PRUNED)

    assert holds("C[Si](C)(C)OCCO[Si](C)(C)C", C=5, H=15, O=1, Si=2)
    assert holds("Cc1ccccc1", C=7, H=7)
    assert holds("CCCCCC", C=3, H=3)
    assert holds("CCCCCCO", O=1, H=3)
    assert not holds("CCCCCC", C=4, H=0)


def test_only_reachable_skeletons_remain_if_asked() -> None:
    heavy, hydrogens = counts("CCO")
    reachable = np.zeros(int(np.prod(heavy + 1)), bool)
    wanted = np.array([[1, 0, 1, *[0] * 8], [2, 0, 1, *[0] * 8]])
    reachable[skeleton_number(wanted, heavy)] = True
    found = subformulae(heavy, hydrogens, Limits(), reachable)
    assert found.skeletons.tolist() == wanted.tolist()
    assert len(found.skeleton) == 2 * 7


def test_a_skeleton_is_known_by_its_number() -> None:
    heavy = counts("CC(=O)Nc1ccccc1Cl")[0]
    every = all_skeletons(heavy)
    assert (skeleton_number(every, heavy) == np.arange(len(every))).all()
    lacking = skeleton_number(heavy - every, heavy)
    assert (lacking == np.arange(len(every))[::-1]).all()


@pytest.mark.parametrize(
    ("smiles", "first", "wanted"),
    [
        # shares of the base peak in per cent, from isotopic abundances worked out by hand
        ("ClC(Cl)(Cl)Cl", 152, {0: 78.2, 1: 0.8, 2: 100.0, 3: 1.1, 4: 47.9, 6: 10.2, 8: 0.8}),
        ("BrC(Br)Br", 250, {0: 34.2, 2: 100.0, 4: 97.3, 6: 31.5}),
        ("C[Si](C)(C)C", 88, {0: 100.0, 1: 9.5, 2: 3.7}),
        ("OB(O)O", 61, {0: 24.8, 1: 100.0}),
        ("CI", 142, {0: 100.0, 1: 1.1}),
    ],
)
def test_isotope_patterns_are_the_known_ones(smiles: str, first: int, wanted: dict[int, float]) -> None:
    heavy, hydrogens = counts(smiles)
    row = np.array([[*heavy, hydrogens]])
    pattern = isotope_patterns(row, WITH_HYDROGEN, 12)[0]
    assert lightest_mass(row, WITH_HYDROGEN)[0] == first
    percent = 100 * pattern / pattern.max()
    for offset, share in wanted.items():
        assert percent[offset] == pytest.approx(share, abs=0.35)


def test_patterns_sum_to_one_and_keep_the_mean_mass() -> None:
    """The mean of the pattern is the sum of the elements' mean masses, counted in nominal masses."""
    random = np.random.default_rng(0)
    rows = random.integers(0, 5, (50, len(WITH_HYDROGEN)))
    patterns = isotope_patterns(rows, WITH_HYDROGEN, 40)
    np.testing.assert_allclose(patterns.sum(axis=1), 1.0)
    ones = np.eye(len(WITH_HYDROGEN), dtype=np.int64)
    each = isotope_patterns(ones, WITH_HYDROGEN, 40) @ np.arange(40) + lightest_mass(ones, WITH_HYDROGEN)
    means = patterns @ np.arange(40) + lightest_mass(rows, WITH_HYDROGEN)
    np.testing.assert_allclose(means, rows @ each, atol=1e-6)


def test_a_narrow_pattern_keeps_its_shares() -> None:
    row = np.array([counts("ClC(Cl)(Cl)Cl")[0]])
    narrow, wide = (isotope_patterns(row, HEAVY, width)[0] for width in (3, 20))
    np.testing.assert_allclose(narrow, wide[:3] / wide[:3].sum())
