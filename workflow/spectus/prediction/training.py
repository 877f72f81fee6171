"""The command `spectus train prediction`: a prediction model from measured spectra with structures.

There are two fittings. The first one leaves the tuning set out, a share of the train split's compounds. The number of
steps is the one that does best on them. The second fitting learns from the whole train split for so many steps. The
split valid takes no part, so scores on it are honest.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.learning.fit import Fit, FitRecord, Plan, Task, training_identity, write_log
from spectus.learning.inputs import TrainingInputs
from spectus.learning.measured_spectra import MeasuredSpectra, below, read_measured, tuning_set
from spectus.learning.settings import read_yaml
from spectus.molecules.exclusions import Exclusions
from spectus.prediction.base import PredictionModel, set_threads
from spectus.prediction.neims.training import NeimsSettings, NeimsTrainer
from spectus.prediction.rassp.training import RasspSettings, RasspTrainer

TUNED = Path("fitting") / "tuning"
"""Place of the model of the first fitting, below the folder of the model."""

NOTHING = np.zeros(0, np.int64)

_Settings = NeimsSettings | RasspSettings


class _Trainer(Protocol):
    """What is fitted of one kind of prediction model."""

    def learnable(self) -> NDArray[np.bool_]: ...

    def scorable(self) -> NDArray[np.bool_]: ...

    def task(self, learned: NDArray[np.int64], tuning: NDArray[np.int64]) -> Any: ...

    def model(self, task: Any) -> PredictionModel: ...


def train_prediction_model(inputs: TrainingInputs) -> None:
    """Fit a prediction model on the split train and write its folder.

    The folder receives config.json, model.safetensors, log.parquet, loss.svg, and the folder `fitting` with what is
    needed to resume after a stop, the model of the first fitting among it. A second call resumes; different settings or
    data are refused.

    Parameters
    ----------
    inputs
        `settings` is YAML with the keys of `NeimsSettings` or `RasspSettings`.

    Raises
    ------
    InputError
        A library without structures or splits, mistyped settings, or a checkpoint of another training.
    """
    settings = read_prediction_settings(inputs.settings)
    set_threads(inputs.threads)
    bins = settings.neims.bins if isinstance(settings, NeimsSettings) else settings.rassp.bins
    train, _ = read_measured(inputs.library, Exclusions.read(inputs.exclude), below(bins))
    trainer: _Trainer = (
        NeimsTrainer(settings, train) if isinstance(settings, NeimsSettings) else RasspTrainer(settings, train)
    )
    in_tuning_set = tuning_set(train, settings.tuning_share, settings.seed)
    learnable = trainer.learnable()
    learned = np.flatnonzero(learnable & ~in_tuning_set)
    tuning = np.flatnonzero(trainer.scorable() & in_tuning_set)
    if not len(learned) or (not len(tuning) and settings.tuning_share > 0):
        raise InputError(
            inputs.library, "leaves no compound to learn from or none for the tuning set", "give a larger library"
        )
    made_of = training_identity(settings, [inputs.library, *inputs.exclude])
    record = FitRecord(inputs.out / "fitting", made_of, settings.seed)
    log = list[dict[str, Any]]()
    rows, steps = learned, None
    if settings.tuning_share > 0:
        model, steps = _fitted(trainer, settings, record, ("tuning", learned, tuning), None, log)
        model.save(inputs.out / TUNED, {"steps": steps})
    if settings.fittings > 1 or steps is None:
        rows = np.flatnonzero(learnable)
        model, steps = _fitted(trainer, settings, record, ("whole", rows, NOTHING), steps, log)
    more = {
        "steps": steps, "train_spectra": len(rows), "train_compounds": n_compounds(train, rows),
        "tuning_set": {
            "seed": settings.seed, "share": settings.tuning_share,
            "learned": settings.fittings > 1 or settings.tuning_share <= 0,
        },
    }  # fmt: skip
    model.save(inputs.out, more)
    write_log(log, inputs.out)


def read_prediction_settings(path: Path) -> _Settings:
    """Read the settings of a training of any kind of prediction model.

    Parameters
    ----------
    path
        YAML. The key `kind` says the kind; files of version 0.3 have no such key and are of RASSP if they have the key
        `rassp`, else of NEIMS.

    Raises
    ------
    InputError
        No such file, or mistyped settings.
    """
    entries = read_yaml(path)
    kind = entries.get("kind", "rassp" if "rassp" in entries else "neims")
    if kind == "rassp":
        return RasspSettings.read(path)
    if kind == "neims":
        return NeimsSettings.read(path)
    raise InputError(path, f"kind is {kind!r}", "write neims or rassp")


def n_compounds(train: MeasuredSpectra, rows: NDArray[np.int64]) -> int:
    """Return the number of compounds of some spectra."""
    return len(set(train.inchikey14[rows].tolist()))


def run_fit(name: str, task: Task, plan: Plan, record: FitRecord, steps: int | None) -> Fit:
    """Fit a task in a folder of its own, and load the best weights into its network.

    Parameters
    ----------
    name
        Of the network, in the log.
    task
        What is fitted.
    plan
        The schedule.
    record
        Its folder receives the fitting's folder.
    steps
        Number of steps; None: the plan's.

    Returns
    -------
    Fit
        The finished fitting.
    """
    fit = Fit(name, task, plan, FitRecord(record.folder / name.replace(" ", "_"), record.identity, record.seed))
    task.network.load_state_dict(fit.run(steps))
    return fit


def _fitted(
    trainer: _Trainer, settings: _Settings, record: FitRecord,
    rows: tuple[str, NDArray[np.int64], NDArray[np.int64]], steps: int | None, log: list[dict[str, Any]],
) -> tuple[PredictionModel, int]:  # fmt: skip
    """Return a model fitted on some rows, and its number of steps; the log of the fitting is added to `log`.

    `rows` are the name of the fitting, the spectra to learn from and the tuning set.
    """
    name, learned, tuning = rows
    torch.manual_seed(settings.seed)
    task = trainer.task(learned, tuning)
    fit = run_fit(f"{name} {settings.kind}", task, settings.plan, record, steps)
    log += fit.log
    return trainer.model(task), fit.best_step
