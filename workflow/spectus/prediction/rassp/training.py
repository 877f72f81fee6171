"""`spectus train forward` with the settings of a FormulaNet.

Two rounds as with NEIMS: the first keeps a share of the train split's compounds to choose the number of steps with, the
second fits on the whole split for so many steps. The split valid takes no part.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.files import require_file
from spectus.learning.fit import Fit, Plan, identity, write_log
from spectus.learning.measured_spectra import choosing, read_measured
from spectus.learning.settings import read_settings
from spectus.molecules.exclusions import read_held_out
from spectus.prediction.rassp.model import RasspModel
from spectus.prediction.rassp.network import Rassp, RasspConfig
from spectus.prediction.rassp.subformulae import Limits
from spectus.prediction.rassp.task import Formulated, RasspTask

_NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True)
class RasspSettings:
    """`choosing_share` of the train split's compounds are kept out of a first fitting, which finds the number of steps;
    with 0 there is no such fitting, and the steps are the plan's. With one of `fittings` there is no second one: the
    network of the first is what `out` receives, in half the time."""

    seed: int = 1
    choosing_share: float = 0.13
    fittings: int = 2
    most_foreign: float = 0.1  # of a spectrum's ion current above its molecule: more, and it is not learnt from
    mass_power: float = 0.0  # of the masses in the loss; as published
    limits: Limits = field(default_factory=Limits)
    rassp: RasspConfig = field(default_factory=RasspConfig)
    rassp_plan: Plan = field(default_factory=Plan)

    @classmethod
    def read(cls, path: Path) -> "RasspSettings":
        """Read YAML with these keys; a mistyped one is an error."""
        return read_settings(path, cls)


def is_of_rassp(settings_file: Path) -> bool:
    """Whether a settings file is one of a FormulaNet: it has the key `rassp`. Whatever else is wrong with it, its
    reader says."""
    try:
        entries = yaml.safe_load(require_file(settings_file).read_text(encoding="utf-8"))
    except yaml.YAMLError:
        return False
    return isinstance(entries, dict) and "rassp" in entries


def train_rassp(library: Path, settings_file: Path, held_out: Path | None, out: Path, threads: int = 0) -> None:
    """Fit a FormulaNet on the split `train` and write its folder.

    `out` receives config.json, model.safetensors, log.parquet, and the folder `fitting` with what is needed to go on
    after a stop, the model of the first round among it (`fitting/first`). A second call goes on; different settings or
    data are refused.

    Parameters
    ----------
    library: spectra with structures and a column `split`.
    settings_file: YAML with the keys of `RasspSettings`.
    held_out: sha1 of InChIKey first blocks that no training may see.
    threads: CPU threads; 0: all.

    Raises
    ------
    InputError: a library without structures or splits, mistyped settings, or a checkpoint of another training.
    """
    settings = RasspSettings.read(settings_file)
    if threads:
        torch.set_num_threads(threads)
    train, _ = read_measured(library, settings.rassp.bins, read_held_out(held_out))
    data = Formulated.of(train, settings.limits)
    part = choosing(train, settings.choosing_share, settings.seed)
    possible, good = data.usable(1.0), data.usable(settings.most_foreign)
    learnt, watched = np.flatnonzero(good & ~part), np.flatnonzero(possible & part)
    if not len(learnt) or (not len(watched) and settings.choosing_share > 0):
        raise InputError(library, "leaves no compound to learn from or none to choose with", "give a larger library")
    rounds = _Rounds(settings, data, identity(settings, [library, held_out]), out / "fitting")
    steps: int | None = None
    rows = learnt
    if settings.choosing_share > 0:
        model, steps = rounds.fit("choosing rassp", learnt, watched, None)
        model.save(out / "fitting" / "first", {"steps": steps})
    if settings.fittings > 1 or steps is None:
        rows = np.flatnonzero(good)
        model, steps = rounds.fit("whole rassp", rows, _NOBODY, steps)
    n_compounds = len(set(train.block[rows].tolist()))
    model.save(out, {"steps": steps, "train_spectra": len(rows), "train_compounds": n_compounds})
    write_log(rounds.log, out)


class _Rounds:
    """The two fittings."""

    def __init__(self, settings: RasspSettings, data: Formulated, identity: str, folder: Path) -> None:
        self.settings, self.data, self.identity, self.folder = settings, data, identity, folder
        self.log: list[dict[str, object]] = []

    def fit(
        self, name: str, learnt: NDArray[np.int64], watched: NDArray[np.int64], steps: int | None
    ) -> tuple[RasspModel, int]:
        """A network fitted on the spectra `learnt`, for the steps that do best on `watched` or for the given ones."""
        settings = self.settings
        torch.manual_seed(settings.seed)
        task = RasspTask(self.data, learnt, watched, settings.rassp, settings.mass_power)
        fit = Fit(name, task, settings.rassp_plan, self.folder / name.replace(" ", "_"), self.identity, settings.seed)
        network: Rassp = task.network
        network.load_state_dict(fit.run(steps))
        self.log += fit.log
        return RasspModel(name, "", settings.limits, network.eval()), fit.best_step
