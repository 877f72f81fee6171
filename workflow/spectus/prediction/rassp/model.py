"""RASSP's FormulaNet as a folder: config.json and model.safetensors."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.learning.measured_spectra import STANDARD_EV
from spectus.learning.quantized_weights import load_weights, save_weights
from spectus.prediction.base import (
    LEGACY_RASSP,
    WEIGHTS,
    PredictionModel,
    file_sha256,
    misfit,
    read_model_config,
    set_threads,
    write_model_config,
)
from spectus.prediction.rassp.inference import RasspPredictor
from spectus.prediction.rassp.network import Rassp, RasspConfig
from spectus.prediction.rassp.preparation import prepare_all
from spectus.prediction.rassp.subformulae import Limits

_PREPARED_AT_ONCE = 512
"""Molecules prepared at a time; chosen: some 100 MB of sub-formulae at most."""


@dataclass
class RasspModel(PredictionModel):
    """Structure to spectrum as a mixture of sub-formulae (Zhu and Jonas 2023).

    Attributes
    ----------
    name : str
        Name of the folder.
    sha256 : str
        Of the weights.
    limits : Limits
        Which molecules are taken, and which of their sub-formulae.
    network : Rassp
        The network, ready to predict.
    """

    kind: ClassVar[str] = "rassp"
    name: str
    sha256: str
    limits: Limits
    network: Rassp
    _predictors: dict[float, RasspPredictor] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> Self:
        """Read a folder that `save` or version 0.3 wrote."""
        config = read_model_config(folder)
        if config["kind"] not in (cls.kind, LEGACY_RASSP):
            raise InputError(folder, f"is of the kind {config['kind']}", f"name a model of the kind {cls.kind}")
        set_threads(threads)
        weights = load_weights(folder / WEIGHTS)
        try:
            network = Rassp(RasspConfig(**config["rassp"]))
            network.load_state_dict(weights)
            entries: dict[str, Any] = config["limits"]
            limits = _limits(entries)
        except (AttributeError, KeyError, TypeError, RuntimeError) as error:
            raise misfit(folder, error) from error
        return cls(folder.resolve().name, file_sha256(folder / WEIGHTS), limits, network.eval())

    def save(self, folder: Path, more: dict[str, Any] | None = None) -> None:
        """Write the folder, weights in half precision; in config.json null stands for no limit."""
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.network.state_dict(), folder / WEIGHTS, eight_bits=False)
        limits = {key: None if value == math.inf else value for key, value in asdict(self.limits).items()}
        config = {"kind": self.kind, "rassp": asdict(self.network.config), "limits": limits, **(more or {})}
        write_model_config(folder, config)

    @property
    def bins(self) -> int:
        """Columns of a spectrum."""
        return self.network.config.bins

    def predict(
        self, smiles: Sequence[str | None], energy: float = STANDARD_EV
    ) -> tuple[NDArray[np.float32], list[str | None]]:
        """Predict the spectra of molecules."""
        spectra, reasons = np.zeros((len(smiles), self.bins), np.float32), list[str | None]()
        predictor = self._predictors.setdefault(energy, RasspPredictor(self.network, energy))
        for start in range(0, len(smiles), _PREPARED_AT_ONCE):
            part = prepare_all(smiles[start : start + _PREPARED_AT_ONCE], self.limits)
            spectra[start : start + len(part)] = predictor(part)
            reasons += [molecule.reason for molecule in part]
        return spectra, reasons


def _limits(entries: dict[str, Any]) -> Limits:
    """Return the limits of config.json, where null stands for no limit."""
    values: dict[str, Any] = {key: math.inf if value is None else value for key, value in entries.items()}
    return Limits(**values)
