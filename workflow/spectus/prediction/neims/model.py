"""NEIMS as a folder: config.json and model.safetensors."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.learning.measured_spectra import STANDARD_EV
from spectus.learning.quantized_weights import load_weights, save_weights
from spectus.prediction.base import (
    LEGACY_NEIMS,
    WEIGHTS,
    PredictionModel,
    file_sha256,
    misfit,
    read_model_config,
    set_threads,
    write_model_config,
)
from spectus.prediction.neims.network import Neims, NeimsConfig, predicted_intensities
from spectus.prediction.substructures import SubstructureCounts, count_substructures

_LEGACY_WEIGHTS = "neims.safetensors"


@dataclass
class NeimsModel(PredictionModel):
    """Structure to spectrum by counts of substructures (Wei et al. 2019).

    Attributes
    ----------
    name : str
        Name of the folder.
    sha256 : str
        Of the weights.
    network : Neims
        The network, ready to predict.
    """

    kind: ClassVar[str] = "neims"
    name: str
    sha256: str
    network: Neims

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> Self:
        """Read a folder that `save` or version 0.3 wrote."""
        config = read_model_config(folder)
        if config["kind"] not in (cls.kind, LEGACY_NEIMS):
            raise InputError(folder, f"is of the kind {config['kind']}", f"name a model of the kind {cls.kind}")
        set_threads(threads)
        path = folder / (_LEGACY_WEIGHTS if config["kind"] == LEGACY_NEIMS else WEIGHTS)
        weights = load_weights(path)
        try:
            network = Neims(NeimsConfig(**config["neims"]), weights["vocabulary"])
            network.load_state_dict(weights)
        except (KeyError, TypeError, RuntimeError) as error:
            raise misfit(folder, error) from error
        return cls(folder.resolve().name, file_sha256(path), network.eval())

    def save(self, folder: Path, more: dict[str, Any] | None = None) -> None:
        """Write the folder, matrices of weights with 8 bits."""
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.network.state_dict(), folder / WEIGHTS)
        write_model_config(folder, {"kind": self.kind, "neims": asdict(self.network.config), **(more or {})})

    @property
    def bins(self) -> int:
        """Columns of a spectrum."""
        return self.network.config.bins

    def predict(
        self, smiles: Sequence[str | None], energy: float = STANDARD_EV
    ) -> tuple[NDArray[np.float32], list[str | None]]:
        """Predict the spectra of molecules."""
        molecules = count_substructures(smiles, len(smiles))
        return self.predict_counted(molecules, energy), molecules.reasons

    def predict_counted(self, molecules: SubstructureCounts, energy: float = STANDARD_EV) -> NDArray[np.float32]:
        """Predict the spectra of molecules whose substructures are counted already."""
        vocabulary = self.network.vocabulary.cpu().numpy().astype(np.uint64)
        spectra = predicted_intensities(self.network, molecules.matrix(vocabulary), molecules.mass, energy)
        spectra[~molecules.usable] = 0
        return spectra
