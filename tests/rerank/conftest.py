"""The small library and the small models fitted on it."""

from tests.prediction.conftest import folds, library, model, predicted, reranker

__all__ = ["folds", "library", "model", "predicted", "reranker"]
