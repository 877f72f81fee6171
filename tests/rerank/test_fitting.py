import numpy as np
import pytest

from spectus.rerank.fitting import (
    CandidateLists,
    RankerSettings,
    Situations,
    calibrated_ranker,
    fit_ranker,
    fit_scale,
    list_likelihoods,
    scaled_scores,
    situation_lists,
)
from spectus.rerank.pair_features import PAIR_FEATURES, QUERY_FEATURES
from spectus.rerank.query_lists import QueryPairs
from spectus.rerank.ranker import RankerWeights, query_probabilities

COSINE = PAIR_FEATURES.index("cosine")
SETTINGS = RankerSettings(networks=2, hidden=4, steps=300, lists_at_once=64)


def lists(n_lists: int, n_candidates: int, seed: int) -> CandidateLists:
    """The cosine tells the right candidate; where its best is low, none is right."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n_lists * n_candidates, len(PAIR_FEATURES)))
    cosine = features[:, COSINE].reshape(n_lists, n_candidates)
    right = np.zeros((n_lists, n_candidates), bool)
    right[np.arange(n_lists), cosine.argmax(axis=1)] = cosine.max(axis=1) > 1.0
    of_query = np.zeros((n_lists, len(QUERY_FEATURES)))
    of_query[:, 0] = cosine.max(axis=1)
    starts = np.arange(n_lists) * n_candidates
    return CandidateLists(features, right.ravel(), starts, of_query, np.ones(n_lists))


def none_scores(weights: RankerWeights, some: CandidateLists) -> np.ndarray:
    return weights.none_scores(some.of_query, np.zeros(len(some.starts)))


def test_the_ranker_learns_what_tells_the_right_candidate_and_none() -> None:
    weights = fit_ranker(lists(400, 6, 0), SETTINGS)
    unseen = lists(200, 6, 1)
    pairs, none = list_likelihoods(weights.scores(unseen.features), none_scores(weights, unseen), unseen)
    answered = np.logical_or.reduceat(unseen.right, unseen.starts)
    first = pairs.reshape(200, 6).argmax(axis=1) == unseen.right.reshape(200, 6).argmax(axis=1)
    assert first[answered].mean() > 0.9
    assert none[~answered].mean() > 0.6 > 0.4 > none[answered].mean()
    assert (np.add.reduceat(pairs, unseen.starts) + none) == pytest.approx(1)


def test_a_scale_undoes_what_was_done_to_the_scores() -> None:
    some = lists(400, 6, 5)
    some = some._replace(right=np.where(some.group % 4 == 0, np.roll(some.right, 1), some.right))  # wrong answers
    some = some._replace(right=some.right & (np.arange(2400) % 6 > 0))
    weights = fit_ranker(lists(400, 6, 0), SETTINGS)
    scores, none = weights.scores(some.features), none_scores(weights, some)
    first = fit_scale(scores, none, some)
    again = fit_scale(3 * scores, 2 * none + 1, some)
    assert again[0] == pytest.approx(first[0] / 3, rel=0.05)
    assert again[1] == pytest.approx(first[1] / 2, rel=0.05)


def test_candidates_that_agree_by_chance_do_not_displace_none() -> None:
    """The share of the summed odds makes up for many middling candidates; without it, a scale could not."""
    some = lists(400, 6, 5)
    scores, none = np.full(2400, 1.0), np.where(np.arange(400) % 2 == 0, 3.0, 0.0)
    some = some._replace(right=(np.arange(2400) % 12 == 6))
    scores[::12] = 4.0
    scale = fit_scale(scores, none, some)
    pairs, rest = list_likelihoods(*scaled_scores(scores, none, scale, some), some)
    _, plain_rest = list_likelihoods(scores, none, some)
    assert rest[::2].mean() > plain_rest[::2].mean()
    assert np.add.reduceat(pairs, some.starts) + rest == pytest.approx(np.ones(400))
    weights = fit_ranker(some, RankerSettings(networks=1, hidden=2, steps=5))._replace(scale=scale)
    alone = weights.none_scores(some.of_query, np.full(400, 2.0)) - weights.none_scores(some.of_query, np.zeros(400))
    assert alone == pytest.approx(np.full(400, 2.0 * scale[3]), rel=1e-4)


def test_one_query_has_the_same_probabilities_as_in_a_list() -> None:
    some = lists(5, 6, 2)
    weights = fit_ranker(some, RankerSettings(networks=1, hidden=4, steps=20))
    scores, none = weights.scores(some.features), none_scores(weights, some)
    pairs, rest = list_likelihoods(scores, none, some)
    alone, left = query_probabilities(scores[6:12], float(none[1]))
    assert alone == pytest.approx(pairs[6:12])
    assert left == pytest.approx(rest[1])


def test_the_same_seed_gives_the_same_weights() -> None:
    settings = RankerSettings(networks=1, hidden=4, steps=20)
    first, second = (fit_ranker(lists(50, 4, 3), settings) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def query(laboratory: str, found: bool, in_library: bool) -> QueryPairs:
    features = np.zeros((3, len(PAIR_FEATURES)))
    features[:, COSINE] = (0.9, 0.8, 0.7)
    if in_library:
        features[1, PAIR_FEATURES.index("in_library")] = 1
        features[1, PAIR_FEATURES.index("library")] = 0.95
    right = np.array([False, True, False])
    return QueryPairs(np.ones(50, np.float32), ["C", "CC", "CCC"], features, right, found, "CC", "KEY", laboratory)


def test_lists_of_all_situations() -> None:
    queries = [query("a", True, True), query("b", False, False)]
    found, members = situation_lists(queries, Situations(0.5, 0.3, 0.2))
    answered = np.logical_or.reduceat(found.right, found.starts).tolist()
    assert answered == [True, True, False, False, False]
    assert [one.laboratory for one in members] == ["a", "a", "b", "a", "b"]
    assert [one.name for one in members] == ["library", "listed", "listed", "neither", "neither"]
    assert members[2].smiles == ["C", "CCC"]
    assert found.weight.tolist() == pytest.approx([0.5, 0.15, 0.15, 0.1, 0.1])
    library = found.features[:, PAIR_FEATURES.index("library")]
    assert np.flatnonzero(library).tolist() == [1]  # in the first situation only


def test_one_laboratory_is_cut_in_two_to_calibrate() -> None:
    queries = [query("a", True, True)._replace(inchikey14=f"KEY{number}") for number in range(12)]
    _, members = situation_lists(queries, Situations())
    parts = np.array([one.laboratory for one in members])
    assert set(parts.tolist()) == {"first", "second"}
    weights, calibration = calibrated_ranker(queries, Situations(), RankerSettings(networks=1, hidden=2, steps=30))
    assert weights.scale[0] > 0
    assert 0 < calibration.set_80 <= calibration.set_90 < 1
