from pathlib import Path

import pytest
import torch

from spectus.errors import InputError
from spectus.learning.quantized_weights import load_weights, save_weights


def test_matrices_come_back_within_a_step_and_integers_exactly(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = {"w": torch.randn(20, 30) * torch.logspace(-3, 2, 20)[:, None], "b": torch.randn(7), "n": torch.arange(5)}
    save_weights(state, tmp_path / "w.safetensors")
    found = load_weights(tmp_path / "w.safetensors")
    assert found.keys() == state.keys()
    largest = state["w"].abs().amax(dim=1, keepdim=True)
    assert ((found["w"] - state["w"]).abs() <= largest / 254 * 1.001).all()
    torch.testing.assert_close(found["b"], state["b"], rtol=1e-3, atol=1e-3)
    assert found["n"].equal(state["n"])
    assert (tmp_path / "w.safetensors").stat().st_size < 1300


def test_a_row_of_zeros_stays_one(tmp_path: Path) -> None:
    save_weights({"w": torch.zeros(2, 3)}, tmp_path / "w.safetensors")
    assert load_weights(tmp_path / "w.safetensors")["w"].equal(torch.zeros(2, 3))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"w\.safetensors: cannot be read"):
        load_weights(tmp_path / "w.safetensors")
