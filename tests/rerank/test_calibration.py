import numpy as np
import pytest

from spectus.rerank.calibration import Judged, covered, fit_calibration, with_share_of_none
from spectus.rerank.probabilities import prediction_set, scaffold, shared_probability


def test_candidates_of_one_formula_share_their_probability() -> None:
    shared = shared_probability(np.array([0.5, 0.2, 0.1]), ["C2H6O", "C3H8", "C2H6O"])
    assert shared.tolist() == pytest.approx([0.6, 0.2, 0.6])
    assert np.isnan(shared_probability(np.array([1.0]), [None])[0])


def test_scaffolds() -> None:
    assert scaffold("Cc1ccccc1") == scaffold("Clc1ccccc1") == "c1ccccc1"
    assert scaffold("CCO") == ""
    assert scaffold(None) is None


def test_a_prediction_set_is_the_smallest_and_may_hold_none_of_these() -> None:
    members, with_none = prediction_set(np.array([0.5, 0.1, 0.05]), 0.35, 0.8)
    assert members.tolist() == [True, False, False]
    assert with_none
    members, with_none = prediction_set(np.array([0.85, 0.05]), 0.1, 0.8)
    assert members.tolist() == [True, False]
    assert not with_none


def test_a_share_of_none_goes_to_the_formula() -> None:
    found = with_share_of_none(np.array([0.3, np.nan]), 0.6, (0.0, 0.0))
    assert found[0] == pytest.approx(0.6)
    assert np.isnan(found[1])
    assert with_share_of_none(np.array([0.9]), 0.6, (20.0, 0.0))[0] == 1.0


def judged(n: int, seed: int) -> list[Judged]:
    """Queries whose formula is right in 6 of 10 cases where no candidate is."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        probability, none = np.array([0.3, 0.2]), 0.5
        drawn = random.random()
        right = np.array([drawn < 0.3, 0.3 <= drawn < 0.5])
        truth = "CCO" if right[0] else "CCC" if right[1] else "COC" if random.random() < 0.6 else "CCCl"
        found.append(Judged(probability, none, right, ["CCO", "CCC"], truth, 1.0))
    return found


def test_the_fit_finds_how_often_the_formula_is_right() -> None:
    calibration = fit_calibration(judged(2000, 0))
    found = calibration.of_groups(np.array([0.3, 0.2]), 0.5, ["a", "b"], np.ones(2, bool), calibration.formula)
    assert found[0] == pytest.approx(0.6, abs=0.04)
    unseen = judged(2000, 1)
    coverage = np.mean([covered(one, calibration.set_80)[0] for one in unseen])
    assert coverage >= 0.75  # of two members or three; nothing lies between .8 and 1


def test_edited_structures_that_agree_do_not_count_as_agreement() -> None:
    calibration = fit_calibration(judged(2000, 0))
    probability, groups = np.array([0.1, 0.1, 0.1, 0.1]), ["a", "a", "a", "b"]
    edited = np.array([False, False, False, True])
    found = calibration.of_groups(probability, 0.6, groups, edited, calibration.formula)
    every = calibration.of_groups(probability, 0.6, groups, np.ones(4, bool), calibration.formula)
    assert found[0] < every[0]
    assert found[0] >= probability[:3].sum()
