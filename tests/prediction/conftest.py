"""A small library with splits, and a small prediction model and reranker fitted on it, once for all tests."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus.learning.inputs import TrainingInputs
from spectus.prediction.library import write_predicted_library
from spectus.prediction.training import train_prediction_model
from spectus.rerank.training import train_reranker
from tests.prediction.series import (
    ALCOHOLS,
    ALKANES,
    AMINES,
    RERANKER,
    write_library,
    write_settings,
)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    smiles = [*ALKANES, *ALCOHOLS, *AMINES]
    split = ["valid" if len(text) == 7 else "train" for text in smiles]
    return write_library(tmp_path_factory.mktemp("library") / "library.parquet", smiles, split)


@pytest.fixture(scope="session")
def model(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NEIMS."""
    folder = tmp_path_factory.mktemp("forward")
    train_prediction_model(TrainingInputs(library, write_settings(folder, 60), folder / "model"))
    return folder / "model"


@pytest.fixture(scope="session")
def folds(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library with two laboratories; that of every third record is a fold. The other one has some of it, too."""
    table = pq.read_table(library)
    n = len(table)
    table = pa.concat_tables([table, table.slice(0, 7)])
    of_fold = [row % 3 == 0 and row < n for row in range(len(table))]
    table = table.append_column("fold", pa.array([int(own) for own in of_fold]))
    table = table.append_column("laboratory", pa.array(["b" if own else "a" for own in of_fold]))
    path = tmp_path_factory.mktemp("folds") / "library.parquet"
    pq.write_table(table, path)
    return path


@pytest.fixture(scope="session")
def predicted(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predicted spectra of the series, and of a few molecules beside them."""
    folder = tmp_path_factory.mktemp("predicted")
    smiles = [f"{'C' * n}{end}" for n in range(2, 12) for end in ("", "O", "N")]
    (folder / "list.smi").write_text("\n".join([*smiles, "CC(C)O", "CC(C)C", "c1ccccc1", "CCOCC", "C1CCCCC1"]))
    write_predicted_library(folder / "list.smi", str(model), folder / "predicted.parquet")
    return folder / "predicted.parquet"


@pytest.fixture(scope="session")
def reranker(model: Path, folds: Path, predicted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reranker")
    (folder / "settings.yaml").write_text(RERANKER)
    models = (str(model), str(model))
    train_reranker(
        TrainingInputs(
            folds, folder / "settings.yaml", folder / "model", predicted=(predicted,), prediction_models=models
        )
    )
    return folder / "model"
