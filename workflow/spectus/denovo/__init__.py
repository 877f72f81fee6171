"""Spectrum to structure: SpecTUS."""

from spectus.denovo.modeling import SpectusConfig, SpectusForConditionalGeneration

__all__ = ["SpectusConfig", "SpectusForConditionalGeneration"]
