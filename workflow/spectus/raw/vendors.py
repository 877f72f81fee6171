"""Other vendors' formats: recognized by content, read by a package of the extra `vendors` where it is installed.

openmassspec-io (Apache-2.0) reads them without the vendors' libraries and writes mzML, which is then read as any other.
It works in a process of its own, on links whose names are those it expects. It is young, and no run of these vendors
was at hand to compare what it gives with what msconvert gives: `UNPROVEN` is for the user.
"""

import importlib.util
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from spectus.errors import InputError
from spectus.raw.child import ChildError, in_child
from spectus.raw.content import head, opened, shown
from spectus.raw.shimadzu import EXPORT, FORMAT

_PACKAGE = "openmassspec_io"

_SECONDS = 60.0
_BYTES_PER_SECOND = 2e6
"""Time to convert a run: a minute, and a second for each 2 MB. Chosen: a tenth of the usual speed."""

_MEMORY_PER_BYTE = 20
"""Memory for each byte of a run. Chosen: for its arrays as 64-bit floats and as text."""

_MSCONVERT = "convert it to mzML with ProteoWizard (msconvert --mzML '{run}')"

UNPROVEN = "read by openmassspec-io, which is young: compare one run of this instrument with what msconvert makes of it"


@dataclass(frozen=True)
class VendorFormat:
    """A vendor's format.

    Attributes
    ----------
    name
        Name that users know.
    remedy
        What makes mzML of it, with the command; `{run}` stands for the run's name.
    suffix
        Suffix of its name, as openmassspec-io expects it; None: that package does not read it.
    beside
        Suffixes of files with the same name that belong to it.
    """

    name: str
    remedy: str = _MSCONVERT
    suffix: str | None = None
    beside: tuple[str, ...] = ()


THERMO = VendorFormat("Thermo .raw", _MSCONVERT + " or with ThermoRawFileParser -i '{run}' -f 1", ".raw")
# Read by `shimadzu`: openmassspec-io 2.0 and openszraw 0.3 take its m/z for tenths, chromConverter says twentieths.
SHIMADZU = VendorFormat(FORMAT, EXPORT)
SCIEX = VendorFormat("SCIEX .wiff", _MSCONVERT, ".wiff", (".wiff.scan",))
WATERS = VendorFormat("Waters .raw", _MSCONVERT, ".raw")
MASSHUNTER = VendorFormat("Agilent MassHunter .D", _MSCONVERT + ", or export ANDI/netCDF from MassHunter", ".d")
BRUKER_TDF = VendorFormat("Bruker TDF .d", _MSCONVERT, ".d")
BRUKER = VendorFormat("Bruker .d", _MSCONVERT)
COMPOUND = VendorFormat(
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


def vendor_of_file(path: Path) -> VendorFormat | None:
    """Return the vendor's format of a file, by what is in it; None if it is not known."""
    first_bytes = head(path)
    if first_bytes.startswith(_FINNIGAN):
        return THERMO
    if not first_bytes.startswith(_OLE2):
        return None
    names = _storages(path, first_bytes)
    found = (vendor for storages, vendor in _STORAGES if any(name.encode("utf-16-le") in names for name in storages))
    return next(found, SCIEX if path.with_name(path.name + ".scan").exists() else COMPOUND)


def vendor_of_folder(entries: Iterable[Path]) -> tuple[VendorFormat, Path] | None:
    """Return the vendor's format of a folder, by what lies in it, and the file to watch; None if it is not known."""
    inside = {entry.name.lower() + ("/" if entry.is_dir() else ""): entry for entry in entries}
    for name, vendor, watched in _INSIDE:
        if name in inside:
            found = inside[name]
            if found.is_dir():
                found = next((entry for entry in sorted(found.iterdir()) if entry.name.lower() == watched), found)
            return vendor, found
    return None


@contextmanager
def as_mzml(path: Path, vendor: VendorFormat) -> Iterator[Path]:
    """Convert a vendor's run to a temporary mzML file.

    Raises
    ------
    InputError
        openmassspec-io does not read this format, is not installed, or cannot read this file. The line says which
        program can.
    """
    remedy = vendor.remedy.format(run=path.name)
    if vendor.suffix is None:
        raise InputError(path, f"is a {vendor.name}, which is not read here", remedy)
    if importlib.util.find_spec(_PACKAGE) is None:
        raise InputError(
            path, f"is {_article(vendor.name)} {vendor.name}, which needs the package openmassspec-io",
            f"install it (pip install 'spectus-workflow[vendors]'), or {remedy}",
        )  # fmt: skip
    with TemporaryDirectory(prefix="spectus-") as folder:
        given, made = _linked(path, vendor, Path(folder)), Path(folder) / "made.mzML"
        size = _size(path)
        try:
            in_child(
                Path(__file__).with_name("vendor_script.py"), [str(given), str(made)],
                _SECONDS + size / _BYTES_PER_SECOND, memory_bytes=_MEMORY_PER_BYTE * size,
            )  # fmt: skip
        except ChildError as error:
            raise InputError(path, f"this {vendor.name} cannot be read ({shown(str(error), 120)})", remedy) from error
        if not made.exists() or not made.stat().st_size:
            raise InputError(path, f"this {vendor.name} cannot be read (no mzML came of it)", remedy)
        yield made


def _article(name: str) -> str:
    return "an" if name[:1] in "AEIO" else "a"


def _linked(path: Path, vendor: VendorFormat, folder: Path) -> Path:
    """Make a link to the run under a name that tells the package what it is, since the package goes by names."""
    link = folder / f"run{vendor.suffix}"
    link.symlink_to(path.resolve())
    for suffix in vendor.beside:
        second = path.with_name(path.name + suffix.removeprefix(vendor.suffix or ""))
        if second.exists():
            (folder / f"run{suffix}").symlink_to(second.resolve())
    return link


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else _file_size(path)


def _file_size(path: Path) -> int:
    beside = path.with_name(path.name + ".scan")
    return path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)


def _storages(path: Path, first_bytes: bytes) -> bytes:
    """Return the beginning of a compound document's directory ([MS-CFB] 2.2, 2.6), whose names are UTF-16."""
    sector_bytes = 1 << min(int.from_bytes(first_bytes[30:32], "little"), 16)
    start = (int.from_bytes(first_bytes[48:52], "little") + 1) * sector_bytes
    with opened(path) as file:
        file.seek(start)
        return file.read(_DIRECTORY_BYTES)
