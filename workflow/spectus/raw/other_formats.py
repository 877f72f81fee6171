"""Formats that cannot be read: named for what they are, with the program that converts them."""

import re
from pathlib import Path

_MSCONVERT = "convert it to mzML with ProteoWizard (msconvert --mzML)"
_OPENCHROM = "convert it to mzML or ANDI/netCDF with OpenChrom"
_REPACKED = "unpack it first"
_SPECTRA = "give spectra to `spectus search` or `spectus library`; a run has scans with times"

UNKNOWN = (
    "of no format that can be read, or cut short",
    "give ANDI/netCDF, mzML, mzXML, JCAMP-DX or an Agilent .D; msconvert (ProteoWizard) makes mzML of most other "
    "vendors' formats, OpenChrom of some that it does not read",
)
"""What a file of no known format is called, and what to do with it."""

READABLE = UNKNOWN[1]

Named = tuple[str, str]

# First bytes of a file -> what it is, what to do.
_MAGIC: tuple[tuple[bytes, Named], ...] = (
    (b"\x01\x32", ("Agilent data that hold no mass spectra", "give the .D folder or its data.ms")),
    (b"\x02\x38", ("an Agilent detector file without mass spectra", "give the .D folder or its data.ms")),
    (b"\x03\x31", ("an Agilent detector file without mass spectra", "give the .D folder or its data.ms")),
    (b"PAR1", ("a Parquet table", "give a raw run, or give the runs table to a command that takes one")),
    (b"BZh", ("a bzip2 archive", _REPACKED)),
    (b"\xfd7zXZ", ("an xz archive", _REPACKED)),
    (b"\x28\xb5\x2f\xfd", ("a zstd archive", _REPACKED)),
    (b"7z\xbc\xaf", ("a 7z archive", _REPACKED)),
    (b"Rar!", ("a RAR archive", _REPACKED)),
    (b"%PDF", ("a PDF document", READABLE)),
    (b"\x89PNG", ("a PNG image", READABLE)),
    (b"\xff\xd8\xff", ("a JPEG image", READABLE)),
)

_SATURN = ("a Varian Saturn .SMS or Bruker MS Workstation .xms run", _OPENCHROM)

# Names of datasets and groups in an HDF5 file -> what it is, what to do. mzMLb also has netCDF's own names.
_HDF5: tuple[tuple[bytes, Named], ...] = (
    (b"mzMLb", ("mzMLb", _MSCONVERT)),
    (b"mzML_spectrumIndex", ("mzMLb", _MSCONVERT)),
    (b"\x04mzML", ("mzMLb", _MSCONVERT)),  # the length and the name of its main dataset
    (b"SpectrumMetaData", ("mz5", _MSCONVERT)),
    (b"SpectrumIntensity", ("mz5", _MSCONVERT)),
    (b"SpectraMetaData", ("mz5", _MSCONVERT)),
    (b"TimsData", ("an HDF5 file of ion mobility data", _MSCONVERT)),
)

# Names of files in a zip archive -> what it is, what to do.
_ZIP: tuple[tuple[bytes, Named], ...] = (
    (b"CHROMATOGRAM", ("an OpenChrom .ocb chromatogram", "open it in OpenChrom and export it as mzML or ANDI/netCDF")),
    (b"word/", ("a Word document", READABLE)),
    (b"xl/", ("an Excel workbook", READABLE)),
    (b"AcqData/", ("a zip archive of an Agilent .D folder", _REPACKED)),
    (b"data.ms", ("a zip archive of an Agilent .D folder", _REPACKED)),
    (b"DATA.MS", ("a zip archive of an Agilent .D folder", _REPACKED)),
)

# Tables of an SQLite database -> what it is, what to do.
_SQLITE: tuple[tuple[bytes, Named], ...] = (
    (b"bounding_box", ("mzDB", "convert it to mzML with mzdb2mzml of the mzDB project")),
    (b"Frame_Parameters", ("a UIMF file of ion mobility data", _MSCONVERT)),
    (b"Frame_Params", ("a UIMF file of ion mobility data", _MSCONVERT)),
    (b"TimsFrameType", ("the index of a Bruker .d folder", "give the folder it lies in")),
    (b"Wiff", ("SCIEX .wiff2", _MSCONVERT)),
)

