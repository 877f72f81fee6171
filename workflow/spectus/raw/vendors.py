"""Formats that only their makers' software can read: how to recognise them, and what makes mzML of them."""

from collections.abc import Iterable
from pathlib import Path

_MSCONVERT = "convert it to mzML with msconvert (ProteoWizard)"
_REPACKED = "unpack it first"

# First bytes of a file -> what it is, what to do.
_MAGIC = (
    (
        b"\x01\xa1F\0i\0n\0n\0i\0g\0a\0n\0",
        "a Thermo .raw file",
        "convert it to mzML with ThermoRawFileParser or msconvert",
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a compound document, as Shimadzu .qgd and SCIEX .wiff files are",
        "export ANDI/netCDF or mzML from GCMSsolution (.qgd), or convert with msconvert (.wiff)",
    ),
    (b"\x01\x32", "Agilent data that hold no mass spectra", "give the .D folder or its data.ms"),
    (b"\x02\x38", "an Agilent detector file without mass spectra", "give the .D folder or its data.ms"),
    (b"\x03\x31", "an Agilent detector file without mass spectra", "give the .D folder or its data.ms"),
    (b"PAR1", "a Parquet table", "give a raw run, or give the runs table to a command that takes one"),
    (b"SQLite format 3\0", "an SQLite database, as some vendors use", _MSCONVERT),
    (b"PK\x03\x04", "a zip archive", _REPACKED),
    (b"BZh", "a bzip2 archive", _REPACKED),
    (b"\xfd7zXZ", "an xz archive", _REPACKED),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _REPACKED),
    (b"7z\xbc\xaf", "a 7z archive", _REPACKED),
)

# Something in a folder (lower case; a folder where it ends in "/") -> what the folder is, what to do.
_INSIDE = (
    ("acqdata/", "an Agilent MassHunter .D folder", _MSCONVERT + ", or export ANDI/netCDF from MassHunter"),
    ("analysis.baf", "a Bruker .d folder", _MSCONVERT),
    ("analysis.tdf", "a Bruker .d folder", _MSCONVERT),
    ("analysis.tsf", "a Bruker .d folder", _MSCONVERT),
    ("_func001.dat", "a Waters or PerkinElmer .raw folder", _MSCONVERT),
)


def foreign_file(first_bytes: bytes) -> tuple[str, str] | None:
    """What a file of another maker is and what to do with it, by its first bytes; None if it is not known either."""
    return next(((what, remedy) for magic, what, remedy in _MAGIC if first_bytes.startswith(magic)), None)


def foreign_folder(entries: Iterable[Path]) -> tuple[str, str] | None:
    """What a folder of another maker is and what to do with it, by what lies in it; None if it is not known either."""
    inside = {entry.name.lower() + ("/" if entry.is_dir() else "") for entry in entries}
    return next(((what, remedy) for name, what, remedy in _INSIDE if name in inside), None)
