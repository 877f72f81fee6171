"""Other makers' formats: recognised by content, read by the package openmassspec-io where it is installed.

openmassspec-io (Apache-2.0, the extra `vendors`) reads them without the makers' libraries and writes mzML, which is
then read as any other. It works in a process of its own, on links whose names are those it expects. It is young, and
no run of these makers was at hand to compare what it gives with what msconvert gives: `UNPROVEN` is for the user.
"""

import importlib.util
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from spectus.errors import InputError
from spectus.raw.child import ChildError, in_child
from spectus.raw.content import head, shown

_PACKAGE = "openmassspec_io"
_SECONDS = 60.0
_BYTES_PER_SECOND = 2e6
_MEMORY_PER_BYTE = 20
_MSCONVERT = "convert it to mzML with ProteoWizard (msconvert --mzML '{run}')"
_REPACKED = "unpack it first"

UNPROVEN = "read by openmassspec-io, which is young: compare one run of this instrument with what msconvert makes of it"


@dataclass(frozen=True)
class Family:
    """A maker's format.

    Attributes
    ----------
    name: as a user knows it.
    remedy: what makes mzML of it, with the command; `{run}` stands for the run's name.
    suffix: of its name, as openmassspec-io expects it; None: that does not read it.
    beside: suffixes of files with the same name that belong to it.
    """

    name: str
    remedy: str = _MSCONVERT
    suffix: str | None = None
    beside: tuple[str, ...] = ()


THERMO = Family("Thermo .raw", _MSCONVERT + " or with ThermoRawFileParser -i '{run}' -f 1", ".raw")
# openmassspec-io 2.0 reads the m/z of a .qgd as stored in tenths, where all else that is known of it says twentieths.
SHIMADZU = Family("Shimadzu .qgd", "export it as ANDI/netCDF or mzML from GCMSsolution")
SCIEX = Family("SCIEX .wiff", _MSCONVERT, ".wiff", (".wiff.scan",))
WATERS = Family("Waters .raw", _MSCONVERT, ".raw")
MASSHUNTER = Family("Agilent MassHunter .D", _MSCONVERT + ", or export ANDI/netCDF from MassHunter", ".d")
BRUKER_TDF = Family("Bruker TDF .d", _MSCONVERT, ".d")
BRUKER = Family("Bruker .d", _MSCONVERT)
COMPOUND = Family(
    "compound document (no .qgd or .wiff known here)",
    "export a .qgd as ANDI/netCDF or mzML from GCMSsolution; a .wiff needs its .wiff.scan beside it",
)

_FINNIGAN = b"\x01\xa1F\0i\0n\0n\0i\0g\0a\0n\0"
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Storages of a compound document, as its directory names them.
_STORAGES = ((("GCMS Raw Data",), SHIMADZU), (("Subtree", "Sample"), SCIEX))
_DIRECTORY_BYTES = 65536

# Something in a folder (lower case; a folder where it ends in "/") -> what the folder is, and the file that is watched.
_INSIDE = (
    ("acqdata/", MASSHUNTER, "msscan.bin"),
    ("analysis.tdf", BRUKER_TDF, "analysis.tdf"),
    ("analysis.baf", BRUKER, "analysis.baf"),
    ("analysis.tsf", BRUKER, "analysis.tsf"),
    ("_func001.dat", WATERS, "_func001.dat"),
)

# First bytes of a file that is no run -> what it is, what to do.
_MAGIC = (
    (b"\x01\x32", "Agilent data that hold no mass spectra", "give the .D folder or its data.ms"),
    (b"\x02\x38", "an Agilent detector file without mass spectra", "give the .D folder or its data.ms"),
    (b"\x03\x31", "an Agilent detector file without mass spectra", "give the .D folder or its data.ms"),
    (b"PAR1", "a Parquet table", "give a raw run, or give the runs table to a command that takes one"),
    (b"SQLite format 3\0", "an SQLite database, as some vendors use", "give the folder it lies in"),
    (b"PK\x03\x04", "a zip archive", _REPACKED),
    (b"BZh", "a bzip2 archive", _REPACKED),
    (b"\xfd7zXZ", "an xz archive", _REPACKED),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _REPACKED),
    (b"7z\xbc\xaf", "a 7z archive", _REPACKED),
)


