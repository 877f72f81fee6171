import numpy as np
import pytest

from spectus.rerank.pair_features import (
    PAIR_FEATURES,
    QUERY_FEATURES,
    Evidence,
    QueryCandidates,
    SourcePriors,
    log_odds_of_unlisted,
    pair_features,
    query_features,
)

ETHANOL = (2, 6, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
BROMOETHANE = (2, 5, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)


def features_of(measured: np.ndarray, predicted: np.ndarray, **more: np.ndarray) -> dict[str, np.ndarray]:
    n = len(predicted)
    candidates = QueryCandidates(
        predicted,
        [ETHANOL, BROMOETHANE, ETHANOL][:n],
        np.arange(n) * 10.0,
        np.array([-0.1, -4.0, -np.inf])[:n],
        predicted.any(axis=1),
    )
    found = pair_features(measured, candidates, Evidence.of_list(n)._replace(**more))
    assert found.shape == (n, len(PAIR_FEATURES))
    assert np.isfinite(found).all()
    return dict(zip(PAIR_FEATURES, found.T, strict=True))


@pytest.fixture
def measured() -> np.ndarray:
    spectrum = np.zeros(160, np.float32)
    spectrum[[31, 45, 46]] = (1.0, 0.5, 0.25)
    return spectrum


def test_a_prediction_that_fits_has_the_best_cosines(measured: np.ndarray) -> None:
    predicted = np.zeros((3, 160), np.float32)
    predicted[0], predicted[1, 108] = measured, 1.0
    found = features_of(measured, predicted)
    for name in ("cosine", "cosine_heavy", "cosine_flat"):
        np.testing.assert_allclose(found[name], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found["cosine_lead"], [0, -1, 0], atol=1e-6)
    np.testing.assert_allclose(found["missing"], [0, 1, 0], atol=1e-6)
    assert found["unpredicted"].tolist() == [0, 0, 1]
    assert found["dual_lead"].tolist() == [-1, 0, 0]
    np.testing.assert_allclose(found["mass"], [-0.025, -1, 0])  # the third one has no structure


def test_predicted_peaks_below_the_scan_do_not_count(measured: np.ndarray) -> None:
    """The method scans from m/z 31; a predicted m/z 15 is not missing."""
    predicted = measured[None].copy()
    predicted[0, 15] = 1.0
    found = features_of(measured, predicted)
    assert found["cosine"][0] == pytest.approx(1, abs=1e-6)
    assert found["missing"][0] == pytest.approx(0, abs=1e-6)


def test_a_library_hit_and_its_lead_are_told(measured: np.ndarray) -> None:
    predicted = np.tile(measured, (3, 1))
    found = features_of(measured, predicted, library=np.array([0.7, np.nan, 0.9]))
    np.testing.assert_allclose(found["library"], [0.7, 0, 0.9])
    np.testing.assert_allclose(found["library_lead"], [-0.2, 0, 0])
    assert found["in_library"].tolist() == [1, 0, 1]


def test_an_impossible_mass_is_bounded(measured: np.ndarray) -> None:
    found = features_of(measured, np.tile(measured, (3, 1)))
    assert found["mass"][2] == -2.5


def test_features_of_a_query_without_candidates(measured: np.ndarray) -> None:
    found = query_features(measured, np.zeros((0, len(PAIR_FEATURES))))
    assert found.shape == (len(QUERY_FEATURES),)
    assert np.isfinite(found).all()


def test_a_listed_candidate_is_not_behind_an_unlisted_one_that_is_as_plausible() -> None:
    yes, no = np.ones(3, bool), np.zeros(3, bool)
    log_prob = np.array([-4.0, -40.0, np.nan])
    shared = {"library": np.full(3, np.nan), "edited": no, "log_prob": log_prob, "retention": np.zeros(3)}
    priors = SourcePriors()
    listed = priors.of(Evidence(listed=yes, denovo=no, **shared))
    unlisted = priors.of(Evidence(listed=no, denovo=yes, **shared))
    assert listed[0] == unlisted[0] > 0
    assert listed[1] == listed[2] == 0 > unlisted[1]  # an implausible string does not speak against a listed compound


def test_a_light_compound_is_rarely_on_no_list() -> None:
    masses = np.array([78, 150, 300])
    for place, expected in ((0, -0.016 * 122), (1, -0.016 * 50), (2, 0.0)):
        sure = np.where(np.arange(3) == place, 0.0, -np.inf)
        assert log_odds_of_unlisted(masses, sure) == pytest.approx(expected)
    either = np.log([0.5, 1e-12, 0.5])
    assert log_odds_of_unlisted(masses, either) == pytest.approx(np.log(0.5 * np.exp(-0.016 * 122) + 0.5))
