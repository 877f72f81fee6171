"""The confidence of features: from all components, and from the replicates that lack them."""

from pathlib import Path

import numpy as np
import pytest

from spectus.alignment.confidence import feature_confidence, replicate_groups
from spectus.samples import Sample

NONE = np.full(5, -1)
ONE_SAMPLE = np.zeros(5, dtype=np.int64)


def confidence(values: list[float], group: np.ndarray = NONE) -> float:
    """Confidence of one feature, seen in as many of the five runs as there are values."""
    n = len(values)
    found = feature_confidence(np.array(values), np.zeros(n, dtype=np.int64), np.arange(n), group)
    assert len(found) == 1
    return float(found[0])


def test_better_components_make_a_better_feature() -> None:
    assert confidence([0.1]) < confidence([0.6]) < confidence([0.95])


def test_recurrence_counts_for_a_feature() -> None:
    assert confidence([0.6]) < confidence([0.6, 0.6]) < confidence([0.6] * 5)


def test_a_feature_that_replicates_lack_counts_less() -> None:
    assert confidence([0.8], ONE_SAMPLE) < confidence([0.8])
    assert confidence([0.8] * 5, ONE_SAMPLE) == pytest.approx(confidence([0.8] * 5))


def test_absence_from_other_samples_is_no_evidence() -> None:
    """Three runs of one sample have the feature, the two of another sample lack it."""
    group = np.array([0, 0, 0, 1, 1])
    assert confidence([0.8] * 3, group) == pytest.approx(confidence([0.8] * 3))


def test_components_without_confidence_give_none() -> None:
    assert np.isnan(confidence([float("nan")] * 3))


def test_replicates_are_named_by_a_column_or_are_pooled_qc() -> None:
    def sample(run: str, kind: str = "sample", **extra: str) -> Sample:
        return Sample(run, Path(run), kind, extra=extra)

    sheet = [
        sample("a", replicate_of="x"), sample("b", replicate_of="x"), sample("c", replicate_of="y"), sample("d"),
        sample("e", "pooled_qc"), sample("f", "pooled_qc"),
    ]  # fmt: skip
    group = replicate_groups(list("abcdef"), sheet)
    assert group[0] == group[1] >= 0
    assert group[4] == group[5] >= 0
    assert group[0] != group[4]
    assert group[[2, 3]].tolist() == [-1, -1]
    assert replicate_groups(["a", "b"], []).tolist() == [-1, -1]
