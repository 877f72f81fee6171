"""Reading a raw run of any format. The content of a file decides its format, never its name."""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spectus import tables
from spectus.errors import InputError
from spectus.raw.andi import read_andi
from spectus.raw.centroid import centroided, contradiction_note, is_profile
from spectus.raw.checks import (
    HEAVY_TH,
    checked_peaks,
    dropped_points_note,
    heavy_note,
    require_absolute,
    require_current,
)
from spectus.raw.chemstation import read_chemstation
from spectus.raw.content import contents, head, shown
from spectus.raw.gcxgc import modulation_note
from spectus.raw.ionization import ionization_note
from spectus.raw.jcamp import read_jcamp
from spectus.raw.masshunter import can_read_masshunter, read_masshunter
from spectus.raw.other_formats import READABLE, UNKNOWN, foreign_file, foreign_mzml
from spectus.raw.remarks import Remarks
from spectus.raw.run import Run
from spectus.raw.scan_kinds import main_scans
from spectus.raw.scan_times import in_time_order, rate_note, without_dropouts
from spectus.raw.scans import Scans, blocks_of, joined
from spectus.raw.shimadzu import read_shimadzu
from spectus.raw.sim import require_full_scans
from spectus.raw.vendors import (
    MASSHUNTER,
    SHIMADZU,
    UNPROVEN,
    VendorFormat,
    as_mzml,
    vendor_of_file,
    vendor_of_folder,
)
from spectus.raw.xml_run import open_xml
from spectus.types import Ints

_SUFFIXES = {
    ".gz", ".mzml", ".mzxml", ".xml", ".cdf", ".nc", ".jdx", ".dx", ".jcamp", ".d", ".ms", ".raw", ".wiff", ".qgd",
    ".parquet",
}  # fmt: skip
"""Suffixes that are no part of a run's name."""

RUN_SUFFIXES = (".d", ".raw", ".cdf", ".nc", ".mzml", ".mzml.gz", ".mzxml", ".mzxml.gz", ".jdx", ".dx", ".qgd")
"""Suffixes of the runs that a folder may hold, lower case."""

_LONGEST_NAME = 200
"""Longest name of an instrument, characters. Chosen: real ones have 60; damaged files have any."""


@dataclass(frozen=True)
class NamedRun:
    """A raw run to be read, and the name it has in every table."""

    name: str
    path: Path


@dataclass(frozen=True)
class OpenRun:
    """A raw run whose scans are known to be in order, and whose peaks are still to be read.

    Attributes
    ----------
    n_scans
        Number of scans of all blocks together.
    blocks
        Blocks of the run one after another, each as `read_run` gives it; once only.
    remarks
        What the user should know of how the run was read. It is complete once all blocks are read.
    """

    n_scans: int
    blocks: Iterator[Run]
    remarks: Remarks = field(default_factory=Remarks)


def read_run(path: Path) -> Run:
    """Read a raw run: its MS1 scans of one kind, centroided, without points of zero intensity.

    Assumptions and what was left out go to the logger `spectus`, one line each.

    Parameters
    ----------
    path
        ANDI/netCDF, mzML, mzXML, JCAMP-DX, Agilent data.ms or Shimadzu .qgd, each also gzipped, an Agilent `.D` folder,
        or another vendor's file or folder that an installed package can read (see `vendors`).

    Raises
    ------
    InputError
        The run is missing, empty, cut short, of an unknown format, or without scans that can be used.
    """
    with open_run(path) as run:
        return joined(list(run.blocks))


@contextmanager
def open_run(path: Path) -> Iterator[OpenRun]:
    """Open a raw run to read it in blocks, so that a file larger than the memory can be converted.

    Parameters
    ----------
    path
        As `read_run` takes it.

    Raises
    ------
    InputError
        As `read_run`. Faults of peaks are found when their block is read.
    """
    with _open(path) as scans:
        remarks = Remarks()
        remarks.add(scans.facts.reader_note)
        remarks.add(scans.facts.time_note)
        scans = without_dropouts(in_time_order(main_scans(scans, path, remarks), path, remarks), remarks)
        yield OpenRun(scans.n_scans, _blocks(scans, path, remarks), remarks)


