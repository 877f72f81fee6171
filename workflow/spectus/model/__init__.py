"""SpecTUS: encoding a spectrum, tokenizer, network, decoding."""

from spectus.model.modeling import SpectusConfig, SpectusForConditionalGeneration

__all__ = ["SpectusConfig", "SpectusForConditionalGeneration"]
