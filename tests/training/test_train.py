import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from spectus.errors import InputError
from spectus.model.modeling import SpectusForConditionalGeneration
from spectus.training.evaluate import evaluate_model
from spectus.training.settings import Schedule, TrainingSettings
from spectus.training.train import learning_rate, train_model

SETTINGS = """
seed: 7
model: {d_model: 32, encoder_layers: 1, decoder_layers: 1, encoder_attention_heads: 2, decoder_attention_heads: 2,
  encoder_ffn_dim: 64, decoder_ffn_dim: 64, max_length: 16, decoder_max_position_embeddings: 20, dropout: 0.0}
schedule: {steps: %d, batch_size: 4, learning_rate: 0.01, warmup_steps: 5, checkpoint_every: 20, average_decay: 0.9}
augmentation: {intensity_jitter: 0.01, drop_share: 0.0, background_peaks: 0.0, low_mass_cut: 0.0}
"""


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


def settings(tmp_path: Path, steps: int) -> Path:
    path = tmp_path / f"{steps}.yaml"
    path.write_text(SETTINGS % steps)
    return path


def test_a_model_learns_its_examples_and_is_evaluated(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    train_model(library, settings(tmp_path, 120), None, out)
    log = pq.read_table(out / "log.parquet").to_pydict()
    assert log["step"] == list(range(20, 121, 20))
    assert log["loss"][-1] < 0.2 < log["loss"][0]
    last = SpectusForConditionalGeneration.from_pretrained(out)
    last.load_state_dict(torch.load(out / "checkpoint.pt", weights_only=True)["average"])
    last.save_pretrained(tmp_path / "last")
    evaluate_model(str(tmp_path / "last"), library, "train", 3, "cpu", tmp_path / "scores.json")
    printed = " ".join(capsys.readouterr().out.split())
    assert "exact structure, top 1 100.0 % [100.0, 100.0]" in printed
    assert json.loads((tmp_path / "scores.json").read_text())["exact_top_1"]["value"] == 1.0


def test_the_weights_that_did_best_on_valid_are_kept(library: Path, tmp_path: Path) -> None:
    """Four examples are learnt by heart, so the fifth is soon worse: the last weights are not the best ones."""
    train_model(library, settings(tmp_path, 60), None, tmp_path / "long")
    losses = pq.read_table(tmp_path / "long" / "log.parquet")["valid_loss"].to_pylist()
    assert losses.index(min(losses)) == 0
    kept = SpectusForConditionalGeneration.from_pretrained(tmp_path / "long").state_dict()
    last = torch.load(tmp_path / "long" / "checkpoint.pt", weights_only=True)["average"]
    assert not all(torch.allclose(kept[name], last[name], atol=1e-2) for name in kept)


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = settings(tmp_path, 40)
    train_model(library, plan, None, tmp_path / "whole")
    from spectus.training.train import Training

    real = Training.record

    def stop(self: Training, loss: float) -> None:
        real(self, loss)
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "record", stop)
    with pytest.raises(KeyboardInterrupt):
        train_model(library, plan, None, tmp_path / "parts")
    monkeypatch.undo()
    train_model(library, plan, None, tmp_path / "parts")
    whole, parts = (
        SpectusForConditionalGeneration.from_pretrained(tmp_path / name).state_dict() for name in ("whole", "parts")
    )
    assert all(whole[name].equal(parts[name]) for name in whole)


def test_a_checkpoint_of_another_training_is_refused(library: Path, tmp_path: Path) -> None:
    train_model(library, settings(tmp_path, 20), None, tmp_path / "model")
    with pytest.raises(InputError, match="another training"):
        train_model(library, settings(tmp_path, 25), None, tmp_path / "model")


def test_a_library_without_valid_examples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "library.parquet"
    columns = {"name": ["a"], "smiles": ["CCO"], "split": ["train"], "mz": [[31.0]], "intensity": [[1.0]]}
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match="1 train and 0 valid"):
        train_model(path, settings(tmp_path, 20), None, tmp_path / "model")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sed: 1", "unknown key sed"),
        ("model: {d_modle: 3}", "unknown key model.d_modle"),
        ("schedule: {steps: many}", "schedule.steps is 'many'"),
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
    folder = Path(__file__).parents[2] / "config" / "training"
    assert [TrainingSettings.read(path).seed for path in sorted(folder.glob("spectus-*.yaml"))]


def test_learning_rate_warms_up_and_decays_to_a_tenth() -> None:
    plan = Schedule(steps=100, warmup_steps=10, learning_rate=1.0)
    assert learning_rate(0, plan) == pytest.approx(0.1)
    assert learning_rate(10, plan) == pytest.approx(1.0)
    assert learning_rate(100, plan) == pytest.approx(0.1)
