"""What a training is started with; imports nothing heavy, since the command line builds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingInputs:
    """Inputs of `spectus train`.

    Attributes
    ----------
    library : Path
        Measured spectra with structures and a column `split`.
    settings : Path
        YAML with sizes and schedule; config/training has examples.
    out : Path
        Folder for the model, the log and what is needed to resume after a stop.
    exclude : sequence of Path
        Files that name compounds which the training must not see (`molecules.exclusions`).
    threads : int
        CPU threads; 0 takes all.
    molecules : Path or None
        Molecule list.
    prediction_models : sequence of str or Path
        Prediction models that predict the spectra of the molecules: names or folders.
    predicted : sequence of Path
        Libraries that `spectus predict` wrote, in place of `molecules` and `prediction_models`.
    start : Path or None
        Folder of the model with whose weights a training begins; None: random weights.
    """

    library: Path
    settings: Path
    out: Path
    exclude: Sequence[Path] = ()
    threads: int = 0
    molecules: Path | None = None
    prediction_models: Sequence[str | Path] = ()
    predicted: Sequence[Path] = ()
    start: Path | None = None
