"""Lists of molecules: .smi, .csv, .tsv or .parquet, the text formats also gzip- or xz-compressed."""

import codecs
import csv
import gzip
import io
import logging
import lzma
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from spectus.errors import InputError
from spectus.files import require_file

_LOG = logging.getLogger("spectus")
_FORM = re.compile(r"\.(smi|smiles|txt|csv|tsv|tab|parquet)(?:\.(gz|xz))?$", re.IGNORECASE)
_SPREADSHEET = re.compile(r"\.(xlsx?|xlsm|ods|numbers)$", re.IGNORECASE)
_REMEDY = "give .smi, .csv or .tsv (also .gz, .xz) or .parquet with a column smiles"
_AS_UTF8 = "save it as CSV with the encoding UTF-8"
_COLUMNS = {
    "smiles": ("smiles", "canonicalsmiles", "isomericsmiles", "smilescode", "structuresmiles", "structure"),
    "name": ("name", "compound", "compoundname", "preferredname", "chemicalname", "title"),
    "cas": ("cas", "casrn", "casnumber", "casno", "cas#"),
}
"""Names of the columns, without blanks, `_` and `-`; upper or lower case does not matter."""

_SEPARATORS = (",", ";", "\t", "|")
_EXCEL_HINT = re.compile(r"sep=(.)\s*$", re.IGNORECASE)
"""A first line in which a spreadsheet names the separator."""

_BLOCK = 2**20
"""Bytes that are tested for UTF-8 at once."""

_FALLBACK = "cp1252"
"""Encoding of text that is not UTF-8: what spreadsheets in western Europe and America save, a superset of Latin-1."""


class Listed(NamedTuple):
    """A molecule as a list names it; empty text counts as absent.

    Attributes
    ----------
    smiles, name, cas : str or None
        SMILES, name and CAS number.
    """

    smiles: str | None
    name: str | None = None
    cas: str | None = None


def read_molecules(path: Path) -> Iterator[Listed]:
    """Yield the molecules of a list in its order.

    A .smi line is a SMILES and, after blanks, a name; a line without text is no molecule, one that begins with # is a
    comment. Tables have a column `smiles` and may have `name` and `cas`; upper or lower case does not matter. Columns
    are separated by commas, semicolons, tabs or bars. Text is UTF-8 or UTF-16. Other text is read as Windows-1252,
    which is logged.

    Parameters
    ----------
    path
        The list. Its suffix tells the format.

    Raises
    ------
    InputError
        The file is missing, empty, damaged or of another format, has no column `smiles`, or holds no molecule.
    """
    match = _FORM.search(require_file(path).name)
    if match is None:
        sheet = _SPREADSHEET.search(path.name)
        raise InputError(
            path, "is a spreadsheet" if sheet else "is no list of molecules by its name", _AS_UTF8 if sheet else _REMEDY
        )
    form = match.group(1).lower()
    reader = _from_parquet if form == "parquet" else _from_table if form in ("csv", "tsv", "tab") else _from_lines
    found = False
    try:
        for molecule in reader(path, form):
            found = True
            yield molecule
    except UnicodeError as error:
        raise InputError(path, f"cannot be read as text ({str(error).splitlines()[0]})", _AS_UTF8) from error
    except csv.Error as error:
        raise InputError(path, f"cannot be read as a table ({error})", _REMEDY) from error
    except (lzma.LZMAError, EOFError, gzip.BadGzipFile, pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"cannot be read ({str(error).splitlines()[0]})", "copy or unpack it again") from error
    if not found:
        raise InputError(path, "holds no molecule", _REMEDY)


def _from_lines(path: Path, form: str) -> Iterator[Listed]:
    """Yield the molecules of a .smi file."""
    with opened_text(path) as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                smiles, *name = line.split(maxsplit=1)
                yield Listed(smiles, name[0].strip() if name else None)


def _from_table(path: Path, form: str) -> Iterator[Listed]:
    """Yield the molecules of a text table."""
    rows = text_rows(path, _has_smiles)
    places = _places(next(rows, []), path)
    for row in rows:
        if row:
            yield Listed(*(row[at].strip() or None if at is not None and at < len(row) else None for at in places))


