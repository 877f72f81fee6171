"""The campaign's Parquet data set: the batches of each table merged, checked and put in order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Kind:
    """One table of the data set.

    Attributes
    ----------
    schema, key: its schema, and the columns that together name a row.
    kept: the columns held in memory, where the whole table may be too long for it; empty: all.
    """

    schema: pa.Schema
    key: tuple[str, ...]
    kept: tuple[str, ...] = ()


KINDS: dict[str, Kind] = {
    "runs": Kind(tables.RUNS, ("run",)),
    "components": Kind(tables.COMPONENTS, ("run", "component"), kept=("run", "component", "rt_s", "height")),
    "ri_standards": Kind(tables.RI_STANDARDS, ("run", "series", "carbon")),
    "features": Kind(tables.FEATURES, ("feature",)),
    "peak_areas": Kind(tables.PEAK_AREAS, ("feature", "run")),
    "library_hits": Kind(tables.LIBRARY_HITS, ("query", "rank")),
    "denovo_candidates": Kind(tables.DENOVO_CANDIDATES, ("query", "rank")),
    "candidates": Kind(tables.CANDIDATES, ("query", "rank")),
}


@dataclass(frozen=True)
class Merged:
    """A table of the campaign and where it came from.

    Attributes
    ----------
    rows: the table, or the columns of it that are kept in memory, in the campaign's order.
    order: (n_rows,) where each row stood in the files; None if they had the campaign's order.
    files: the files it was merged from.
    metadata: what the stage wrote into them (version, hash of the configuration, model ...); values that differ
        between the files stand side by side, separated by "; ".
    """

    rows: pa.Table
    order: NDArray[np.int64] | None
    files: tuple[Path, ...]
    metadata: dict[str, str]


def merge(files: Mapping[str, Sequence[Path]], samples: Sequence[Sample]) -> dict[str, Merged]:
    """Read every table of KINDS from its files, one after another, and order them alike.

    Runs stand in the order of the sheet (of the files, without one), features in the order of their table, and
    everything else by these and by its own number or rank.

    Raises
    ------
    InputError: a file cannot be read, a row occurs twice, or a table names a run or feature that is not there.
    """
    found = {name: _concatenated(name, list(files[name])) for name in KINDS}
    runs = _strings(found["runs"].rows["run"])
    sheet = {sample.run: position for position, sample in enumerate(samples)}
    run_order = sorted(runs, key=lambda run: sheet.get(run, len(sheet)))
    feature_order = _strings(found["features"].rows["feature"])
    orders = {"run": run_order, "feature": feature_order, "query": feature_order}
    return {name: _ordered(name, part, orders) for name, part in found.items()}


def write_dataset(parts: Mapping[str, Merged], folder: Path) -> None:
    """Write each table to `folder`/<name>.parquet, and dataset.json: rows, keys, and what each column means."""
    for name, part in parts.items():
        _write_part(name, part, folder / f"{name}.parquet")
    description = {name: _described(name, part) for name, part in parts.items()}
    with replacing(folder / "dataset.json") as temporary:
        temporary.write_text(json.dumps(description, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_part(name: str, part: Merged, path: Path) -> None:
    kind = KINDS[name]
    extra = {key: text for key, text in part.metadata.items() if not key.startswith("spectus_")}
    if not kind.kept:
        tables.write(part.rows, path, kind.schema, extra)
    elif part.order is not None:
        tables.write(_read(part.files, kind.schema).take(pa.array(part.order)), path, kind.schema, extra)
    else:
        with tables.writing(path, kind.schema, extra) as writer:
            for file in part.files:
                for rows in tables.read_parts(file, kind.schema):
                    writer.append(rows)


def _concatenated(name: str, files: list[Path]) -> Merged:
    rows = _read(files, KINDS[name].schema, KINDS[name].kept)
    _require_unique(name, rows, files)
    return Merged(rows, None, tuple(files), _metadata(files))


def _read(files: Sequence[Path], schema: pa.Schema, columns: Sequence[str] = ()) -> pa.Table:
    return pa.concat_tables([tables.read(path, schema, columns) for path in files])


def _metadata(files: list[Path]) -> dict[str, str]:
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
        raise InputError(_joined(files), f"{what} occurs twice", f"give each {name} table once, all of one campaign")


def _ordered(name: str, part: Merged, orders: Mapping[str, list[str]]) -> Merged:
    key = KINDS[name].key
    columns = [_positions(name, part, column, orders) for column in key if column != "series"]
    if not part.rows.num_rows:
        return part
    order = np.lexsort(columns[::-1])
    if np.array_equal(order, np.arange(len(order))):
        return part
    return Merged(part.rows.take(pa.array(order)), order, part.files, part.metadata)


def _positions(name: str, part: Merged, column: str, orders: Mapping[str, list[str]]) -> NDArray[np.int64]:
    """What the rows are ordered by: a number itself, a name by its place in the campaign."""
    values = part.rows[column]
    if column not in orders:
        return values.to_numpy().astype(np.int64)
    places = pc.index_in(values, value_set=pa.array(orders[column], pa.string()))
    if places.null_count:
        stranger = values.filter(pc.is_null(places))[0].as_py()
        home = "runs" if column == "run" else "features"
        raise InputError(
            _joined(part.files),
            f"names {stranger!r}, which the {home} tables lack",
            "give the tables of one campaign",
        )
    return places.to_numpy().astype(np.int64)


def _described(name: str, part: Merged) -> dict[str, Any]:
    return {
        "file": f"{name}.parquet",
        "rows": part.rows.num_rows,
        "key": list(KINDS[name].key),
        "columns": {
            field.name: {"type": str(field.type), "about": (field.metadata or {}).get(b"about", b"").decode()}
            for field in KINDS[name].schema
        },
    }


def _strings(column: pa.ChunkedArray) -> list[str]:
    return column.to_pylist()


def _joined(files: Sequence[Path]) -> str:
    shown = [str(path) for path in files[:3]]
    return ", ".join(shown) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
