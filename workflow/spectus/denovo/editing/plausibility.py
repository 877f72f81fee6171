"""How plausible SpecTUS finds a structure that it did not write itself: the log-probability of its SMILES.

The tokens of the SMILES are given to the decoder, which then needs one pass for many structures (teacher forcing).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.denovo.encoding import collate, encode_spectrum, trim_peaks, untranslatable
from spectus.denovo.modeling import SpectusNetwork, peak_mask
from spectus.denovo.tokenizer import SmilesTokenizer

_AT_ONCE = 64
"""Structures that are decoded together. Chosen: some 20 MB."""


def log_probabilities(
    network: SpectusNetwork, tokenizer: SmilesTokenizer, spectrum: dict[str, Any], smiles: Sequence[str]
) -> NDArray[np.float64]:
    """Compute the log-probabilities of structures given a spectrum.

    Parameters
    ----------
    network
        SpecTUS, ready to decode or not.
    tokenizer
        Its tokenizer.
    spectrum
        Row of the SPECTRA schema; `mz` and `intensity` are read.
    smiles
        (n,) canonical SMILES.

    Returns
    -------
    ndarray of float64, (n,)
        Natural logarithms. NaN for a SMILES that is longer than the model writes, and for all if the model cannot take
        the spectrum.
    """
    config, found = network.config, np.full(len(smiles), np.nan)
    if untranslatable(spectrum["mz"] or [], config):
        return found
    peaks = trim_peaks(spectrum["mz"], spectrum["intensity"], config)
    tokens = [
        [config.decoder_start_token_id, config.source_token_id, *tokenizer.encode(text), config.eos_token_id]
        for text in smiles
    ]
    fitting = [place for place, string in enumerate(tokens) if len(string) <= config.max_length]
    order = sorted(fitting, key=lambda place: (len(tokens[place]), place))
    with torch.inference_mode():
        batch = collate([encode_spectrum(peaks.mz, peaks.intensity, config)], network.device)
        mask = peak_mask(batch.input_ids, batch.attention_mask)
        encoded = network.model.encoder(batch.input_ids, batch.position_ids, mask)
        past = [layer.encoder_attn.keys_values(encoded) for layer in network.model.decoder.blocks]
        for start in range(0, len(order), _AT_ONCE):
            some = order[start : start + _AT_ONCE]
            found[some] = _of_batch(network, [tokens[place] for place in some], past, mask)
    return found


def _of_batch(
    network: SpectusNetwork, tokens: Sequence[list[int]], past: Sequence[tuple[torch.Tensor, torch.Tensor]],
    mask: torch.Tensor,
) -> NDArray[np.float64]:  # fmt: skip
    """Return the log-probabilities of strings, (n,); `past` holds each layer's keys and values of the peaks."""
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
