import dataclasses
import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from spectus import cli, tables
from spectus.denovo.modeling import SpectusNetwork
from spectus.denovo.training.settings import Stage, TrainingSettings
from spectus.denovo.training.stored import StoredSpectra
from spectus.denovo.training.synthesis import Synthesizer
from spectus.denovo.training.task import Examples, TranslationTask
from spectus.denovo.training.train import finetune, pretrain
from spectus.errors import InputError
from spectus.evaluation.denovo import evaluate_denovo
from spectus.evaluation.settings import EvaluationSettings
from spectus.files import resource
from spectus.learning.inputs import TrainingInputs
from spectus.structures import inchikey14
from spectus.tables import SPECTRA

from ...workflow.campaigns import ROOT

SHIPPED_NEIMS = resource("models/neims-open")
SETTINGS = """
seed: 7
model: {d_model: 32, encoder_layers: 1, decoder_layers: 1, encoder_attention_heads: 2, decoder_attention_heads: 2,
  encoder_ffn_dim: 64, decoder_ffn_dim: 64, max_length: 16, decoder_max_position_embeddings: 20, dropout: 0.0}
pretrain: &stage
  dropout: 0.0
  plan: {steps: %d, batch_size: 4, learning_rate: 0.01, warmup_steps: 5, checkpoint_every: 20, average_decay: 0.9}
  synthesis: {per_measured: %s, like_measured: 0.5, uncertain: 0.5, random_smiles: 0.2}
  augmentation: {intensity_jitter: 0.01}
finetune: *stage
"""
MOLECULES = ["OCC", "CCCO", "CCCCO", "CC", "CCCN", "CCCl", "C[Xx]", "CCBr"]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Four compounds with spectra that tell them apart, and one to watch."""
    path = tmp_path / "library.parquet"
    smiles = ["CCO", "c1ccccc1", "CCN", "CCCl", "CC"]
    columns = {
        "name": smiles, "smiles": smiles, "split": ["train"] * 4 + ["valid"],
        "mz": [[31.0, 45.0], [77.0, 78.0], [30.0, 44.0], [49.0, 64.0], [15.0, 30.0]], "intensity": [[1.0, 0.5]] * 5,
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def molecules(tmp_path: Path) -> Path:
    path = tmp_path / "molecules.smi"
    path.write_text("\n".join(MOLECULES))
    return path


def settings(tmp_path: Path, steps: int, per_measured: float = 0.0) -> Path:
    path = tmp_path / f"{steps}_{per_measured}.yaml"
    path.write_text(SETTINGS % (steps, per_measured))
    return path


def predicted(library: Path, plan: Path, out: Path, molecules: Path, exclude: tuple[Path, ...] = ()) -> TrainingInputs:
    return TrainingInputs(library, plan, out, exclude, molecules=molecules, prediction_models=(SHIPPED_NEIMS,))


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A library as `spectus predict` writes it, of the molecules that a pretraining may use, and of one of valid."""
    smiles = ["OCC", "CCCO", "CCCCO", "CC", "CCCN", "CCCl"]
    columns = {
        "entry": range(6), "name": smiles, "smiles": smiles, "reason": [None] * 6,
        "mz": [[29.0 + at, 45.0 + at] for at in range(6)], "intensity": [[1.0, 0.5]] * 6,
    }  # fmt: skip
    path = tmp_path / "stored.parquet"
    with tables.writing(path, SPECTRA, {"predicted_by": "rassp-open", "model_sha256": "0"}) as writer:
        writer.append(tables.table(SPECTRA, columns))
    return path


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return SpectusNetwork.from_pretrained(folder).state_dict()


