"""Reading the components of a campaign from one or more components tables, each of which holds one or more runs."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from spectus import tables
from spectus.errors import InputError


def runs_in(paths: Sequence[Path]) -> dict[str, Path]:
    """List the runs in components tables.

    Parameters
    ----------
    paths
        Components tables.

    Returns
    -------
    dict
        Name of each run, in order of appearance, and the table that holds it.

    Raises
    ------
    InputError
        A table cannot be read or is given twice, or two tables hold a run of the same name.
    """
    found: dict[str, Path] = {}
    for position, path in enumerate(paths):
        if path in paths[:position]:
            raise InputError(path, "is given twice", "name every components table once")
        own: dict[str, Path] = {}
        for part in tables.read_parts(path, tables.COMPONENTS, ["run"]):
            own |= dict.fromkeys(part["run"].unique().to_pylist(), path)
        for run in own:
            if run in found:
                raise InputError(path, f"run {run!r} is also in {found[run]}", "give every run its own name")
        found |= own
    return found


def components_of(
    paths: Sequence[Path], runs: Collection[str], columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield the components of some runs, table by table.

    Parameters
    ----------
    paths
        Components tables.
    runs
        Names of the wanted runs.
    columns
        Columns to read, `run` among them; all by default.

    Yields
    ------
    pa.Table
        Rows of the wanted runs, one row group of one file at a time; never empty.
    """
    wanted = pa.array(sorted(runs), pa.string())
    for path in paths:
        for part in tables.read_parts(path, tables.COMPONENTS, columns):
            rows = part.filter(pc.is_in(part["run"], wanted))
            if rows.num_rows:
                yield rows
