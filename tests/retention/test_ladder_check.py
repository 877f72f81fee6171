import pyarrow as pa
import pytest

from spectus import tables
from spectus.retention.ladder_check import ladder_doubts


def run(name: str, start_s: float = 240.0, end_s: float = 1800.0, at: str | None = "2026-03-01T10:00:00") -> dict:
    return {
        "run": name, "path": f"{name}.cdf", "status": "ok", "rt_min_s": start_s, "rt_max_s": end_s, "acquired_at": at,
    }  # fmt: skip


def doubts(*runs: dict) -> list[str]:
    return ladder_doubts(tables.table(tables.RUNS, list(runs)), {one["run"]: "L" for one in runs})


def test_runs_of_one_method_and_week_are_not_doubted() -> None:
    assert doubts(run("L"), run("a", 250.0, 1805.0, "2026-03-07T23:00:00"), run("b", at=None)) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (run("a", end_s=2400.0), "The ladder L ends at 30.0 min, unlike a."),
        (run("a", start_s=30.0), "The ladder L starts at 4.0 min, unlike a."),
        (run("a", at="2026-04-15"), "The ladder L was measured more than 30 days before or after a."),
        (run("a", at="2026-01-15T08:00:00+01:00"), "The ladder L was measured more than 30 days before or after a."),
    ],
)
def test_another_method_or_date_is_said_in_one_sentence(other: dict, said: str) -> None:
    found = doubts(run("L"), other)
    assert len(found) == 1
    assert found[0].startswith(said)
    assert found[0].endswith("or give these runs another ladder in the sample sheet.")


def test_many_runs_are_counted() -> None:
    (found,) = doubts(run("L"), *(run(f"r{number}", end_s=3000.0) for number in range(7)))
    assert "unlike r0, r1, r2 and 4 more." in found


def test_what_is_not_known_is_not_compared() -> None:
    unknown = run("a", at="in spring") | {"rt_min_s": None, "rt_max_s": None}
    failed = run("b", end_s=9000.0) | {"status": "failed"}
    assert doubts(run("L"), unknown, failed) == []
    assert ladder_doubts(pa.Table.from_pylist([run("a")], tables.RUNS), {"a": "absent"}) == []
