"""The settings of a training, read from YAML; a mistyped key is an error."""

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

import yaml

from spectus.errors import InputError
from spectus.files import require_file

Settings = TypeVar("Settings")


def read_settings(path: Path, kind: type[Settings]) -> Settings:
    """Read YAML as a dataclass whose fields are numbers, words or dataclasses; absent keys keep their defaults.

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
