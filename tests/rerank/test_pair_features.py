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


def test_plausibility_counts_for_unlisted_candidates_and_never_against_listed_ones() -> None:
    yes, no = np.ones(4, bool), np.zeros(4, bool)
    log_prob = np.array([-4.0, -8.0, -40.0, np.nan])
    listed = Evidence.of_list(4)._replace(log_prob=log_prob)
    unlisted = listed._replace(listed=no, denovo=yes)
    of_listed, of_unlisted = SourcePriors().of(listed), SourcePriors().of(unlisted)
    assert of_listed[0] > of_listed[1] == of_listed[2] == of_listed[3] == 0
    assert of_unlisted[0] > of_unlisted[1] > of_unlisted[2]
    assert of_unlisted[1] < of_listed[1]  # of two typical structures of equal fit, the listed one comes first


def test_compounds_with_low_cas_numbers_come_before_equal_ones() -> None:
    number = np.array([50.0, 50e3, 900e3, 3e6, np.nan])
    listed = Evidence.of_list(5)._replace(registered=np.log10(number))
    found = SourcePriors().of(listed)
    assert found[0] > found[1] > found[2]
    assert found[1] == pytest.approx(found[4], abs=0.01)  # an unknown number counts as 50,000
    assert found[3] == SourcePriors().registered * (6 - 4.7)  # all above a million count alike
    unlisted = listed._replace(listed=np.zeros(5, bool), denovo=np.ones(5, bool))
    assert len(set(SourcePriors().of(unlisted).tolist())) == 1


def test_a_light_compound_is_rarely_on_no_list() -> None:
    masses = np.array([78, 150, 300])
    for place, expected in ((0, -0.016 * 122), (1, -0.016 * 50), (2, 0.0)):
        sure = np.where(np.arange(3) == place, 0.0, -np.inf)
        assert log_odds_of_unlisted(masses, sure) == pytest.approx(expected)
    either = np.log([0.5, 1e-12, 0.5])
    assert log_odds_of_unlisted(masses, either) == pytest.approx(np.log(0.5 * np.exp(-0.016 * 122) + 0.5))
