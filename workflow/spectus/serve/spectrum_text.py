"""Spectra that a person pastes, drops or picks: every format of the library's readers, JSON, and pairs of numbers."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from spectus.errors import InputError
from spectus.library.records import read_spectra

_WHERE = "the spectrum"
_REMEDY = "give MSP, MGF, JCAMP-DX, SDF, JSON with mz and intensity, or pairs of m/z and intensity"
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_PAIR = re.compile(rf"\s*({_NUMBER})[\s,;:\t]+({_NUMBER})\s*")
_DECIMAL_COMMA = re.compile(r"^\s*\d+,\d+[\s;:]+\d+(?:,\d+)?\s*$|^\s*\d+[\s;:]+\d+,\d+\s*$")
_ONLY_PAIRS = re.compile(r"^[\s\d.,;:+\-eE\[\](){}|/]*$")


def spectra_of(text: str) -> list[dict[str, Any]]:
    """Read the spectra of a text.

    Parameters
    ----------
    text : str
        A file in a format of `read_spectra`; JSON with `mz` and `intensity`, or a list of pairs; or pairs of m/z and
        intensity in lines, on one line, or in brackets. A comma is a decimal comma where both numbers of a line would
        otherwise make no pair.

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
        except json.JSONDecodeError:
            pass  # pairs in brackets
    return _read(_msp(pairs) if (pairs := _pairs(text)) else text)


def _read(text: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="spectus-") as folder:
        path = Path(folder) / "spectrum"
        path.write_text(text, encoding="utf-8")
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
    if lines and all(_DECIMAL_COMMA.match(line) or re.fullmatch(r"\s*\d+[\s;:]+\d+\s*", line) for line in lines):
        plain = plain.replace(",", ".")
    numbers = re.findall(_NUMBER, plain)
    if len(numbers) % 2 or not numbers:
        raise InputError(_WHERE, f"has {len(numbers)} numbers, which make no pairs of m/z and intensity", _REMEDY)
    return [(float(mz), float(intensity)) for mz, intensity in zip(numbers[::2], numbers[1::2], strict=True)]


def _msp_of_json(value: Any) -> str:
    records = value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]
    return "\n".join(_msp_of_record(record) for record in records)


def _msp_of_record(record: Any) -> str:
    if isinstance(record, dict):
        mz, intensity = record.get("mz"), record.get("intensity", record.get("intensities"))
        if not isinstance(mz, list) or not isinstance(intensity, list) or len(mz) != len(intensity):
            raise InputError(_WHERE, "has no lists mz and intensity of one length", _REMEDY)
        pairs, name, index = list(zip(mz, intensity, strict=True)), record.get("name"), record.get("ri")
    else:
        pairs, name, index = record, None, None
    try:
        numbers = [(float(one), float(other)) for one, other in pairs]
    except (TypeError, ValueError) as error:
        raise InputError(_WHERE, "has a pair that is not two numbers", _REMEDY) from error
    return _msp(numbers, str(name) if name else "spectrum", index if isinstance(index, int | float) else None)


def _msp(pairs: list[tuple[float, float]], name: str = "spectrum", index: float | None = None) -> str:
    lines = [f"NAME: {' '.join(name.split())}"] + ([f"RETENTIONINDEX: {index}"] if index is not None else [])
    return "\n".join([*lines, f"Num Peaks: {len(pairs)}", *(f"{mz} {intensity}" for mz, intensity in pairs), ""])
