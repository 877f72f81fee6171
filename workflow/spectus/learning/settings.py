"""The settings of a training, read from YAML; a mistyped key is an error."""

import dataclasses
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, TypeVar

import yaml

from spectus.errors import InputError
from spectus.files import require_file

SettingsT = TypeVar("SettingsT")

NO_NEW_NAMES: Mapping[str, str] = {}


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Raises
    ------
    InputError
        No such file, no YAML, or no mapping.
    """
    try:
        entries = yaml.safe_load(require_file(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(path, f"is not YAML ({str(error).splitlines()[0]})", "correct it") from error
    return _mapping(entries, path, "")


def read_settings(
    path: Path, kind: type[SettingsT], new_names: Mapping[str, str] = NO_NEW_NAMES, skipped: Set[str] = frozenset()
) -> SettingsT:
    """Read YAML as a dataclass; absent keys keep their defaults.

    Parameters
    ----------
    path
        The file.
    kind
        A dataclass whose fields are numbers, words or dataclasses.
    new_names
        Keys of the first level of earlier versions, and what they are called now.
    skipped
        Keys of the first level that are for another training.

    Returns
    -------
    An instance of `kind`.

    Raises
    ------
    InputError
        No such file, no YAML, a key that `kind` does not have, or a value of another type.
    """
    entries = {new_names.get(key, key): value for key, value in read_yaml(path).items() if key not in skipped}
    built: SettingsT = _build(kind, entries, path, "")
    return built


def _build(kind: type[Any], entries: object, path: Path, place: str) -> Any:
    known = {entry.name: entry for entry in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in _mapping(entries, path, place).items():
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


def _mapping(entries: object, path: Path, place: str) -> dict[str, Any]:
    if not isinstance(entries, dict):
        raise InputError(path, f"{place or 'the file'} is not a mapping", "write key: value lines")
    return entries
