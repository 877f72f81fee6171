"""The sample sheet: which raw runs a campaign has, and what each of them is.

Snakemake reads the sheet at the start of every job, so this module imports neither pandas nor numpy. Only a workbook
loads a library, openpyxl.
"""

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

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
    batch: runs of one batch share their ladder, calibration curve and blanks.
    injection: place in the order of injection; None if the sheet does not say.
    dilution: factor on the amount found; None if the sheet does not say.
    extra: cells of the columns that only the user knows, by column; empty cells are left out.
    """

    run: str
    path: Path
    type: str
    amount: float | None = None
    batch: str | None = None
    injection: float | None = None
    dilution: float | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


TYPES = {"check": "qc", "pool": "pooled_qc"}
"""Old name (until version 0.3) of each type that has a new one."""

_NUMBERS = ("amount", "injection", "dilution")
"""Columns that hold numbers."""

_SIMILAR = 0.75
"""Similarity (difflib) from which a column name counts as a misspelling. Chosen: "amout" has 0.91, "year" 0.40."""

_ZIP_MAGIC = b"PK\x03\x04"
"""First bytes of a workbook, which is a ZIP archive."""


class _Row(NamedTuple):
    """Number of a line or row in the file, and its cells by column."""

    line: int
    cells: dict[str, str]


def sheet_notes(path: Path) -> list[str]:
    """Give one line for what may be a mistake in a sheet.

    That is an old name of a type, a column that looks misspelled, a calibrator without an amount, and an amount that is
    not used, because the run is no calibrator and no QC sample.

    Parameters
    ----------
    path
        A sheet that `read_samples` reads.
    """
    rows = list(_rows(path))
    used = {row.cells.get("type", "").lower() for row in rows}
    notes = [f"{path}: the type {old} is now called {new}" for old, new in TYPES.items() if old in used]
    for name in rows[0].cells if rows else ():
        near = [] if name in _columns() else get_close_matches(name.lower(), _columns(), n=1, cutoff=_SIMILAR)
        if near and near[0] not in rows[0].cells:
            notes.append(f"{path}: the column {name!r} is carried as text; write {near[0]!r} if it is meant")
    return notes + _amount_notes(path, rows)


def _amount_notes(path: Path, rows: Sequence[_Row]) -> list[str]:
    """Say which calibrators have no amount, and which other runs have one."""
    without, unused = list[str](), list[str]()
    for row in rows:
        kind = row.cells.get("type", "").lower()
        known = any(
            number_in(cell) is not None and re.match(r"amount(?![^ _])", name.lower())
            for name, cell in row.cells.items()
        )
        if kind == "calibrator" and not known:
            without.append(row.cells["run"])
        elif known and TYPES.get(kind, kind) not in ("calibrator", "qc"):
            unused.append(row.cells["run"])
    said = ((without, "a calibrator without an amount fits no curve"),
            (unused, "the amount is not used, because the type is neither calibrator nor qc"))  # fmt: skip
    return [f"{path}: {words}: {_few(names)}" for names, words in said if names]


def _few(names: Sequence[str]) -> str:
    """Name the first three, and say how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def read_samples(path: Path) -> list[Sample]:
    """Read a sample sheet, in its order, against workflow/spectus/schemas/samples.schema.yaml.

    Parameters
    ----------
    path
        Text separated by tabs, commas or semicolons, or a workbook (.xlsx), of which the first worksheet is read. The
        content decides, not the name.

    Raises
    ------
    InputError
        The first thing wrong with the sheet, with its line.
    """
    samples: list[Sample] = []
    line_of: dict[str, int] = {}
    for line, cells in _rows(path):
        row = {name: cell for name, cell in cells.items() if cell}
        if "type" in row:
            row["type"] = TYPES.get(row["type"].lower(), row["type"].lower())
        numbers = _checked_numbers(path, line, row)
        known = line_of.setdefault(row["run"].casefold(), line)
        if known != line:
            raise _at(path, line, f"run name {row['run']!r} is already on line {known}", "give every run its own name")
        extra = {name: cell for name, cell in row.items() if name not in _columns()}
        samples.append(
            Sample(row["run"], Path(row["path"]), row["type"], batch=row.get("batch"), extra=extra, **numbers)
        )
    if not samples:
        raise InputError(path, "the sheet names no run", "add a line for each run below the header")
    return samples


