"""Deconvolution of runs to one table of components (command `spectus deconvolve`)."""

import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from spectus import tables
from spectus.deconvolution.deconvolve import deconvolve
from spectus.deconvolution.settings import DeconvolutionSettings
from spectus.errors import InputError
from spectus.raw.read import NamedRun, named_runs, read_run

_LOGGER = logging.getLogger("spectus")


def deconvolve_runs(
    runs: Sequence[Path], names: Sequence[str] | None, out: Path, settings: DeconvolutionSettings, on_bad_run: str
) -> None:
    """Deconvolve runs one after another and write the table COMPONENTS, in the order of the runs.

    Parameters
    ----------
    runs
        Raw files or folders, or runs tables, whose runs of status 'ok' are read from their mzML.
    names
        Names of the runs, in order; None for the file names.
    out
        Table to write.
    settings
        Settings of the deconvolution.
    on_bad_run
        'fail' stops at a run that cannot be read; 'skip' logs the reason as a warning and continues.

    Raises
    ------
    InputError
        A run cannot be read (with 'fail'), or two runs have the same name.
    """
    with tables.writing(out, tables.COMPONENTS) as components:
        for run in _with_progress(named_runs(runs, names)):
            try:
                found = deconvolve(read_run(run.path), run.name, settings)
                components.append(found)
                if not found.num_rows:
                    _LOGGER.warning("%s: no components were found", run.path)
            except InputError as error:
                if on_bad_run == "fail":
                    raise
                _LOGGER.warning("left out: %s", error)


def _with_progress(runs: Sequence[NamedRun]) -> Iterable[NamedRun]:
    """Show the progress where somebody can see it; elsewhere its import would take a tenth of the time of a run."""
    if not sys.stderr.isatty():
        return runs
    from tqdm import tqdm

    shown: Iterable[NamedRun] = tqdm(runs, unit="run", desc="deconvolve")
    return shown
