"""Tests of how silylated samples are recognized."""

import pytest

from spectus.molecules.silylation import free_groups, look_silylated

SILYLATED, OTHER = ([73.05, 147.07, 204.0], [1.0, 0.3, 0.4]), ([73.0, 91.0], [0.5, 1.0])


@pytest.mark.parametrize(
    ("n_silylated", "n_others", "expected"), [(5, 0, True), (4, 0, False), (6, 5, True), (5, 5, False), (0, 9, False)]
)
def test_most_spectra_must_have_both_ions(n_silylated: int, n_others: int, expected: bool) -> None:
    spectra = [SILYLATED] * n_silylated + [OTHER] * n_others
    assert look_silylated([mz for mz, _ in spectra], [intensity for _, intensity in spectra]) is expected


def test_weak_ions_and_empty_spectra_do_not_count() -> None:
    assert not look_silylated([[73.0, 147.0, 300.0]] * 6, [[1.0, 0.04, 0.5]] * 6)
    assert not look_silylated([None, []] * 5, [None, []] * 5)


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [("CCO", 1), ("OCC(O)CO", 3), ("NCC(=O)O", 1), ("C[Si](C)(C)OCC", 0), ("CC(=O)OCC", 0), ("not a structure", 0)],
)
def test_groups_that_silylation_changes_are_counted(smiles: str, expected: int) -> None:
    assert free_groups(smiles) == expected
