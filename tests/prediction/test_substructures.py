import numpy as np
import pytest

from spectus.prediction.substructures import count_substructures, frequent_substructures


@pytest.mark.parametrize(
    ("smiles", "mass"),
    [("C[Si](C)(C)OCC", 118), ("BrBr", 158), ("Clc1ccccc1", 112), ("CB(O)O", 60), ("Ic1ccccc1", 204)],
)
def test_the_nominal_mass_is_that_of_the_commonest_isotopes(smiles: str, mass: int) -> None:
    assert count_substructures([smiles]).mass.tolist() == [mass]


def test_molecules_that_no_model_takes_keep_their_place_with_the_reason() -> None:
    given = ["CCO", "nope", None, "CC.CC", "C[N+](C)(C)C", "C[Hg]C", "[2H]C", "C" * 80]
    molecules = count_substructures(given)
    assert molecules.reasons == [
        None, "no molecule", "no molecule", "more than one part", "charged",
        "an element that the model does not know", "isotopically labelled", "too heavy",
    ]  # fmt: skip
    assert molecules.mass.tolist() == [46] + [0] * 7
    assert np.diff(molecules.indptr).astype(bool).tolist() == [True] + [False] * 7


def test_counts_grow_with_the_chain_and_stereochemistry_plays_no_part() -> None:
    molecules = count_substructures(["CCCCC", "CCCCCCCC", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "OC(=O)C(C)N"])
    known = frequent_substructures(molecules, [0, 1, 2, 3, 4], 1)
    counts = molecules.matrix(known).toarray()
    assert (counts[1] >= counts[0]).all() or counts[1].sum() > counts[0].sum()
    assert (counts[2] == counts[3]).all()
    assert (counts[2] == counts[4]).all()


def test_a_vocabulary_holds_what_enough_molecules_have_and_the_matrix_nothing_else() -> None:
    molecules = count_substructures(["CCO", "CCN", "CCCl"])
    shared = frequent_substructures(molecules, [0, 1, 2], 3)
    assert 0 < len(shared) < len(frequent_substructures(molecules, [0, 1, 2], 1))
    assert (np.diff(shared.astype(np.int64)) > 0).all()
    matrix = molecules.matrix(shared)
    assert matrix.shape == (3, len(shared))
    assert (matrix.toarray() > 0).all()
    assert molecules.matrix(np.zeros(0, np.uint64)).shape == (3, 0)
