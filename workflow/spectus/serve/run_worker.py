"""The thread that deconvolutes raw runs. Each has a process of its own, so a damaged file cannot stop the server."""

import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from spectus import tables
from spectus.campaign_folder import find_runs
from spectus.errors import InputError
from spectus.library.records import read_spectra
from spectus.serve.jobs import JobStore
from spectus.serve.runs import RunJob, RunStore

FACTS = ("component", "rt_s", "area", "snr", "purity", "confidence", "n_peaks")
"""Columns of the table COMPONENTS that a run's answer has."""

_LONGEST_S = 3600.0
"""Longest time of a deconvolution, s. Chosen: ten times that of the largest run of the tests."""
_ASK_AGAIN_S = 0.1
"""Time between two looks at the process, s. Chosen: short beside a deconvolution of some seconds."""
_MOST_FILES = 10_000
"""Files of an archive. Chosen: a vendor's folder has some hundred."""


class RunWorker(threading.Thread):
    """A thread that deconvolutes runs until their store is closed. An error in a run does not end it.

    Parameters
    ----------
    runs : RunStore
        The runs.
    jobs : JobStore
        Where the components are to be identified.
    max_bytes : int
        Largest content of an archive, bytes.
    """

    def __init__(self, runs: RunStore, jobs: JobStore, max_bytes: int) -> None:
        super().__init__(name="spectus-runs", daemon=True)
        self._runs, self._jobs, self._max_bytes = runs, jobs, max_bytes

    def run(self) -> None:
        """Deconvolute until the store is closed."""
        while taken := self._runs.take():
            try:
                self._deconvolute(taken)
            except InputError as error:
                self._runs.fail(taken, str(error).replace(str(taken.file), taken.name))
            except Exception as error:
                self._runs.fail(taken, f"error in the server: {type(error).__name__}")

    def _deconvolute(self, run: RunJob) -> None:
        with tempfile.TemporaryDirectory(prefix="spectus-") as folder:
            out = Path(folder) / "components.parquet"
            raw = _raw_run(run, Path(folder) / "unpacked", self._max_bytes)
            said = self._run_command(run, raw, out)
            if said is None:
                return
            components = tables.read(out, tables.COMPONENTS, list(FACTS)).to_pylist()
            spectra = read_spectra(out).to_pylist() if components else []
        chosen = sorted(range(len(components)), key=lambda k: -(components[k]["area"] or 0.0))[: run.most]
        rows = [spectra[k] | {"name": f"{run.name}, {components[k]['rt_s']:.1f} s"} for k in chosen]
        jobs = self._jobs.add(rows, run.denovo, sys.maxsize, run.owner) or []
        for place, job in zip(chosen, jobs, strict=True):
            components[place]["identification"] = job.id
        notes = [said] if said else []
        if len(components) > run.most:
            notes.append(f"the {run.most} components with the largest areas of {len(components)} are identified")
        self._runs.complete(run, components, "; ".join(notes) or None)

    def _run_command(self, run: RunJob, raw: Path, out: Path) -> str | None:
        """Run `spectus deconvolve`; return what it said, or None if the run is not wanted any more."""
        command = [sys.executable, "-m", "spectus", "deconvolve", str(raw), "--name", "run", "--out", str(out), "-q"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        deadline = time.monotonic() + _LONGEST_S
        with (out.parent / "said").open("w+", encoding="utf-8", errors="replace") as log:
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            ) as process:  # fmt: skip
                while process.poll() is None:
                    wanted = self._runs.wanted(run)
                    if not wanted or time.monotonic() > deadline:
                        process.kill()
                        process.wait()
                        if not wanted:
                            return None
                        raise InputError(
                            run.name, f"took more than {_LONGEST_S / 60:g} minutes", "use the command line"
                        )
                    time.sleep(_ASK_AGAIN_S)
            log.seek(0)
            said = [line.strip().replace(str(raw), run.name) for line in log if line.strip()]
        if process.returncode:
            problem = said[-1] if said else "the deconvolution ended without a word"
            problem = problem.removeprefix("spectus deconvolve: ").removeprefix(f"{run.name}: ")
            raise InputError(run.name, problem, "check the file")
        return "; ".join(said)


def _raw_run(run: RunJob, folder: Path, max_bytes: int) -> Path:
    """Return the raw run: the file itself, or the only run in the archive that it is."""
    if not zipfile.is_zipfile(run.file):
        return run.file
    try:
        with zipfile.ZipFile(run.file) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > max_bytes:
                raise InputError(run.name, f"holds more than {max_bytes} bytes or {_MOST_FILES} files", "send one run")
            archive.extractall(folder)  # it leaves out absolute paths and parts such as ..
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError) as error:
        raise InputError(run.name, f"is an archive that cannot be unpacked ({error})", "pack it again") from error
    try:
        found = find_runs([folder])
    except InputError as error:
        raise InputError(run.name, "is an archive without a run", "pack the run's folder, such as run.D") from error
    if len(found) > 1:
        raise InputError(run.name, f"is an archive of {len(found)} runs", "send each run by itself")
    return found[0]


def best_of(candidates: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Return what a list of components shows of a spectrum's first candidate.

    Parameters
    ----------
    candidates : list of dict or None
        Rows of the table CANDIDATES of one spectrum.
    """
    first = next((row for row in candidates or [] if row.get("rank") == 1), {})
    return {key: first.get(key) for key in ("name", "formula", "smiles", "probability", "level")}
