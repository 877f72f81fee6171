"""A small library with splits, and a small prediction model and reranker fitted on it, once for all tests."""

from pathlib import Path

import pytest

from spectus.learning.inputs import TrainingInputs
from spectus.rerank.training import train_forward
from tests.prediction.series import ALCOHOLS, ALKANES, AMINES, write_library, write_settings


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    smiles = [*ALKANES, *ALCOHOLS, *AMINES]
    split = ["valid" if len(text) == 7 else "train" for text in smiles]
    return write_library(tmp_path_factory.mktemp("library") / "library.parquet", smiles, split)


@pytest.fixture(scope="session")
def model(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forward")
    train_forward(TrainingInputs(library, write_settings(folder, 60), folder / "model"))
    return folder / "model"