# Tags of an XML file -> what it is, what to do.
_XML: tuple[tuple[bytes, Named], ...] = (
    (rb"<AnIML[\s>]", ("AnIML", _OPENCHROM)),
    (rb"<mzData[\s>]", ("mzData", _MSCONVERT)),
    (rb"<mzIdentML[\s>]", ("mzIdentML, which holds identifications and no spectra", READABLE)),
    (rb"<featureMap[\s>]", ("an OpenMS feature map", READABLE)),
    (rb"<(?:cml|spectrum\s[^>]*xmlns[^>]*cml)", ("CML", _SPECTRA)),
    (rb"<GAML[\s>]", ("GAML", _OPENCHROM)),
    (rb"<html[\s>]|<!DOCTYPE html", ("a web page", "download the file itself")),
)

# First lines of a text file -> what it is, what to do.
_TEXT: tuple[tuple[bytes, Named], ...] = (
    (rb"(?mi)^BEGIN IONS", ("MGF, a list of spectra", _SPECTRA)),
    (rb"(?mi)^NAME:.*(?:\r?\n.*){0,60}^NUM PEAKS:", ("MSP, a library of spectra", _SPECTRA)),
    (rb"(?m)^ACCESSION: ", ("a MassBank record", _SPECTRA)),
    (rb"(?m)^\[MS Data\]|^\[MC Peak Table\]|^\[Header\]", (
        "text exported from GCMSsolution", "export it as ANDI/netCDF or mzML instead")),
)  # fmt: skip


_TABLE = (
    "a table as text",
    "export the run as ANDI/netCDF, mzML or JCAMP-DX; give spectra as .msp or Parquet to `spectus search`",
)
_PRINTABLE = re.compile(rb"[\t\r\n -\xff]+")


def foreign_file(first_bytes: bytes, path: Path) -> Named | None:
    """Name a file that is no run that can be read, and what to do with it.

    Parameters
    ----------
    first_bytes
        The beginning of the file.
    path
        The file, for formats that only their end tells.

    Returns
    -------
    tuple of str or None
        What the file is and the remedy; None if it is not known either.
    """
    if b"SATURNWS" in first_bytes[:64]:
        return _SATURN
    if first_bytes.startswith(b"PK\x03\x04"):
        return _named_by(_ZIP, first_bytes + _tail(path)) or ("a zip archive", _REPACKED)
    if first_bytes.startswith(b"SQLite format 3\0"):
        found = _named_by(_SQLITE, first_bytes)
        return found or ("an SQLite database, as some vendors use", "give the folder it lies in")
    if len(first_bytes) > 262 and first_bytes[257:262] == b"ustar":
        return "a tar archive", _REPACKED
    by_magic = next((named for magic, named in _MAGIC if first_bytes.startswith(magic)), None)
    text = first_bytes[:16384].replace(b"\0", b"")  # UTF-16 too
    named = by_magic or next((named for tag, named in _XML + _TEXT if re.search(tag, text)), None)
    return named or (_TABLE if _is_text_table(text) else None)


def _is_text_table(text: bytes) -> bool:
    """Tell whether a text has columns of numbers: its first lines have the same separators, and then digits."""
    lines = text.splitlines()[:3]
    if len(lines) < 2 or not _PRINTABLE.fullmatch(text) or not re.search(rb"\d", lines[1]):
        return False
    return any(
        len({line.count(mark) for line in lines} - {0}) == 1 and all(mark in line for line in lines)
        for mark in (b"\t", b";", b",")
    )


def foreign_mzml(first_bytes: bytes) -> Named | None:
    """Name a file that has mzML's tags but keeps its numbers elsewhere; None for mzML."""
    if b"IMS:1000080" in first_bytes or b"IMS:1000030" in first_bytes or b"IMS:1000031" in first_bytes:
        return "imzML, an image and no chromatogram", "give the runs of a chromatograph"
    return None


def hdf5_format(content: bytes) -> Named | None:
    """Name an HDF5 file that is not netCDF-4, and what to do with it; None if it may be netCDF-4."""
    return _named_by(_HDF5, content)


def _named_by(known: tuple[tuple[bytes, Named], ...], content: bytes) -> Named | None:
    return next((named for name, named in known if name in content), None)


def _tail(path: Path) -> bytes:
    """Return the end of a file, where a zip archive has its directory."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65536))
        return file.read()
