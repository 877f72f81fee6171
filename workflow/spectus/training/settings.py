"""The settings of a training, read from YAML; a mistyped key is an error."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from spectus.errors import InputError
from spectus.files import require_file
from spectus.model.modeling import SpectusConfig


@dataclass(frozen=True)
class Augmentation:
    """Changes to a measured spectrum that another run of the same compound could show."""

    intensity_jitter: float = 0.1  # standard deviation of ln(intensity)
    drop_share: float = 0.05  # probability of losing a peak at 1 % of the base peak; falls with its intensity
    background_peaks: float = 1.0  # mean number of foreign peaks
    background_height: float = 0.02  # highest foreign peak, of the base peak
    low_mass_cut: float = 0.2  # probability that the scan starts at a random m/z between 30 and 60


@dataclass(frozen=True)
class Schedule:
    """AdamW with linear warm-up and cosine decay to a tenth."""

    steps: int = 20_000
    batch_size: int = 64
    learning_rate: float = 5e-4
    warmup_steps: int = 500
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    label_smoothing: float = 0.0
    average_decay: float = 0.999  # of the exponential moving average of the weights, which is what ships
    checkpoint_every: int = 500


@dataclass(frozen=True)
class TrainingSettings:
    seed: int = 1
    model: SpectusConfig = field(default_factory=SpectusConfig)
    schedule: Schedule = field(default_factory=Schedule)
    augmentation: Augmentation = field(default_factory=Augmentation)

    @classmethod
    def read(cls, path: Path) -> "TrainingSettings":
        """Read YAML with the keys seed, model, schedule, augmentation."""
        return read_settings(path, cls)


Settings = TypeVar("Settings")


def read_settings(path: Path, kind: type[Settings]) -> Settings:
    """Read YAML as a dataclass whose fields are numbers, truth values or dataclasses; absent keys keep their defaults.

    Raises
    ------
    InputError: no such file, no YAML, a key that `kind` does not have, a value of another type.
    """
    try:
        entries = yaml.safe_load(require_file(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(path, f"is not YAML ({str(error).splitlines()[0]})", "correct it") from error
    built: Settings = _build(kind, entries, path, "")
    return built


def _build(kind: type[Any], entries: object, path: Path, place: str) -> Any:
    if not isinstance(entries, dict):
        raise InputError(path, f"{place or 'the file'} is not a mapping", "write key: value lines")
    known = {entry.name: entry for entry in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in entries.items():
        name = f"{place}.{key}".lstrip(".")
        if key not in known:
            raise InputError(path, f"unknown key {name}", f"use one of {', '.join(sorted(known))}")
        wanted = known[key].type
        if dataclasses.is_dataclass(wanted):
            values[key] = _build(wanted, value, path, name)  # type: ignore[arg-type]
        elif isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):  # type: ignore[arg-type]
            raise InputError(path, f"{name} is {value!r}", f"give a {getattr(wanted, '__name__', wanted)}")
        else:
            values[key] = wanted(value)  # type: ignore[operator]
    return kind(**values)
