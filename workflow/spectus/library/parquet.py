"""Spectra in Parquet: the project's own tables, and anyone's table with the columns `mz` and `intensity`."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spectus import tables
from spectus.errors import InputError
from spectus.library.fields import PLACEHOLDERS, Identity, cas_number, index_of_field, structure_fields
from spectus.library.ionization import describe_ionization
from spectus.library.peaks import Peaks
from spectus.library.ri_scales import RiScale, scale_named
from spectus.raw.content import first_line, head
from spectus.tables import SPECTRA
from spectus.types import Ints, Singles

_OPTIONAL = {
    "name": ("feature", "name", "query", "id", "accession"),
    "smiles": ("smiles",),
    "inchi": ("inchi",),
    "inchikey": ("inchikey",),
    "formula": ("formula",),
    "cas": ("cas", "cas_number", "casrn"),
    "ri": ("ri", "retention_index"),
    "ri_scale": ("ri_scale", "ri_type"),
    "ri_extrapolated": ("ri_extrapolated",),
    "ionization": ("ionization", "ionisation", "ion_source", "ionization_mode"),
    "instrument type": ("instrument_type",),
    "ms level": ("ms_level", "mslevel"),
    "ion mode": ("ion_mode", "ionmode", "polarity"),
    "adduct": ("adduct", "precursor_type"),
    "source": ("source", "accession", "contributor"),
    "license": ("license", "licence"),
    "reason": ("reason",),
}
"""Columns that a table may have, in the order they are looked for; upper or lower case does not matter."""

_IONIZATION = ("ionization", "instrument type", "ms level", "ion mode", "adduct")

PREDICTED_BY = "predicted_by"
"""Key of a library's metadata that says its spectra were predicted, and by which model."""

MODEL_SHA256 = "model_sha256"
"""Key of the SHA-256 sum of that model's weights."""

_ALWAYS = {"entry", "name", "smiles", "inchikey", "formula", "ri", "mz", "intensity", "reason"}
"""Columns of SPECTRA in all versions of this project."""

_UNEQUAL = "m/z and intensity differ in number"


class SpectraTable(NamedTuple):
    """The contents of a foreign table, one row per record.

    Attributes
    ----------
    identities : list of Identity, length n
        Names, structures, indices.
    peaks : Peaks
        Of n records, as the table has them.
    extrapolated : list of bool or None, length n
        Whether the retention index lies outside the ladder.
    has_names : bool
        The table has a column with names.
    """

    identities: list[Identity]
    peaks: Peaks
    extrapolated: list[bool | None]
    has_names: bool


def is_library(path: Path) -> bool:
    """Tell whether a file is a library of schema SPECTRA that this project wrote.

    Raises
    ------
    InputError
        The file is damaged.
    """
    if path.is_dir() or head(path, 4) != b"PAR1":
        return False
    schema = _schema(path)
    return b"spectus_version" in (schema.metadata or {}) and set(schema.names) >= _ALWAYS


def read_library(path: Path, without: Sequence[str] = ()) -> pa.Table | None:
    """Read a library of schema SPECTRA that this project wrote, as it stands.

    Its spectra were checked when it was made. Rows may have been taken out since: `entry` is counted anew. Columns that
    the version which wrote it did not have are null.

    Parameters
    ----------
    path
        The file.
    without
        Columns that are not read and null.

    Returns
    -------
    pa.Table or None
        None if the file is another table.

    Raises
    ------
    InputError
        The file is not a readable Parquet file.
    """
    if not is_library(path):
        return None
    names = set(_schema(path).names)
    present = [name for name in SPECTRA.names if name in names and name not in without]
    spectra = tables.read(path, SPECTRA, present)
    columns = [
        spectra[field.name] if field.name in present else pa.nulls(len(spectra), field.type) for field in SPECTRA
    ]
    spectra = pa.Table.from_arrays(columns, schema=SPECTRA)
    return spectra.set_column(0, SPECTRA.field("entry"), pa.array(range(len(spectra)), pa.int32()))


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error


def predicted_by(path: Path) -> str | None:
    """Return the prediction model that made a library of predicted spectra; None for every other file."""
    return _said(path, PREDICTED_BY)


def predicted_with(path: Path) -> str | None:
    """Return the SHA-256 sum of the weights that predicted a library; None where it does not say."""
    return _said(path, MODEL_SHA256)


def _said(path: Path, key: str) -> str | None:
    """Return an entry of a Parquet file's metadata; None where there is none, and for every other file."""
    if path.is_dir() or head(path, 4) != b"PAR1":
        return None
    made = (_schema(path).metadata or {}).get(key.encode())
    return made.decode() if made else None


