"""The forward models that ship."""

from pathlib import Path

import numpy as np
import pytest

from spectus.prediction.neims.model import ForwardModel
from spectus.prediction.registry import NAMED, load_predictor

FOLDER = Path(__file__).parents[2] / "resources" / "models" / "forward-open"


@pytest.fixture(scope="module")
def shipped() -> ForwardModel:
    return ForwardModel.load(FOLDER)


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
@pytest.mark.parametrize("name", NAMED)
def test_spectra_that_every_analyst_knows(name: str, smiles: str, base_peaks: set[int]) -> None:
    (spectrum,), (reason,) = load_predictor(name).spectra([smiles])
    assert reason is None
    assert spectrum.max() == pytest.approx(1.0)
    assert int(spectrum.argmax()) in base_peaks
    assert spectrum[0] == 0  # there is no ion without mass


def test_it_is_small_and_says_where_it_comes_from(shipped: ForwardModel) -> None:
    sizes = [path.stat().st_size for path in FOLDER.iterdir()]
    assert max(sizes) <= 15e6
    assert sum(sizes) <= 14e6
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "spectus train forward" in card
    assert f"{len(shipped.known):,} compounds" in card
    assert np.isfinite(shipped.reranker.weights).all()
