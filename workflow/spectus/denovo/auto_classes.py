"""Registers SpecTUS with transformers' Auto classes once transformers is imported; imports nothing heavy itself.

Importing transformers' model classes takes seconds, and no command of this package needs them. So the registration
waits until a program imports the modules that hold the Auto classes: a finder on `sys.meta_path` lets the ordinary
finders find these modules, and the registration runs after their code.
"""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def register_when_imported() -> None:
    """See that AutoConfig, AutoModel and AutoModelForSeq2SeqLM know SpecTUS, now or as soon as they are imported."""
    for name, register in _REGISTRATIONS.items():
        if name in sys.modules:
            register()
    if any(name not in sys.modules for name in _REGISTRATIONS):
        sys.meta_path.insert(0, _AfterImport())


class _AfterImport(MetaPathFinder):
    """Finds nothing itself; adds the registration to what the other finders find."""

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _REGISTRATIONS or fullname in self._asked:
            return None
        self._asked.add(fullname)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _REGISTRATIONS[fullname]()

            setattr(spec.loader, "exec_module", execute_and_register)  # noqa: B010 (a method of this object only)
        return spec


def _register_config() -> None:
    from transformers.models.auto.configuration_auto import AutoConfig

    from spectus.denovo.hub_config import SpectusConfig

    AutoConfig.register(SpectusConfig.model_type, SpectusConfig, exist_ok=True)


def _register_models() -> None:
    from transformers.models.auto.modeling_auto import AutoModel, AutoModelForSeq2SeqLM

    from spectus.denovo.hub import SpectusConfig, SpectusForConditionalGeneration

    for auto_class in (AutoModel, AutoModelForSeq2SeqLM):
        auto_class.register(SpectusConfig, SpectusForConditionalGeneration, exist_ok=True)


_REGISTRATIONS: dict[str, Callable[[], None]] = {
    "transformers.models.auto.configuration_auto": _register_config,
    "transformers.models.auto.modeling_auto": _register_models,
}
