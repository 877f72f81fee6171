"""Reading a raw run, whatever its format: the content decides, never the name."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectus import tables
from spectus.errors import InputError
from spectus.raw.andi import read_andi
from spectus.raw.centroid import centroided, looks_like_profile
from spectus.raw.checks import checked_peaks, require_current, time_order
from spectus.raw.chemstation import read_chemstation
from spectus.raw.content import contents, head, shown
from spectus.raw.jcamp import read_jcamp
from spectus.raw.run import Run
from spectus.raw.scans import Scans, blocks_of, joined, scans_of
from spectus.raw.sim import require_full_scans, without_declared_sim
from spectus.raw.vendors import UNPROVEN, Family, as_mzml, family_of_file, family_of_folder, foreign_file
from spectus.raw.xml_run import open_xml

_SUFFIXES = {
    ".gz", ".mzml", ".mzxml", ".xml", ".cdf", ".nc", ".jdx", ".dx", ".jcamp", ".d", ".ms", ".raw", ".wiff", ".qgd",
    ".parquet",
}  # fmt: skip
_READABLE = (
    "give ANDI/netCDF, mzML, mzXML, JCAMP-DX or an Agilent .D; msconvert (ProteoWizard) makes mzML of most others"
)


_LONGEST_NAME = 200  # of an instrument, in characters


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
    n_scans: of all blocks together.
    blocks: stretches of the run one after another, each as `read_run` gives it; once only.
    notes: what the user should know of how it was read, or of what was left out.
    """

    n_scans: int
    blocks: Iterator[Run]
    notes: tuple[str, ...] = ()


def read_run(path: Path) -> Run:
    """Read a raw run: its MS1 scans, centroided, without points of zero intensity.

    Parameters
    ----------
    path: ANDI/netCDF, mzML, mzXML, JCAMP-DX or Agilent data.ms, each also gzipped, an Agilent `.D` folder, or another
        maker's file or folder that an installed package can read (see `vendors`).

    Raises
    ------
    InputError: missing, empty, cut short, of an unknown format, or without scans that can be used (see `checks`).
    """
    with open_run(path) as run:
        return joined(list(run.blocks))


@contextmanager
def open_run(path: Path) -> Iterator[OpenRun]:
    """Open a raw run to read it in stretches, so that a file larger than the memory can be converted.

    Raises
    ------
    InputError: as `read_run`; what is wrong with peaks is found when their block is read.
    """
    with _open(path) as scans:
        order = time_order(scans.rt_s, path)
        order, left_out = without_declared_sim(scans, order, path)
        notes = tuple(note for note in (scans.note, left_out) if note)
        yield OpenRun(len(order), _blocks(scans, order, path), notes)


def _blocks(scans: Scans, order: NDArray[np.int64], path: Path) -> Iterator[Run]:
    profile, done, any_ions = scans.profile, 0, False
    for numbers in blocks_of(order, scans.n_points):
        run = checked_peaks(scans.read(numbers), path, done)
        run = replace(run, instrument=shown(run.instrument, _LONGEST_NAME) if run.instrument else None)
        if profile is None and len(run.mz):
            profile = looks_like_profile(run)
        run = centroided(run, profile)
        present = run.intensity > 0
        run = run if present.all() else run.with_peaks(present)
        if not done:
            require_full_scans(run, path)
        done += len(numbers)
        any_ions = any_ions or bool(len(run.mz))
        yield run
    require_current(any_ions, path)


def raw_file(path: Path) -> Path:
    """The file that holds the mass spectra: the path itself, or the main file of a maker's folder, e.g. `data.ms`.

    Raises
    ------
    InputError: a folder that is no run, or one that cannot be opened.
    """
    return _found(path)[0]


def named_runs(paths: Sequence[Path], names: Sequence[str] | None = None) -> list[NamedRun]:
    """The runs behind the paths a user gave, each with a name of its own, in order.

    Parameters
    ----------
    paths: raw runs, or runs tables as `spectus convert` writes them, of which the runs with status 'ok' are taken.
    names: one name for each path; without it, names of files without their suffixes, and the names in the tables.

    Raises
    ------
    InputError: as many names as paths are wanted; a name is empty or occurs twice; a table cannot be read.
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


def _found(path: Path) -> tuple[Path, Family | None]:
    """The file that holds the mass spectra, and the maker's format if it is a folder of one."""
    try:
        if not path.is_dir():
            return path, None
        inside = sorted(path.iterdir())
        found = next((entry for entry in inside if entry.name.lower() == "data.ms"), None)
        if found:
            return found, None
        foreign = family_of_folder(inside)
    except OSError as error:
        raise InputError(path, f"cannot be opened ({error.strerror})", "check the folder's permissions") from error
    if foreign is None:
        raise InputError(path, "is a folder without data.ms, no run that can be read", _READABLE)
    return foreign[1], foreign[0]


@contextmanager
def _open(path: Path) -> Iterator[Scans]:
    """The scans of a run; those of another maker's through mzML, which a package makes of them."""
    file, family = _found(path)
    family = family or family_of_file(file)
    if family:
        with as_mzml(path, family) as made, _open_file(made, path) as scans:
            yield _renamed(scans, family)
        return
    with _open_file(file, path) as scans:
        yield scans


@contextmanager
def _open_file(file: Path, path: Path) -> Iterator[Scans]:
    first_bytes = head(file)
    for kind, tag in (("mzML", rb"<(indexedm|m)zML[\s>]"), ("mzXML", rb"<(mzXML|msRun)[\s>]")):
        if re.search(tag, first_bytes):
            with open_xml(file, kind, path) as scans:
                yield scans
            return
    yield _in_memory(file, first_bytes, path)


def _renamed(scans: Scans, family: Family) -> Scans:
    def read(numbers: NDArray[np.int64]) -> Run:
        return replace(scans.read(numbers), format=family.name)

    return replace(scans, read=read, note=UNPROVEN)


def _in_memory(file: Path, first_bytes: bytes, path: Path) -> Scans:
    if first_bytes.startswith((b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n\x1a\n")):
        return read_andi(contents(file), path)
    if first_bytes.startswith(b"\x01\x32\0\0"):
        return scans_of(*read_chemstation(contents(file), path))
    if first_bytes.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"##"):
        return scans_of(*read_jcamp(contents(file), path))
    what, remedy = foreign_file(first_bytes) or ("of no format that can be read, or cut short", _READABLE)
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
