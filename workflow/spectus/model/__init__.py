"""Alias of `spectus.denovo`, the import path of versions 0.1 to 0.3."""

from spectus.denovo import SpectusConfig, SpectusForConditionalGeneration

__all__ = ["SpectusConfig", "SpectusForConditionalGeneration"]
