"""The folder of a reranker, and that of version 0.3."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.files import resource
from spectus.rerank.reranker import Reranker, load_reranker
from spectus.rerank.scoring import posterior_probabilities
from tests.prediction.test_registry import of_03

__all__ = ["of_03"]

SPECTRA = [([31.0, 45.0, 46.0], [1.0, 0.4, 0.2]), ([77.0, 91.0, 92.0], [0.1, 1.0, 0.6])]
PROPOSED = [["CCO", "CCN", "CCCl"], ["Cc1ccccc1", "c1ccccc1", "CCO"]]


def test_the_reranker_that_ships_prefers_what_fits() -> None:
    ethanol, toluene = posterior_probabilities(load_reranker("open"), SPECTRA, PROPOSED)
    assert (ethanol.argmax(), toluene.argmax()) == (0, 0)
    assert ethanol.sum() == pytest.approx(1)


def test_a_folder_of_version_03_gives_the_same_probabilities(of_03: Path) -> None:
    old, new = (posterior_probabilities(load_reranker(spec), SPECTRA, PROPOSED) for spec in (of_03, "open"))
    np.testing.assert_array_equal(np.concatenate(old), np.concatenate(new))


def test_a_saved_reranker_finds_its_prediction_model_from_its_own_folder(tmp_path: Path) -> None:
    reranker = load_reranker("open")
    shutil.copytree(resource("models/neims-open"), tmp_path / "models" / "a")
    reranker.save(tmp_path / "models" / "b", "../a")
    again = load_reranker(tmp_path / "models" / "b")
    assert again.prediction_model.name == "a"
    np.testing.assert_allclose(
        np.concatenate(posterior_probabilities(again, SPECTRA, PROPOSED)),
        np.concatenate(posterior_probabilities(reranker, SPECTRA, PROPOSED)), atol=1e-3,
    )  # fmt: skip


def test_a_reranker_refuses_a_prediction_model_of_other_weights(tmp_path: Path) -> None:
    folder = shutil.copytree(resource("models/reranker-open"), tmp_path / "reranker")
    config = json.loads((folder / "config.json").read_text())
    config["prediction_model"]["model"] = "rassp"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="fitted with other weights of the prediction model neims-open"):
        load_reranker(folder)
    del config["prediction_model"]["sha256"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="does not name its prediction model"):
        load_reranker(folder)


def test_what_is_no_reranker_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is of the kind neims and holds no reranker"):
        load_reranker(resource("models/neims-open"))
    with pytest.raises(InputError, match="no such folder"):
        load_reranker(tmp_path / "absent")
    folder = shutil.copytree(resource("models/reranker-open"), tmp_path / "reranker")
    config = json.loads((folder / "config.json").read_text())
    config["weights"] = [[1.0, 2.0]]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"do not fit \(weights of the shape"):
        Reranker.load(folder)
