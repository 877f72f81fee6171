import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spectus.errors import InputError
from spectus.serve.jobs import JobStatus, JobStore


def row(name: str) -> dict[str, Any]:
    return {"name": name, "mz": [50.0], "intensity": [1.0], "reason": None}


def test_jobs_survive_a_restart_and_those_that_ran_wait_again(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite", 3600)
    added = store.add([row("one"), row("two"), row("three")], True, 10)
    assert added is not None
    taken = store.take(2)
    store.complete(taken[0], [{"rank": 1, "name": "toluene"}], "2 peaks were left out")
    again = JobStore(tmp_path / "jobs.sqlite", 3600)
    first, second, third = (again.get(job.id) for job in added)
    assert first and first.status is JobStatus.COMPLETED and first.candidates == [{"rank": 1, "name": "toluene"}]
    assert first.note == "2 peaks were left out"
    assert second and third and second.status is third.status is JobStatus.QUEUED
    assert second.spectrum == row("two")
    assert [job.name for job in again.take(9)] == ["two", "three"]


def test_jobs_with_the_same_sources_are_taken_together_the_oldest_first() -> None:
    store = JobStore(None, 3600)
    for name, denovo in (("a", True), ("b", False), ("c", True)):
        store.add([row(name)], denovo, 10)
    assert [job.name for job in store.take(9)] == ["a", "c"]
    assert [job.name for job in store.take(9)] == ["b"]


def test_jobs_that_wait_or_run_can_be_cancelled() -> None:
    store = JobStore(None, 3600)
    running, waiting, ended = store.add([row("a"), row("b"), row("c")], True, 10) or []
    taken = store.take(1)
    assert all((store.cancel(job.id) or ended).status is JobStatus.CANCELLED for job in (running, waiting))
    store.complete(taken[0], [{"rank": 1}], None)
    found = store.get(running.id)
    assert found and found.status is JobStatus.CANCELLED and found.candidates is None
    store.fail(store.take(1)[0], "why")
    assert (store.cancel(ended.id) or running).status is JobStatus.FAILED
    assert store.cancel("absent") is None
    assert store.counts()["cancelled"] == 2


def test_owners_see_their_own_jobs_only() -> None:
    store = JobStore(None, 3600)
    (job,) = store.add([row("a")], True, 10, "one") or []
    assert store.get(job.id, "one") == job and [each.name for each in store.latest(9, "one")] == ["a"]
    assert store.get(job.id) is store.get(job.id, "two") is store.cancel(job.id, "two") is None
    assert store.latest(9, "two") == []
    assert store.counts()["queued"] == 1


def test_a_file_of_an_earlier_version_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    JobStore(path, 3600).add([row("a")], True, 10)
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE jobs DROP COLUMN owner")
        database.commit()
    assert [job.name for job in JobStore(path, 3600).latest(9)] == ["a"]


def test_the_file_is_for_its_user_only(tmp_path: Path) -> None:
    JobStore(tmp_path / "jobs.sqlite", 3600)
    assert (tmp_path / "jobs.sqlite").stat().st_mode & 0o077 == 0


def test_all_spectra_of_a_request_are_added_or_none() -> None:
    store = JobStore(None, 3600)
    assert store.add([row("a"), row("b")], True, 1) is None
    assert store.latest(10) == []


def test_ended_jobs_are_dropped_by_age_and_waiting_ones_never() -> None:
    now = [1000.0]
    store = JobStore(None, 60, lambda: now[0])
    ended, waiting = store.add([row("a"), row("b")], True, 10) or []
    store.fail(store.take(1)[0], "why")
    now[0] += 61
    assert store.get(ended.id) is None and store.get(waiting.id) is not None


def test_closing_ends_the_wait() -> None:
    store = JobStore(None, 60)
    store.close()
    assert store.take(1) == []


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_text("no database " * 100)
    with pytest.raises(InputError, match="cannot be used for jobs"):
        JobStore(tmp_path / "jobs.sqlite", 60)
