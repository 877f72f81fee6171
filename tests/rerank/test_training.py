import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from spectus import cli
from spectus.errors import InputError
from spectus.learning.inputs import TrainingInputs
from spectus.learning.measured_spectra import MeasuredSpectra, below, read_measured, tuning_set
from spectus.learning.quantized_weights import load_weights
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions
from spectus.prediction.registry import load_prediction_model
from spectus.prediction.substructures import count_substructures
from spectus.prediction.training import train_prediction_model
from spectus.rerank.query_lists import read_records
from spectus.rerank.settings import RerankerSettings
from spectus.rerank.training import learned_records, train_reranker
from spectus.structures import inchikey14
from tests.prediction.series import RERANKER, write_library, write_settings


def test_a_model_learns_the_rules_of_its_series(model: Path) -> None:
    """Compounds of the split valid, which it has not seen: the alcohol's ion is there, the amine's is not."""
    (alcohol, amine, alkane), _ = load_prediction_model(model).predict(["CCCCCCO", "CCCCCCN", "CCCCCCC"])
    assert (alcohol[31] > 0.5, amine[31] > 0.5, alkane[31] > 0.5) == (True, False, False)
    assert (alcohol[30] > 0.5, amine[30] > 0.5, alkane[30] > 0.5) == (False, True, False)
    assert alcohol[102] > 0.003
    log = pq.read_table(model / "log.parquet").to_pandas()
    losses = log[log.network == "tuning neims"].loss
    assert losses.iloc[-1] < 0.1 < losses.iloc[0]
    assert set(log.network) == {f"{name} neims" for name in ("tuning", "whole")}


def test_compounds_of_valid_and_excluded_ones_are_known_by_structure(tmp_path: Path) -> None:
    """The records claim a wrong InChIKey and write another tautomer-free spelling; neither helps them in."""
    smiles = ["CCO", "OCC", "CCCO", "CCCCO", "OCCC", "CCCCCO"]
    split = ["valid", "train", "train", "train", "train", "train"]
    library = write_library(tmp_path / "library.parquet", smiles, split, ["WRONG"] * 6)
    excluded = Exclusions(sums={hashlib.sha1(inchikey14("CCCO").encode()).hexdigest(): "a test"})
    train, valid = read_measured(library, excluded)
    assert train.smiles.tolist() == ["CCCCO", "CCCCCO"]
    assert valid.smiles.tolist() == ["CCO"]


def test_the_real_train_split_gives_no_compound_that_it_must_not(shared: Path) -> None:
    """95 of its spectra are of held-out compounds."""
    sums = shared / "heldout_compounds.sha1.txt"
    held_out = set(sums.read_text().split())
    train, valid = read_measured(shared / "massbank_ei.parquet", Exclusions.read([sums]), below(640))
    keys = {*train.inchikey14.tolist(), *valid.inchikey14.tolist()}
    assert not any(hashlib.sha1(key.encode()).hexdigest() in held_out for key in keys)
    assert not set(train.inchikey14) & set(valid.inchikey14)
    assert train.n_spectra > 9500
    assert set(np.unique(train.energy)) > {20.0, 70.0}


def test_a_vocabulary_comes_of_the_training_compounds_only(model: Path) -> None:
    known = load_weights(model / "model.safetensors")["vocabulary"].numpy().astype(np.uint64)
    assert 10 < len(known) < 200
    chlorine = count_substructures(["CCCl"])
    assert chlorine.matrix(known).nnz < len(chlorine.substructures)


def test_a_tuning_set_takes_whole_compounds() -> None:
    blocks = np.array([f"BLOCK{number // 3}" for number in range(3000)])
    measured = MeasuredSpectra.of_peaks(blocks, blocks, [70.0] * 3000, [([1.0], [1.0])] * 3000)
    part = tuning_set(measured, 0.13, 1)
    assert 0.1 < part.mean() < 0.16
    assert not set(blocks[part]) & set(blocks[~part])
    assert (tuning_set(measured.at(np.arange(300)), 0.13, 1) == part[:300]).all()
    assert (tuning_set(measured, 0.13, 2) != part).any()


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(
    library: Path, tmp_path: Path, stopped_at_checkpoints: Callable[[], AbstractContextManager[None]]
) -> None:
    plan = write_settings(tmp_path, 20)
    train_prediction_model(TrainingInputs(library, plan, tmp_path / "whole"))
    with stopped_at_checkpoints():
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                train_prediction_model(TrainingInputs(library, plan, tmp_path / "parts"))
    train_prediction_model(TrainingInputs(library, plan, tmp_path / "parts"))
    whole, parts = (load_weights(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_checkpoint_of_another_training_is_refused(library: Path, tmp_path: Path) -> None:
    train_prediction_model(TrainingInputs(library, write_settings(tmp_path, 10), tmp_path / "model"))
    with pytest.raises(InputError, match="another training"):
        train_prediction_model(TrainingInputs(library, write_settings(tmp_path, 11), tmp_path / "model"))


def test_a_library_without_training_spectra_is_refused(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library.parquet", ["CCO", "CCN"], ["valid", "valid"])
    with pytest.raises(InputError, match="0 train and 2 valid"):
        train_prediction_model(TrainingInputs(library, write_settings(tmp_path, 10), tmp_path / "model"))


def test_the_shipped_settings_are_read_and_mistyped_ones_named(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "config" / "training"
    assert RerankerSettings.read(folder / "reranker-open.yaml").dual_encoder.bins == 640
    (tmp_path / "a.yaml").write_text("dual_encoder: {bin: 3}")
    with pytest.raises(InputError, match=r"unknown key dual_encoder\.bin"):
        RerankerSettings.read(tmp_path / "a.yaml")


def test_a_reranker_learns_the_series(reranker: Path, model: Path) -> None:
    """A stop and a second call give the same; the log names the dual encoder of each fold."""
    config = json.loads((reranker / "config.json").read_text())
    assert config["prediction_model"]["sha256"] == load_prediction_model(model).sha256
    assert config["queries"] > 5
    assert set(pq.read_table(reranker / "log.parquet")["network"].to_pylist()) == {
        "dual_encoder fold 0",
        "dual_encoder fold 1",
    }


def test_folds_and_models_must_fit(folds: Path, model: Path, predicted: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(RERANKER)
    inputs = TrainingInputs(folds, tmp_path / "settings.yaml", tmp_path / "out", predicted=(predicted,))
    with pytest.raises(InputError, match="has 1 folds"):
        train_reranker(replace(inputs, prediction_models=(str(model),)))
    with pytest.raises(InputError, match="--predicted: is missing"):
        train_reranker(replace(inputs, predicted=()))


def test_no_model_of_a_fold_learns_from_its_compounds(folds: Path) -> None:
    """Nor from other records of these compounds, nor from the split valid."""
    records = read_records(folds, NO_EXCLUSIONS, 160)
    kept = learned_records(records, 1)
    assert not set(records.inchikey14[kept]) & set(records.inchikey14[records.fold == 1])
    assert not set(records.inchikey14[kept]) & set(records.inchikey14[records.split == "valid"])
    assert set(records.inchikey14[learned_records(records, 0)]) >= set(
        records.inchikey14[(records.fold == 1) & (records.split == "train")]
    )


def test_training_has_kinds(library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(library), "--settings", str(write_settings(tmp_path, 10)), "--out", str(tmp_path / "model")]
    assert cli.main(["train", "prediction", *arguments, "--threads", "1"]) == 0
    assert (tmp_path / "model" / "config.json").exists()
    assert cli.main(["train", "finetune", *arguments]) == 2
    assert "unknown key choosing_share" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["train", *arguments])
