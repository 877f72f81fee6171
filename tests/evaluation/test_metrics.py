import numpy as np
import pytest

from spectus.evaluation.bootstrap import Bootstrap
from spectus.evaluation.metrics import Outcomes, Scorer, comparison

LONG, LONGER = "C" * 10, "C" * 11  # no surroundings of an atom within two bonds tell them apart


def outcomes(*answers: tuple[str, list[str]], k: int = 3) -> Outcomes:
    return Scorer().outcomes([ground_truth for ground_truth, _ in answers], [found for _, found in answers], k, "test")


def test_exact_formula_and_order() -> None:
    judged = outcomes(
        ("CCO", ["CCO", "CCN"]),  # right at once
        ("CCN", ["CCC", "CNC", "CCN"]),  # third; the formula at the second
        ("CCN", ["CCC", "CNC", "CC", "CCN"]),  # fourth: beyond k
        ("CCC", []),  # no answer
    )
    measures = judged.measures([1, 2, 3])
    assert measures["exact_top_1"].tolist() == [1, 0, 0, 0]
    assert measures["exact_any_2"].tolist() == [1, 0, 0, 0]
    assert measures["exact_any_3"].tolist() == [1, 1, 0, 0]
    assert measures["formula_top_1"].tolist() == [1, 0, 0, 0]
    assert measures["formula_any_2"].tolist() == [1, 1, 1, 0]
    assert measures["similarity_top_1"][[0, 3]].tolist() == [1, 0]
    assert judged.candidates[2] == ["CCC", "CNC", "CC"]


def test_similarity_is_tanimoto_of_morgan_bits() -> None:
    """Bits counted by another function of RDKit, shared over all."""
    from rdkit import Chem
    from rdkit.Chem.AllChem import GetHashedMorganFingerprint

    def bits(smiles: str) -> set[int]:
        counts = GetHashedMorganFingerprint(Chem.MolFromSmiles(smiles), 2, nBits=2048)
        return set(counts.GetNonzeroElements())

    for ground_truth, candidate in [("CCO", "CCN"), ("c1ccccc1O", "c1ccccc1N"), ("CC(=O)O", "CCC(=O)O")]:
        a, b = bits(ground_truth), bits(candidate)
        expected = len(a & b) / len(a | b)
        assert 0 < expected < 1
        assert outcomes((ground_truth, [candidate])).similarity[0, 0] == pytest.approx(expected)


def test_a_hit_need_not_be_exact() -> None:
    """Decane and undecane have the same environments, so the similarity is 1, yet they are different molecules."""
    measures = outcomes((LONG, [LONGER]), (LONG, ["CCC", LONG])).measures([1, 2])
    assert measures["hit_top_1"].tolist() == [1, 0]
    assert measures["hit_any_2"].tolist() == [1, 1]
    assert measures["near_top_1"].tolist() == [1, 0]
    assert measures["exact_any_2"].tolist() == [0, 1]
    assert measures["formula_any_2"].tolist() == [0, 1]


def test_near_is_above_085_not_at_it() -> None:
    made = Outcomes([["a"], ["b"]], np.array([[0.85], [0.851]]), np.zeros((2, 1), bool), np.zeros((2, 1), bool))
    assert made.measures([1])["near_top_1"].tolist() == [0, 1]


def test_comparisons_by_their_definitions() -> None:
    ground_truth = LONG
    ours = outcomes(
        *(
            (ground_truth, found)
            for found in (["CO"], [ground_truth], [ground_truth], [LONGER], [], ["CCC"], ["CO", ground_truth])
        )
    )
    theirs = outcomes(
        *((ground_truth, found) for found in ([ground_truth], ["CO"], [LONGER], [ground_truth], [], [], [LONGER, "CO"]))
    )
    first = comparison(ours, theirs, 1)
    assert first["win"].tolist() == [0, 1, 0, 0, 0, 1, 0]
    assert first["alag"].tolist() == [0, 1, 1, 1, 1, 1, 0]
    assert first["real_win"].tolist() == [0, 1, 1, 0, 0, 1, 0]
    assert first["real_alag"].tolist() == [0, 1, 1, 0, 1, 1, 0]
    any_of_3 = comparison(ours, theirs, 3)
    assert any_of_3["real_win"][-1] == 1
    assert any_of_3["win"][-1] == 0
    difference = ours.similarity[:, 0] - theirs.similarity[:, 0]
    assert first["fpsd"] == pytest.approx(difference)
    assert difference[0] < 0 < difference[1]


def test_replicates_of_a_compound_are_drawn_together() -> None:
    """Forty spectra of two compounds, one always right: the interval is that of two draws, not of forty."""
    estimate = Bootstrap(["a"] * 20 + ["b"] * 20).estimate(np.repeat([1.0, 0.0], 20))
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.0, 1.0)


def test_means_per_spectrum_and_per_compound() -> None:
    estimate = Bootstrap(["a", "a", "a", "b"]).estimate([1, 1, 0, 0])
    assert estimate.value == 0.5
    assert estimate.per_compound.value == pytest.approx(1 / 3)


def test_the_interval_covers_what_theory_says() -> None:
    """1,000 compounds of one spectrum each, 30 % right: 1.96 standard errors are 0.0284."""
    compounds = [str(i) for i in range(1000)]
    estimate = Bootstrap(compounds).estimate(np.arange(1000) < 300)
    assert estimate.low == pytest.approx(0.3 - 0.0284, abs=0.004)
    assert estimate.high == pytest.approx(0.3 + 0.0284, abs=0.004)
    assert Bootstrap(compounds).estimate(np.arange(1000) < 300) == estimate
    assert (estimate.per_compound.low, estimate.per_compound.high) == (estimate.low, estimate.high)


def test_one_query() -> None:
    estimate = Bootstrap(["a"]).estimate([1.0])
    assert (estimate.value, estimate.low, estimate.high) == (1, 1, 1)
