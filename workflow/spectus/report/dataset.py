"""The campaign's Parquet data set: the files of each table merged, checked and put in order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spectus import tables
from spectus.errors import InputError
from spectus.files import replacing
from spectus.samples import Sample

_MOST_NAMED = 3
"""Files that an error message names. Chosen: the message stays one line."""


@dataclass(frozen=True)
class TableKind:
    """One table of the data set.

    Attributes
    ----------
    schema : pyarrow.Schema
        Its columns.
    key : tuple of str
        The columns that together name a row.
    kept : tuple of str
        The columns held in memory, for a table that may be larger than the memory; empty: all.
    required : bool
        A campaign cannot be reported without it. A table that is not required may be absent.
    """

    schema: pa.Schema
    key: tuple[str, ...]
    kept: tuple[str, ...] = ()
    required: bool = True


KINDS: dict[str, TableKind] = {
    "runs": TableKind(tables.RUNS, ("run",)),
    "components": TableKind(tables.COMPONENTS, ("run", "component"), kept=("run", "component", "rt_s", "height")),
    "ri_standards": TableKind(tables.RI_STANDARDS, ("run", "series", "carbon"), required=False),
    "features": TableKind(tables.FEATURES, ("feature",)),
    "peak_areas": TableKind(tables.PEAK_AREAS, ("feature", "run")),
    "amounts": TableKind(tables.AMOUNTS, ("compound", "run"), required=False),
    "calibration_curves": TableKind(tables.CALIBRATION_CURVES, ("compound", "batch"), required=False),
    "calibration_points": TableKind(tables.CALIBRATION_POINTS, ("compound", "run"), required=False),
    "blank_verdicts": TableKind(tables.BLANK_VERDICTS, ("feature", "blank_group"), required=False),
    "corrected_areas": TableKind(tables.CORRECTED_AREAS, ("feature", "run"), kept=("feature", "run"), required=False),
    "qc_runs": TableKind(tables.QC_RUNS, ("run",), required=False),
    "qc_features": TableKind(tables.QC_FEATURES, ("feature",), required=False),
    "library_hits": TableKind(tables.LIBRARY_HITS, ("query", "rank"), required=False),
    "denovo_candidates": TableKind(tables.DENOVO_CANDIDATES, ("query", "rank"), required=False),
    "candidates": TableKind(tables.CANDIDATES, ("query", "rank"), required=False),
}
"""The tables by name, in the order in which the stages write them."""

_SHEET_COLUMNS = {
    "type": (pa.string(), "type of the run in the sample sheet: sample, blank, ladder, ..."),
    "amount": (pa.float64(), "known amount in the sample sheet, in the unit of the sheet"),
    "batch": (pa.string(), "batch in the sample sheet; runs of one batch share their ladder"),
    "injection": (pa.float64(), "place in the order of injection, in the sample sheet"),
    "dilution": (pa.float64(), "factor on the amount found, in the sample sheet"),
}
"""Columns of the sample sheet that every data set's `runs` table has."""


@dataclass(frozen=True)
class CampaignTable:
    """A table of the campaign and the files that it was read from.

    Attributes
    ----------
    rows : pyarrow.Table
        The table, or the columns of it that are kept in memory, in the campaign's order.
    order : (n_rows,) array of int64 or None
        Place of each row in the files; None if the files had the campaign's order.
    files : tuple of Path
        The files. No file: the campaign has no such table.
    metadata : dict of str to str
        What the stage wrote into the files (version, hash of the configuration, model ...). Values that differ between
        the files are joined by "; ".
    """

    rows: pa.Table
    order: NDArray[np.int64] | None
    files: tuple[Path, ...]
    metadata: dict[str, str]


def merge_tables(files: Mapping[str, Sequence[Path]], samples: Sequence[Sample]) -> dict[str, CampaignTable]:
    """Read every table of KINDS from its files and put all rows into one order.

    Runs have the order of the sheet (of the files, without a sheet), features that of their table. All other rows are
    ordered by run or feature, then by their own number or rank. The runs get the columns of the sheet.

    Parameters
    ----------
    files : mapping of str to sequence of Path
        The files of each table. A table that is not required may be absent.
    samples : sequence of Sample
        The rows of the sample sheet; empty without one.

    Raises
    ------
    InputError
        A required table is missing, a file cannot be read, a row occurs twice, or a table names a run or feature that
        is not there.
    """
    for name, kind in KINDS.items():
        if kind.required and not files.get(name):
            raise InputError(f"table {name}", "is missing", f"give the files of the table {name}")
    found = {name: _concatenated(name, list(files.get(name) or [])) for name in KINDS}
    runs = _strings(found["runs"].rows["run"])
    sheet = {sample.run: position for position, sample in enumerate(samples)}
    run_order = sorted(runs, key=lambda run: sheet.get(run, len(sheet)))
    feature_order = _strings(found["features"].rows["feature"])
    orders = {"run": run_order, "feature": feature_order, "query": feature_order}
    merged = {name: _in_campaign_order(name, part, orders) for name, part in found.items()}
    return merged | {"runs": replace(merged["runs"], rows=_with_sheet(merged["runs"].rows, samples))}


