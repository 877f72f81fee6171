"""The command `spectus deconvolve`: runs to one table of components."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from spectus import tables
from spectus.deconvolution.deconvolve import Settings, deconvolve
from spectus.errors import InputError
from spectus.raw.read import named_runs, read_run


def deconvolve_runs(
    runs: Sequence[Path], names: Sequence[str] | None, out: Path, settings: Settings, on_bad_run: str
) -> None:
    """Deconvolve runs one after another and write the table COMPONENTS, in the order of the runs.

    Parameters
    ----------
    runs: raw files or folders, or runs tables, whose runs of status 'ok' are taken from their mzML.
    names: of the runs, in order; None: the file names.
    on_bad_run: 'fail' stops at a run that cannot be read; 'skip' says why on stderr and goes on.

    Raises
    ------
    InputError: a run that cannot be read, with 'fail'; in any case, two runs of one name.
    """
    if settings.min_snr <= 0 or settings.min_ions < 1:
        raise InputError("--min-snr, --min-ions", "must be above 0", "leave them out for 4 and 3")
    with tables.writing(out, tables.COMPONENTS) as components:
        for run in tqdm(named_runs(runs, names), disable=None, unit="run", desc="deconvolve"):
            try:
                components.append(deconvolve(read_run(run.path), run.name, settings))
            except InputError as error:
                if on_bad_run == "fail":
                    raise
                print(f"spectus deconvolve: left out: {error}", file=sys.stderr)
