"""Alias of `spectus.denovo`, the import path of versions 0.1 to 0.3."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectus.denovo import SpectusConfig, SpectusForConditionalGeneration

__all__ = ["SpectusConfig", "SpectusForConditionalGeneration"]


def __getattr__(name: str) -> Any:
    import spectus.denovo

    return getattr(spectus.denovo, name)
