"""The sample sheet: which raw runs a campaign has, and what each of them is.

Snakemake reads the sheet at the start of every job, so this module imports neither pandas nor numpy.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from spectus.errors import InputError
from spectus.files import require_file

SCHEMA = Path(__file__).parent / "schemas" / "samples.schema.yaml"


@dataclass(frozen=True)
class Sample:
    """One row of the sheet.

    Attributes
    ----------
    run: name of the run, unique in the sheet.
    path: raw file or folder, as given; a relative path starts at the working directory.
    type: sample, blank, ladder, calibrator, qc or pooled_qc.
    amount: known amount of a calibrator or QC sample, in the sheet's one unit.
    batch: runs of one batch share their ladder.
    """

    run: str
    path: Path
    type: str
    amount: float | None = None
    batch: str | None = None


TYPES = {"check": "qc", "pool": "pooled_qc"}
"""Old name (until version 0.3) of each type that has a new one."""


def sheet_notes(path: Path) -> list[str]:
    """Give one line for each old name of a type that a sheet uses.

    Parameters
    ----------
    path
        A sheet that `read_samples` reads.
    """
    used = {cells.get("type", "").lower() for _, cells in _rows(path)}
    return [f"{path}: the type {old} is now called {new}" for old, new in TYPES.items() if old in used]


def read_samples(path: Path) -> list[Sample]:
    """Read a tab-separated sample sheet, in its order, against workflow/spectus/schemas/samples.schema.yaml.

    Raises
    ------
    InputError: the first thing wrong with the sheet, with its line.
    """
    samples: list[Sample] = []
    line_of: dict[str, int] = {}
    for line, cells in _rows(path):
        row = {name: cell for name, cell in cells.items() if cell}
        if "type" in row:
            row["type"] = TYPES.get(row["type"].lower(), row["type"].lower())
        _check(path, line, row)
        if row["run"] in line_of:
            problem = f"run name {row['run']!r} is already on line {line_of[row['run']]}"
            raise _at(path, line, problem, "give every run its own name")
        line_of[row["run"]] = line
        samples.append(Sample(row["run"], Path(row["path"]), row["type"], _number(row.get("amount")), row.get("batch")))
    if not samples:
        raise InputError(path, "the sheet names no run", "add a line for each run below the header")
    return samples


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column, for each line below the header that is not blank."""
    try:
        with require_file(path).open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, delimiter="\t", strict=True)
            reader.fieldnames = _header(path, reader.fieldnames or [])
            for cells in reader:
                values = list(cells.values())
                if None in cells or None in values:
                    found = len(values) - values.count(None) - (None in cells) + len(cells.get(None) or [])
                    problem = f"has {found} cells where the header has {len(reader.fieldnames)}"
                    raise _at(
                        path,
                        reader.line_num,
                        problem,
                        "separate cells by single tabs and leave unknown cells empty",
                    )
                stripped = {name: cell.strip() for name, cell in cells.items()}
                if any(stripped.values()):
                    yield reader.line_num, stripped
    except UnicodeDecodeError as error:
        raise InputError(path, "is not UTF-8 text", "save the sheet as tab-separated text in UTF-8") from error
    except csv.Error as error:
        raise InputError(
            path, f"is not a tab-separated table ({error})", "save the sheet as tab-separated text"
        ) from error


def _header(path: Path, names: Sequence[str]) -> list[str]:
    header = [name.strip() for name in names]
    columns = list(_schema()["properties"])
    for name in header:
        if name not in columns:
            problem = f"unknown column {name!r}"
            raise _at(path, 1, problem, f"use tab-separated columns among {', '.join(columns)}")
        if header.count(name) > 1:
            raise _at(path, 1, f"column {name!r} appears twice", "keep one of them")
    missing = [name for name in _schema()["required"] if name not in header]
    if missing:
        raise _at(path, 1, f"lacks the columns {', '.join(missing)}", "add them to the header, separated by tabs")
    return header


def _check(path: Path, line: int, row: Mapping[str, str]) -> None:
    typed: dict[str, Any] = dict(row)
    if (amount := _number(row.get("amount"))) is not None:
        typed["amount"] = amount
    for error in _validator().iter_errors(typed):
        raise _at(path, line, *_said_plainly(error))


def _number(text: str | None) -> float | None:
    """Read a finite number; None if `text` is none, also for "nan" and "1_000", which float() takes."""
    if text is None or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _said_plainly(error: ValidationError) -> tuple[str, str]:
    """Problem and remedy for one complaint of the schema about a row."""
    column = str(error.path[0]) if error.path else ""
    value, rule = error.instance, error.validator_value
    if error.validator == "required":
        empty = [name for name in rule if name not in value]
        return f"the cell under {empty[0]!r} is empty", "fill it in"
    if error.validator == "enum":
        return f"unknown {column} {value!r}", f"use one of {', '.join(rule)}"
    if error.validator == "pattern":
        return f"{column} {value!r} does not match {rule}", "use letters, digits, '_', '.' and '-' only"
    if error.validator == "type":
        return f"{column} {value!r} is not a {rule}", "write for example 2.5, or leave the cell empty"
    if error.validator == "minimum":
        return f"{column} {value} is below {rule}", f"write a number from {rule} up, or leave the cell empty"
    return f"{column}: {error.message}", f"see {SCHEMA.name}"


def _at(path: Path, line: int, problem: str, remedy: str) -> InputError:
    return InputError(f"{path}, line {line}", problem, remedy)


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    return schema


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(_schema())
