"""The FormulaNet as a folder: config.json and model.safetensors."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.files import replacing
from spectus.learning.measured_spectra import STANDARD_EV
from spectus.learning.quantized_weights import load_weights, save_weights
from spectus.prediction.neims.model import RASSP, read_config, sha256
from spectus.prediction.rassp.network import Rassp, RasspConfig, predict
from spectus.prediction.rassp.preparation import prepare_all
from spectus.prediction.rassp.subformulae import Limits

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_PREPARED_AT_ONCE = 512


@dataclass
class RasspModel:
    """Structure to spectrum. `name` is the folder's; `sha256` that of the weights."""

    name: str
    sha256: str
    limits: Limits
    network: Rassp

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> "RasspModel":
        """Read a folder that `save` wrote.

        Raises
        ------
        InputError: no such folder, a file missing or damaged, or weights that do not fit the configuration.
        """
        config = read_config(folder, RASSP)
        if threads:
            torch.set_num_threads(threads)
        weights = load_weights(folder / _WEIGHTS)
        try:
            network = Rassp(RasspConfig(**config["rassp"]))
            network.load_state_dict(weights)
            limits = _limits(config["limits"])
        except (KeyError, TypeError, RuntimeError) as error:
            raise InputError(
                folder, f"weights and config.json do not fit ({str(error).splitlines()[0]})", "copy the model again"
            ) from error
        return cls(folder.resolve().name, sha256(folder / _WEIGHTS), limits, network.eval())

    def save(self, folder: Path, more: dict[str, Any] | None = None) -> None:
        """Write the folder, weights in half precision; `more` goes into config.json, where null stands for no limit."""
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.network.state_dict(), folder / _WEIGHTS, eight_bits=False)
        limits = {key: None if value == float("inf") else value for key, value in asdict(self.limits).items()}
        config = {"kind": RASSP, "rassp": asdict(self.network.config), "limits": limits, **(more or {})}
        with replacing(folder / _CONFIG) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    @property
    def bins(self) -> int:
        return self.network.config.bins

    def spectra(
        self, smiles: Sequence[str | None], energy: float = STANDARD_EV
    ) -> tuple[NDArray[np.float32], list[str | None]]:
        """Spectra (n, bins) float32, base peak 1, of molecules given as SMILES, and why one cannot be predicted: its
        row is zeros then."""
        spectra, reasons = np.zeros((len(smiles), self.bins), np.float32), list[str | None]()
        for start in range(0, len(smiles), _PREPARED_AT_ONCE):
            part = prepare_all(smiles[start : start + _PREPARED_AT_ONCE], self.limits)
            spectra[start : start + len(part)] = predict(self.network, part, energy)
            reasons += [molecule.reason for molecule in part]
        return spectra, reasons


def _limits(entries: dict[str, Any]) -> Limits:
    values: dict[str, Any] = {key: float("inf") if value is None else value for key, value in entries.items()}
    return Limits(**values)
