"""The folder of a reranker."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.files import resource
from spectus.rerank.reranker import load_reranker
from spectus.rerank.scoring import posterior_probabilities
from tests.prediction.series import spectrum

SPECTRA = [spectrum("CCCCCO"), spectrum("CCCCCN")]
PROPOSED = [["CCCCCN", "CCCCCO"], ["CCCCCN", "CCCCCO", "CCCC"]]


def test_the_reranker_that_ships_prefers_what_fits() -> None:
    spectra = [([31.0, 45.0, 46.0], [1.0, 0.4, 0.2]), ([77.0, 91.0, 92.0], [0.1, 1.0, 0.6])]
    proposed = [["CCO", "CCN", "CCCl"], ["Cc1ccccc1", "c1ccccc1", "CCO"]]
    ethanol, toluene = posterior_probabilities(load_reranker("open"), spectra, proposed)
    assert (ethanol.argmax(), toluene.argmax()) == (0, 0)
    assert 0 < ethanol.sum() < 1


def test_a_saved_reranker_finds_its_prediction_model_from_its_own_folder(
    reranker: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copytree(model, tmp_path / "models" / "a", ignore=shutil.ignore_patterns("fitting"))
    loaded = load_reranker(reranker)
    loaded.save(tmp_path / "models" / "b", "../a")
    again = load_reranker(tmp_path / "models" / "b")
    assert again.prediction_model.name == "a"
    np.testing.assert_allclose(
        np.concatenate(posterior_probabilities(again, SPECTRA, PROPOSED)),
        np.concatenate(posterior_probabilities(loaded, SPECTRA, PROPOSED)), atol=1e-2,
    )  # fmt: skip


def copied(reranker: Path, model: Path, folder: Path) -> tuple[Path, dict[str, object]]:
    """Copy a reranker that names its prediction model by its full path."""
    copy = shutil.copytree(reranker, folder / "reranker", ignore=shutil.ignore_patterns("fitting"))
    config = json.loads((copy / "config.json").read_text())
    config["prediction_model"]["model"] = str(model)
    return copy, config


def test_a_reranker_refuses_a_prediction_model_of_other_weights(reranker: Path, model: Path, tmp_path: Path) -> None:
    folder, config = copied(reranker, model, tmp_path)
    named = config["prediction_model"]
    assert isinstance(named, dict)
    named["model"] = "rassp"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="fitted with other weights of the prediction model model"):
        load_reranker(folder)
    del named["sha256"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="does not name its prediction model"):
        load_reranker(folder)


def test_what_is_no_reranker_is_named(reranker: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is of the kind neims and holds no reranker"):
        load_reranker(resource("models/neims-open"))
    with pytest.raises(InputError, match="no such folder"):
        load_reranker(tmp_path / "absent")
    folder, config = copied(reranker, model, tmp_path)
    (folder / "config.json").write_text(json.dumps(config | {"pair_features": ["cosine"]}))
    with pytest.raises(InputError, match=r"do not fit \(features of another version"):
        load_reranker(folder)
    (folder / "config.json").write_text(json.dumps(config | {"weights": [[1.0, 2.0]]}))
    with pytest.raises(InputError, match="a reranker of an earlier version"):
        load_reranker(folder)
