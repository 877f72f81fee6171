"""Spectra in Parquet: the project's own tables, and anyone's table with the columns `mz` and `intensity`."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spectus import tables
from spectus.errors import InputError
from spectus.library.fields import Identity, retention_index
from spectus.library.peaks import Peaks
from spectus.raw.content import first_line, head
from spectus.tables import SPECTRA

_OPTIONAL = {
    "name": ("feature", "name", "accession"),
    "smiles": ("smiles",),
    "inchikey": ("inchikey",),
    "formula": ("formula",),
    "ri": ("ri", "retention_index"),
    "reason": ("reason",),
}
PREDICTED_BY = "predicted_by"
"""Key of a library's metadata that says its spectra were predicted, and by which model."""

_UNEQUAL = "m/z and intensity differ in number"


def read_library(path: Path) -> pa.Table | None:
    """A library of schema SPECTRA that this project wrote, as it stands; None if the file is another table.

    Its spectra were checked when it was made. Rows may have been taken out since: `entry` is counted anew.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error
    if b"spectus_version" not in (schema.metadata or {}) or not set(SPECTRA.names) <= set(schema.names):
        return None
    spectra = tables.read(path, SPECTRA)
    return spectra.set_column(0, SPECTRA.field("entry"), pa.array(range(len(spectra)), pa.int32()))


def predicted_by(path: Path) -> str | None:
    """The forward model that made a library of predicted spectra; None for every other file."""
    if head(path, 4) != b"PAR1":
        return None
    try:
        made = (pq.read_schema(path).metadata or {}).get(PREDICTED_BY.encode())
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error
    return made.decode() if made else None


def read_table(path: Path) -> tuple[list[Identity], Peaks]:
    """Names, structures and peak lists of a table, one row a record.

    The name is `feature`, "`run`/`component`", `name` or `accession`, whichever the table has first. Columns not needed
    are not read.

    Raises
    ------
    InputError: no readable Parquet file, or `mz` or `intensity` is missing or holds no lists of numbers.
    """
    try:
        found = {name.lower(): name for name in reversed(pq.read_schema(path).names)}
        if not {"mz", "intensity"} <= found.keys():
            raise InputError(
                path,
                "has no columns mz and intensity",
                "give a table of spectra, features or components, or name the columns so",
            )
        chosen = {
            meaning: found[name] for meaning, names in _OPTIONAL.items() for name in reversed(names) if name in found
        }
        of_run = [found[name] for name in ("run", "component") if name in found]
        columns = {found["mz"], found["intensity"], *chosen.values(), *of_run}
        rows = pq.read_table(path, columns=sorted(columns))
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error
    texts = {meaning: _texts(rows[name], path, name) for meaning, name in chosen.items() if meaning != "ri"}
    if len(of_run) == 2 and "feature" not in found:
        run, component = (_texts(rows[name], path, name) for name in of_run)
        texts["name"] = [f"{a}/{b}" for a, b in zip(run, component, strict=True)]
    nothing: list[str | None] = [None] * len(rows)
    identities = list(
        map(
            Identity,
            *(texts.get(meaning, nothing) for meaning in ("name", "smiles", "inchikey", "formula")),
            _indices(rows[chosen["ri"]]) if "ri" in chosen else nothing,
        )
    )
    return identities, _peaks(rows, found, texts.get("reason", nothing), path)


def _peaks(rows: pa.Table, found: dict[str, str], given: list[str | None], path: Path) -> Peaks:
    mz, n_mz = _lists(rows[found["mz"]], path, found["mz"])
    intensity, n_intensity = _lists(rows[found["intensity"]], path, found["intensity"])
    equal = n_mz == n_intensity
    reasons = [reason or (None if same else _UNEQUAL) for reason, same in zip(given, equal.tolist(), strict=True)]
    offsets = np.concatenate([[0], np.cumsum(np.where(equal, n_mz, 0))])
    return Peaks(mz[np.repeat(equal, n_mz)], intensity[np.repeat(equal, n_intensity)], offsets, reasons)


def _lists(column: pa.ChunkedArray, path: Path, name: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All values of a list column (nulls as NaN), and how many each row has (a null row none)."""
    try:
        values = column.cast(pa.list_(pa.float32()), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            path, f"the column {name} holds {column.type}, not lists of numbers", "store each spectrum as two lists"
        ) from error
    lengths = pc.fill_null(pc.list_value_length(values), 0)
    return pc.list_flatten(values).to_numpy(), lengths.to_numpy().astype(np.int64)


def _texts(column: pa.ChunkedArray, path: Path, name: str) -> list[str | None]:
    try:
        return pc.utf8_trim_whitespace(column.cast(pa.string())).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            path, f"the column {name} holds {column.type}, not text", "store it as text or leave it out"
        ) from error


def _indices(column: pa.ChunkedArray) -> list[float | None]:
    """Retention indices; numbers, or text as libraries write them."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        values = column.cast(pa.float64())
        usable = pc.fill_null(pc.and_(pc.greater(values, 0), pc.is_finite(values)), False)
        return pc.if_else(usable, values, pa.scalar(None, pa.float64())).to_pylist()
    texts = column.cast(pa.string()).to_pylist()
    return [None if text is None else retention_index(text) for text in texts]


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(path, f"not a readable Parquet file ({first_line(error)})", "make it or copy it again")