def number_in(text: str) -> float | None:
    """Read a finite number as a person writes it in a sheet; None if the text is none.

    Parameters
    ----------
    text
        A cell. A decimal comma is read as a decimal point, but not in "1,000", which may be a thousand or one. The
        words and digit separators that `float` takes ("nan", "1_000") are no numbers.
    """
    if re.fullmatch(r"[+-]?\d+,\d+", text) and not re.fullmatch(r"[+-]?\d{1,3},\d{3}", text):
        text = text.replace(",", ".")
    if "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def table_rows(path: Path, columns: Sequence[str], required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a small table that a person writes: text separated by tabs, commas or semicolons, or a workbook.

    Parameters
    ----------
    path
        The table. The content decides, not the name.
    columns
        Names of columns that are known in any case and returned in this one. Others are returned as they are.
    required
        Columns that must be there.

    Yields
    ------
    line : int
        Number of the line or row.
    cells : dict of str to str
        Cells by column; lines without content are left out.

    Raises
    ------
    InputError
        The table cannot be read, lacks a column, or a line has not as many cells as the header.
    """
    with require_file(path).open("rb") as handle:
        workbook = handle.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
    lines = _workbook_lines(path) if workbook else _text_lines(path)
    _, first = next(lines, (1, []))
    names = _header(path, first, columns, required)
    for line, found in lines:
        cells = [cell.strip() for cell in found]
        if not any(cells):
            continue
        if len(cells) != len(names):
            problem = f"has {len(cells)} cells where the header has {len(names)}"
            remedy = "separate cells by one delimiter as in the header and leave unknown cells empty"
            raise _at(path, line, problem, remedy)
        yield line, {name: cell for name, cell in zip(names, cells, strict=True) if name}


def _rows(path: Path) -> Iterator[_Row]:
    """Line number and cells by column, for each line of a sample sheet."""
    return (_Row(*row) for row in table_rows(path, _columns(), _schema()["required"]))


def _text_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of a text file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            first = handle.readline()
            handle.seek(0)
            reader = csv.reader(handle, delimiter=_delimiter(first), strict=True)
            for cells in reader:
                yield reader.line_num, cells
    except UnicodeDecodeError as error:
        raise InputError(path, "is not UTF-8 text", "save the sheet as text in UTF-8, or as .xlsx") from error
    except csv.Error as error:
        problem = f"is not a table of text with one delimiter ({error})"
        raise InputError(path, problem, "save the sheet as tab-separated text, .csv or .xlsx") from error


def _delimiter(header: str) -> str:
    """Return the delimiter that the header has: tab, else the more frequent of semicolon and comma."""
    if "\t" in header:
        return "\t"
    return max(";,", key=header.count) if {";", ","} & set(header) else "\t"


def _workbook_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and cells of the first worksheet of a workbook, without the empty columns at its right."""
    from openpyxl import load_workbook  # type: ignore[import-untyped]
    from openpyxl.utils.exceptions import InvalidFileException  # type: ignore[import-untyped]

    try:
        with path.open("rb") as handle:
            book = load_workbook(handle, read_only=True, data_only=True)
            rows = [[_cell_text(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
            book.close()
    except (BadZipFile, InvalidFileException, KeyError, IndexError, ValueError, OSError) as error:
        raise InputError(path, f"is no workbook that can be read ({error})", "save the sheet as .xlsx again") from error
    width = max((place for row in rows for place, cell in enumerate(row, 1) if cell.strip()), default=0)
    for number, row in enumerate(rows, 1):
        yield number, [*row, *[""] * width][:width]


def _cell_text(value: Any) -> str:
    """Return a workbook's cell as it is read in text; a whole number has no decimal point."""
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return value.isoformat() if isinstance(value, date | datetime | time) else str(value)


def _header(path: Path, cells: Sequence[str], columns: Sequence[str], required: Sequence[str]) -> list[str]:
    """Return the names of the columns; the known ones in lower case, an empty one at the right end as ''."""
    header = [name.strip() for name in cells]
    header = [name.lower() if name.lower() in columns else name for name in header]
    for place, name in enumerate(header, 1):
        if not name and any(header[place:]):
            raise _at(path, 1, f"column {place} has no name", "name it, or delete the column")
        if name and header.count(name) > 1:
            raise _at(path, 1, f"column {name!r} appears twice", "keep one of them")
    missing = [name for name in required if name not in header]
    if missing:
        remedy = "add them to the header, separated by tabs, commas or semicolons"
        raise _at(path, 1, f"lacks the columns {', '.join(missing)}", remedy)
    return header


def _checked_numbers(path: Path, line: int, row: Mapping[str, str]) -> dict[str, float]:
    """Check a row against the schema and return the numbers that it holds."""
    numbers = {name: number for name in _NUMBERS if name in row and (number := number_in(row[name])) is not None}
    for error in _validator().iter_errors({**row, **numbers}):
        raise _at(path, line, *_said_plainly(error))
    return numbers


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
        remedy = "use letters, digits, '_', '.' and '-' only, and none of '.' and '-' at the start"
        return f"{column} {value!r} does not match {rule}", remedy
    if error.validator == "type":
        return f"{column} {value!r} is not a {rule}", "write for example 2.5, or leave the cell empty"
    if error.validator == "minimum":
        return f"{column} {value} is below {rule}", f"write a number from {rule} up, or leave the cell empty"
    if error.validator == "exclusiveMinimum":
        return f"{column} {value} is not above {rule}", f"write a number above {rule}, or leave the cell empty"
    return f"{column}: {error.message}", f"see {SCHEMA.name}"


def _at(path: Path, line: int, problem: str, remedy: str) -> InputError:
    return InputError(f"{path}, line {line}", problem, remedy)


@cache
def _columns() -> tuple[str, ...]:
    """Return the names of the columns that the schema knows."""
    return tuple(_schema()["properties"])


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    return schema


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(_schema())