def text_rows(path: Path, has_column: Callable[[Sequence[str]], bool]) -> Iterator[list[str]]:
    """Yield the rows of a text table, its header first.

    Parameters
    ----------
    path
        The table, also gzip- or xz-compressed. Its separator is the first of comma, semicolon, tab and bar by which the
        header has the columns.
    has_column
        Tells whether a header has the columns that are needed.

    Raises
    ------
    InputError
        The table is damaged.
    UnicodeError, csv.Error
        It is no text, or no table.
    """
    try:
        with opened_text(path) as lines:
            header = next(lines, "")
            hint = _EXCEL_HINT.match(header.strip())
            header = next(lines, "") if hint else header
            usual = "," if ".csv" in path.name.lower() else "\t"
            separators = [*([hint[1]] if hint else []), usual, *_SEPARATORS]
            yield from csv.reader(chain([header], lines), delimiter=_separator(header, separators, has_column))
    except (lzma.LZMAError, EOFError, gzip.BadGzipFile, OSError) as error:
        raise InputError(path, f"cannot be read ({str(error).splitlines()[0]})", "copy or unpack it again") from error


def _separator(header: str, separators: list[str], has_column: Callable[[Sequence[str]], bool]) -> str:
    """Return the first separator by which the header has the columns that are needed, else the usual one."""
    for separator in separators:
        if has_column(next(csv.reader([header], delimiter=separator), [])):
            return separator
    return separators[0]


def _has_smiles(header: Sequence[str]) -> bool:
    return _column(header, "smiles") is not None


def _from_parquet(path: Path, form: str) -> Iterator[Listed]:
    """Yield the molecules of a Parquet table."""
    with pq.ParquetFile(path) as parquet:
        names = parquet.schema_arrow.names
        chosen = [None if at is None else names[at] for at in _places(names, path)]
        for chunk in parquet.iter_batches(4096, columns=[name for name in chosen if name]):
            nothing: list[str | None] = [None] * len(chunk)
            columns = [chunk[name].cast(pa.string()).to_pylist() if name else nothing for name in chosen]
            yield from (Listed(*(text or None for text in row)) for row in zip(*columns, strict=True))


def _places(header: Sequence[str], path: Path) -> list[int | None]:
    """Return the positions of the columns smiles, name and cas."""
    if _column(header, "smiles") is None:
        told = ", ".join(repr(name) for name in header[:6])
        raise InputError(path, f"has no column smiles among {told}" if header else "has no column smiles", _REMEDY)
    return [_column(header, name) for name in _COLUMNS]


def _column(header: Sequence[str], wanted: str) -> int | None:
    """Return the position of a column; None where there is none."""
    names = [re.sub(r"[\s_\-]", "", name.strip("\ufeff \t\"'")).lower() for name in header]
    return next((names.index(name) for name in _COLUMNS[wanted] if name in names), None)


@contextmanager
def opened_text(path: Path) -> Iterator[TextIO]:
    """Open a text file, unpacked and decoded.

    Parameters
    ----------
    path
        The file; gzip or xz by its suffix, UTF-8, UTF-16 or Windows-1252 by its content.

    Yields
    ------
    TextIO
        Its lines.
    """
    encoding = _encoding(path)
    if encoding == _FALLBACK:
        _LOG.warning("%s: is not UTF-8; it is read as Windows-1252 (Latin-1)", path)
    with _unpacked(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as lines:
        yield lines


def _encoding(path: Path) -> str:
    """Return the encoding of a text file: by its byte order mark, else UTF-8 if it is valid, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _unpacked(path) as file:
        start = file.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if len(start) == 4 and (start[1::2] == b"\0\0" or start[::2] == b"\0\0"):
            return "utf-16-le" if start[1] == 0 else "utf-16-be"
        block = start
        try:
            while block:
                decoder.decode(block)
                block = file.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _FALLBACK
    return "utf-8-sig"


@contextmanager
def _unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacked if its suffix says so."""
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        if suffix == ".gz":
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast(BinaryIO, unpacked)
        elif suffix == ".xz":
            with lzma.LZMAFile(file) as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield file
