"""A server over a tiny random model, in the test's own process."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.denovo.translator import Translator
from spectus.serve.api import create_app
from spectus.serve.limits import ServerLimits

SMALL = SpectusNetworkConfig(
    d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
    encoder_ffn_dim=16, decoder_ffn_dim=16, max_length=6, decoder_max_position_embeddings=10, init_std=0.02,
)  # fmt: skip


@pytest.fixture(scope="session")
def translator() -> Translator:
    """Answers short strings, most of them molecules: the letters C, N and O are likely, so is the end."""
    torch.manual_seed(5)
    model = SpectusNetwork(SMALL).eval()
    tokenizer = SmilesTokenizer.published()
    model.final_logits_bias[0, [tokenizer.encode(letter)[1] for letter in "CNO"]] = 8.0
    model.final_logits_bias[0, SMALL.eos_token_id] = 9.0
    return Translator(model, tokenizer, "tiny", "0" * 64)


Start = Callable[..., TestClient]


@pytest.fixture
def start(translator: Translator) -> Iterator[Start]:
    """Starts a server with the given limits; it ends with the test."""
    clients: list[TestClient] = []

    def started(translator: Any = translator, **limits: Any) -> TestClient:
        client = TestClient(create_app(translator, ServerLimits(**limits)))
        client.__enter__()
        clients.append(client)
        return client

    yield started
    for client in clients:
        client.__exit__(None, None, None)
