"""What every prediction model offers, and its folder: config.json with the kind, and weights.

To add a kind of prediction model, derive a class from `PredictionModel` and list it in `spectus.prediction.registry`.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.files import replacing, require_file
from spectus.learning.measured_spectra import STANDARD_EV
from spectus.prediction.substructures import SubstructureCounts

CONFIG = "config.json"
WEIGHTS = "model.safetensors"

LEGACY_NEIMS, LEGACY_RASSP = "spectus-forward", "spectus-rassp"
"""Kinds of the folders that version 0.3 wrote. The first holds NEIMS and a reranker together."""


class PredictionModel(ABC):
    """A model that predicts the EI spectrum of a structure.

    Attributes
    ----------
    kind : str
        The entry `kind` of config.json.
    name : str
        Name of the model's folder.
    sha256 : str
        Of the file of weights.
    """

    kind: ClassVar[str]
    name: str
    sha256: str

    @property
    @abstractmethod
    def bins(self) -> int:
        """Columns of a spectrum: nominal masses 0 to bins - 1."""

    @abstractmethod
    def predict(
        self, smiles: Sequence[str | None], energy: float = STANDARD_EV
    ) -> tuple[NDArray[np.float32], list[str | None]]:
        """Predict the spectra of molecules.

        Parameters
        ----------
        smiles
            The molecules, (n,); stereochemistry plays no part.
        energy
            Energy of the electrons, eV.

        Returns
        -------
        spectra : ndarray of float32, (n, bins)
            Intensities by nominal mass, base peak 1; a row of zeros where there is a reason.
        reasons : list of str or None, (n,)
            Why a molecule cannot be predicted; None if it can.
        """

    def predict_counted(self, molecules: SubstructureCounts, energy: float = STANDARD_EV) -> NDArray[np.float32]:
        """Predict the spectra of molecules whose substructures are counted already.

        Parameters
        ----------
        molecules
            (n,) molecules.
        energy
            Energy of the electrons, eV.

        Returns
        -------
        ndarray of float32, (n, bins)
            As of `predict`.
        """
        return self.predict(molecules.smiles, energy)[0]

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, threads: int = 0) -> Self:
        """Read a folder that `save` wrote.

        Parameters
        ----------
        folder
            Folder with config.json and the weights.
        threads
            CPU threads; 0 takes all.

        Raises
        ------
        InputError
            The folder or a file in it is missing or damaged, or the weights do not fit the configuration.
        """

    @abstractmethod
    def save(self, folder: Path, more: dict[str, Any] | None = None) -> None:
        """Write the folder.

        Parameters
        ----------
        folder
            Made where it is missing.
        more
            Further entries of config.json.
        """


def read_model_config(folder: Path) -> dict[str, Any]:
    """Read config.json of the folder of a prediction model or a reranker.

    Returns
    -------
    dict
        Its entries; `kind` is a text.

    Raises
    ------
    InputError
        No such folder or file, or one without a kind.
    """
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "name the folder of a model, or one that ships: neims, rassp")
    path = folder / CONFIG
    try:
        config = json.loads(require_file(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(path, "is not JSON", "copy the model again") from error
    if not isinstance(config, dict) or not isinstance(config.get("kind"), str):
        raise InputError(
            folder, "is no prediction model or reranker (config.json has no `kind`)", "name a folder that"
            " `spectus train prediction` or `spectus train reranker` wrote",
        )  # fmt: skip
    return config


def write_model_config(folder: Path, config: dict[str, Any]) -> None:
    """Write config.json of a model's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def misfit(folder: Path, error: Exception) -> InputError:
    """Return the error for weights that do not fit config.json."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(folder, f"weights and config.json do not fit ({first})", "copy the model again")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 sum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def set_threads(threads: int) -> None:
    """Let torch use so many CPU threads; 0 leaves its choice."""
    if threads:
        torch.set_num_threads(threads)
