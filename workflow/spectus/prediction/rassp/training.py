"""Training of RASSP's FormulaNet: settings and what is fitted."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spectus.learning.fit import Plan
from spectus.learning.measured_spectra import MeasuredSpectra
from spectus.learning.settings import read_settings
from spectus.prediction.rassp.model import RasspModel
from spectus.prediction.rassp.network import RasspConfig
from spectus.prediction.rassp.subformulae import Limits
from spectus.prediction.rassp.task import PreparedSpectra, RasspTask

_NEW_NAMES = {"choosing_share": "tuning_share", "rassp_plan": "plan"}
"""Keys of version 0.3, and what they are called now."""

_EVERY_SPECTRUM = 1.0
"""Largest share of foreign ions of a spectrum in the tuning loss: all spectra of molecules that can be predicted."""


@dataclass(frozen=True)
class RasspSettings:
    """Settings of a training of RASSP.

    Attributes
    ----------
    kind : str
        "rassp".
    seed : int
        Of the draw of the tuning set, the first weights and the batches.
    tuning_share : float
        Share of the train split's compounds in the tuning set, which finds the number of steps; 0: the plan's steps.
    fittings : int
        2: after the fitting without the tuning set, a second one learns from the whole train split. 1: the network of
        the first fitting is kept, in half the time.
    most_foreign : float
        Largest share of a spectrum's ion current above its molecule, 0-1. The model does not learn from spectra with
        more. Chosen: 8 % of the MassBank spectra have more, mostly those of derivatives filed under their parent.
    mass_power : float
        Power of the masses in the loss; 0, as published.
    limits : Limits
        Which molecules are taken, and which of their sub-formulae.
    rassp : RasspConfig
        Sizes of the network.
    plan : Plan
        Schedule of each fitting.
    """

    kind: str = "rassp"
    seed: int = 1
    tuning_share: float = 0.13
    fittings: int = 2
    most_foreign: float = 0.1
    mass_power: float = 0.0
    limits: Limits = field(default_factory=Limits)
    rassp: RasspConfig = field(default_factory=RasspConfig)
    plan: Plan = field(default_factory=Plan)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read YAML with these keys; a mistyped one is an error."""
        return read_settings(path, cls, _NEW_NAMES)


class RasspTrainer:
    """What is fitted of RASSP.

    Parameters
    ----------
    settings
        The settings.
    train
        The train split.
    """

    kind: ClassVar[str] = "rassp"

    def __init__(self, settings: RasspSettings, train: MeasuredSpectra) -> None:
        self.settings = settings
        self.data = PreparedSpectra.of(train, settings.rassp.bins, settings.limits)

    def learnable(self) -> NDArray[np.bool_]:
        """Return from which spectra the model can learn, (n,)."""
        return self.data.usable(self.settings.most_foreign)

    def scorable(self) -> NDArray[np.bool_]:
        """Return which spectra the tuning loss may count, (n,)."""
        return self.data.usable(_EVERY_SPECTRUM)

    def task(self, learned: NDArray[np.int64], tuning: NDArray[np.int64]) -> RasspTask:
        """Return a task with a new network."""
        return RasspTask(self.data, learned, tuning, self.settings.rassp, self.settings.mass_power)

    def model(self, task: RasspTask) -> RasspModel:
        """Return the model of a fitted task."""
        return RasspModel("", "", self.settings.limits, (task.network.eval(),))
