"""Lists of molecules: .smi, .csv, .tsv or .parquet, the text forms also gzip- or xz-compressed."""

import csv
import gzip
import lzma
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from spectus.errors import InputError
from spectus.files import require_file

_FORM = re.compile(r"\.(smi|smiles|txt|csv|tsv|parquet)(?:\.(gz|xz))?$", re.IGNORECASE)
_REMEDY = "give .smi, .csv or .tsv (also .gz, .xz) or .parquet with a column smiles"
_COLUMNS = ("smiles", "name", "cas")


class Listed(NamedTuple):
    """A molecule as a list names it; empty text counts as absent."""

    smiles: str | None
    name: str | None = None
    cas: str | None = None


def read_molecules(path: Path) -> Iterator[Listed]:
    """The molecules of a list in its order, one at a time.

    A .smi line is a SMILES and, after blanks, a name; a line without text is no molecule, one that begins with # a
    comment. Tables have a column `smiles` and may have `name` and `cas`; upper or lower case does not matter.

    Raises
    ------
    InputError: a missing, empty or damaged file, another form, no column `smiles`, or no molecule at all.
    """
    match = _FORM.search(require_file(path).name)
    if match is None:
        raise InputError(path, "is no list of molecules by its name", _REMEDY)
    form = match.group(1).lower()
    reader = _from_parquet if form == "parquet" else _from_table if form in ("csv", "tsv") else _from_lines
    found = False
    try:
        for molecule in reader(path, form):
            found = True
            yield molecule
    except (lzma.LZMAError, EOFError, gzip.BadGzipFile, UnicodeDecodeError, pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"cannot be read ({str(error).splitlines()[0]})", "copy or unpack it again") from error
    if not found:
        raise InputError(path, "holds no molecule", _REMEDY)


def _from_lines(path: Path, form: str) -> Iterator[Listed]:
    with _opened(path) as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                smiles, *name = line.split(maxsplit=1)
                yield Listed(smiles, name[0].strip() if name else None)


def _from_table(path: Path, form: str) -> Iterator[Listed]:
    with _opened(path) as lines:
        rows = csv.reader(lines, delimiter="\t" if form == "tsv" else ",")
        places = _places(next(rows, []), path)
        for row in rows:
            if row:
                yield Listed(*(row[at].strip() or None if at is not None and at < len(row) else None for at in places))


def _from_parquet(path: Path, form: str) -> Iterator[Listed]:
    with pq.ParquetFile(path) as parquet:
        names = parquet.schema_arrow.names
        chosen = [None if at is None else names[at] for at in _places(names, path)]
        for batch in parquet.iter_batches(4096, columns=[name for name in chosen if name]):
            nothing: list[str | None] = [None] * len(batch)
            columns = [batch[name].cast(pa.string()).to_pylist() if name else nothing for name in chosen]
            yield from (Listed(*(text or None for text in row)) for row in zip(*columns, strict=True))


def _places(header: list[str], path: Path) -> list[int | None]:
    """Where the columns smiles, name and cas stand."""
    lower = [name.strip().lower().removeprefix("\ufeff") for name in header]
    if "smiles" not in lower:
        raise InputError(path, "has no column smiles", _REMEDY)
    return [lower.index(name) if name in lower else None for name in _COLUMNS]


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            yield lines
    elif suffix == ".xz":
        with lzma.open(path, "rt", encoding="utf-8", newline="") as lines:
            yield lines
    else:
        with path.open(encoding="utf-8", newline="") as lines:
            yield lines
