"""Small random models and spectra."""

from pathlib import Path

import numpy as np
import pytest
import torch

from spectus.denovo.encoding import EncodedSpectrum, encode_spectrum
from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer

SMALL = SpectusNetworkConfig(
    d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=64, decoder_ffn_dim=64, max_length=24, decoder_max_position_embeddings=40, init_std=0.3,
)  # fmt: skip


@pytest.fixture(scope="session")
def model() -> SpectusNetwork:
    torch.manual_seed(1)
    return SpectusNetwork(SMALL).eval()


@pytest.fixture(scope="session")
def spectra() -> list[EncodedSpectrum]:
    """Spectra of 1 to 40 peaks, one of them at m/z 2, the padding id of the decoder."""
    random = np.random.default_rng(3)
    sizes = [1, *random.integers(2, 41, 12)]
    masses = [np.sort(random.choice(np.arange(1, 500), size, replace=False)) for size in sizes]
    masses[1][0] = 2
    return [encode_spectrum(mz, random.random(len(mz)) + 1e-3, SMALL) for mz in masses]


@pytest.fixture(scope="session")
def model_folder(model: SpectusNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "small"
    model.save_pretrained(folder)
    SmilesTokenizer.published().save_pretrained(folder)
    return folder