def write_dataset(parts: Mapping[str, CampaignTable], folder: Path) -> None:
    """Write each table to `folder`/NAME.parquet, and dataset.json with rows, keys, and the meaning of each column.

    Parameters
    ----------
    parts : mapping of str to CampaignTable
        The tables. Those without files are left out.
    folder : Path
        Where to write.
    """
    present = {name: part for name, part in parts.items() if part.files}
    for name, part in present.items():
        _write_table(name, part, folder / f"{name}.parquet")
    description = {name: _description(name, part) for name, part in present.items()}
    with replacing(folder / "dataset.json") as temporary:
        temporary.write_text(json.dumps(description, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_table(name: str, part: CampaignTable, path: Path) -> None:
    kind = KINDS[name]
    extra = {key: text for key, text in part.metadata.items() if not key.startswith("spectus_")}
    if not kind.kept:
        tables.write(part.rows, path, part.rows.schema, extra)
    elif part.order is not None:
        tables.write(_read_files(part.files, kind.schema).take(pa.array(part.order)), path, kind.schema, extra)
    else:
        with tables.writing(path, kind.schema, extra) as writer:
            for file in part.files:
                for rows in tables.read_parts(file, kind.schema):
                    writer.append(rows)


def _with_sheet(runs: pa.Table, samples: Sequence[Sample]) -> pa.Table:
    """Add the columns of the sample sheet to the runs; a name that the table has already gets the prefix `sheet_`."""
    of_run = {sample.run: _sheet_row(sample) for sample in samples}
    rows = [of_run.get(run, {}) for run in _strings(runs["run"])]
    names = dict.fromkeys([*_SHEET_COLUMNS, *(name for row in of_run.values() for name in row)])
    for name in names:
        kind, about = _SHEET_COLUMNS.get(name, (pa.string(), "column of the sample sheet"))
        field = pa.field(f"sheet_{name}" if name in runs.column_names else name, kind, metadata={"about": about})
        runs = runs.append_column(field, pa.array([row.get(name) for row in rows], kind))
    return runs


def _sheet_row(sample: Sample) -> dict[str, Any]:
    """Return the sheet's columns of a run, but for its name and path, which the table of runs has."""
    row = {field.name: getattr(sample, field.name) for field in fields(sample) if field.name not in ("run", "path")}
    for name, value in list(row.items()):
        if isinstance(value, Mapping):  # columns that only the user knows
            row |= {key: str(text) for key, text in row.pop(name).items()}
        elif name not in _SHEET_COLUMNS and value is not None:
            row[name] = str(value)
    return row


def _concatenated(name: str, files: list[Path]) -> CampaignTable:
    kind = KINDS[name]
    if not files:
        return CampaignTable(kind.schema.empty_table(), None, (), {})
    rows = _read_files(files, kind.schema, kind.kept)
    _require_unique(name, rows, files)
    return CampaignTable(rows, None, tuple(files), _file_metadata(files))


def _read_files(files: Sequence[Path], schema: pa.Schema, columns: Sequence[str] = ()) -> pa.Table:
    return pa.concat_tables([tables.read(path, schema, columns) for path in files])


def _file_metadata(files: list[Path]) -> dict[str, str]:
    values: dict[str, dict[str, None]] = {}
    for path in files:
        for key, text in (pq.read_schema(path).metadata or {}).items():
            if key != b"pandas":
                values.setdefault(key.decode(), {})[text.decode(errors="replace")] = None
    return {key: "; ".join(filter(None, texts)) for key, texts in sorted(values.items())}


def _require_unique(name: str, rows: pa.Table, files: list[Path]) -> None:
    key = KINDS[name].key
    counted = rows.select(key).group_by(key).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted["count_all"], 1))
    if twice.num_rows:
        what = ", ".join(f"{column} {twice[column][0].as_py()!r}" for column in key)
        raise InputError(
            _named_files(files), f"{what} occurs twice", f"give each {name} table once, all of one campaign"
        )


def _in_campaign_order(name: str, part: CampaignTable, orders: Mapping[str, list[str]]) -> CampaignTable:
    key = KINDS[name].key
    columns = [_positions(part, column, orders) for column in key if column != "series"]
    if not part.rows.num_rows:
        return part
    order = np.lexsort(columns[::-1])
    if np.array_equal(order, np.arange(len(order))):
        return part
    return CampaignTable(part.rows.take(pa.array(order)), order, part.files, part.metadata)


def _positions(part: CampaignTable, column: str, orders: Mapping[str, list[str]]) -> NDArray[np.int64]:
    """Return what the rows are ordered by: a number, or the place of a name in the campaign, else in the table."""
    values = part.rows[column]
    if column not in orders:
        if pa.types.is_string(values.type):
            values = pc.index_in(values, value_set=values.unique())
        numbers: NDArray[np.int64] = values.to_numpy().astype(np.int64)
        return numbers
    places = pc.index_in(values, value_set=pa.array(orders[column], pa.string()))
    if places.null_count:
        stranger = values.filter(pc.is_null(places))[0].as_py()
        home = "runs" if column == "run" else "features"
        raise InputError(
            _named_files(part.files),
            f"names {stranger!r}, which is missing in the table of {home}",
            "give the tables of one campaign",
        )
    found: NDArray[np.int64] = places.to_numpy().astype(np.int64)
    return found


def _description(name: str, part: CampaignTable) -> dict[str, Any]:
    schema = KINDS[name].schema if KINDS[name].kept else part.rows.schema
    return {
        "file": f"{name}.parquet",
        "rows": part.rows.num_rows,
        "key": list(KINDS[name].key),
        "columns": {
            field.name: {"type": str(field.type), "about": (field.metadata or {}).get(b"about", b"").decode()}
            for field in schema
        },
    }


def _strings(column: pa.ChunkedArray) -> list[str]:
    texts: list[str] = column.to_pylist()
    return texts


def _named_files(files: Sequence[Path]) -> str:
    shown = [str(path) for path in files[:_MOST_NAMED]]
    return ", ".join(shown) + (f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else "")