def read_table(path: Path) -> SpectraTable:
    """Read names, structures and peak lists of a table, one row per record.

    The name is `feature`, "`run`/`component`", `name`, `query`, `id` or `accession`, whichever the table has first.
    Columns that are not needed are not read.

    Raises
    ------
    InputError
        The file is not a readable Parquet file, or `mz` or `intensity` is missing or holds no lists of numbers.
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
    texts = {
        meaning: _texts(rows[name], path, name)
        for meaning, name in chosen.items()
        if meaning not in ("ri", "ri_extrapolated")
    }
    if len(of_run) == 2 and "feature" not in found:
        run, component = (_texts(rows[name], path, name) for name in of_run)
        texts["name"] = [f"{a}/{b}" for a, b in zip(run, component, strict=True)]
    nothing: list[str | None] = [None] * len(rows)
    return SpectraTable(
        _identities(rows, chosen.get("ri"), texts),
        _peaks(rows, found, texts.get("reason", nothing), path),
        _flags(rows[chosen["ri_extrapolated"]]) if "ri_extrapolated" in chosen else [None] * len(rows),
        "name" in texts,
    )


def _identities(rows: pa.Table, ri: str | None, texts: dict[str, list[str | None]]) -> list[Identity]:
    """Bring the text columns of a table together as the fields of a text library are."""
    nothing: list[str | None] = [None] * len(rows)
    indices = _indices(rows[ri]) if ri else [(None, None, None)] * len(rows)
    methods = {meaning: texts[meaning] for meaning in _IONIZATION if meaning in texts}
    said = zip(*methods.values(), strict=True) if methods else [()] * len(rows)
    ionizations = [_ionization(tuple(methods), values) for values in said]
    found = []
    for place, (index, named, unread) in enumerate(indices):
        smiles, inchi, inchikey = structure_fields(
            [texts.get("smiles", nothing)[place]],
            [texts.get("inchi", nothing)[place], texts.get("inchikey", nothing)[place]],
        )
        formula = texts.get("formula", nothing)[place]
        found.append(
            Identity(
                texts.get("name", nothing)[place],
                smiles,
                inchi,
                inchikey,
                None if formula is None or formula.lower() in PLACEHOLDERS else formula,
                index,
                named or scale_named(texts.get("ri_scale", nothing)[place] or ""),
                unread,
                ionizations[place],
                texts.get("source", nothing)[place] or None,
                texts.get("license", nothing)[place] or None,
                cas_number(texts.get("cas", nothing)[place]),
            )
        )
    return found


@lru_cache(maxsize=4096)
def _ionization(meanings: tuple[str, ...], values: tuple[str | None, ...]) -> str | None:
    """Name the ionization by the values of some columns; few records of a library differ in them."""
    said = {meaning: value for meaning, value in zip(meanings, values, strict=True) if value}
    return describe_ionization(said)


def _peaks(rows: pa.Table, found: dict[str, str], given: list[str | None], path: Path) -> Peaks:
    mz, n_mz = _lists(rows[found["mz"]], path, found["mz"])
    intensity, n_intensity = _lists(rows[found["intensity"]], path, found["intensity"])
    equal = n_mz == n_intensity
    reasons = [reason or (None if same else _UNEQUAL) for reason, same in zip(given, equal.tolist(), strict=True)]
    offsets = np.concatenate([[0], np.cumsum(np.where(equal, n_mz, 0))])
    return Peaks(mz[np.repeat(equal, n_mz)], intensity[np.repeat(equal, n_intensity)], offsets, reasons)


def _lists(column: pa.ChunkedArray, path: Path, name: str) -> tuple[Singles, Ints]:
    """Return all values of a list column (nulls as NaN), and how many each row has (a null row none)."""
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
        texts: list[str | None] = pc.utf8_trim_whitespace(column.cast(pa.string())).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            path, f"the column {name} holds {column.type}, not text", "store it as text or leave it out"
        ) from error
    return texts


def _indices(column: pa.ChunkedArray) -> list[tuple[float | None, RiScale | None, str | None]]:
    """Return index, scale and unread text of each row; the column holds numbers, or text as libraries write it."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        values = column.cast(pa.float64())
        usable = pc.fill_null(pc.and_(pc.greater(values, 0), pc.is_finite(values)), False)
        return [(value, None, None) for value in pc.if_else(usable, values, pa.scalar(None, pa.float64())).to_pylist()]
    return [index_of_field(text or "") for text in column.cast(pa.string()).to_pylist()]


def _flags(column: pa.ChunkedArray) -> list[bool | None]:
    """Return a column of booleans; null where the column holds something else."""
    flags: list[bool | None] = column.to_pylist() if pa.types.is_boolean(column.type) else [None] * len(column)
    return flags


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(path, f"not a readable Parquet file ({first_line(error)})", "make it or copy it again")
