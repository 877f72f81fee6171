"""Spectra that a person pastes, drops or picks: every format of the library's readers, JSON, and pairs of numbers."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from spectus.errors import InputError
from spectus.library.records import read_spectra

_WHERE = "the spectrum"
_REMEDY = "give MSP, MGF, JCAMP-DX, SDF, JSON or CSV with mz and intensity, or pairs of m/z and intensity"
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_PAIR = re.compile(rf"\s*({_NUMBER})[\s,;:\t]+({_NUMBER})\s*")
_DECIMAL_COMMA = re.compile(r"^\s*\d+,\d+[\s;:]+\d+(?:,\d+)?\s*$|^\s*\d+[\s;:]+\d+,\d+\s*$")
_MZ_HEAD = re.compile(r"m/?z|mass(es)?(/charge)?|m", re.IGNORECASE)
_INTENSITY_HEAD = re.compile(
    r"(rel(ative|\.)?[ _]*)?(int(ensity|ensities|\.)?|abundances?|height|counts?|i)", re.IGNORECASE
)
_ONLY_PAIRS = re.compile(r"^[\s\d.,;:+\-eE\[\](){}|/]*$")


def spectra_of(text: str) -> list[dict[str, Any]]:
    """Read the spectra of a text.

    Parameters
    ----------
    text : str
        A file in a format of `read_spectra`; JSON with `mz` and `intensity`, or a list of pairs; CSV with columns
        for m/z and intensity; or pairs of m/z and intensity in lines, on one line, or in brackets. A comma is a
        decimal comma where every line has two numbers and another sign between them.

    Returns
    -------
    list of dict
        Rows of the SPECTRA schema.

    Raises
    ------
    InputError
        The text holds no spectrum.
    """
    if not text.strip():
        raise InputError(_WHERE, "is empty", _REMEDY)
    if text.lstrip()[0] in "[{":
        try:
            return _read(_msp_of_json(json.loads(text)))
        except ValueError:
            pass  # pairs in brackets
        except RecursionError as error:
            raise InputError(_WHERE, "is JSON of too many levels", _REMEDY) from error
    pairs = _pairs(text) or _columns(text)
    return _read(_msp(pairs) if pairs else text)


def _read(text: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="spectus-") as folder:
        path = Path(folder) / "spectrum"
        path.write_text(text, encoding="utf-8", errors="replace")  # JSON may hold halves of characters
        try:
            rows: list[dict[str, Any]] = read_spectra(path).to_pylist()
        except InputError as error:
            raise InputError(_WHERE, error.problem, _REMEDY) from error
    return rows


def _pairs(text: str) -> list[tuple[float, float]]:
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
        raise InputError(_WHERE, f"has {len(numbers)} numbers, which make no pairs of m/z and intensity", _REMEDY)
    return [(float(mz), float(intensity)) for mz, intensity in zip(numbers[::2], numbers[1::2], strict=True)]


def _columns(text: str) -> list[tuple[float, float]]:
    """Return the pairs of a table whose first line names columns for m/z and intensity; none if it is no such table."""
    lines = [line for line in text.splitlines() if line.strip()]
    separator = next((sign for sign in "\t;," if sign in lines[0]), None)
    heads = [head.strip().strip('"').strip() for head in lines[0].split(separator)]
    columns = [
        next((place for place, head in enumerate(heads) if name.fullmatch(head)), None)
        for name in (_MZ_HEAD, _INTENSITY_HEAD)
    ]
    if None in columns or len(lines) < 2:
        return []
    pairs = []
    for number, line in enumerate(lines[1:], 2):
        cells = [cell.strip().strip('"') for cell in line.split(separator)]
        try:
            mz, intensity = (
                float(cells[place or 0] if separator == "," else cells[place or 0].replace(",", "."))
                for place in columns
            )
        except (ValueError, IndexError) as error:
            raise InputError(_WHERE, f"has no two numbers in line {number}", _REMEDY) from error
        pairs.append((mz, intensity))
    return pairs


def _msp_of_json(value: Any) -> str:
    records = value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]
    return "\n".join(_msp_of_record(record) for record in records)


def _msp_of_record(record: Any) -> str:
    if not isinstance(record, dict):
        return _msp_of_pairs(record, {})
    mz, intensity = record.get("mz"), record.get("intensity", record.get("intensities"))
    if mz is None and "peaks" in record:
        return _msp_of_pairs(record["peaks"], record)
    if not isinstance(mz, list) or not isinstance(intensity, list) or len(mz) != len(intensity):
        raise InputError(_WHERE, "has no lists mz and intensity of one length", _REMEDY)
    return _msp_of_pairs(list(zip(mz, intensity, strict=True)), record)


def _msp_of_pairs(pairs: Any, record: dict[str, Any]) -> str:
    try:
        numbers = [(float(one), float(other)) for one, other in pairs]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(_WHERE, "has a pair that is not two numbers", _REMEDY) from error
    name, index = record.get("name"), record.get("ri")
    return _msp(numbers, str(name) if name else "spectrum", index if isinstance(index, int | float) else None)


def _msp(pairs: list[tuple[float, float]], name: str = "spectrum", index: float | None = None) -> str:
    lines = [f"NAME: {' '.join(name.split())}"] + ([f"RETENTIONINDEX: {index}"] if index is not None else [])
    return "\n".join([*lines, f"Num Peaks: {len(pairs)}", *(f"{mz} {intensity}" for mz, intensity in pairs), ""])
