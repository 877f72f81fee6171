"""Spectra written as JSON, as a table with columns for m/z and intensity, or as pairs of numbers: their text as MSP."""

import csv
import json
import re
from collections.abc import Sequence
from typing import Any

from spectus.library.numbers import comma_meaning, parse_number

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_DECIMAL_COMMA = re.compile(r"^\s*\d+,\d+[\s;:]+\d+(?:,\d+)?\s*$|^\s*\d+[\s;:]+\d+,\d+\s*$")
_MZ_HEAD = re.compile(r"m/?z|mass(es)?(/charge)?|m", re.IGNORECASE)
_INTENSITY_HEAD = re.compile(
    r"(rel(ative|\.)?[ _]*)?(int(ensity|ensities|\.)?|abundances?|height|counts?|i)", re.IGNORECASE
)
_NAME_HEAD = re.compile(r"name|query|id|feature|accession|compound|spectrum|scan", re.IGNORECASE)
_ONLY_PAIRS = re.compile(r"^[\s\d.,;:+\-eE\[\](){}|/]*$")

Pairs = list[tuple[float, float]]


class NoSpectrumError(ValueError):
    """What is wrong with a text that should hold spectra, without its place."""


def as_msp(text: str, name: str) -> str | None:
    """Write the spectra of a text as MSP.

    Parameters
    ----------
    text
        JSON with `mz` and `intensity`, or a list of pairs; a table with columns for m/z and intensity, and perhaps one
        that names the spectrum of each line; or pairs of m/z and intensity in lines, on one line, or in brackets. A
        comma is a decimal comma where every line has two numbers and another sign between them.
    name
        Of a spectrum without one.

    Returns
    -------
    str or None
        None for a text that is none of these.

    Raises
    ------
    NoSpectrumError
        The text is one of these, but its numbers make no spectrum.
    """
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return _msp_of_json(json.loads(text), name)
        except NoSpectrumError:
            raise
        except ValueError:
            pass  # pairs in brackets
        except RecursionError as error:
            raise NoSpectrumError("is JSON of too many levels") from error
    pairs = _pairs(text)
    spectra = [(name, pairs)] if pairs else _columns(text, name)
    return "\n".join(_msp(of_one, one) for one, of_one in spectra) if spectra else None


def _pairs(text: str) -> Pairs:
    """Return the pairs of a text of numbers only; none if it has other words."""
    if not _ONLY_PAIRS.match(text):
        return []
    plain = re.sub(r"[\[\](){}|/]", " ", text)
    lines = [line for line in plain.splitlines() if line.strip()]
    if len(lines) > 1 and all(
        _DECIMAL_COMMA.match(line) or re.fullmatch(r"\s*\d+[\s;:]+\d+\s*", line) for line in lines
    ):
        plain = plain.replace(",", ".")
    numbers = re.findall(_NUMBER, plain)
    if len(numbers) % 2 or not numbers:
        raise NoSpectrumError(f"has {len(numbers)} numbers, which make no pairs of m/z and intensity")
    return [(float(mz), float(intensity)) for mz, intensity in zip(numbers[::2], numbers[1::2], strict=True)]


def _columns(text: str, name: str) -> list[tuple[str, Pairs]]:
    """Return the spectra of a table whose first line names columns for m/z and intensity; none of any other text."""
    lines = [line for line in text.splitlines() if line.strip()]
    separator = next((sign for sign in "\t;," if lines and sign in lines[0]), None)
    rows = [_cells(line, separator) for line in lines]
    places = [_place(rows[0], kind) for kind in (_MZ_HEAD, _INTENSITY_HEAD)] if rows else [None]
    if None in places or len(rows) < 2:
        return []
    of_name = _place(rows[0], _NAME_HEAD)
    for number, cells in enumerate(rows[1:], 2):
        if len(cells) != len(rows[0]):
            raise NoSpectrumError(f"has {len(cells)} cells in line {number}, and {len(rows[0])} in its first line")
    columns = [_numbers([cells[place or 0] for cells in rows[1:]]) for place in places]
    found: dict[str, Pairs] = {}
    for number, (cells, mz, intensity) in enumerate(zip(rows[1:], *columns, strict=True), 2):
        if mz is None or intensity is None:
            raise NoSpectrumError(f"has no two numbers in line {number}")
        found.setdefault(name if of_name is None else cells[of_name], []).append((mz, intensity))
    return list(found.items())


def _cells(line: str, separator: str | None) -> list[str]:
    """Return the cells of a line; a separator within quotes is part of a number."""
    try:
        read = csv.reader([line], delimiter=separator, skipinitialspace=True) if separator else [line.split()]
        return [cell.strip() for cell in next(iter(read))]
    except csv.Error as error:
        raise NoSpectrumError(f"has a line that is no row of a table ({error})") from error


def _numbers(texts: Sequence[str]) -> list[float | None]:
    """Read the numbers of a column; what a comma means is told by the column as a whole."""
    comma = comma_meaning(texts)
    return [parse_number(text, comma) for text in texts]


def _place(heads: Sequence[str], kind: re.Pattern[str]) -> int | None:
    return next((place for place, head in enumerate(heads) if kind.fullmatch(head)), None)


def _msp_of_json(value: Any, name: str) -> str:
    records = value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]
    return "\n".join(_msp_of_record(record, name) for record in records)


def _msp_of_record(record: Any, unnamed: str) -> str:
    if not isinstance(record, dict):
        return _msp_of_pairs(record, {}, unnamed)
    mz, intensity = record.get("mz"), record.get("intensity", record.get("intensities"))
    if mz is None and "peaks" in record:
        return _msp_of_pairs(record["peaks"], record, unnamed)
    if not isinstance(mz, list) or not isinstance(intensity, list) or len(mz) != len(intensity):
        raise NoSpectrumError("has no lists mz and intensity of one length")
    return _msp_of_pairs(list(zip(mz, intensity, strict=True)), record, unnamed)


def _msp_of_pairs(pairs: Any, record: dict[str, Any], unnamed: str) -> str:
    try:
        numbers = [(float(one), float(other)) for one, other in pairs]
    except (TypeError, ValueError, OverflowError) as error:
        raise NoSpectrumError("has a pair that is not two numbers") from error
    name, index = record.get("name"), record.get("ri")
    return _msp(numbers, str(name) if name else unnamed, index if isinstance(index, int | float) else None)


def _msp(pairs: Pairs, name: str, index: float | None = None) -> str:
    lines = [f"NAME: {' '.join(name.split())}"] + ([f"RETENTIONINDEX: {index}"] if index is not None else [])
    return "\n".join([*lines, f"Num Peaks: {len(pairs)}", *(f"{mz} {intensity}" for mz, intensity in pairs), ""])
