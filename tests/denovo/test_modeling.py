import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from peers import bart
from spectus.denovo.encoding import EncodedSpectrum, collate
from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.errors import InputError


@torch.no_grad()
def test_logits_equal_an_independent_bart(model: SpectusNetwork, spectra: list[EncodedSpectrum]) -> None:
    for group in (spectra[:1], spectra):  # without padding and with, both with a real peak at m/z 2
        batch = collate(group)
        tokens = torch.randint(3, 267, (len(group), 9), generator=torch.Generator().manual_seed(1))
        assert torch.allclose(model(*batch, tokens).logits, bart.logits(model, batch, tokens), atol=1e-4)


@pytest.mark.slow
@torch.no_grad()
def test_logits_equal_an_independent_bart_at_the_published_size(spectra: list[EncodedSpectrum]) -> None:
    torch.manual_seed(2)
    published = SpectusNetwork(SpectusNetworkConfig()).eval()
    tokens = torch.randint(3, 267, (2, 9), generator=torch.Generator().manual_seed(1))
    for group in ([spectra[1]] * 2, [spectra[1], spectra[5]]):  # without padding and with
        batch = collate(group)
        assert torch.allclose(published(*batch, tokens).logits, bart.logits(published, batch, tokens), atol=1e-4)


@torch.no_grad()
def test_padding_and_the_order_of_peaks_change_nothing(model: SpectusNetwork, spectra: list[EncodedSpectrum]) -> None:
    tokens = torch.tensor([[3, 5, 231, 45]])
    together = model(*collate(spectra), tokens.expand(len(spectra), -1)).logits
    for spectrum, logits in zip(spectra, together, strict=True):
        turned = EncodedSpectrum(spectrum.mz[::-1].copy(), spectrum.bins[::-1].copy())
        assert torch.allclose(model(*collate([turned]), tokens).logits[0], logits, atol=1e-4)


def test_the_published_size_and_keys() -> None:
    with torch.device("meta"):
        published = SpectusNetwork(SpectusNetworkConfig())
    shapes = {name: tuple(value.shape) for name, value in published.state_dict().items()}
    assert sum(parameter.numel() for parameter in published.parameters()) == 354_018_304
    assert shapes == published_shapes()


def published_shapes() -> dict[str, tuple[int, ...]]:
    """The 514 entries of the published checkpoint."""
    shapes: dict[str, tuple[int, ...]] = {"final_logits_bias": (1, 267), "lm_head.weight": (267, 1024)}
    for side, rows, places in (("encoder", 501, 32), ("decoder", 267, 202)):
        shapes |= {
            f"model.{side}.embed_tokens.weight": (rows, 1024),
            f"model.{side}.embed_positions.weight": (places, 1024),
            f"model.{side}.layernorm_embedding.weight": (1024,),
            f"model.{side}.layernorm_embedding.bias": (1024,),
        }
        for layer in (f"model.{side}.layers.{index}" for index in range(12)):
            for attention in ("self_attn", *(["encoder_attn"] if side == "decoder" else [])):
                for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
                    shapes[f"{layer}.{attention}.{projection}.weight"] = (1024, 1024)
                    shapes[f"{layer}.{attention}.{projection}.bias"] = (1024,)
                shapes[f"{layer}.{attention}_layer_norm.weight"] = (1024,)
                shapes[f"{layer}.{attention}_layer_norm.bias"] = (1024,)
            shapes |= {
                f"{layer}.fc1.weight": (4096, 1024), f"{layer}.fc1.bias": (4096,),
                f"{layer}.fc2.weight": (1024, 4096), f"{layer}.fc2.bias": (1024,),
                f"{layer}.final_layer_norm.weight": (1024,), f"{layer}.final_layer_norm.bias": (1024,),
            }  # fmt: skip
    assert len(shapes) == 514
    return shapes


def test_a_published_config_is_understood(tmp_path: Path) -> None:
    """The published file has transformers' keys, nulls and a key of no effect beside the sizes."""
    entries = {
        "_name_or_path": "x", "activation_function": "gelu", "architectures": ["SpectusNetwork"],
        "d_model": 1024, "encoder_layers": 12, "max_mz": 500, "max_log_id": 29, "min_len": 0, "vocab_size": 267,
        "encoder_max_position_embeddings": None, "decoder_max_position_embeddings": 200,
        "max_position_embeddings": 1024,
        "id2label": {"0": "LABEL_0"}, "torch_dtype": "float32", "transformers_version": "4.31.0", "model_type": "bart",
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(entries))
    assert SpectusNetworkConfig.read(tmp_path / "config.json") == SpectusNetworkConfig()


@torch.no_grad()
@pytest.mark.parametrize("pickled", [False, True])
def test_a_saved_folder_loads_back(
    model: SpectusNetwork, spectra: list[EncodedSpectrum], tmp_path: Path, pickled: bool
) -> None:
    model.save_pretrained(tmp_path)
    if pickled:
        (tmp_path / "model.safetensors").unlink()
        torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    loaded = SpectusNetwork.from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert torch.equal(loaded(*collate(spectra)).logits, model(*collate(spectra)).logits)


def test_wrong_folders_are_named(model: SpectusNetwork, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model folder"):
        SpectusNetwork.from_pretrained(tmp_path / "absent")
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        SpectusNetwork.from_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    replace(model.config, d_model=64).write(tmp_path / "config.json")
    with pytest.raises(InputError, match="disagree"):
        SpectusNetwork.from_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"short")
    with pytest.raises(InputError, match="cannot be read"):
        SpectusNetwork.from_pretrained(tmp_path)


def test_a_pickle_runs_no_code(model: SpectusNetwork, tmp_path: Path) -> None:
    model.config.write(tmp_path / "config.json")
    torch.save({"lm_head.weight": SmilesTokenizer}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be read"):
        SpectusNetwork.from_pretrained(tmp_path)
