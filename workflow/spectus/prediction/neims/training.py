"""Training of NEIMS: settings and what is fitted."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.learning.fit import Plan
from spectus.learning.measured_spectra import MeasuredSpectra
from spectus.learning.settings import read_settings
from spectus.prediction.neims.model import NeimsModel
from spectus.prediction.neims.network import NeimsConfig
from spectus.prediction.neims.task import CountedSpectra, NeimsTask
from spectus.prediction.substructures import frequent_substructures

_NEW_NAMES = {"choosing_share": "tuning_share", "neims_plan": "plan"}
"""Keys of version 0.3, and what they are called now."""

_OF_RERANKERS = frozenset(
    {
        "known_share", "shortlist", "judge_queries", "reranker_queries", "recogniser", "recogniser_plan",
        "dual_encoder", "dual_encoder_plan", "augmentation",
    }
)  # fmt: skip
"""Keys for the reranker, which version 0.3 had in the same file."""


@dataclass(frozen=True)
class NeimsSettings:
    """Settings of a training of NEIMS.

    Attributes
    ----------
    kind : str
        "neims".
    seed : int
        Of the draw of the tuning set, the first weights and the batches.
    tuning_share : float
        Share of the train split's compounds in the tuning set, which finds the number of steps; 0: the plan's steps.
    fittings : int
        2: after the fitting without the tuning set, a second one learns from the whole train split. 1: the network of
        the first fitting is kept.
    least_compounds : int
        A substructure is read if so many training compounds have it.
    neims : NeimsConfig
        Sizes of the network.
    plan : Plan
        Schedule of each fitting.
    """

    kind: str = "neims"
    seed: int = 1
    tuning_share: float = 0.13
    fittings: int = 2
    least_compounds: int = 5
    neims: NeimsConfig = field(default_factory=NeimsConfig)
    plan: Plan = field(default_factory=Plan)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read YAML with these keys; a mistyped one is an error."""
        return read_settings(path, cls, _NEW_NAMES, _OF_RERANKERS)


class NeimsTrainer:
    """What is fitted of NEIMS.

    Parameters
    ----------
    settings
        The settings.
    train
        The train split.
    """

    kind: ClassVar[str] = "neims"

    def __init__(self, settings: NeimsSettings, train: MeasuredSpectra) -> None:
        self.settings = settings
        self.data = CountedSpectra.of(train, settings.neims.bins)

    def learnable(self) -> NDArray[np.bool_]:
        """Return from which spectra the model can learn, (n,)."""
        return self.data.usable()

    def scorable(self) -> NDArray[np.bool_]:
        """Return which spectra the tuning loss may count, (n,)."""
        return self.data.usable()

    def task(self, learned: NDArray[np.int64], tuning: NDArray[np.int64]) -> NeimsTask:
        """Return a task with a new network."""
        least = self.settings.least_compounds
        vocabulary = frequent_substructures(self.data.molecules, np.unique(self.data.row[learned]), least)
        if not len(vocabulary):
            raise InputError(
                f"least_compounds: {least}", "no substructure is in so many compounds", "give a smaller number"
            )
        return NeimsTask(self.data, learned, tuning, vocabulary, self.settings.neims)

    def model(self, task: NeimsTask) -> NeimsModel:
        """Return the model of a fitted task."""
        return NeimsModel("", "", task.network.eval())
