"""Giving a run to a deconvolution tool in a process of its own, and reading its peaks back as components."""

import resource
import subprocess
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.errors import InputError
from spectus.raw.mass_accuracy import nominal_rule
from spectus.raw.run import Run

HERE = Path(__file__).parent


def process_seconds(python: Path, script: str, run: Run, folder: Path, setting: str, nominal: bool = True) -> float:
    """CPU seconds of a whole process that deconvolutes a run, with nominal masses if so, into `folder`/peaks.npz."""
    source, target = folder / "run.npz", folder / "peaks.npz"
    mz = nominal_rule(run)(run.mz).astype(float) if nominal else run.mz
    np.savez(source, rt_s=run.rt_s, offsets=run.offsets, mz=mz, intensity=run.intensity)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(python), str(HERE / script), str(source), str(target), setting]
    done = subprocess.run(command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise InputError(python, f"{script} failed: {last}", "install the peer there, or leave it out")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peer_components(name: str, peaks: Mapping[str, np.ndarray]) -> pa.Table:
    """A peer's peaks as rows of COMPONENTS; what the peer does not give is null or NaN."""
    rt_s = peaks["rt_s"]
    spectra = [slice(a, b) for a, b in pairwise(peaks["offsets"])]
    columns: dict[str, Any] = {
        "run": [name] * len(rt_s),
        "component": np.arange(1, len(rt_s) + 1, dtype=np.int32),
        "rt_s": rt_s.astype(float),
        "area": np.full(len(rt_s), np.nan),
        "mz": [peaks["mz"][peak].astype(np.float32) for peak in spectra],
        "intensity": [peaks["intensity"][peak].astype(np.float32) for peak in spectra],
    }
    return tables.table(tables.COMPONENTS, columns)
