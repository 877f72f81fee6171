"""SpecTUS's weights inside transformers' BART: the independent reference for logits and the peer for decoding."""

import torch
from torch import Tensor
from transformers import BartConfig, BartForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from spectus.denovo.encoding import SpectrumBatch
from spectus.denovo.modeling import POSITION_OFFSET, SpectusNetwork


def as_bart(model: SpectusNetwork) -> BartForConditionalGeneration:
    """BART layers with the same weights; its encoder takes sums of peak embeddings and has no positions."""
    c = model.config
    bart = BartForConditionalGeneration(
        BartConfig(
            vocab_size=c.vocab_size,
            d_model=c.d_model,
            encoder_layers=c.encoder_layers,
            decoder_layers=c.decoder_layers,
            encoder_attention_heads=c.encoder_attention_heads,
            decoder_attention_heads=c.decoder_attention_heads,
            encoder_ffn_dim=c.encoder_ffn_dim,
            decoder_ffn_dim=c.decoder_ffn_dim,
            max_position_embeddings=c.decoder_max_position_embeddings,
            scale_embedding=False,
            tie_word_embeddings=False,
            pad_token_id=c.pad_token_id,
            bos_token_id=c.bos_token_id,
            eos_token_id=c.eos_token_id,
            decoder_start_token_id=c.decoder_start_token_id,
            forced_eos_token_id=None,
        )
    )
    weights = {name: value for name, value in model.state_dict().items() if not name.startswith("model.encoder.embed_")}
    missing, unexpected = bart.load_state_dict(weights, strict=False)
    left = [name for name in missing if "encoder.embed" not in name and "shared" not in name]
    if left or unexpected:
        raise RuntimeError(f"transformers' BART has other weights: {left or unexpected}")
    bart.model.decoder.embed_tokens.weight.data = model.model.decoder.embed_tokens.weight.data
    bart.model.encoder.embed_positions.weight.data = torch.zeros(c.max_peaks + POSITION_OFFSET, c.d_model)
    return bart.eval().to(model.device)


def encode(model: SpectusNetwork, bart: BartForConditionalGeneration, batch: SpectrumBatch) -> BaseModelOutput:
    """BART's encoder on the sums of peak embeddings: hidden states (B, S, D)."""
    encoder = model.model.encoder
    embedded = encoder.embed_tokens(batch.input_ids) + encoder.embed_positions(batch.position_ids + POSITION_OFFSET)
    return bart.model.encoder(inputs_embeds=embedded, attention_mask=batch.attention_mask)


def logits(model: SpectusNetwork, batch: SpectrumBatch, tokens: Tensor) -> Tensor:
    """Logits (B, T, V) by transformers' layers."""
    bart = as_bart(model)
    encoded = encode(model, bart, batch)
    return bart(encoder_outputs=encoded, attention_mask=batch.attention_mask, decoder_input_ids=tokens).logits


@torch.inference_mode()
def generate(
    model: SpectusNetwork, bart: BartForConditionalGeneration, batch: SpectrumBatch, beams: int, cached: bool
) -> Tensor:
    """Transformers' own beam search: sequences (B * beams, T)."""
    config = model.config
    prompt = torch.tensor([[config.decoder_start_token_id, config.source_token_id]], device=model.device)
    return bart.generate(
        encoder_outputs=encode(model, bart, batch),
        attention_mask=batch.attention_mask,
        decoder_input_ids=prompt.expand(len(batch.input_ids), -1),
        num_beams=beams,
        num_return_sequences=beams,
        do_sample=False,
        max_length=config.max_length,
        use_cache=cached,
    )
