"""RASSP's FormulaNet as a folder: config.json and model.safetensors."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

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
    networks : tuple of Rassp
        One or more networks, ready to predict. The spectrum is the square of the mean of the square roots of theirs:
        networks that differ by their first weights and order of batches err in different places.
    """

    kind: ClassVar[str] = "rassp"
    name: str
    sha256: str
    limits: Limits
    networks: tuple[Rassp, ...]
    _predictors: dict[float, tuple[RasspPredictor, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> Self:
        """Read a folder that `save` or version 0.3 wrote."""
        config = read_model_config(folder)
        if config["kind"] not in (cls.kind, LEGACY_RASSP):
            raise InputError(folder, f"is of the kind {config['kind']}", f"name a model of the kind {cls.kind}")
        set_threads(threads)
        weights = load_weights(folder / WEIGHTS)
        try:
            parts = _split_weights(weights, config.get("networks", 1))
            networks = tuple(_network(RasspConfig(**config["rassp"]), part) for part in parts)
            entries: dict[str, Any] = config["limits"]
            limits = _limits(entries)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise misfit(folder, error) from error
        return cls(folder.resolve().name, file_sha256(folder / WEIGHTS), limits, networks)

    def save(self, folder: Path, more: dict[str, Any] | None = None) -> None:
        """Write the folder, weights in half precision; in config.json null stands for no limit."""
        folder.mkdir(parents=True, exist_ok=True)
        states = [network.state_dict() for network in self.networks]
        weights = {
            f"{number}.{name}" if len(states) > 1 else name: tensor
            for number, state in enumerate(states)
            for name, tensor in state.items()
        }
        save_weights(weights, folder / WEIGHTS, eight_bits=False)
        limits = {key: None if value == math.inf else value for key, value in asdict(self.limits).items()}
        config = {"kind": self.kind, "rassp": asdict(self.networks[0].config), "limits": limits,
                  "networks": len(states), **(more or {})}  # fmt: skip
        write_model_config(folder, config)

    @property
    def bins(self) -> int:
        """Columns of a spectrum."""
        return self.networks[0].config.bins

    def predict(
        self, smiles: Sequence[str | None], energy: float = STANDARD_EV
    ) -> tuple[NDArray[np.float32], list[str | None]]:
        """Predict the spectra of molecules."""
        spectra, reasons = np.zeros((len(smiles), self.bins), np.float32), list[str | None]()
        if energy not in self._predictors:
            self._predictors[energy] = tuple(RasspPredictor(network, energy) for network in self.networks)
        for start in range(0, len(smiles), _PREPARED_AT_ONCE):
            part = prepare_all(smiles[start : start + _PREPARED_AT_ONCE], self.limits)
            spectra[start : start + len(part)] = joined([each(part) for each in self._predictors[energy]])
            reasons += [molecule.reason for molecule in part]
        return spectra, reasons


def joined(spectra: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the squares of the mean square roots of several predictions, (n, bins), base peak 1.

    Parameters
    ----------
    spectra
        (n, bins) of each network, base peak 1 or rows of zeros.
    """
    if len(spectra) == 1:
        return spectra[0]  # the root's square differs in the last digit
    roots = np.sum([np.sqrt(each) for each in spectra], axis=0)
    found: NDArray[np.float32] = np.square(roots / roots.max(axis=1, keepdims=True).clip(min=1e-12))
    return found


def _split_weights(weights: dict[str, Tensor], number: int) -> list[dict[str, Tensor]]:
    """Return the weights of each network of a file."""
    if number == 1:
        return [weights]
    parts: list[dict[str, Tensor]] = [{} for _ in range(number)]
    for name, tensor in weights.items():
        at, _, rest = name.partition(".")
        parts[int(at)][rest] = tensor
    return parts


def _network(config: RasspConfig, weights: dict[str, Tensor]) -> Rassp:
    network = Rassp(config)
    network.load_state_dict(weights)
    return network.eval()


def _limits(entries: dict[str, Any]) -> Limits:
    """Return the limits of config.json, where null stands for no limit."""
    values: dict[str, Any] = {key: math.inf if value is None else value for key, value in entries.items()}
    return Limits(**values)
