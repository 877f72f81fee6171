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
from spectus.denovo.rescoring import string_log_probabilities
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
        mask = peak_mask(batch.input_ids, batch.attention_mask).to(next(network.parameters()).dtype)
        encoded = network.model.encoder(batch.input_ids, batch.position_ids, mask)
        past = [layer.encoder_attn.keys_values(encoded) for layer in network.model.decoder.blocks]
        for start in range(0, len(order), _AT_ONCE):
            some = order[start : start + _AT_ONCE]
            found[some] = string_log_probabilities(network, [tokens[place] for place in some], past, mask)
    return found
