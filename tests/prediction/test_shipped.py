"""The forward models that ship."""

from pathlib import Path

import numpy as np
import pytest

from spectus.prediction.registry import SHIPPED_MODELS, load_prediction_model
from spectus.rerank.reranker import load_reranker

MODELS = Path(__file__).parents[2] / "resources" / "models"


@pytest.mark.parametrize(
    ("smiles", "base_peaks"),
    [
        ("Cc1ccccc1", {91, 92}),
        ("CCCCCCCCCCCCCC", {43, 57}),
        ("COC(=O)CCCCCCCCCCC", {74}),
        ("c1ccc2ccccc2c1", {128}),
        ("CCO[Si](C)(C)C", {75, 103, 73}),
        ("Clc1ccccc1Cl", {146}),
    ],
)
@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_spectra_that_every_analyst_knows(name: str, smiles: str, base_peaks: set[int]) -> None:
    (spectrum,), (reason,) = load_prediction_model(name).predict([smiles])
    assert reason is None
    assert spectrum.max() == pytest.approx(1.0)
    assert int(spectrum.argmax()) in base_peaks
    assert spectrum[0] == 0  # there is no ion without mass


def test_they_are_small_and_their_cards_say_how_they_were_trained() -> None:
    reranker = load_reranker("open")
    for folder, size, command in (
        ("neims-open", 8e6, "spectus train prediction"), ("reranker-open", 6e6, "spectus train reranker"),
    ):  # fmt: skip
        assert sum(path.stat().st_size for path in (MODELS / folder).iterdir()) <= size
        card = (MODELS / folder / "README.md").read_text(encoding="utf-8")
        assert command in card
    assert all(np.isfinite(part).all() for part in reranker.weights)
