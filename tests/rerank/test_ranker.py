import numpy as np
import pytest

from spectus.rerank.pair_features import PAIR_FEATURES
from spectus.rerank.ranker import NO_AGREEMENT, TYPICAL_LEAD, RankerWeights, record_similarity
from spectus.rerank.reranker import load_reranker

WEIGHTS = load_reranker("open").weights


def pairs(**columns: list[float]) -> np.ndarray:
    features = np.zeros((len(columns["cosine"]), len(PAIR_FEATURES)))
    for name, values in columns.items():
        features[:, PAIR_FEATURES.index(name)] = values
    return features


def weighing(cosine: float) -> RankerWeights:
    return WEIGHTS._replace(agreement=np.array([cosine, 0.0], np.float32))


def test_a_cosine_counts_by_its_distance_to_the_best_one() -> None:
    found = weighing(10.0).agreement_scores(pairs(cosine=[0.9, 0.7, 0.85]))
    assert found == pytest.approx([0.0, -2.0, -0.5])


def test_a_record_that_fits_better_than_the_predicted_spectrum_counts_instead() -> None:
    features = pairs(
        cosine=[0.9, 0.2, 0.2, 0.0], library=[0, 0.95, 0.75, 0.6], in_library=[0, 1, 1, 1], unpredicted=[0, 0, 0, 1]
    )
    assert weighing(10.0).agreement_scores(features) == pytest.approx([0.0, 0.0, -1.5, -6.0])


def test_a_weak_record_counts_less_than_a_predicted_spectrum_of_that_cosine() -> None:
    assert record_similarity(np.array([0.95, 0.75, 0.6, 0.5])) == pytest.approx([0.95, 0.75, 0.3, 0.0])
    features = pairs(cosine=[0.6, 0.0], unpredicted=[0, 1], library=[0.0, 0.6], in_library=[0, 1])
    assert weighing(10.0).agreement_scores(features) == pytest.approx([0.0, -3.0])


def test_a_structure_without_predicted_spectrum_or_record_gets_a_typical_lead() -> None:
    features = pairs(cosine=[0.9, 0.0], unpredicted=[0, 1])
    assert weighing(10.0).agreement_scores(features) == pytest.approx([0.0, 10 * TYPICAL_LEAD])


def test_without_predicted_spectra_all_get_the_same() -> None:
    found = weighing(10.0).agreement_scores(pairs(cosine=[0.0, 0.0], unpredicted=[1, 1]))
    assert found == pytest.approx(np.full(2, 10 * TYPICAL_LEAD))
    assert weighing(10.0).agreement_scores(np.zeros((0, len(PAIR_FEATURES)))).shape == (0,)


def test_a_new_ranker_leaves_the_scores_of_its_networks() -> None:
    weights = WEIGHTS._replace(agreement=NO_AGREEMENT)
    assert not weights.agreement_scores(pairs(cosine=[0.9, 0.1])).any()
