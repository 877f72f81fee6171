"""Whether each run and the ladder that it uses were measured by one method, and at about the same time.

A retention index holds only where the run and its ladder had the same column, flow and oven program. Raw files do not
state these, but they state when their scans begin and end, and when the run was made.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import pyarrow as pa

_OTHER_START_S = 180.0
"""Difference of the first scans, s. Chosen: solvent delays of one method differ less."""

_OTHER_END_S = 60.0
"""Difference of the last scans, s. Chosen: runs of one oven program end within seconds of each other."""

_OLD_DAYS = 30
"""Days between a run and its ladder. Chosen: within weeks, columns are cut and replaced."""

_NAMED = 3
"""Runs that a sentence names."""


def ladder_doubts(runs: pa.Table, ladder_of: Mapping[str, str]) -> list[str]:
    """Say in one sentence each what speaks against a ladder of some runs.

    Parameters
    ----------
    runs
        Table of schema RUNS. What it does not state is not compared.
    ladder_of
        The ladder run of each run.

    Returns
    -------
    list of str
        Empty if nothing does.
    """
    facts = {row["run"]: row for row in runs.to_pylist() if row["status"] == "ok"}
    doubts = dict[tuple[str, str], list[str]]()
    for run, ladder in ladder_of.items():
        if run != ladder and run in facts and ladder in facts:
            for doubt in _doubts_of(facts[run], facts[ladder]):
                doubts.setdefault((ladder, doubt), []).append(run)
    return [_sentence(ladder, doubt, of_runs) for (ladder, doubt), of_runs in doubts.items()]


def _sentence(ladder: str, doubt: str, runs: list[str]) -> str:
    more = len(runs) - _NAMED
    names = ", ".join(runs[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return (
        f"The ladder {ladder} {doubt} {names}. Retention indices are right only with a ladder of the same method and "
        "column. Check them, or give these runs another ladder in the sample sheet."
    )


def _doubts_of(run: Mapping[str, object], ladder: Mapping[str, object]) -> Iterable[str]:
    """Yield the middle of a sentence for each difference."""
    for column, most, what in (("rt_min_s", _OTHER_START_S, "starts"), ("rt_max_s", _OTHER_END_S, "ends")):
        of_run, of_ladder = run[column], ladder[column]
        if isinstance(of_run, float) and isinstance(of_ladder, float) and abs(of_run - of_ladder) > most:
            yield f"{what} at {of_ladder / 60:.1f} min, unlike"
    days = _days_between(run["acquired_at"], ladder["acquired_at"])
    if days is not None and days > _OLD_DAYS:
        yield f"was measured more than {_OLD_DAYS} days before or after"


def _days_between(first: object, second: object) -> float | None:
    """Return the days between two times as ISO 8601; None where one is missing or cannot be read."""
    try:
        times = [datetime.fromisoformat(str(text)).replace(tzinfo=None) for text in (first, second) if text]
    except ValueError:
        return None
    return abs((times[0] - times[1]).total_seconds()) / 86_400 if len(times) == 2 else None
