"""The configuration of a campaign: checked, completed, and in words a user can act on where it is wrong.

Snakemake imports this at the start of every job, so nothing heavy is imported here.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from spectus.errors import InputError

SCHEMA = Path(__file__).parent / "schemas" / "config.schema.yaml"


SECTIONS = {"batch": "chunks", "forward": "predict", "translate": "denovo", "rank": "identify"}
"""Old name (until version 0.3) of each section that has a new one."""

KEYS = {
    "search.without": "search.exclude",
    "report.truth": "report.ground_truth",
    "predict.parts": "predict.chunks",
    "train.held_out": "train.exclude",
    "train.forward_settings": "train.neims_settings",
}
"""Old name of each key that has a new one, below the new name of its section."""


def current_names(config: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Replace the names of version 0.3 in a configuration.

    Parameters
    ----------
    config
        What Snakemake read.

    Returns
    -------
    notes
        One line for each name that was replaced.
    config
        The same settings under the names of this version. A setting under its new name wins.
    """
    notes: list[str] = []
    found: dict[str, Any] = {}
    for section, value in config.items():
        name = SECTIONS.get(section, section)
        if name != section:
            notes.append(f"configuration: the section {section} is now called {name}")
        known = found.get(name)
        found[name] = {**value, **known} if isinstance(known, dict) and isinstance(value, Mapping) else (
            dict(value) if isinstance(value, Mapping) else value
        )  # fmt: skip
    for old, new in KEYS.items():
        section, _, key = old.partition(".")
        if isinstance(found.get(section), dict) and key in found[section]:
            notes.append(f"configuration: {old} is now called {new}")
            value = found[section].pop(key)
            found[section].setdefault(new.partition(".")[2], value)
    _replace_reranker_switch(found, notes)
    _replace_exclusions(found, notes)
    return notes, found


def _replace_reranker_switch(config: dict[str, Any], notes: list[str]) -> None:
    """Until 0.3, `forward.judge` said whether the model of that section orders the candidates."""
    section = config.get("predict")
    if isinstance(section, dict) and "judge" in section:
        notes.append("configuration: forward.judge is now identify.reranker (open, a folder, or null)")
        used = section.pop("judge")
        if not used:
            identify = config.setdefault("identify", {})
            identify.setdefault("reranker", None)


def _replace_exclusions(config: dict[str, Any], notes: list[str]) -> None:
    """Until 0.3, `molecules` had the keys held_out and without in place of the list `exclude`."""
    section = config.get("molecules")
    for key in ("held_out", "without"):
        if isinstance(section, dict) and key in section:
            notes.append(f"configuration: molecules.{key} is now an entry of the list molecules.exclude")
            path = section.pop(key)
            section["exclude"] = [*section.get("exclude", []), *([path] if path else [])]


def checked_config(config: Mapping[str, Any], files: Sequence[Path | str] = ()) -> dict[str, Any]:
    """Check the configuration against the schema and fill in every default.

    Parameters
    ----------
    config: what Snakemake read from the configuration files and `--config`.
    files: those files, to name the one at fault.

    Raises
    ------
    InputError: the first key that is unknown or has an unusable value.
    """
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    typed = _typed(config, schema)
    for error in Draft202012Validator(schema).iter_errors(typed):
        keys = [*map(str, error.absolute_path), *_unknown(error)]
        problem, remedy = _said_plainly(error)
        raise InputError(f"{_file_with(keys, config, files)}, {'.'.join(keys)}", problem, remedy)
    return _with_defaults(typed, schema)


def _typed(value: Any, rule: Mapping[str, Any]) -> Any:
    """Convert a value to the type that the schema wants, if it has one meaning in it.

    Below the first level `--config` gives every value as text; and 4 and 4.0 must not be two settings.
    """
    if isinstance(value, Mapping):
        rules = rule.get("properties", {})
        return {key: _typed(below, rules.get(key, {})) for key, below in value.items()}
    kind = rule.get("type", "string")
    if isinstance(value, str) and kind != "string":
        read = _yaml(value)
        value = read if read is None or isinstance(read, int | float) else value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # which is no number to the schema
    return float(value) if kind == "number" and type(value) is int else value


def _yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _with_defaults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _with_defaults(config.get(key, {}), rule) if "properties" in rule else config.get(key, rule["default"])
        for key, rule in schema["properties"].items()
    }


def _unknown(error: ValidationError) -> list[str]:
    """Find the key that the schema does not know, if that is the complaint."""
    if error.validator != "additionalProperties":
        return []
    return [next(str(key) for key in error.instance if key not in error.schema.get("properties", {}))]


def _said_plainly(error: ValidationError) -> tuple[str, str]:
    """Problem and remedy for one complaint of the schema."""
    value, rule = error.instance, error.schema
    if unknown := _unknown(error):
        known = list(rule["properties"])
        near = get_close_matches(unknown[0], known, n=1)
        return "unknown key", f"write {near[0]!r}" if near else f"use one of {', '.join(known)}"
    if error.validator == "enum":
        return f"unknown value {value!r}", f"use one of {', '.join(map(str, rule['enum']))}"
    example = (
        f"write for example {json.dumps(rule['default'])}"
        if "default" in rule
        else "see docs/reference/configuration.md"
    )
    if error.validator == "type":
        if value is None and rule["type"] == "object":
            return "has no keys below it", "give it some, indented, or remove the line"
        kinds = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
        return f"{value!r} is not {' or '.join(_KINDS[kind] for kind in kinds)}", example
    return error.message, example


_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a mapping of keys",
    "string": "text",
}


def _file_with(keys: Sequence[str], config: Mapping[str, Any], files: Sequence[Path | str]) -> str:
    """Find the file that sets a key; none does if `--config` sets it."""
    for file in files:
        found = _at(keys, yaml.safe_load(Path(file).read_text(encoding="utf-8")))
        if found is not _ABSENT and found == _at(keys, config):
            return str(file)
    return "configuration"


def _at(keys: Sequence[str], config: Any) -> Any:
    for key in keys:
        if isinstance(config, list):
            break
        config = config.get(key, _ABSENT) if isinstance(config, Mapping) else _ABSENT
    return config


_ABSENT = object()


def config_hash(config: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that stand for the configuration, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]


def as_yaml(config: Mapping[str, Any]) -> str:
    """Write the configuration as the report shows it, with the defaults."""
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
