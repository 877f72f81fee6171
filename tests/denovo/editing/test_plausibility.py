import numpy as np
import pytest

from spectus.denovo.editing.plausibility import log_probabilities
from spectus.denovo.encoding import collate, encode_spectrum
from spectus.denovo.modeling import SpectusNetwork
from spectus.denovo.tokenizer import SmilesTokenizer

ROW = {"mz": [31.0, 45.0, 46.0], "intensity": [1.0, 0.6, 0.2]}


def test_the_sum_over_single_tokens_is_met(model: SpectusNetwork) -> None:
    """Each string alone, token by token, without padding."""
    tokenizer, config = SmilesTokenizer.published(), model.config
    strings = ["CCO", "COC", "CC(=O)OCC", "C"]
    found = log_probabilities(model, tokenizer, ROW, strings)
    batch = collate([encode_spectrum(ROW["mz"], ROW["intensity"], config)])
    for text, value in zip(strings, found, strict=True):
        tokens = [config.decoder_start_token_id, config.source_token_id, *tokenizer.encode(text), config.eos_token_id]
        given = batch.input_ids.new_tensor([tokens[:-1]])
        steps = model(batch.input_ids, batch.position_ids, batch.attention_mask, given).logits[0].log_softmax(-1)
        expected = sum(steps[place, tokens[place + 1]].item() for place in range(1, len(tokens) - 1))
        assert value == pytest.approx(expected, abs=1e-3)


def test_what_the_model_cannot_write_or_read_has_none(model: SpectusNetwork) -> None:
    tokenizer = SmilesTokenizer.published()
    assert np.isnan(log_probabilities(model, tokenizer, ROW, ["C" * 100, "C"])).tolist() == [True, False]
    assert np.isnan(log_probabilities(model, tokenizer, {"mz": [], "intensity": []}, ["C"])).all()
    assert len(log_probabilities(model, tokenizer, ROW, [])) == 0
