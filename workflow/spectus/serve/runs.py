"""Raw runs that were sent to the server, in an SQLite file, so that they survive a restart."""

import json
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectus.errors import InputError
from spectus.serve.jobs import JobStatus, open_database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL,
    denovo INTEGER NOT NULL, most INTEGER NOT NULL, status TEXT NOT NULL, components TEXT, note TEXT, reason TEXT,
    ended_at REAL, owner TEXT NOT NULL
);
"""
_ID_BYTES = 16
"""Random bytes of an id. Chosen: nobody can guess the id of a run of somebody else."""
_MOST_WAITING = 20
"""Raw runs that may wait. Chosen: they take 10 GB of the disk at most."""


@dataclass(frozen=True)
class RunJob:
    """A raw run, which is deconvoluted and whose components become jobs of identification.

    Attributes
    ----------
    id : str
        Random name.
    name : str
        Name of the run.
    file : Path
        The raw file, or a zip archive of a vendor's folder.
    denovo : bool
        De novo candidates are wanted as well.
    most : int
        Largest number of components to identify, the largest areas first.
    status : JobStatus
        State of the deconvolution.
    components : list of dict or None
        Facts of each component, and the id of its identification under `identification`; None until completed.
    note : str or None
        What was assumed or left out when the run was read.
    reason : str or None
        Why there are no components.
    owner : str
        Who sees the run.
    """

    id: str
    name: str
    file: Path
    denovo: bool
    most: int
    status: JobStatus
    components: list[dict[str, Any]] | None
    note: str | None
    reason: str | None
    owner: str


class RunStore:
    """The raw runs of a server. All methods can be called from any thread.

    Parameters
    ----------
    path : Path or None
        SQLite file; the raw files lie in a folder beside it. None keeps both only until the server stops.
    keep_s : float
        Time for which an ended run is kept, s.
    clock : callable
        Returns the time, s since 1970.

    Raises
    ------
    InputError
        The file cannot be opened, or the folder cannot be made.
    """

    def __init__(self, path: Path | None, keep_s: float, clock: Callable[[], float] = time.time) -> None:
        self._keep_s, self._clock, self._temporary = keep_s, clock, path is None
        self._changed = threading.Condition(threading.RLock())
        self.closed = False
        try:
            if path is None:
                self._folder = Path(tempfile.mkdtemp(prefix="spectus-runs-"))
            else:
                self._folder = path.with_name(f"{path.name}.runs")
                self._folder.mkdir(mode=0o700, exist_ok=True)
            self._database = open_database(path, _SCHEMA)
            self._database.execute("UPDATE runs SET status = ? WHERE status = ?", (JobStatus.QUEUED, JobStatus.RUNNING))
        except (sqlite3.Error, OSError) as error:
            raise InputError(path or "--jobs", f"cannot be used for runs ({error})", "give another file") from error

    def new_file(self) -> Path:
        """Return the name of a file that does not exist, where a raw run can be written before `add`."""
        return self._folder / secrets.token_urlsafe(_ID_BYTES)

    def add(self, name: str, file: Path, denovo: bool, most: int, owner: str = "") -> RunJob | None:
        """Add a run.

        Parameters
        ----------
        name : str
            Name of the run.
        file : Path
            The raw run, a name of `new_file`, which belongs to the store from now on.
        denovo : bool
            De novo candidates are wanted as well.
        most : int
            Largest number of components to identify.
        owner : str
            Who sees the run.

        Returns
        -------
        RunJob or None
            The run; None if too many wait.
        """
        with self._changed:
            self._drop_old()
            waiting = self._database.execute("SELECT COUNT(*) FROM runs WHERE status = ?", (JobStatus.QUEUED,))
            if waiting.fetchone()[0] >= _MOST_WAITING:
                return None
            identifier = secrets.token_urlsafe(_ID_BYTES)
            self._database.execute(
                "INSERT INTO runs (id, name, file, denovo, most, status, owner) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (identifier, name, str(file), denovo, most, JobStatus.QUEUED, owner),
            )
            self._changed.notify_all()
            return self._get(identifier, owner)

    def get(self, name: str, owner: str = "") -> RunJob | None:
        """Return a run; None if no run of this owner has this id."""
        with self._changed:
            self._drop_old()
            return self._get(name, owner)

    def latest(self, most: int, owner: str = "") -> list[RunJob]:
        """Return the latest runs of an owner, the newest first."""
        with self._changed:
            self._drop_old()
            found = self._database.execute(
                "SELECT * FROM runs WHERE owner = ? ORDER BY number DESC LIMIT ?", (owner, most)
            )
            return [_run(row) for row in found]

    def take(self) -> RunJob | None:
        """Wait for a run and take the oldest; None once the store is closed."""
        with self._changed:
            row = None
            while not self.closed and row is None:
                found = self._database.execute(
                    "SELECT * FROM runs WHERE status = ? ORDER BY number LIMIT 1", (JobStatus.QUEUED,)
                )
                row = found.fetchone()
                if row is None:
                    self._changed.wait()
            if row is None or self.closed:
                return None
            self._database.execute("UPDATE runs SET status = ? WHERE id = ?", (JobStatus.RUNNING, row["id"]))
            return self._get(row["id"], row["owner"])

    def wanted(self, run: RunJob) -> bool:
        """Return whether a run that was taken is still to be computed: it was not cancelled, and the server runs."""
        with self._changed:
            found = self._get(run.id, run.owner)
            return not self.closed and found is not None and found.status is JobStatus.RUNNING

    def complete(self, run: RunJob, components: Sequence[dict[str, Any]], note: str | None) -> None:
        """Store the components of a run."""
        self._end(run, JobStatus.RUNNING, JobStatus.COMPLETED, json.dumps(list(components)), note, None)

    def fail(self, run: RunJob, reason: str) -> None:
        """Store why a run has no components."""
        self._end(run, JobStatus.RUNNING, JobStatus.FAILED, None, None, reason)

    def cancel(self, name: str, owner: str = "") -> RunJob | None:
        """Cancel a run that was not deconvoluted yet; return it as it is then. None if this owner has no such run."""
        run = self.get(name, owner)
        if run is None:
            return None
        for before in (JobStatus.QUEUED, JobStatus.RUNNING):
            self._end(run, before, JobStatus.CANCELLED, None, None, None)
        return self.get(name, owner)

    def remove(self, name: str, owner: str = "") -> RunJob | None:
        """Cancel a run and delete it; return it as it was. None if this owner has no such run."""
        with self._changed:
            run = self.cancel(name, owner)
            self._database.execute("DELETE FROM runs WHERE id = ? AND owner = ?", (name, owner))
            return run

    def counts(self) -> dict[str, int]:
        """Return the number of runs by status."""
        with self._changed:
            found = dict(self._database.execute("SELECT status, COUNT(*) FROM runs GROUP BY status").fetchall())
            return {status.value: int(found.get(status.value, 0)) for status in JobStatus}

    def close(self) -> None:
        """Close the store: `take` returns None from now on."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
            if self._temporary:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _get(self, name: str, owner: str) -> RunJob | None:
        row = self._database.execute("SELECT * FROM runs WHERE id = ? AND owner = ?", (name, owner)).fetchone()
        return None if row is None else _run(row)

    def _end(
        self, run: RunJob, before: JobStatus, after: JobStatus, components: str | None, note: str | None,
        reason: str | None,
    ) -> None:  # fmt: skip
        with self._changed:
            if self.closed:
                return  # the run waits for the next start
            changed = self._database.execute(
                "UPDATE runs SET status = ?, components = ?, note = ?, reason = ?, ended_at = ? "
                "WHERE id = ? AND status = ?",
                (after, components, note, reason, self._clock(), run.id, before),
            )
            if changed.rowcount:
                run.file.unlink(missing_ok=True)

    def _drop_old(self) -> None:
        self._database.execute("DELETE FROM runs WHERE ended_at < ?", (self._clock() - self._keep_s,))


def _run(row: sqlite3.Row) -> RunJob:
    components = None if row["components"] is None else json.loads(row["components"])
    return RunJob(
        row["id"], row["name"], Path(row["file"]), bool(row["denovo"]), row["most"], JobStatus(row["status"]),
        components, row["note"], row["reason"], row["owner"],
    )  # fmt: skip
