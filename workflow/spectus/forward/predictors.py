"""Forward models by name or folder, whatever network is inside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectus.forward.model import FORWARD, RASSP, ForwardModel, read_config
from spectus.forward.neims import STANDARD_EV
from spectus.forward.rassp_model import RasspModel

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


def load_predictor(model: str, threads: int = 0) -> Predictor:
    """The forward model of a folder, or one that ships by its name (`neims`, `rassp`).

    A folder of that name in the working directory does not hide the name; write ./neims for it.

    Raises
    ------
    InputError: no such folder, or it holds no forward model or a damaged one.
    """
    folder = NAMED.get(model, Path(model))
    kind = read_config(folder, FORWARD, RASSP)["kind"]
    return RasspModel.load(folder, threads) if kind == RASSP else ForwardModel.load(folder, threads)
