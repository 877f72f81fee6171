"""Spectra that a person pastes, drops or picks: every format of the library's readers."""

import tempfile
from pathlib import Path
from typing import Any

from spectus.errors import InputError
from spectus.library.records import read_spectra

_WHERE = "the spectrum"
_REMEDY = "give MSP, MGF, JCAMP-DX, SDF, JSON or CSV with mz and intensity, or pairs of m/z and intensity"


def spectra_of(text: str) -> list[dict[str, Any]]:
    """Read the spectra of a text.

    Parameters
    ----------
    text : str
        A file in a format of `read_spectra`, tables and pairs of numbers among them.

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
    with tempfile.TemporaryDirectory(prefix="spectus-") as folder:
        path = Path(folder) / "spectrum"
        path.write_text(text, encoding="utf-8", errors="replace")  # JSON may hold halves of characters
        try:
            rows: list[dict[str, Any]] = read_spectra(path).to_pylist()
        except InputError as error:
            raise InputError(_WHERE, error.problem, _REMEDY) from error
    return rows
