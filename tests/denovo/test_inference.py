from copy import deepcopy

import pytest
import torch
from torch import nn

from spectus.denovo import inference
from spectus.denovo.encoding import EncodedSpectrum, collate
from spectus.denovo.generation import beam_search
from spectus.denovo.inference import DecodingLinear, ready_for_decoding
from spectus.denovo.modeling import SpectusNetwork

CPU = torch.device("cpu")


@torch.no_grad()
@pytest.mark.parametrize("packs", [True, False])
@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_logits_stay_what_they_were(
    model: SpectusNetwork, spectra: list[EncodedSpectrum], precision: torch.dtype, tolerance: float,
    packs: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if not packs:
        monkeypatch.setattr(inference, "_can_pack", lambda precision: False)
    ready = ready_for_decoding(deepcopy(model), CPU, precision)
    batch, tokens = collate(spectra), torch.tensor([[3, 5, 231, 45]]).expand(len(spectra), -1)
    logits = ready(*batch, tokens).logits
    assert logits.dtype == torch.float32
    assert (logits - model(*batch, tokens).logits).abs().quantile(0.99) < tolerance


@torch.no_grad()
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_linear_layer_and_its_gelu(precision: torch.dtype) -> None:
    linear, x = nn.Linear(48, 80), torch.randn(3, 7, 48)
    for gelu in (False, True):
        wanted = nn.functional.gelu(linear(x)) if gelu else linear(x)
        found = DecodingLinear(linear, CPU, precision, gelu)(x)
        assert torch.allclose(found.float(), wanted, atol=1e-5 if precision == torch.float32 else 0.03)


def test_packed_weights_decode_the_same(model: SpectusNetwork, spectra: list[EncodedSpectrum]) -> None:
    ready = ready_for_decoding(deepcopy(model), CPU, torch.float32)
    for (_, plain), (_, packed) in zip(
        sorted(beam_search(model, spectra, 10, 5)), sorted(beam_search(ready, spectra, 10, 5)), strict=True
    ):
        assert [h.tokens for h in packed] == [h.tokens for h in plain]


def test_no_weights_are_held_twice(model: SpectusNetwork) -> None:
    ready = ready_for_decoding(deepcopy(model), CPU, torch.bfloat16)
    left = [name for name, _ in ready.named_parameters() if "layers" in name and "norm" not in name]
    assert left == []
