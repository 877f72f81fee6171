"""The forward model that ships."""

from pathlib import Path

import numpy as np
import pytest

from spectus.forward.features import describe
from spectus.forward.model import ForwardModel

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
    ],
)
def test_spectra_that_every_analyst_knows(shipped: ForwardModel, smiles: str, base_peaks: set[int]) -> None:
    (spectrum,) = shipped.predict(describe([smiles]))
    assert spectrum.max() == pytest.approx(1.0)
    assert int(spectrum.argmax()) in base_peaks


def test_it_is_small_and_says_where_it_comes_from(shipped: ForwardModel) -> None:
    sizes = [path.stat().st_size for path in FOLDER.iterdir()]
    assert max(sizes) <= 15e6
    assert sum(sizes) <= 14e6
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "spectus train forward" in card
    assert f"{len(shipped.known):,} compounds" in card
    assert np.isfinite(shipped.judge.weights).all()
