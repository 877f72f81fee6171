"""The generator of the documentation as a module."""

import importlib.util
from types import ModuleType

import pytest

from .pages import DOCS


@pytest.fixture(scope="session")
def generate() -> ModuleType:
    """docs/generate.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
