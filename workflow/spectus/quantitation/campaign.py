"""The runs of a campaign in the order of injection, and the areas of its features as a matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spectus import tables
from spectus.errors import InputError
from spectus.samples import Sample, number_in, read_samples
from spectus.types import Flags, Floats, Ints


@dataclass(frozen=True)
class CampaignRun:
    """One run with what the sheet and the raw file say.

    Attributes
    ----------
    sample
        Its row of the sheet.
    mzml
        Its mzML; None if it could not be read.
    acquired_at
        Start of the acquisition, as the file says.
    injection
        Place in the order of injection, from 1.
    """

    sample: Sample
    mzml: Path | None
    acquired_at: str | None
    injection: int


@dataclass(frozen=True)
class CampaignRuns:
    """The runs of a campaign without its ladder runs, in the order of the sheet.

    Attributes
    ----------
    runs
        The runs.
    order_source
        What the order of injection rests on: "sheet" (column `injection`), "acquired_at" or "rows" (of the sheet).
    path
        The sheet, for messages.
    """

    runs: Sequence[CampaignRun]
    order_source: str
    path: Path

    @property
    def names(self) -> list[str]:
        """Names of the runs."""
        return [run.sample.run for run in self.runs]

    @property
    def injections(self) -> Ints:
        """(n_runs,) places in the order of injection."""
        return np.array([run.injection for run in self.runs], dtype=np.int64)

    @property
    def dilutions(self) -> Floats:
        """(n_runs,) factors on the amounts found; 1 where the sheet gives none."""
        return np.array([run.sample.dilution or 1.0 for run in self.runs])

    def of_type(self, *types: str) -> Flags:
        """Return which runs have one of these types, (n_runs,)."""
        return np.array([run.sample.type in types for run in self.runs], dtype=bool)

    def amounts_of(self, compound: str) -> Floats:
        """Return the known amounts of a compound, (n_runs,); NaN where the sheet gives none.

        The column `amount NAME` (or `amount_NAME`) holds those of one compound, the column `amount` those of all that
        have no column of their own.

        Raises
        ------
        InputError
            A cell of such a column is not a number from 0 up.
        """
        found = np.full(len(self.runs), np.nan)
        wanted = {f"amount {compound}".casefold(), f"amount_{compound}".casefold()}
        own = {name for run in self.runs for name in run.sample.extra if name.casefold() in wanted}
        for place, run in enumerate(self.runs):
            cells = [run.sample.extra[name] for name in own if name in run.sample.extra]
            if cells:
                number = number_in(cells[0])
                if number is None or number < 0:
                    problem = f"amount {cells[0]!r} of {compound} is not a number from 0 up"
                    raise InputError(f"{self.path}, run {run.sample.run!r}", problem, "write for example 2.5")
                found[place] = number
            elif not own and run.sample.amount is not None:
                found[place] = run.sample.amount
        return found

    def one_cell(self, column: str) -> str | None:
        """Return the one text that a column of the sheet has in every run that has any.

        Raises
        ------
        InputError
            The column has two texts.
        """
        names = {name for run in self.runs for name in run.sample.extra if name.casefold() == column}
        texts = {run.sample.extra[name] for run in self.runs for name in names if name in run.sample.extra}
        if len(texts) > 1:
            shown = " and ".join(sorted(texts)[:2])
            raise InputError(self.path, f"the column {column!r} has {shown}", "write the same text in every row")
        return next(iter(texts), None)


def read_runs(sheet: Path, runs_tables: Sequence[Path], measured: Sequence[str]) -> CampaignRuns:
    """Read the runs of a campaign.

    Parameters
    ----------
    sheet
        Sample sheet.
    runs_tables
        Tables of runs; empty if areas are to be compared only.
    measured
        Names of the runs that have peak areas. Other runs of the sheet are left out.

    Raises
    ------
    InputError
        The sheet or a table cannot be read, or the sheet lacks a run.
    """
    samples = read_samples(sheet)
    known = {sample.run for sample in samples}
    stranger = next((run for run in measured if run not in known), None)
    if stranger is not None:
        raise InputError(sheet, f"lacks the run {stranger!r}", "add a line for it, or give the sheet of this campaign")
    wanted = set(measured)
    kept = [sample for sample in samples if sample.run in wanted and sample.type != "ladder"]
    about = _facts(runs_tables)
    places, source = _injections(kept, about)
    runs = [
        CampaignRun(sample, *about.get(sample.run, (None, None)), injection)
        for sample, injection in zip(kept, places, strict=True)
    ]
    return CampaignRuns(runs, source, sheet)


def _facts(runs_tables: Sequence[Path]) -> dict[str, tuple[Path | None, str | None]]:
    """Return the mzML and the time of acquisition of each run."""
    found = {}
    for path in runs_tables:
        for row in tables.read(path, tables.RUNS, ["run", "status", "mzml", "acquired_at"]).to_pylist():
            usable = row["status"] == "ok" and row["mzml"]
            found[row["run"]] = (Path(row["mzml"]) if usable else None, row["acquired_at"])
    return found


def _injections(
    samples: Sequence[Sample], about: Mapping[str, tuple[Path | None, str | None]]
) -> tuple[list[int], str]:
    """Return the places of the runs in the order of injection, from 1, and what they rest on."""
    stated = [sample.injection for sample in samples]
    if all(place is not None for place in stated):
        return _ranks([place for place in stated if place is not None]), "sheet"
    times = [_seconds(about.get(sample.run, (None, None))[1]) for sample in samples]
    if all(time is not None for time in times):
        return _ranks([time for time in times if time is not None]), "acquired_at"
    return list(range(1, len(samples) + 1)), "rows"


def _ranks(values: Sequence[float]) -> list[int]:
    order = np.argsort(np.asarray(values), kind="stable")
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.arange(1, len(values) + 1)
    return [int(rank) for rank in ranks]


def _seconds(text: str | None) -> float | None:
    """Return a time of acquisition as seconds that can be compared within one campaign."""
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (time.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()  # local time of one instrument


@dataclass(frozen=True)
class AreaMatrix:
    """Areas and times of all features in the runs of a campaign, each (n_features, n_runs).

    Attributes
    ----------
    features
        Names of the features.
    area
        Counts x s; NaN where there is none.
    rt_s
        Apex, or where it is expected, s.
    perceived
        A component was perceived; the area was not filled in.
    """

    features: Sequence[str]
    area: Floats
    rt_s: Floats
    perceived: Flags


def read_areas(path: Path, features: Sequence[str], runs: Sequence[str]) -> AreaMatrix:
    """Read the areas of some runs.

    Parameters
    ----------
    path
        Table of peak areas.
    features, runs
        Names of the rows and columns of the matrix.

    Raises
    ------
    InputError
        The table cannot be read or names a feature that is not there.
    """
    shape = (len(features), len(runs))
    area, rt_s, perceived = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    known, wanted = pa.array(list(features), pa.string()), pa.array(list(runs), pa.string())
    for part in tables.read_parts(path, tables.PEAK_AREAS):
        rows, columns = pc.index_in(part["feature"], value_set=known), pc.index_in(part["run"], value_set=wanted)
        if rows.null_count:
            unknown = part["feature"].filter(pc.is_null(rows))[0].as_py()
            raise InputError(path, f"names the feature {unknown!r}, which is missing", "give tables of one campaign")
        kept = pc.is_valid(columns).to_numpy()
        place = rows.to_numpy()[kept], pc.fill_null(columns, 0).to_numpy()[kept]
        for matrix, name in ((area, "area"), (rt_s, "rt_s")):
            matrix[place] = pc.fill_null(part[name], np.nan).to_numpy()[kept]
        perceived[place] = pc.is_valid(part["component"]).to_numpy()[kept]
    return AreaMatrix(list(features), area, rt_s, perceived)


def runs_with_areas(path: Path) -> list[str]:
    """Return the names of the runs in a table of peak areas, in their order."""
    found: dict[str, None] = {}
    for part in tables.read_parts(path, tables.PEAK_AREAS, ["run"]):
        found |= dict.fromkeys(part["run"].unique().to_pylist())
    return list(found)
