"""Prediction models by name or folder."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.files import resource
from spectus.learning.measured_spectra import STANDARD_EV
from spectus.prediction.base import (
    LEGACY_NEIMS,
    LEGACY_RASSP,
    PredictionModel,
    read_model_config,
    write_model_config,
)
from spectus.prediction.neims.model import NeimsModel
from spectus.prediction.rassp.model import RasspModel

SHIPPED_MODELS = {"neims": "models/neims-open", "rassp": "models/rassp-open"}
"""Names of the models that ship, and their places among the resources."""


class MeanModel(PredictionModel):
    """The mean of several models' spectra, of those models that can take the molecule.

    The mean is one of square roots of intensities. Models err at different peaks, so the mean errs less than each.

    Parameters
    ----------
    models
        The models; `name` joins their names with +.
    """

    kind: ClassVar[str] = "mean"

    def __init__(self, models: Sequence[PredictionModel]) -> None:
        self.models = models
        self.name = "+".join(model.name for model in models)
        self.sha256 = hashlib.sha256("".join(model.sha256 for model in models).encode()).hexdigest()

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> Self:
        """Read a folder that `save` wrote, with a folder for each model."""
        parts = read_model_config(folder).get("models", [])
        return cls([load_prediction_model(str(folder / str(part)), threads) for part in parts])

    def save(self, folder: Path, more: dict[str, Any] | None = None) -> None:
        """Write the folder, with a folder for each model."""
        parts = [f"{number}-{model.name}" for number, model in enumerate(self.models, start=1)]
        for part, model in zip(parts, self.models, strict=True):
            model.save(folder / part)
        write_model_config(folder, {"kind": self.kind, "models": parts, **(more or {})})

    @property
    def bins(self) -> int:
        """Columns of a spectrum: those of the model that has most."""
        return max(model.bins for model in self.models)

    def predict(
        self, smiles: Sequence[str | None], energy: float = STANDARD_EV
    ) -> tuple[NDArray[np.float32], list[str | None]]:
        """Predict the spectra of molecules; one that no model can take has the first model's reason."""
        roots, taken = np.zeros((len(smiles), self.bins), np.float32), np.zeros(len(smiles), bool)
        reasons: list[str | None] = []
        for model in self.models:
            spectra, refused = model.predict(smiles, energy)
            roots[:, : model.bins] += np.sqrt(spectra)
            taken |= np.array([reason is None for reason in refused], bool)
            reasons = reasons or refused
        roots /= np.maximum(roots.max(axis=1, initial=0.0, keepdims=True), 1e-12)
        return np.square(roots), [None if ok else reason for ok, reason in zip(taken, reasons, strict=True)]


PREDICTION_MODELS: dict[str, type[PredictionModel]] = {
    model.kind: model for model in (NeimsModel, RasspModel, MeanModel)
}
"""Classes of prediction models by their kind."""

_CLASSES = PREDICTION_MODELS | {LEGACY_NEIMS: NeimsModel, LEGACY_RASSP: RasspModel}


def load_prediction_model(spec: str | Path, threads: int = 0) -> PredictionModel:
    """Load a prediction model.

    Parameters
    ----------
    spec
        Name of a model that ships (`neims`, `rassp`), a folder, or several of these joined with + for the mean of their
        spectra (`neims+rassp`). A name goes before a folder of that name; write ./neims for the folder.
    threads
        CPU threads; 0 takes all.

    Raises
    ------
    InputError
        No such folder, or it holds no prediction model or a damaged one.
    """
    text = str(spec)
    if "+" in text and not Path(text).exists():
        return MeanModel([load_prediction_model(part.strip(), threads) for part in text.split("+")])
    folder = resource(SHIPPED_MODELS[text]) if text in SHIPPED_MODELS else Path(text)
    kind = read_model_config(folder)["kind"]
    if kind not in _CLASSES:
        problem = "is a reranker, not a prediction model" if kind == "reranker" else f"is of an unknown kind, {kind}"
        raise InputError(folder, problem, f"name a prediction model of the kind {', '.join(PREDICTION_MODELS)}")
    return _CLASSES[kind].load(folder, threads)
