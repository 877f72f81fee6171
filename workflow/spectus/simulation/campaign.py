"""The files of a simulated campaign: runs, ground truth and sample sheet (command `spectus simulate`)."""

import csv
import gzip
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from spectus import tables
from spectus.errors import InputError
from spectus.files import replacing
from spectus.library.records import read_spectra
from spectus.raw.mzml import write_mzml
from spectus.simulation.presets import settings_for
from spectus.simulation.runs import SimulatedRun, simulate


def simulate_campaign(libraries: Sequence[Path], preset: str, overrides: Sequence[str], seed: int, out: Path) -> None:
    """Write a campaign to a folder: mzML of every run, ground_truth.parquet and samples.tsv.

    Parameters
    ----------
    libraries
        Spectral libraries from which the compounds are drawn.
    preset
        Name of a recipe in `spectus.simulation.presets`.
    overrides
        "key=value" texts that change its settings.
    seed
        Seed of the random numbers, from 0.
    out
        Folder to write.

    Raises
    ------
    InputError
        The recipe or a setting is unknown, the seed is negative, or a library cannot be read or has too few usable
        compounds.
    """
    settings = settings_for(preset, overrides)
    if seed < 0:
        raise InputError(f"--seed {seed}", "is negative", "take a whole number from 0 up")
    library = pa.concat_tables([read_spectra(path) for path in libraries])
    source = f"spectus simulate --preset {preset} --seed {seed}"
    suffix = ".mzML.gz" if settings.gzip else ".mzML"
    total = bool(settings.ladder) + settings.samples + settings.blanks
    sheet, ground_truths = [], []
    for simulated in tqdm(simulate(library, settings, seed), total=total, desc="simulate", unit="run", disable=None):
        path = out / f"{simulated.name}{suffix}"
        write_run(simulated, path, source)
        sheet.append((simulated.name, str(path), simulated.type, simulated.amount))
        ground_truths.append(simulated.ground_truth)
    tables.write(
        pa.concat_tables(ground_truths),
        out / "ground_truth.parquet",
        tables.GROUND_TRUTH,
        {"simulation": repr(settings), "seed": str(seed)},
    )
    _write_sheet(sheet, out / "samples.tsv")


def write_run(simulated: SimulatedRun, path: Path, source: str) -> None:
    """Write mzML, gzipped without time and name, so that the same run gives the same bytes.

    Parameters
    ----------
    simulated
        The run.
    path
        File to write; it is gzipped if its name ends in ".gz".
    source
        What made the run, which is kept in the file's header.
    """
    if path.suffix != ".gz":
        write_mzml(simulated.run, path, source, simulated.profile)
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.stem
        write_mzml(simulated.run, plain, source, simulated.profile)
        with replacing(path) as temporary:
            temporary.write_bytes(gzip.compress(plain.read_bytes(), compresslevel=9, mtime=0))


def _write_sheet(rows: Sequence[tuple[str, str, str, float | None]], path: Path) -> None:
    """Write the sample sheet from (run, path, type, amount)."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["run", "path", "type", "amount", "batch"])
        writer.writerows([name, file, kind, "" if amount is None else amount, ""] for name, file, kind, amount in rows)
