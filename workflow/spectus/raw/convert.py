"""Raw runs to centroided mzML, and the runs table that says what became of each (`spectus convert`)."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spectus import tables
from spectus.errors import InputError
from spectus.raw.mass_accuracy import mass_accuracy
from spectus.raw.mzml import BadOutput, write_blocks
from spectus.raw.read import NamedRun, named_runs, open_run, raw_file
from spectus.raw.run import Run

_LONGEST_NAME = 200
"""Longest name of a run, bytes. Chosen: file systems allow 255, and suffixes are added."""


def convert_runs(
    paths: Sequence[Path], names: Sequence[str] | None, out_dir: Path, runs_table: Path, on_bad_run: str
) -> None:
    """Write `out_dir/<name>.mzML` for each run and one row for each to `runs_table` (schema RUNS).

    Each file is written whole or not at all, and no other file is touched. The table is written last: it stands for all
    runs of the call or is not there.

    Parameters
    ----------
    paths
        Raw runs or runs tables, as `spectus.raw.read.named_runs` takes them.
    names
        Names of the runs, or None for those of the files.
    out_dir
        Folder of the mzML files.
    runs_table
        Parquet file of the runs table.
    on_bad_run
        'skip' gives a run that cannot be read a row with status 'failed' and the reason, and goes on; 'fail' stops
        there. The mzML files written before stay in either case.

    Raises
    ------
    InputError
        Names occur twice or cannot name a file; an output would overwrite an input; with 'fail', a run cannot be read.
    """
    runs = named_runs(paths, names)
    targets = [out_dir / f"{run.name}.mzML" for run in runs]
    _require_file_names(runs)
    _require_inputs_kept([*paths, *(run.path for run in runs)], [*targets, runs_table])
    rows = [
        _converted(run, target, on_bad_run)
        for run, target in zip(tqdm(runs, desc="convert", unit="run", disable=None), targets, strict=True)
    ]
    tables.write(tables.table(tables.RUNS, rows), runs_table, tables.RUNS)


def _converted(named: NamedRun, target: Path, on_bad_run: str) -> dict[str, Any]:
    """Write the mzML of one run and return its row."""
    row: dict[str, Any] = {"run": named.name, "path": str(named.path), "sha256": _sha256_or_none(named.path)}
    about: dict[str, Any] = {"n_scans": 0}
    try:
        with open_run(named.path) as run:
            write_blocks(_described(run.blocks, about), run.n_scans, target, named.path.name)
            about |= {
                "n_scans_left_out": run.remarks.n_scans_left_out, "n_points_left_out": run.remarks.n_points_left_out,
                "note": "; ".join(run.remarks.notes) or None,
            }  # fmt: skip
    except BadOutput:
        raise
    except InputError as error:
        if on_bad_run != "skip":
            raise
        return row | {"status": "failed", "error": str(error)}
    return row | about | {"status": "ok", "mzml": str(target)}


def _described(blocks: Iterable[Run], about: dict[str, Any]) -> Iterator[Run]:
    """Yield the blocks unchanged, and gather in `about` what the runs table says of the run."""
    for run in blocks:
        about |= {
            "format": run.format, "instrument": run.instrument, "acquired_at": run.acquired_at,
            "ionization": run.ionization, "polarity": run.polarity,
        }  # fmt: skip
        about["n_scans"] += run.n_scans
        if "rt_min_s" not in about:  # the first block is enough to measure it
            accuracy = mass_accuracy(run)
            about["mass_error_ppm"] = accuracy.error_ppm if accuracy else None
            about["resolving_power"] = accuracy.resolving_power if accuracy else None
        about.setdefault("rt_min_s", float(run.rt_s[0]))
        about["rt_max_s"] = float(run.rt_s[-1])
        if len(run.mz):
            about["mz_min"] = min(about.get("mz_min", math.inf), float(run.mz.min()))
            about["mz_max"] = max(about.get("mz_max", 0.0), float(run.mz.max()))
        yield run


def _sha256_or_none(path: Path) -> str | None:
    try:
        with raw_file(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (InputError, OSError):
        return None


def _require_file_names(runs: Sequence[NamedRun]) -> None:
    """Require names that can be file names on any system: no two may differ in case only, none may leave the folder."""
    met: set[str] = set()
    for run in runs:
        unfit = run.name != run.name.strip() or run.name.startswith(".") or not run.name.isprintable()
        if unfit or set(run.name) & set('/\\:*?"<>|') or len(run.name.encode()) > _LONGEST_NAME:
            raise InputError(run.path, f"the name {run.name!r} cannot name a file", "give it another with --name")
        if run.name.casefold() in met:
            raise InputError(
                run.path, f"the name {run.name!r} differs from another in case only", "give it another with --name"
            )
        met.add(run.name.casefold())


def _require_inputs_kept(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    resolved = {path.resolve() for path in inputs}
    for output in outputs:
        if output.resolve() in resolved:
            raise InputError(output, "would be overwritten, but is an input", "choose another folder with --out")
