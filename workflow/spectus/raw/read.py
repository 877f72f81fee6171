"""Reading a raw run, whatever its format: the content decides, never the name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spectus import tables
from spectus.errors import InputError
from spectus.raw.andi import read_andi
from spectus.raw.centroid import centroided
from spectus.raw.checks import checked
from spectus.raw.chemstation import read_chemstation
from spectus.raw.content import contents, head
from spectus.raw.jcamp import read_jcamp
from spectus.raw.run import Run
from spectus.raw.vendors import foreign_file, foreign_folder

_SUFFIXES = {".gz", ".mzml", ".mzxml", ".xml", ".cdf", ".nc", ".jdx", ".dx", ".jcamp", ".d", ".ms", ".raw", ".parquet"}
_READABLE = (
    "give ANDI/netCDF, mzML, mzXML, JCAMP-DX or an Agilent .D; msconvert (ProteoWizard) makes mzML of most others"
)


@dataclass(frozen=True)
class NamedRun:
    """A raw run to be read, and the name it has in every table."""

    name: str
    path: Path


def read_run(path: Path) -> Run:
    """Read a raw run: its MS1 scans, centroided, without points of zero intensity.

    Parameters
    ----------
    path: ANDI/netCDF, mzML, mzXML, JCAMP-DX or Agilent data.ms, each also gzipped, or an Agilent `.D` folder.

    Raises
    ------
    InputError: missing, empty, cut short, of an unknown format, or without scans that can be used (see `checks`).
    """
    file = raw_file(path)
    run, declared_profile = _read(file, path)
    run = centroided(checked(run, path), declared_profile)
    present = run.intensity > 0
    return run if present.all() else run.with_peaks(present)


def raw_file(path: Path) -> Path:
    """The file that holds the mass spectra: the path itself, or `data.ms` (in any case) of an Agilent `.D` folder.

    Raises
    ------
    InputError: a folder without data.ms, or one that cannot be opened.
    """
    try:
        if not path.is_dir():
            return path
        inside = sorted(path.iterdir())
    except OSError as error:
        raise InputError(path, f"cannot be opened ({error.strerror})", "check the folder's permissions") from error
    found = next((entry for entry in inside if entry.name.lower() == "data.ms"), None)
    if found:
        return found
    what, remedy = foreign_folder(inside) or ("a folder without data.ms, no run that can be read", _READABLE)
    raise InputError(path, f"is {what}", remedy)


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


def _read(file: Path, path: Path) -> tuple[Run, bool | None]:
    first_bytes = head(file)
    if first_bytes.startswith((b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n\x1a\n")):
        return read_andi(contents(file), path)
    if first_bytes.startswith(b"\x01\x32\0\0"):
        return read_chemstation(contents(file), path)
    for kind, tag in (("mzML", rb"<(indexedm|m)zML[\s>]"), ("mzXML", rb"<(mzXML|msRun)[\s>]")):
        if re.search(tag, first_bytes):
            from spectus.raw.mzml import read_mzml

            return read_mzml(file, kind)
    if first_bytes.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"##"):
        return read_jcamp(contents(file), path)
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
