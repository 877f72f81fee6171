"""Log-probabilities of finished strings in double precision, so that types of CPU agree on them.

In single precision, the sum over the tokens of a string differs by 1e-5 between types of CPU, which add up products in
different orders. In double precision it differs by 1e-13.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectus.denovo.encoding import EncodedSpectrum, collate
from spectus.denovo.generation import Hypothesis
from spectus.denovo.modeling import SpectusNetwork, peak_mask


def rescored(network: SpectusNetwork, spectrum: EncodedSpectrum, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Calculate the log-probabilities of hypotheses anew, in the precision of a network.

    Parameters
    ----------
    network
        SpecTUS in double precision.
    spectrum
        The spectrum.
    hypotheses
        What the beam search found for it.

    Returns
    -------
    list of Hypothesis
        The hypotheses, most probable first.
    """
    if not hypotheses:
        return []
    start = [network.config.decoder_start_token_id, network.config.source_token_id]
    strings = [[*start, *hypothesis.tokens, network.config.eos_token_id] for hypothesis in hypotheses]
    with torch.inference_mode():
        batch = collate([spectrum], network.device)
        mask = peak_mask(batch.input_ids, batch.attention_mask).to(next(network.parameters()).dtype)
        encoded = network.model.encoder(batch.input_ids, batch.position_ids, mask)
        past = [layer.encoder_attn.keys_values(encoded) for layer in network.model.decoder.blocks]
        found = string_log_probabilities(network, strings, past, mask)
    exact = [Hypothesis(hypothesis.tokens, float(value)) for hypothesis, value in zip(hypotheses, found, strict=True)]
    return sorted(exact, key=lambda hypothesis: -hypothesis.log_prob)


def string_log_probabilities(
    network: SpectusNetwork, tokens: Sequence[list[int]], past: Sequence[tuple[Tensor, Tensor]], mask: Tensor
) -> NDArray[np.float64]:
    """Calculate the log-probabilities of strings of tokens in one pass of the decoder (teacher forcing).

    Parameters
    ----------
    network
        SpecTUS.
    tokens
        Strings, (n,), each with the two tokens of the prompt and the end token.
    past
        Keys and values of the peaks of one spectrum, for each layer of the decoder.
    mask
        Mask of its peaks (see `peak_mask`).

    Returns
    -------
    ndarray of float64, (n,)
        Natural logarithms.
    """
    padding, decoder = network.config.pad_token_id, network.model.decoder
    padded = torch.full((len(tokens), max(map(len, tokens))), padding, device=network.device)
    for row, string in enumerate(tokens):
        padded[row, : len(string)] = torch.tensor(string)
    x = decoder.embed(padded[:, :-1], torch.arange(padded.shape[1] - 1, device=network.device))
    for layer, (keys, values) in zip(decoder.blocks, past, strict=True):
        peaks = keys.expand(len(tokens), -1, -1, -1), values.expand(len(tokens), -1, -1, -1)
        x = layer(x, layer.self_attn.keys_values(x), None, peaks, mask, causal=True)
    steps = network.logits(x[:, 1:]).log_softmax(-1).gather(-1, padded[:, 2:, None])[..., 0]
    total: NDArray[np.float64] = (steps * (padded[:, 2:] != padding)).sum(-1).double().cpu().numpy()
    return total
