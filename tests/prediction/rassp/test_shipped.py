"""The FormulaNet that ships."""

from pathlib import Path

import numpy as np
import pytest

from spectus import cli
from spectus.files import resource
from spectus.library.records import read_spectra
from spectus.prediction.rassp.model import RasspModel
from spectus.prediction.registry import SHIPPED_MODELS, load_prediction_model

FOLDER = resource(SHIPPED_MODELS["rassp"])


@pytest.fixture(scope="module")
def shipped() -> RasspModel:
    return RasspModel.load(FOLDER)


def test_isotopes_are_those_of_nature(shipped: RasspModel) -> None:
    """Naphthalene's M+1, dichlorobenzene's M+2 and bromobenzene's: the molecule is the heaviest formula, so its
    isotopes have no rival."""
    (naphthalene, chlorinated, brominated), _ = shipped.predict(["c1ccc2ccccc2c1", "Clc1ccccc1Cl", "Brc1ccccc1"])
    assert naphthalene[129] / naphthalene[128] == pytest.approx(0.109, abs=0.01)
    assert chlorinated[148] / chlorinated[146] == pytest.approx(0.64, abs=0.02)
    assert brominated[158] / brominated[156] == pytest.approx(0.97, abs=0.02)
    assert not naphthalene[140:].any()


def test_names_stand_for_the_models_that_ship(tmp_path: Path) -> None:
    listed = tmp_path / "molecules.smi"
    listed.write_text("Cc1ccccc1 toluene\nC[Hg]C mercury\n")
    for name, folder in SHIPPED_MODELS.items():
        out = tmp_path / f"{name}.parquet"
        assert cli.main(["forward", str(listed), "--model", name, "--out", str(out), "--threads", "1"]) == 0
        toluene, mercury = read_spectra(out).to_pylist()
        assert toluene["mz"][int(np.argmax(toluene["intensity"]))] == 91
        assert mercury["reason"] == "an element that the model does not know"
        assert load_prediction_model(name).name == Path(folder).name


def test_it_is_small_and_says_where_it_comes_from(shipped: RasspModel) -> None:
    assert (FOLDER / "model.safetensors").stat().st_size <= 8e6
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "spectus train prediction" in card
    assert "valid split" in card
    assert shipped.bins == 640
