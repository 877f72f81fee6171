from pathlib import Path

import numpy as np
import pytest

from spectus.evaluation.prediction import SearchShares, evaluate_reranker
from spectus.learning.measured_spectra import read_measured
from spectus.molecules.exclusions import NO_EXCLUSIONS
from spectus.rerank.reranker import load_reranker
from spectus.rerank.shortlist import Shortlist
from tests.prediction.conftest import folds, library, model, predicted, reranker

__all__ = ["folds", "library", "model", "predicted", "reranker"]


def test_a_compound_counts_once() -> None:
    found = SearchShares.of(np.array([0, 0, 0, 12, 5]), np.array(["a", "a", "a", "b", "c"]))
    assert (found.spectra_1, found.spectra_10) == pytest.approx((0.6, 0.8))
    assert (found.compounds_1, found.compounds_10) == pytest.approx((1 / 3, 2 / 3))


def test_a_shortlist_holds_the_best_of_all_blocks() -> None:
    random = np.random.default_rng(0)
    queries, library = random.random((3, 40)).astype(np.float32), random.random((25, 40)).astype(np.float32)
    whole, parts = Shortlist(queries, 6), Shortlist(queries, 6)
    cosine = whole.add(library, np.arange(25))
    for start in range(0, 25, 4):
        parts.add(library[start : start + 4], np.arange(start, min(start + 4, 25)))
    np.testing.assert_array_equal(whole.candidate, np.argsort(-cosine, axis=1)[:, :6])
    np.testing.assert_array_equal(whole.candidate, parts.candidate)
    few = Shortlist(queries, 30)
    few.add(library, np.arange(25))
    assert (few.candidate == -1).sum() == 15
    assert np.isneginf(few.cosine[:, -5:]).all()


def test_scores_of_a_model_on_its_series(reranker: Path, library: Path) -> None:
    """Its rules were learnt, so the unseen compounds are found among molecules of other kinds."""
    _, valid = read_measured(library, NO_EXCLUSIONS)
    others = np.array(["c1ccccc1", "CC(C)(C)C", "Clc1ccccc1", "C[Hg]C", "OCC(O)CO"])
    scores = evaluate_reranker(load_reranker(reranker), valid, others)
    assert (scores.n_spectra, scores.n_compounds, scores.n_candidates) == (3, 3, 7)
    assert scores.cosine > 0.8
    assert scores.weighted_cosine == pytest.approx(scores.weighted_cosine_at_its_energy, abs=1e-6)
    assert scores.recall_10_of_1000 == 1.0
    assert scores.search_by_cosine.compounds_1 == 1.0
    assert scores.search_reranked.compounds_10 == 1.0


def test_a_ground_truth_that_cannot_be_predicted_is_not_found(reranker: Path, library: Path) -> None:
    _, valid = read_measured(library, NO_EXCLUSIONS)
    strange = valid._replace(
        smiles=np.array(["C[Hg]C", *valid.smiles[1:]]), inchikey14=np.array(["X", *valid.inchikey14[1:]])
    )
    scores = evaluate_reranker(load_reranker(reranker), strange, np.array(["c1ccccc1"]))
    assert scores.search_by_cosine.compounds_10 == pytest.approx(2 / 3)
    assert scores.search_reranked.compounds_10 <= 2 / 3 + 1e-9