def _blocks(scans: Scans, path: Path, remarks: Remarks) -> Iterator[Run]:
    """Yield the blocks of a run, checked and centroided; log the remarks after the last."""
    declared, profile, done, n_points, n_heavy = scans.facts.profile, None, 0, 0, 0
    tic, base_peaks = np.zeros(scans.n_scans), np.zeros(scans.n_scans)
    for numbers in blocks_of(scans.n_points):
        run = checked_peaks(scans.read(numbers), path, done, remarks)
        run = replace(run, instrument=shown(run.instrument, _LONGEST_NAME) if run.instrument else None)
        if profile is None and len(run.mz):
            profile = is_profile(run, declared)
            remarks.add(contradiction_note(profile, declared))
        run = centroided(run, bool(profile))
        present = run.intensity > 0
        run = run if present.all() else run.with_peaks(present)
        if not done:
            require_full_scans(run, path)
            remarks.add(ionization_note(run.ionization, run.polarity, scans.facts.electron_energy_ev))
        tic[numbers], base_peaks[numbers] = run.tic, run.base_peaks
        n_points, n_heavy = n_points + len(run.mz), n_heavy + int(np.count_nonzero(run.mz > HEAVY_TH))
        done += len(numbers)
        yield run
    require_current(bool(n_points), path)
    require_absolute(base_peaks, tic, path)
    remarks.add(heavy_note(n_heavy, n_points))
    remarks.add(_null_note(scans.facts.n_null_points))
    remarks.add(dropped_points_note(remarks.n_points_left_out))
    remarks.n_points_left_out += scans.facts.n_null_points
    remarks.add(modulation_note(scans.rt_s, tic) or rate_note(scans.rt_s))
    remarks.log(path)


def _null_note(number: int) -> str | None:
    return f"left out: {number:,} points that the file marks as missing" if number else None


def raw_file(path: Path) -> Path:
    """Return the file that holds the mass spectra: the path itself, or the main file of a vendor's folder.

    Raises
    ------
    InputError
        The path is a folder that is no run, or one that cannot be opened.
    """
    return _found(path)[0]


def named_runs(paths: Sequence[Path], names: Sequence[str] | None = None) -> list[NamedRun]:
    """Return the runs behind the paths a user gave, each with a name of its own, in order.

    Parameters
    ----------
    paths
        Raw runs, or runs tables as `spectus convert` writes them, of which the runs with status 'ok' are taken.
    names
        One name for each path. Without it, runs have the names of their files without suffixes, or those in the tables.

    Raises
    ------
    InputError
        There are not as many names as paths; a name is empty or occurs twice; a table cannot be read.
    """
    if names is not None:
        _require_names_fit(paths, names)
        runs = [NamedRun(name, path) for name, path in zip(names, paths, strict=True)]
    else:
        runs = [run for path in paths for run in (_from_table(path) if _is_table(path) else [_default(path)])]
    first: dict[str, Path] = {}
    for run in runs:
        if run.name in first:
            raise InputError(
                run.path,
                f"has the name {run.name!r}, as has {first[run.name]}",
                "give the runs different names with --name",
            )
        first[run.name] = run.path
    return runs


def _found(path: Path) -> tuple[Path, VendorFormat | None]:
    """Return the file that holds the mass spectra, and the vendor's format if it is a folder of one."""
    try:
        if not path.is_dir():
            return path, None
        inside = sorted(path.iterdir())
        found = next((entry for entry in inside if entry.name.lower() == "data.ms"), None)
        if found:
            return found, None
        foreign = vendor_of_folder(inside)
    except OSError as error:
        raise InputError(path, f"cannot be opened ({error.strerror})", "check the folder's permissions") from error
    if foreign is None:
        raise _no_run(path, inside)
    return foreign[1], foreign[0]