def family_of_file(path: Path) -> Family | None:
    """The maker's format of a file, by what is in it; None if it is not known."""
    first_bytes = head(path)
    if first_bytes.startswith(_FINNIGAN):
        return THERMO
    if not first_bytes.startswith(_OLE2):
        return None
    names = _storages(path, first_bytes)
    found = (family for storages, family in _STORAGES if any(name.encode("utf-16-le") in names for name in storages))
    return next(found, SCIEX if path.with_name(path.name + ".scan").exists() else COMPOUND)


def family_of_folder(entries: Iterable[Path]) -> tuple[Family, Path] | None:
    """The maker's format of a folder, by what lies in it, and the file to watch; None if it is not known."""
    inside = {entry.name.lower() + ("/" if entry.is_dir() else ""): entry for entry in entries}
    for name, family, watched in _INSIDE:
        if name in inside:
            found = inside[name]
            if found.is_dir():
                found = next((entry for entry in sorted(found.iterdir()) if entry.name.lower() == watched), found)
            return family, found
    return None


def foreign_file(first_bytes: bytes) -> tuple[str, str] | None:
    """What a file that is no run is and what to do with it, by its first bytes; None if it is not known either."""
    return next(((what, remedy) for magic, what, remedy in _MAGIC if first_bytes.startswith(magic)), None)


@contextmanager
def as_mzml(path: Path, family: Family) -> Iterator[Path]:
    """A maker's run as a temporary mzML file.

    Raises
    ------
    InputError: openmassspec-io does not read this format, is not installed, or cannot read this file; says
    what can.
    """
    remedy = family.remedy.format(run=path.name)
    if family.suffix is None:
        raise InputError(path, f"is a {family.name}, which is not read here", remedy)
    if importlib.util.find_spec(_PACKAGE) is None:
        raise InputError(
            path, f"is a {family.name}, which needs the package openmassspec-io",
            f"install it (pip install 'spectus-workflow[vendors]'), or {remedy}",
        )  # fmt: skip
    with TemporaryDirectory(prefix="spectus-") as folder:
        given, made = _linked(path, family, Path(folder)), Path(folder) / "made.mzML"
        size = _size(path)
        try:
            in_child(
                Path(__file__).with_name("vendor_script.py"), [str(given), str(made)],
                _SECONDS + size / _BYTES_PER_SECOND, memory_bytes=_MEMORY_PER_BYTE * size,
            )  # fmt: skip
        except ChildError as error:
            raise InputError(path, f"this {family.name} cannot be read ({shown(str(error), 120)})", remedy) from error
        if not made.exists() or not made.stat().st_size:
            raise InputError(path, f"this {family.name} cannot be read (no mzML came of it)", remedy)
        yield made


def _linked(path: Path, family: Family, folder: Path) -> Path:
    """A link to the run under a name that tells the package what it is: that goes by names."""
    link = folder / f"run{family.suffix}"
    link.symlink_to(path.resolve())
    for suffix in family.beside:
        second = path.with_name(path.name + suffix.removeprefix(family.suffix or ""))
        if second.exists():
            (folder / f"run{suffix}").symlink_to(second.resolve())
    return link


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else _file_size(path)


def _file_size(path: Path) -> int:
    beside = path.with_name(path.name + ".scan")
    return path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)


def _storages(path: Path, first_bytes: bytes) -> bytes:
    """The beginning of a compound document's directory ([MS-CFB] 2.2, 2.6), whose names are UTF-16."""
    sector_bytes = 1 << min(int.from_bytes(first_bytes[30:32], "little"), 16)
    start = (int.from_bytes(first_bytes[48:52], "little") + 1) * sector_bytes
    with path.open("rb") as file:
        file.seek(start)
        return file.read(_DIRECTORY_BYTES)
