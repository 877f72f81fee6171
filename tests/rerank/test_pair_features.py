import numpy as np
import pytest

from spectus.rerank.pair_features import PAIR_FEATURES, Pairs, PairWeights, fit_pair_weights, spectral_pair_features


def pairs(n_queries: int, n_candidates: int, seed: int = 0) -> tuple[Pairs, np.ndarray]:
    """Queries whose right candidate the first pair feature tells, if it is not known, and else the last."""
    random = np.random.default_rng(seed)
    n = n_queries * n_candidates
    pair_features = random.standard_normal((n, len(PAIR_FEATURES)))
    known = random.random(n) < 0.3
    telling = np.where(known, pair_features[:, -1], pair_features[:, 0]).reshape(n_queries, n_candidates)
    right = np.zeros((n_queries, n_candidates), bool)
    right[np.arange(n_queries), telling.argmax(1)] = True
    query = np.repeat(np.arange(n_queries), n_candidates)
    return Pairs(query, np.tile(np.arange(n_candidates), n_queries), pair_features, known), right.ravel()


def test_the_reranker_learns_which_pair_feature_tells_of_which_kind() -> None:
    given, right = pairs(200, 10)
    reranker = fit_pair_weights(given, right, np.ones(len(right)))
    unknown, known = np.abs(reranker.values)
    assert unknown[:-1].argmax() == 0
    assert known[:-1].argmax() == len(PAIR_FEATURES) - 1
    others, ground_truth = pairs(100, 10, seed=1)
    scores = reranker.scores(others).reshape(100, 10)
    assert (scores.argmax(1) == ground_truth.reshape(100, 10).argmax(1)).mean() > 0.8


def test_queries_without_their_right_candidate_take_no_part() -> None:
    given, right = pairs(60, 8)
    part = fit_pair_weights(Pairs(*(column[: 30 * 8] for column in given)), right[: 30 * 8], np.ones(30 * 8))
    right[30 * 8 :] = False
    whole = fit_pair_weights(given, right, np.ones(len(right)))
    np.testing.assert_allclose(part.values, whole.values, rtol=0.05, atol=0.02)


def test_posterior_probabilities_of_a_query_sum_to_one() -> None:
    given = Pairs(
        np.array([0, 0, 3, 3, 3]), np.arange(5), np.zeros((5, len(PAIR_FEATURES))), np.array([0, 1, 0, 0, 0], bool)
    )
    weights = np.zeros((2, len(PAIR_FEATURES) + 1))
    weights[1, -1] = np.log(3)
    assert PairWeights(weights).posterior_probabilities(given) == pytest.approx([0.25, 0.75, 1 / 3, 1 / 3, 1 / 3])
    nothing = Pairs(*(column[:0] for column in given))
    assert PairWeights(weights).posterior_probabilities(nothing).shape == (0,)


def test_pair_features_of_a_spectrum() -> None:
    measured, predicted = np.zeros(100, np.float32), np.zeros((3, 100), np.float32)
    measured[[40, 60, 80]] = (0.5, 1.0, 0.25)
    predicted[0], predicted[1, 20] = measured, 1.0
    found = spectral_pair_features(measured, predicted, np.array([80, 50, 700], np.int32))
    assert found.shape == (3, 5)
    np.testing.assert_allclose(found[0, :3], 1.0, atol=1e-6)
    np.testing.assert_allclose(found[1:, :3], 0.0, atol=1e-6)
    np.testing.assert_allclose(found[:, 3], np.log([0.001, 1.25 / 1.75 + 0.001, 0.001]), rtol=1e-6)
    np.testing.assert_allclose(found[:, 4], [0.5, 0.0, 0.0])