def _no_run(path: Path, inside: Sequence[Path]) -> InputError:
    """Make the error for a folder that is no run; if it holds runs, the remedy is the pattern that names them all."""
    found: dict[str, int] = {}
    for entry in inside:
        suffix = next((end for end in RUN_SUFFIXES if entry.name.lower().endswith(end)), None)
        if suffix and not entry.name.startswith("."):
            written = entry.name[len(entry.name) - len(suffix) :]
            found[written] = found.get(written, 0) + 1
    if not found and any(entry.name.lower() == "datasim.ms" for entry in inside):
        return InputError(
            path, "holds dataSim.ms, which has selected ions (SIM), and no data.ms with full scans",
            "acquire the run in full scan; a SIM run holds no spectra to identify",
        )  # fmt: skip
    if not found:
        return InputError(path, "is a folder without data.ms, no run that can be read", READABLE)
    patterns = " ".join(f"{shlex.quote(str(path))}/*{suffix}" for suffix in found)
    number = sum(found.values())
    what = f"{number} runs" if number > 1 else "1 run"
    return InputError(path, f"is a folder of {what}, not a run itself", f"to read them all, give {patterns}")


@contextmanager
def _open(path: Path) -> Iterator[Scans]:
    """Open a run; one of another vendor through the mzML that a package makes of it."""
    file, vendor = _found(path)
    vendor = vendor or vendor_of_file(file)
    if vendor is SHIMADZU:
        yield read_shimadzu(contents(file), path)
        return
    if vendor is MASSHUNTER and can_read_masshunter(path):
        yield read_masshunter(path, vendor.name, vendor.remedy.format(run=path.name))
        return
    if vendor:
        with as_mzml(path, vendor) as made, _open_file(made, path) as scans:
            yield _named_after(scans, vendor)
        return
    with _open_file(file, path) as scans:
        yield scans


@contextmanager
def _open_file(file: Path, path: Path) -> Iterator[Scans]:
    first_bytes = head(file)
    # A file in UTF-16 has a zero byte in each character of a tag. Binary formats may hold XML, but not at their start.
    text = first_bytes.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n")
    tags = text if text.startswith(b"<") else b""
    for kind, tag in (("mzML", rb"<(indexedm|m)zML[\s>]"), ("mzXML", rb"<(mzXML|msRun)[\s>]")):
        if re.search(tag, tags):
            if kind == "mzML" and (other := foreign_mzml(tags)):
                raise InputError(path, f"is {other[0]}", other[1])
            with open_xml(file, kind, path) as scans:
                yield scans
            return
    yield _in_memory(file, first_bytes, path)


def _named_after(scans: Scans, vendor: VendorFormat) -> Scans:
    def read(numbers: Ints) -> Run:
        return replace(scans.read(numbers), format=vendor.name)

    return replace(scans, read=read, facts=replace(scans.facts, reader_note=UNPROVEN))


def _in_memory(file: Path, first_bytes: bytes, path: Path) -> Scans:
    if first_bytes.startswith((b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n\x1a\n")):
        return read_andi(contents(file), path)
    if first_bytes.startswith(b"\x01\x32\0\0"):
        return read_chemstation(contents(file), path)
    if first_bytes.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"##"):
        return read_jcamp(contents(file), path)
    what, remedy = foreign_file(first_bytes, file) or UNKNOWN
    raise InputError(path, f"is {what}", remedy)


def _require_names_fit(paths: Sequence[Path], names: Sequence[str]) -> None:
    table = next((path for path in paths if _is_table(path)), None)
    if table:
        raise InputError(table, "is a runs table and names its runs itself", "leave out --name")
    if len(names) != len(paths):
        raise InputError("--name", f"{len(names)} names for {len(paths)} runs", "give one name for each run, in order")
    if not all(name.strip() for name in names):
        raise InputError("--name", "a name is empty", "give one name for each run, in order")


def _is_table(path: Path) -> bool:
    if path.suffix.lower() == ".parquet":
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False


def _from_table(path: Path) -> list[NamedRun]:
    rows = tables.read(path, tables.RUNS, ["run", "status", "mzml"]).to_pylist()
    return [NamedRun(row["run"], Path(row["mzml"])) for row in rows if row["status"] == "ok" and row["mzml"]]


def _default(path: Path) -> NamedRun:
    named = path.parent if path.name.lower() == "data.ms" and path.parent.name else path
    name = (named if named.name else named.resolve()).name
    while Path(name).suffix.lower() in _SUFFIXES:
        name = Path(name).stem
    return NamedRun(name, path)
