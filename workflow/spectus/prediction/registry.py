"""Forward models by name or folder, whatever network is inside."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectus.learning.measured_spectra import STANDARD_EV
from spectus.prediction.neims.model import FORWARD, RASSP, ForwardModel, read_config
from spectus.prediction.rassp.model import RasspModel

_SHIPPED = Path(__file__).parents[3] / "resources" / "models"
NAMED = {"neims": _SHIPPED / "forward-open", "rassp": _SHIPPED / "rassp-open"}
"""Names of the models that ship."""


class Predictor(Protocol):
    """From structures to spectra. `name` is that of the model's folder, `sha256` that of its weights."""

    name: str
    sha256: str

    @property
    def bins(self) -> int: ...

    def spectra(
        self, smiles: Sequence[str | None], energy: float = STANDARD_EV
    ) -> tuple[NDArray[np.float32], list[str | None]]: ...


class Together:
    """Several models' spectra as one: the mean of square roots, of those models that can take the molecule. Where they
    err, they err at different peaks."""

    def __init__(self, models: Sequence[Predictor]) -> None:
        self.models = models
        self.name = "+".join(model.name for model in models)
        self.sha256 = hashlib.sha256("".join(model.sha256 for model in models).encode()).hexdigest()

    @property
    def bins(self) -> int:
        return max(model.bins for model in self.models)

    def spectra(
        self, smiles: Sequence[str | None], energy: float = STANDARD_EV
    ) -> tuple[NDArray[np.float32], list[str | None]]:
        """As of each model; a molecule that none can take has the first one's reason."""
        roots, taken = np.zeros((len(smiles), self.bins), np.float32), np.zeros(len(smiles), bool)
        reasons: list[str | None] = []
        for model in self.models:
            spectra, refused = model.spectra(smiles, energy)
            roots[:, : model.bins] += np.sqrt(spectra)
            taken |= np.array([reason is None for reason in refused], bool)
            reasons = reasons or refused
        roots /= np.maximum(roots.max(axis=1, initial=0.0, keepdims=True), 1e-12)
        return np.square(roots), [None if ok else reason for ok, reason in zip(taken, reasons, strict=True)]


def load_predictor(model: str, threads: int = 0) -> Predictor:
    """The forward model of a folder, or one that ships by its name (`neims`, `rassp`), or several joined with + taken
    together (`neims+rassp`).

    A folder of that name in the working directory does not hide the name; write ./neims for it.

    Raises
    ------
    InputError: no such folder, or it holds no forward model or a damaged one.
    """
    if "+" in model and not Path(model).exists():
        return Together([load_predictor(part, threads) for part in model.split("+")])
    folder = NAMED.get(model, Path(model))
    kind = read_config(folder, FORWARD, RASSP)["kind"]
    return RasspModel.load(folder, threads) if kind == RASSP else ForwardModel.load(folder, threads)
