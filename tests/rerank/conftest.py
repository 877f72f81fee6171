"""The small library and the small models fitted on it."""

from tests.prediction.conftest import library, model

__all__ = ["library", "model"]
