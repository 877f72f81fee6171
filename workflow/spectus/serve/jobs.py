"""Jobs of identification in an SQLite file, so that they survive a restart of the server."""

import contextlib
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from spectus.errors import InputError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, name TEXT NOT NULL, spectrum TEXT NOT NULL,
    denovo INTEGER NOT NULL, status TEXT NOT NULL, candidates TEXT, note TEXT, reason TEXT,
    created_at REAL NOT NULL, ended_at REAL, owner TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, number);
CREATE TABLE IF NOT EXISTS predictions (number INTEGER PRIMARY KEY, content TEXT NOT NULL);
"""
_ADD_OWNER = "ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT ''"
_ID_BYTES = 16
"""Random bytes of an id. Chosen: nobody can guess the id of a job of somebody else."""


class JobStatus(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Job:
    """The identification of one spectrum.

    Attributes
    ----------
    id : str
        Random name.
    name : str
        Name of the spectrum.
    spectrum : dict
        Row of the SPECTRA schema.
    denovo : bool
        De novo candidates are wanted as well.
    status : JobStatus
        State.
    candidates : list of dict or None
        Rows of the CANDIDATES schema; None until completed.
    note : str or None
        What was left out of the spectrum.
    reason : str or None
        Why there is no result.
    """

    id: str
    name: str
    spectrum: dict[str, Any]
    denovo: bool
    status: JobStatus
    candidates: list[dict[str, Any]] | None
    note: str | None
    reason: str | None


class JobStore:
    """The jobs of a server. All methods can be called from any thread.

    Parameters
    ----------
    path : Path or None
        SQLite file; None keeps the jobs in memory.
    keep_s : float
        Time for which an ended job is kept, s.
    clock : callable
        Returns the time, s since 1970.

    Raises
    ------
    InputError
        The file cannot be opened, or is no store of jobs.
    """

    def __init__(self, path: Path | None, keep_s: float, clock: Callable[[], float] = time.time) -> None:
        self.path, self._keep_s, self._clock = path, keep_s, clock
        self._changed = threading.Condition(threading.RLock())
        self._closed = False
        try:
            self._database = open_database(path, _SCHEMA)
            if "owner" not in {row["name"] for row in self._database.execute("PRAGMA table_info(jobs)")}:
                self._database.execute(_ADD_OWNER)  # a file of version 0.4.0
            # The server was stopped while these were running.
            self._database.execute("UPDATE jobs SET status = ? WHERE status = ?", (JobStatus.QUEUED, JobStatus.RUNNING))
        except sqlite3.Error as error:
            raise InputError(path or "--jobs", f"cannot be used for jobs ({error})", "give another file") from error

    def add(self, rows: Sequence[dict[str, Any]], denovo: bool, most: int, owner: str = "") -> list[Job] | None:
        """Add a job for each spectrum, all or none.

        Parameters
        ----------
        rows : sequence of dict
            Rows of the SPECTRA schema.
        denovo : bool
            De novo candidates are wanted as well.
        most : int
            Largest number of waiting jobs.
        owner : str
            Who sees the jobs.

        Returns
        -------
        list of Job or None
            The jobs; None if more than `most` would wait.
        """
        with self._changed:
            if self._count(JobStatus.QUEUED) + len(rows) > most:
                return None
            self._drop_old()
            ids = [secrets.token_urlsafe(_ID_BYTES) for _ in rows]
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO jobs (id, name, spectrum, denovo, status, created_at, owner) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (name, row["name"], json.dumps(row), denovo, JobStatus.QUEUED, self._clock(), owner)
                    for name, row in zip(ids, rows, strict=True)
                ],
            )
            self._database.execute("COMMIT")
            self._changed.notify_all()
            return [job for name in ids if (job := self._get(name, owner))]

    def get(self, name: str, owner: str = "") -> Job | None:
        """Return a job; None if no job of this owner has this id."""
        with self._changed:
            self._drop_old()
            return self._get(name, owner)

    def latest(self, most: int, owner: str = "") -> list[Job]:
        """Return the latest jobs of an owner, the newest first."""
        with self._changed:
            self._drop_old()
            found = self._database.execute(
                "SELECT * FROM jobs WHERE owner = ? ORDER BY number DESC LIMIT ?", (owner, most)
            )
            return [_job(row) for row in found]

    def cancel(self, name: str, owner: str = "") -> Job | None:
        """Cancel a job that has not ended; return it as it is then. None if no job of this owner has this id.

        What is being computed for a job that runs is discarded.
        """
        with self._changed:
            if self._get(name, owner):
                for before in (JobStatus.QUEUED, JobStatus.RUNNING):
                    self._end_where(name, before, JobStatus.CANCELLED, None, None)
            return self._get(name, owner)

    def take(self, most: int) -> list[Job]:
        """Wait for jobs and take the oldest ones that want the same sources; none once the store is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._count(JobStatus.QUEUED))
            if self._closed:
                return []
            waiting = self._database.execute(
                "SELECT * FROM jobs WHERE status = ? AND denovo = (SELECT denovo FROM jobs WHERE status = ? "
                "ORDER BY number LIMIT 1) ORDER BY number LIMIT ?",
                (JobStatus.QUEUED, JobStatus.QUEUED, most),
            )
            jobs = [_job(row) for row in waiting]
            for job in jobs:
                self._database.execute("UPDATE jobs SET status = ? WHERE id = ?", (JobStatus.RUNNING, job.id))
            return jobs

    def complete(self, job: Job, candidates: Sequence[dict[str, Any]], note: str | None) -> None:
        """Store the candidates of a job."""
        with self._changed:
            self._end_where(job.id, JobStatus.RUNNING, JobStatus.COMPLETED, json.dumps(list(candidates)), None, note)

    def fail(self, job: Job, reason: str) -> None:
        """Store why a job has no result."""
        with self._changed:
            self._end_where(job.id, JobStatus.RUNNING, JobStatus.FAILED, None, reason)

    def remove(self, name: str, owner: str = "") -> Job | None:
        """Cancel a job and delete it with its result; return it as it was. None if this owner has no such job."""
        with self._changed:
            job = self.cancel(name, owner)
            self._database.execute("DELETE FROM jobs WHERE id = ? AND owner = ?", (name, owner))
            return job

    def counts(self) -> dict[str, int]:
        """Return the number of jobs by status."""
        with self._changed:
            found = dict(self._database.execute("SELECT status, COUNT(*) FROM jobs GROUP BY status").fetchall())
            return {status.value: int(found.get(status.value, 0)) for status in JobStatus}

    def keep_predictions(self, content: Sequence[dict[str, Any]]) -> None:
        """Store the requests for predictions and their answers, for `kept_predictions` after a restart."""
        with self._changed:
            self._database.execute("BEGIN")
            self._database.execute("DELETE FROM predictions")
            self._database.executemany(
                "INSERT INTO predictions (content) VALUES (?)", [(json.dumps(each),) for each in content]
            )
            self._database.execute("COMMIT")

    def kept_predictions(self) -> list[dict[str, Any]]:
        """Return what `keep_predictions` stored, in its order."""
        with self._changed:
            found = self._database.execute("SELECT content FROM predictions ORDER BY number")
            return [json.loads(row["content"]) for row in found]

    def close(self) -> None:
        """Close the store: `take` returns an empty list from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _get(self, name: str, owner: str) -> Job | None:
        row = self._database.execute("SELECT * FROM jobs WHERE id = ? AND owner = ?", (name, owner)).fetchone()
        return None if row is None else _job(row)

    def _count(self, status: JobStatus) -> int:
        return int(self._database.execute("SELECT COUNT(*) FROM jobs WHERE status = ?", (status,)).fetchone()[0])

    def _end_where(
        self, name: str, before: JobStatus, after: JobStatus, candidates: str | None, reason: str | None,
        note: str | None = None,
    ) -> None:  # fmt: skip
        self._database.execute(
            "UPDATE jobs SET status = ?, candidates = ?, reason = ?, note = ?, ended_at = ? "
            "WHERE id = ? AND status = ?",
            (after, candidates, reason, note, self._clock(), name, before),
        )

    def _drop_old(self) -> None:
        self._database.execute("DELETE FROM jobs WHERE ended_at < ?", (self._clock() - self._keep_s,))


def open_database(path: Path | None, schema: str) -> sqlite3.Connection:
    """Open an SQLite file, which only its user may read, or a database in memory, and make its tables.

    Parameters
    ----------
    path : Path or None
        The file; None: in memory.
    schema : str
        SQL that makes the tables if they are absent.

    Raises
    ------
    sqlite3.Error
        The file cannot be opened, or is no SQLite file.
    """
    if path and not path.exists():
        with contextlib.suppress(OSError):  # sqlite3 says what is wrong
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
    database.row_factory = sqlite3.Row
    if path:
        database.execute("PRAGMA journal_mode=WAL")
    database.executescript(schema)
    return database


def _job(row: sqlite3.Row) -> Job:
    candidates = None if row["candidates"] is None else json.loads(row["candidates"])
    return Job(
        row["id"], row["name"], json.loads(row["spectrum"]), bool(row["denovo"]), JobStatus(row["status"]), candidates,
        row["note"], row["reason"],
    )  # fmt: skip