def test_a_model_learns_its_examples_and_is_evaluated(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    finetune(TrainingInputs(library, settings(tmp_path, 120), out))
    log = pq.read_table(out / "log.parquet").to_pydict()
    assert log["step"] == list(range(20, 121, 20))
    assert log["loss"][-1] < 0.2 < log["loss"][0]
    last = SpectusNetwork.from_pretrained(out)
    last.load_state_dict(torch.load(out / "checkpoint.pt", weights_only=True)["average"])
    last.save_pretrained(tmp_path / "last")
    evaluate_denovo(
        str(tmp_path / "last"),
        library,
        EvaluationSettings(split="train", beams=3, device="cpu"),
        tmp_path / "scores.json",
    )
    printed = " ".join(capsys.readouterr().out.split())
    assert "exact structure, top 1 100.0 % [100.0, 100.0]" in printed
    assert json.loads((tmp_path / "scores.json").read_text())["exact_top_1"]["value"] == 1.0


def test_the_weights_that_did_best_on_valid_are_kept(library: Path, tmp_path: Path) -> None:
    """Four examples are learnt by heart, so the fifth is soon worse: the last weights are not the best ones."""
    finetune(TrainingInputs(library, settings(tmp_path, 60), tmp_path / "long"))
    losses = pq.read_table(tmp_path / "long" / "log.parquet")["tuning_loss"].to_pylist()
    assert losses.index(min(losses)) == 0
    kept = weights(tmp_path / "long")
    last = torch.load(tmp_path / "long" / "checkpoint.pt", weights_only=True)["average"]
    assert not all(torch.allclose(kept[name], last[name], atol=1e-2) for name in kept)


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(
    library: Path, molecules: Path, tmp_path: Path, stopped_at_checkpoints: Callable[[], AbstractContextManager[None]]
) -> None:
    plan = settings(tmp_path, 40, 1.0)
    pretrain(predicted(library, plan, tmp_path / "whole", molecules))
    with stopped_at_checkpoints(), pytest.raises(KeyboardInterrupt):
        pretrain(predicted(library, plan, tmp_path / "parts", molecules))
    pretrain(predicted(library, plan, tmp_path / "parts", molecules))
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(whole[name].equal(parts[name]) for name in whole)


def test_stored_spectra_give_the_same_batches_for_a_seed_also_after_a_stop(
    library: Path, stored: Path, tmp_path: Path, stopped_at_checkpoints: Callable[[], AbstractContextManager[None]]
) -> None:
    plan = settings(tmp_path, 40)
    other_seed = tmp_path / "other.yaml"
    other_seed.write_text((SETTINGS % (40, 0.0)).replace("seed: 7", "seed: 8"))
    whole, again, parts, other = (tmp_path / name for name in ("whole", "again", "parts", "other"))
    for out in (whole, again):
        pretrain(TrainingInputs(library, plan, out, predicted=(stored,)))
    with stopped_at_checkpoints(), pytest.raises(KeyboardInterrupt):
        pretrain(TrainingInputs(library, plan, parts, predicted=(stored,)))
    pretrain(TrainingInputs(library, plan, parts, predicted=(stored,)))
    pretrain(TrainingInputs(library, other_seed, other, predicted=(stored,)))
    states = {out.name: weights(out) for out in (whole, again, parts, other)}
    for name, tensor in states["whole"].items():
        assert tensor.equal(states["again"][name]), name
        assert tensor.equal(states["parts"][name]), name
    assert not states["whole"]["lm_head.weight"].equal(states["other"]["lm_head.weight"])


def test_other_stored_spectra_are_another_training(library: Path, stored: Path, tmp_path: Path) -> None:
    plan = settings(tmp_path, 20)
    pretrain(TrainingInputs(library, plan, tmp_path / "model", predicted=(stored,)))
    table = pq.read_table(stored)
    pq.write_table(table.slice(0, 5).replace_schema_metadata(table.schema.metadata), stored)
    with pytest.raises(InputError, match="another training"):
        pretrain(TrainingInputs(library, plan, tmp_path / "model", predicted=(stored,)))


def test_stored_spectra_of_valid_and_held_out_compounds_are_not_learned(
    library: Path, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = TranslationTask.__init__

    def watched(self: TranslationTask, network: SpectusNetwork, examples: Examples, stage: Stage) -> None:
        assert isinstance(examples.synthesizer, StoredSpectra)
        seen.extend(examples.synthesizer.smiles)
        real(self, network, examples, stage)

    monkeypatch.setattr(TranslationTask, "__init__", watched)
    held_out = tmp_path / "held_out.txt"
    held_out.write_text(hashlib.sha1(inchikey14("CCCO").encode()).hexdigest())
    pretrain(TrainingInputs(library, settings(tmp_path, 20), tmp_path / "model", (held_out,), predicted=(stored,)))
    assert seen == ["CCO", "CCCCO", "CCCN", "CCCl"]


def test_pretraining_may_begin_with_trained_weights(library: Path, stored: Path, tmp_path: Path) -> None:
    """A pretraining of one step at a rate of nearly nothing gives what it began with."""
    pretrain(TrainingInputs(library, settings(tmp_path, 20), tmp_path / "cold", predicted=(stored,)))
    still = tmp_path / "still.yaml"
    still.write_text((SETTINGS % (1, 0)).replace("learning_rate: 0.01", "learning_rate: 1.0e-9"))
    pretrain(TrainingInputs(library, still, tmp_path / "warm", predicted=(stored,), start=tmp_path / "cold"))
    before, after = weights(tmp_path / "cold"), weights(tmp_path / "warm")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


def test_predicted_spectra_come_from_one_place(
    library: Path, stored: Path, molecules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = [
        "train",
        "pretrain",
        str(library),
        "--settings",
        str(settings(tmp_path, 20)),
        "--out",
        str(tmp_path / "m"),
    ]
    assert cli.main([*common, "--predicted", str(stored), "--molecules", str(molecules)]) == 2
    error = capsys.readouterr().err
    assert "give one of them only" in error
    assert len(error.strip().splitlines()) == 1
    assert cli.main(common) == 2
    assert "add --predicted, or both --molecules and --prediction-model" in capsys.readouterr().err
    assert cli.main([*common, "--predicted", str(library)]) == 2
    error = capsys.readouterr().err
    assert "does not say which prediction model made it" in error
    assert len(error.strip().splitlines()) == 1


def test_finetuning_begins_with_the_pretrained_weights(library: Path, molecules: Path, tmp_path: Path) -> None:
    """A finetuning of one step at a rate of nearly nothing gives what it began with."""
    pretrain(predicted(library, settings(tmp_path, 20), tmp_path / "pre", molecules))
    still = tmp_path / "still.yaml"
    still.write_text((SETTINGS % (1, 0)).replace("learning_rate: 0.01", "learning_rate: 1.0e-9"))
    finetune(TrainingInputs(library, still, tmp_path / "fine", start=tmp_path / "pre"))
    before, after = weights(tmp_path / "pre"), weights(tmp_path / "fine")
    assert all(torch.allclose(before[name], after[name], atol=5e-3) for name in before)  # kept in bf16


def test_pretraining_sees_neither_valid_nor_held_out_molecules(
    library: Path, molecules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = Synthesizer.__init__

    def watched(self: Synthesizer, models: list[Path], smiles: list[str], max_mz: int, device: torch.device) -> None:
        seen.extend(smiles)
        real(self, models, smiles, max_mz, device)

    monkeypatch.setattr(Synthesizer, "__init__", watched)
    held_out = tmp_path / "held_out.txt"
    held_out.write_text(hashlib.sha1(inchikey14("CCCO").encode()).hexdigest())
    pretrain(predicted(library, settings(tmp_path, 20), tmp_path / "model", molecules, (held_out,)))
    assert seen == ["CCBr", "CCCCO", "CCCN", "CCCl", "CCO"]


def test_training_from_the_command_line(library: Path, molecules: Path, tmp_path: Path) -> None:
    plan, pre, out = settings(tmp_path, 20, 1.0), tmp_path / "pre", tmp_path / "model"
    common = [str(library), "--settings", str(plan), "--threads", str(torch.get_num_threads())]
    made = [
        "--molecules",
        str(molecules),
        "--prediction-model",
        str(SHIPPED_NEIMS),
        str(SHIPPED_NEIMS.with_name("rassp-open")),
    ]
    assert cli.main(["train", "pretrain", *common, *made, "--out", str(pre)]) == 0
    assert cli.main(["train", "finetune", *common, *made, "--from", str(pre), "--out", str(out)]) == 0
    assert np.isfinite(pq.read_table(out / "log.parquet")["tuning_loss"].to_numpy()).all()


def test_mixing_needs_a_list_and_a_forward_model(library: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mixes predicted spectra"):
        finetune(TrainingInputs(library, settings(tmp_path, 20, 1.0), tmp_path / "model"))


def test_pretrained_weights_of_other_sizes_are_refused(library: Path, tmp_path: Path) -> None:
    finetune(TrainingInputs(library, settings(tmp_path, 20), tmp_path / "small"))
    wide = tmp_path / "wide.yaml"
    wide.write_text((SETTINGS % (20, 0)).replace("encoder_ffn_dim: 64", "encoder_ffn_dim: 96"))
    with pytest.raises(InputError, match="other sizes"):
        finetune(TrainingInputs(library, wide, tmp_path / "model", start=tmp_path / "small"))


def test_a_list_that_gives_no_molecule_is_refused(library: Path, tmp_path: Path) -> None:
    only_valid = tmp_path / "valid.smi"
    only_valid.write_text("CC\n")
    with pytest.raises(InputError, match="no molecule that may be learned"):
        pretrain(predicted(library, settings(tmp_path, 20), tmp_path / "model", only_valid))


def test_a_checkpoint_of_another_training_is_refused(library: Path, tmp_path: Path) -> None:
    finetune(TrainingInputs(library, settings(tmp_path, 20), tmp_path / "model"))
    with pytest.raises(InputError, match="another training"):
        finetune(TrainingInputs(library, settings(tmp_path, 25), tmp_path / "model"))


def test_a_library_without_valid_examples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "library.parquet"
    columns = {"name": ["a"], "smiles": ["CCO"], "split": ["train"], "mz": [[31.0]], "intensity": [[1.0]]}
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match="1 train and 0 valid"):
        finetune(TrainingInputs(path, settings(tmp_path, 20), tmp_path / "model"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sed: 1", "unknown key sed"),
        ("model: {d_modle: 3}", "unknown key model.d_modle"),
        ("finetune: {plan: {steps: many}}", "finetune.plan.steps is 'many'"),
        ("finetune: {plan: {decay: steep}}", "decay: steep"),
        ("model: 3", "model is not a mapping"),
        ("a: [", "is not YAML"),
    ],
)
def test_mistyped_settings_are_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        TrainingSettings.read(path)


def test_the_shipped_settings_are_read() -> None:
    folder = Path(__file__).parents[3] / "config" / "training"
    assert [TrainingSettings.read(path).seed for path in sorted(folder.glob("spectus-*.yaml"))]


@pytest.mark.parametrize("name", ["", "-continued", "-third", "-fourth", "-sixth"])
def test_the_settings_of_the_shipped_model_have_its_sizes(name: str) -> None:
    settings = TrainingSettings.read(ROOT / "config" / "training" / f"spectus-open{name}.yaml")
    shipped = SpectusNetwork.from_pretrained(resource("models/spectus-open")).config
    assert dataclasses.replace(settings.model, dropout=shipped.dropout) == shipped
