"""Writing the exports of a campaign."""

from collections.abc import Callable, Sequence
from pathlib import Path

from spectus.errors import InputError
from spectus.export.mztab import write_mztab
from spectus.export.results import ExportedResults
from spectus.export.sdf import write_sdf
from spectus.export.spectra import write_mgf, write_msp
from spectus.export.summary import write_csv, write_xlsx

EXPORT_FORMATS: dict[str, tuple[str, Callable[[ExportedResults, Path], None]]] = {
    "csv": ("summary.csv", write_csv),
    "xlsx": ("summary.xlsx", write_xlsx),
    "msp": ("spectra.msp", write_msp),
    "mgf": ("spectra.mgf", write_mgf),
    "sdf": ("candidates.sdf", write_sdf),
    "mztab": ("campaign.mztab", write_mztab),
}
"""File name and writer of each format."""


def export_results(results: Path, out: Path, formats: Sequence[str] = ()) -> list[Path]:
    """Write the results of a campaign in formats of other programs.

    Parameters
    ----------
    results : Path
        The results of a campaign, its report, or its data set.
    out : Path
        Folder for the files.
    formats : sequence of str
        Keys of EXPORT_FORMATS; none: all.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        A format is unknown, or the results cannot be read.
    """
    chosen = list(dict.fromkeys(formats)) or list(EXPORT_FORMATS)
    for name in chosen:
        if name not in EXPORT_FORMATS:
            raise InputError(f"--format {name}", "is not a format", f"use {', '.join(EXPORT_FORMATS)}")
    read = ExportedResults.read(results)
    written = []
    for name in chosen:
        file, write = EXPORT_FORMATS[name]
        write(read, out / file)
        written.append(out / file)
    return written
