"""Retention indices of the components of a campaign, from the ladder runs that belong to them."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from spectus import tables
from spectus.deconvolution.component_tables import components_of, runs_in
from spectus.errors import InputError
from spectus.retention.retention_index import RetentionScale
from spectus.retention.ri_standards import Ladder, find_ladder
from spectus.samples import Sample, read_samples
from spectus.types import Flags

_LADDER_COLUMNS = ["run", "component", "rt_s", "height", "mz", "intensity"]
"""Columns of COMPONENTS that are needed to find a ladder."""


def calibrate_components(
    components: Sequence[Path],
    ladder: Sequence[Path] | None,
    samples: Path | None,
    series: str,
    out: Path,
    ri_standards: Path,
) -> None:
    """Write components with their retention indices, and the RI standards from which these are computed.

    With `ladder`, the RI standards of all runs in those tables make one scale. With `samples`, a run uses a ladder run
    of its own batch, or of the whole sheet if its batch has none. Among several it uses the nearest before it in the
    sheet, or else the nearest after it. Without a usable ladder in the sheet the indices stay null. They are also null
    too far beyond the ladder (see `RetentionScale.index`).

    Parameters
    ----------
    components
        Components tables.
    ladder
        Components tables of ladder runs; None if `samples` is given.
    samples
        Sample sheet; None if `ladder` is given.
    series
        'alkane', 'fame' or 'auto'.
    out
        Components table to write.
    ri_standards
        Table of RI standards to write.

    Raises
    ------
    InputError
        A table cannot be read, a run is in two tables or not in the sheet, or `ladder` holds no ladder.
    """
    runs = runs_in(components)
    if ladder is not None:
        ladders = _of_one_kind(_given_ladders(ladder, series))
        scale_of = dict.fromkeys(runs, _joined_scale(list(ladders.values())))
    else:
        assert samples is not None
        sheet = read_samples(samples)
        check_in_sheet(runs, sheet, samples)
        ladders = _of_one_kind(_ladders_of_sheet(runs, sheet, series))
        scale_of = {run: ladders[name].scale for run, name in nearest_ladders(sheet, ladders).items()}
    for found in ladders.values():
        _say(_summary(found))
    if not ladders:
        _say("no ladder run among the components; retention indices stay empty")
    tables.write(
        pa.concat_tables([tables.RI_STANDARDS.empty_table(), *(found.table() for found in ladders.values())]),
        ri_standards,
        tables.RI_STANDARDS,
    )
    with tables.writing(out, tables.COMPONENTS) as writer:
        for path in tqdm(components, desc="calibrate", unit="table", disable=None):
            for part in tables.read_parts(path, tables.COMPONENTS):
                writer.append(with_indices(part, scale_of))


def with_indices(components: pa.Table, scale_of: Mapping[str, RetentionScale]) -> pa.Table:
    """Fill `ri`, `ri_extrapolated` and `ri_scale` of components.

    Parameters
    ----------
    components
        Table of schema COMPONENTS.
    scale_of
        Retention scale of each run.

    Returns
    -------
    pa.Table
        The components. The three columns are null in runs without a scale; `ri` and `ri_scale` also too far beyond it.
    """
    run = components["run"].combine_chunks().dictionary_encode()
    names, row_run = run.dictionary.to_pylist(), run.indices.to_numpy()
    rt_s = components["rt_s"].to_numpy()
    index, outside = np.zeros(len(rt_s)), np.zeros(len(rt_s), dtype=bool)
    without_scale = np.ones(len(rt_s), dtype=bool)
    for position, name in enumerate(names):
        if name in scale_of:
            rows = row_run == position
            index[rows], outside[rows] = scale_of[name].index(rt_s[rows])
            without_scale[rows] = False
    series = np.array([scale_of[name].series if name in scale_of else None for name in names], dtype=object)[row_run]
    unknown = without_scale | ~np.isfinite(index)
    for name, values, null in (
        ("ri", index, unknown),
        ("ri_extrapolated", outside, without_scale),
        ("ri_scale", series, unknown),
    ):
        column = components.schema.get_field_index(name)
        components = components.set_column(column, tables.COMPONENTS.field(name), _column(name, values, null))
    return components


def _column(name: str, values: NDArray[Any], unknown: Flags) -> pa.Array:
    """Return a column of COMPONENTS that is null where `unknown`."""
    return pa.array(values, tables.COMPONENTS.field(name).type, mask=unknown)


def nearest_ladders(sheet: Sequence[Sample], ladders: Iterable[str]) -> dict[str, str]:
    """Choose the ladder run that each run of the sheet uses.

    Parameters
    ----------
    sheet
        The sample sheet.
    ladders
        Names of the usable ladder runs.

    Returns
    -------
    dict
        Ladder run of each run; empty if there is no ladder.
    """
    position = {sample.run: i for i, sample in enumerate(sheet)}
    known = sorted(ladders, key=position.__getitem__)
    chosen: dict[str, str] = {}
    for i, sample in enumerate(sheet):
        own = [name for name in known if sample.batch and sheet[position[name]].batch == sample.batch]
        among = own or known
        before = [name for name in among if position[name] <= i]
        if among:
            chosen[sample.run] = before[-1] if before else among[0]
    return chosen


def check_in_sheet(runs: Iterable[str], sheet: Sequence[Sample], path: Path) -> None:
    """Check that the sheet names all runs.

    Parameters
    ----------
    runs
        Names of runs.
    sheet
        The sample sheet.
    path
        Its file, for the message.

    Raises
    ------
    InputError
        A run is not in the sheet.
    """
    known = {sample.run for sample in sheet}
    for run in runs:
        if run not in known:
            raise InputError(path, f"run {run!r} is not in the sheet", "add it, or leave its components out")


def _given_ladders(paths: Sequence[Path], series: str) -> dict[str, Ladder]:
    """Find the ladder in every run of the tables."""
    runs = runs_in(paths)
    for path in paths:
        if path not in runs.values():
            raise InputError(path, "holds no components", "give the components of a ladder run")
    return {run: find_ladder(_of_run(paths, run), series) for run in runs}


def _ladders_of_sheet(runs: Mapping[str, Path], sheet: Sequence[Sample], series: str) -> dict[str, Ladder]:
    """Find the ladders of the sheet; a ladder run that shows none is reported and left out."""
    ladders: dict[str, Ladder] = {}
    for sample in sheet:
        if sample.type != "ladder":
            continue
        if sample.run not in runs:
            _say(f"{sample.run}: the ladder run has no components and is not used")
            continue
        try:
            ladders[sample.run] = find_ladder(_of_run([runs[sample.run]], sample.run), series)
        except InputError as error:
            _say(f"{error}; it is not used")
    return ladders


def _of_one_kind(ladders: dict[str, Ladder]) -> dict[str, Ladder]:
    """Return the ladders if they are all of one series; otherwise raise an InputError."""
    kinds = sorted({ladder.series.label for ladder in ladders.values()})
    if len(kinds) > 1:
        problem = f"are ladders of {' and '.join(kinds)}, whose indices cannot be compared"
        raise InputError(", ".join(ladders), problem, "choose one with --series")
    return ladders


def _of_run(paths: Sequence[Path], run: str) -> pa.Table:
    """Return the components of one run."""
    return pa.concat_tables(components_of(paths, [run], _LADDER_COLUMNS))


def _joined_scale(ladders: Sequence[Ladder]) -> RetentionScale:
    """Join the RI standards of several ladder runs, such as one of light and one of heavy alkanes, to one scale."""
    source = ", ".join(ladder.run for ladder in ladders)
    times: dict[int, list[float]] = {}
    for ladder in ladders:
        for ri_standard in ladder.ri_standards:
            times.setdefault(ri_standard.carbon, []).append(ri_standard.rt_s)
    carbons = sorted(times)
    rt_s = np.array([np.mean(times[carbon]) for carbon in carbons])
    return RetentionScale(rt_s, 100.0 * np.array(carbons), source, ladders[0].series.name)


def _summary(ladder: Ladder) -> str:
    """Describe a ladder in one line."""
    first, last = ladder.ri_standards[0].carbon, ladder.ri_standards[-1].carbon
    missing = ", ".join(f"C{carbon}" for carbon in ladder.missing)
    found = f"{ladder.run}: {ladder.series.label} C{first} to C{last}, {len(ladder.ri_standards)} RI standards found"
    return f"{found}, missing {missing}" if missing else f"{found}, none missing"


def _say(line: str) -> None:
    """Print one line on stderr."""
    print(f"spectus calibrate: {line}", file=sys.stderr)
