"""Prediction models by name, folder and kind, folders of version 0.3 among them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.files import resource
from spectus.prediction.base import read_model_config
from spectus.prediction.registry import PREDICTION_MODELS, SHIPPED_MODELS, MeanModel, load_prediction_model

SMILES = ["CCCCO", "C[Hg]C"]


@pytest.fixture
def of_03(tmp_path: Path) -> Path:
    """The folder that version 0.3 shipped, with NEIMS and what reranks; and that of RASSP beside it."""
    folder = tmp_path / "forward-open"
    folder.mkdir()
    neims = resource("models/neims-open")
    shutil.copy(neims / "model.safetensors", folder / "neims.safetensors")
    config = {"kind": "spectus-forward", "neims": read_model_config(neims)["neims"], "recogniser": {}, "judge": []}
    (folder / "config.json").write_text(json.dumps(config))
    rassp = shutil.copytree(resource("models/rassp-open"), tmp_path / "rassp-open")
    config = json.loads((rassp / "config.json").read_text()) | {"kind": "spectus-rassp"}
    (rassp / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("spec", ["neims", "rassp", "neims+rassp"])
def test_names_give_spectra_with_a_base_peak_of_one(spec: str) -> None:
    model = load_prediction_model(spec)
    spectra, reasons = model.predict(SMILES)
    assert spectra.shape == (2, model.bins)
    assert spectra.dtype == np.float32
    assert spectra.max(axis=1).tolist() == [1.0, 0.0]
    assert reasons == [None, "an element that the model does not know"]


def test_folders_of_version_03_give_the_same_spectra(of_03: Path) -> None:
    for spec, folder in (("neims", of_03), ("rassp", of_03.with_name("rassp-open"))):
        old, new = load_prediction_model(folder), load_prediction_model(spec)
        assert (old.kind, old.sha256) == (new.kind, new.sha256)
        assert old.name == folder.name
        np.testing.assert_array_equal(old.predict(SMILES)[0], new.predict(SMILES)[0])


@pytest.mark.parametrize("spec", ["neims", "rassp", "neims+rassp"])
def test_a_saved_model_predicts_what_it_did(spec: str, tmp_path: Path) -> None:
    model = load_prediction_model(spec)
    model.save(tmp_path / "copy", {"note": "of a test"})
    assert json.loads((tmp_path / "copy" / "config.json").read_text())["note"] == "of a test"
    again = load_prediction_model(tmp_path / "copy")
    assert again.kind == model.kind
    np.testing.assert_allclose(again.predict(SMILES)[0], model.predict(SMILES)[0], atol=2e-3)


def test_the_kind_says_which_model_a_folder_holds(tmp_path: Path) -> None:
    assert set(PREDICTION_MODELS) == {"neims", "rassp", "mean"}
    assert {read_model_config(resource(place))["kind"] for place in SHIPPED_MODELS.values()} == {"neims", "rassp"}
    assert isinstance(load_prediction_model("neims + rassp"), MeanModel)
    with pytest.raises(InputError, match="is a reranker, not a prediction model"):
        load_prediction_model(resource("models/reranker-open"))
    (tmp_path / "config.json").write_text('{"kind": "bart"}')
    with pytest.raises(InputError, match="of an unknown kind, bart"):
        load_prediction_model(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bart"}')
    with pytest.raises(InputError, match="is no prediction model"):
        load_prediction_model(tmp_path)


def test_resources_are_found_by_the_environment_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(resource("models/rassp-open"), tmp_path / "models" / "neims-open")
    monkeypatch.setenv("SPECTUS_RESOURCES", str(tmp_path))
    assert load_prediction_model("neims").kind == "rassp"
    assert load_prediction_model("rassp").kind == "rassp"  # from the checkout, since the folder lacks it
    with pytest.raises(InputError, match="set SPECTUS_RESOURCES"):
        resource("models/absent")
