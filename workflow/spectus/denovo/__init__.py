"""Spectrum to structure: SpecTUS (Hájek et al. 2025, arXiv 2502.05114).

`SpectusConfig` and `SpectusForConditionalGeneration` are classes of the transformers library, which takes seconds to
import. It is imported at their first use. After `import spectus.denovo`, transformers' `AutoConfig`, `AutoModel` and
`AutoModelForSeq2SeqLM` load SpecTUS models, too.
"""

from typing import TYPE_CHECKING, Any

from spectus.denovo.auto_classes import register_when_imported

if TYPE_CHECKING:
    from spectus.denovo.hub import SpectusConfig, SpectusForConditionalGeneration

__all__ = ["SpectusConfig", "SpectusForConditionalGeneration"]

register_when_imported()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from spectus.denovo import hub

    return getattr(hub, name)
