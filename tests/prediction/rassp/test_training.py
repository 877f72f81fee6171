"""Training, the model's folder and the command line, on the small series."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from spectus import cli
from spectus.errors import InputError
from spectus.evaluation.fidelity import drawn_compounds, measure_fidelity
from spectus.learning.inputs import TrainingInputs
from spectus.learning.measured_spectra import MeasuredSpectra, read_measured
from spectus.learning.quantized_weights import load_weights
from spectus.library.records import read_spectra
from spectus.molecules.exclusions import NO_EXCLUSIONS
from spectus.prediction.base import PredictionModel
from spectus.prediction.neims.model import NeimsModel
from spectus.prediction.rassp.explanation import explaining_subformulae
from spectus.prediction.rassp.model import RasspModel
from spectus.prediction.rassp.subformulae import Limits
from spectus.prediction.rassp.task import PreparedSpectra
from spectus.prediction.rassp.training import RasspSettings
from spectus.prediction.registry import SHIPPED_MODELS, MeanModel, load_prediction_model
from spectus.prediction.training import read_prediction_settings, train_prediction_model
from spectus.rerank.reranker import load_reranker

SETTINGS = """
seed: 3
choosing_share: 0.2
mass_power: 0.5
limits: {atoms: 60, formulae: %d, below_saturated: 1.0, added_unsaturation: .inf}
rassp: {bins: 160, width: 16, graph_layers: 1, blocks: 1, heads: 2, key: 4, formula_width: 8}
rassp_plan: {steps: %d, batch_size: 8, learning_rate: 0.02, warmup_steps: 5, checkpoint_every: 10, average_decay: 0.8}
"""


def settings(folder: Path, steps: int, formulae: int = 4096) -> Path:
    path = folder / f"{steps}-{formulae}.yaml"
    path.write_text(SETTINGS % (formulae, steps))
    return path


@pytest.fixture(scope="module")
def trained(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rassp")
    arguments = ["--settings", str(settings(folder, 80)), "--out", str(folder / "model"), "--threads", "1"]
    assert cli.main(["train", "prediction", str(library), *arguments]) == 0
    return folder / "model"


def test_a_model_learns_the_rules_of_its_series(trained: Path) -> None:
    """Compounds of the split valid, which it has not seen: the alcohol's ion is there, the amine's is not."""
    (alcohol, amine, alkane), _ = RasspModel.load(trained).predict(["CCCCCCO", "CCCCCCN", "CCCCCCC"])
    assert (alcohol[31] > 0.3, amine[31] > 0.3, alkane[31] > 0.3) == (True, False, False)
    assert (alcohol[30] > 0.3, amine[30] > 0.3, alkane[30] > 0.3) == (False, True, False)
    log = pq.read_table(trained / "log.parquet").to_pandas()
    losses = log[log.network == "tuning rassp"].tuning_loss
    assert losses.iloc[-1] < 0.2 < losses.iloc[0]
    config = json.loads((trained / "config.json").read_text())
    assert config["train_compounds"] == 21
    assert config["limits"]["added_unsaturation"] is None
    assert RasspModel.load(trained).limits == Limits(60, 4096, 1.0, float("inf"))


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(
    library: Path, tmp_path: Path, stopped_at_checkpoints: Callable[[], AbstractContextManager[None]]
) -> None:
    plan = settings(tmp_path, 20)
    train_prediction_model(TrainingInputs(library, plan, tmp_path / "whole"))
    with stopped_at_checkpoints():
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                train_prediction_model(TrainingInputs(library, plan, tmp_path / "parts"))
    train_prediction_model(TrainingInputs(library, plan, tmp_path / "parts"))
    whole, parts = (load_weights(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    with pytest.raises(InputError, match="another training"):
        train_prediction_model(TrainingInputs(library, settings(tmp_path, 21), tmp_path / "parts"))


def test_a_library_of_predicted_spectra_gives_reasons(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "molecules.smi"
    listed.write_text("CCCCO butanol\nC[Hg]C x\nnope y\n" + "C" * 30 + " triacontane\n")
    out = tmp_path / "p.parquet"
    assert cli.main(["forward", str(listed), "--model", str(trained), "--out", str(out), "--threads", "1"]) == 0
    rows = read_spectra(out).to_pylist()
    assert [row["reason"] for row in rows] == [
        None, "an element that the model does not know", "no molecule", "too many atoms",
    ]  # fmt: skip
    assert max(rows[0]["intensity"]) == pytest.approx(1.0)
    assert "1 of 4 molecules predicted" in capsys.readouterr().out
    metadata = pq.read_schema(out).metadata
    assert metadata[b"predicted_by"] == b"model"
    assert metadata[b"model_sha256"].decode() == RasspModel.load(trained).sha256


def test_spectra_of_another_molecule_are_not_learnt_from() -> None:
    """What is filed under the parent but measured of its derivative has ions above the molecule."""
    smiles = ["CCO", "CCO", "C[Hg]C"]
    peaks = [([31.0], [1.0]), ([31.0, 103.0], [1.0, 0.5]), ([31.0], [1.0])]
    data = PreparedSpectra.of(MeasuredSpectra.of_peaks(smiles, smiles, [70.0] * 3, peaks), 160, Limits())
    assert data.usable(0.1).tolist() == [True, False, False]
    assert data.usable(1.0).tolist() == [True, True, False]


def test_both_kinds_of_models_have_the_same_measures(trained: Path, model: Path, library: Path) -> None:
    """Predicted spectra of unseen compounds against other molecules of their mass, of which some beat them and one
    cannot be taken."""
    _, valid = read_measured(library, NO_EXCLUSIONS)
    candidates = np.array(["CC(C)CC(C)CC", "CCC(C)CCO", "C[Hg]C", "CCOCCCC"])
    for folder in (trained, model):
        found = measure_fidelity(load_prediction_model(str(folder)), valid, candidates)
        assert (found.n_spectra, found.n_refused) == (3, 0)
        assert found.cosine > 0.7
        assert found.weighted_cosine == pytest.approx(found.weighted_cosine_at_its_energy, abs=1e-5)
        assert found.recall_10_of_1000 == 1.0
    assert measure_fidelity(load_prediction_model(str(trained)), valid).recall_10_of_1000 is None


def test_compounds_are_drawn_whole() -> None:
    block = np.array([f"B{n // 3}" for n in range(30)])
    drawn = drawn_compounds(block, 4, 0)
    assert drawn.sum() == 12
    assert not set(block[drawn]) & set(block[~drawn])
    assert (drawn_compounds(block, 4, 0) == drawn).all()
    assert drawn_compounds(block, None, 0).all()


def test_without_a_share_to_choose_with_the_plan_says_the_steps(library: Path, tmp_path: Path) -> None:
    path = settings(tmp_path, 12)
    path.write_text(path.read_text().replace("choosing_share: 0.2", "choosing_share: 0.0"))
    train_prediction_model(TrainingInputs(library, path, tmp_path / "model"))
    log = pq.read_table(tmp_path / "model" / "log.parquet").to_pandas()
    assert set(log.network) == {"whole rassp"}
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (config["steps"], config["train_compounds"]) == (12, 21)


def test_the_first_fitting_may_be_the_only_one(library: Path, tmp_path: Path) -> None:
    """Its network is what is written, and the compounds it chose with are not counted as learnt."""
    path = settings(tmp_path, 12)
    path.write_text(path.read_text() + "fittings: 1\n")
    train_prediction_model(TrainingInputs(library, path, tmp_path / "model"))
    log = pq.read_table(tmp_path / "model" / "log.parquet").to_pandas()
    assert set(log.network) == {"tuning rassp"}
    first, last = (load_weights(tmp_path / "model" / place / "model.safetensors") for place in ("fitting/tuning", "."))
    assert all(torch.equal(first[name], last[name]) for name in first)
    assert json.loads((tmp_path / "model" / "config.json").read_text())["train_compounds"] < 21


def test_a_query_that_cannot_be_predicted_is_not_found(trained: Path, library: Path) -> None:
    _, valid = read_measured(library, NO_EXCLUSIONS)
    strange = valid._replace(smiles=np.array(["C[Hg]C", *valid.smiles[1:]]))
    found = measure_fidelity(load_prediction_model(str(trained)), strange, np.array(["CCCCCC"]))
    assert found.n_refused == 1
    assert found.recall_10_of_1000 == pytest.approx(2 / 3)


class OnePeak(PredictionModel):
    """A model of a few bins that sees m/z 50 in everything but ethanol, which it refuses."""

    kind, name, sha256 = "one", "one", "00"
    bins = 60

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> "OnePeak":
        raise NotImplementedError

    def save(self, folder: Path, more: dict[str, Any] | None = None) -> None:
        raise NotImplementedError

    def predict(self, smiles: Sequence[str | None], energy: float = 70.0) -> tuple[np.ndarray, list[str | None]]:
        spectra = np.zeros((len(smiles), self.bins), np.float32)
        refused = np.array([text == "CCO" for text in smiles])
        spectra[~refused, 50] = 1.0
        return spectra, ["not ethanol" if no else None for no in refused]


def test_models_together_give_the_mean_of_the_roots(trained: Path) -> None:
    """A molecule that one model refuses is left to the other; the shorter spectrum is padded."""
    own = RasspModel.load(trained)
    both = MeanModel([own, OnePeak()])
    smiles = ["CCCCO", "C" * 30, "CCO"]
    spectra, reasons = both.predict(smiles)
    alone, _ = own.predict(smiles)
    assert reasons == [None, None, None]
    roots = np.sqrt(alone[0])
    roots[50] += 1
    np.testing.assert_allclose(spectra[0], (roots / roots.max()) ** 2, atol=1e-6)
    assert np.flatnonzero(spectra[1]).tolist() == [50]
    np.testing.assert_allclose(spectra[2], alone[2], atol=1e-6)


def test_names_may_be_joined(trained: Path, model: Path) -> None:
    both = load_prediction_model(f"{trained}+{model}")
    spectra, reasons = both.predict(["CCCCO", "C" * 30, "C[Hg]C"])
    assert reasons == [None, None, "an element that the model does not know"]
    assert spectra.max(axis=1).tolist() == [1.0, 1.0, 0.0]
    assert (both.name, both.bins) == ("model+model", 160)
    assert both.sha256 not in {RasspModel.load(trained).sha256, NeimsModel.load(model).sha256}


def test_what_cannot_be_used_is_named(trained: Path, library: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_prediction_model(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="holds no reranker"):
        load_reranker(trained)
    with pytest.raises(InputError, match="is of the kind rassp"):
        NeimsModel.load(trained)
    shutil.copytree(trained, tmp_path / "m", ignore=shutil.ignore_patterns("fitting"))
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config["rassp"]["width"] = 8
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="do not fit"):
        load_prediction_model(str(tmp_path / "m"))
    config["kind"] = "bart"
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="of an unknown kind, bart"):
        load_prediction_model(str(tmp_path / "m"))
    with pytest.raises(InputError, match="leaves no compound"):
        train_prediction_model(TrainingInputs(library, settings(tmp_path, 10, 1), tmp_path / "none"))


def test_the_settings_say_what_is_trained(library: Path, tmp_path: Path) -> None:
    folder = Path(__file__).parents[3] / "config" / "training"
    kinds = {"rassp-open": "rassp", "neims-open": "neims"}
    assert {name: read_prediction_settings(folder / f"{name}.yaml").kind for name in kinds} == kinds
    with pytest.raises(InputError, match="kind is 'reranker'"):
        read_prediction_settings(folder / "reranker-open.yaml")
    assert RasspSettings.read(folder / "rassp-open.yaml").rassp.bins == 640
    (tmp_path / "a.yaml").write_text("rassp: {bin: 3}")
    with pytest.raises(InputError, match=r"unknown key rassp\.bin"):
        train_prediction_model(TrainingInputs(library, tmp_path / "a.yaml", tmp_path / "model"))
    (tmp_path / "b.yaml").write_text("rassp: [")
    with pytest.raises(InputError, match="is not YAML"):
        train_prediction_model(TrainingInputs(library, tmp_path / "b.yaml", tmp_path / "model"))
    assert set(SHIPPED_MODELS) == {"neims", "rassp"}


def test_joined_networks_predict_the_mean_of_their_square_roots(trained: Path, library: Path, tmp_path: Path) -> None:
    other = settings(tmp_path, 12)
    other.write_text(other.read_text().replace("seed: 3", "seed: 4"))
    train_prediction_model(TrainingInputs(library, other, tmp_path / "other"))
    script = Path(__file__).parents[3] / "scripts" / "join_networks.py"
    parts = [str(trained), str(tmp_path / "other")]
    subprocess.run([sys.executable, script, *parts, "--out", str(tmp_path / "joined")], check=True)
    molecules = ["CCCCCCO", "CCCCCCN", "C[Hg]C"]
    joined, reasons = RasspModel.load(tmp_path / "joined").predict(molecules)
    mean, of_mean = load_prediction_model("+".join(parts)).predict(molecules)
    assert reasons == of_mean and reasons[2] is not None
    np.testing.assert_allclose(joined, mean, atol=1e-6)
    assert not np.allclose(joined, RasspModel.load(trained).predict(molecules)[0], atol=1e-3)
    assert explaining_subformulae(RasspModel.load(tmp_path / "joined"), "CCCCCCO", [31]) == ["CH3O"]
    broken = json.loads((tmp_path / "joined" / "config.json").read_text()) | {"networks": 3}
    (tmp_path / "joined" / "config.json").write_text(json.dumps(broken))
    with pytest.raises(InputError, match="do not fit"):
        RasspModel.load(tmp_path / "joined")
