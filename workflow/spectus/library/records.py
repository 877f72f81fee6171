"""Reading spectral libraries and query spectra of any supported format into one table."""

import logging
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from spectus.errors import InputError
from spectus.library import andi, jcamp, mgf, msp, sdf
from spectus.library.fields import Identity, Record
from spectus.library.ionization import describe_ionization, is_electron_ionization
from spectus.library.parquet import read_library, read_table
from spectus.library.peak_text import parse_peaks
from spectus.library.peaks import Peaks, clean_peaks, heaviest_peaks
from spectus.library.ri_scales import scale_of_file
from spectus.library.spectrum_text import NoSpectrumError, as_msp
from spectus.library.structure_fields import resolve_structure, structure_notes
from spectus.raw.content import contents, damaged, head
from spectus.structures import quiet_rdkit
from spectus.tables import SPECTRA

_LOG = logging.getLogger("spectus")
_REMEDY = (
    "give .msp, .msl, .mgf, .jdx, .sdf, .cdf, .json, .csv, .parquet or MassBank records; of a raw run, the components "
    "that `spectus deconvolve` writes"
)
_XZ = b"\xfd7zXZ\x00"
_ZIP = b"PK\x03\x04"
_RECORD = b"ACCESSION:"
_INSTRUMENT_TYPE = re.compile(rb"^AC\$INSTRUMENT_TYPE:[ \t]*([^\r\n]*)", re.MULTILINE)
_UTF_32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_HDF5 = b"\x89HDF\r\n\x1a\n"

_LARGEST_TABLE = 2**28
"""Bytes of JSON, or of a table of peaks, that are read at most. Chosen: a quarter of a million spectra."""


def read_spectra(path: Path) -> pa.Table:
    """Read the records of a spectral file, in its order.

    MSP (NIST, MoNA, MassBank, MS-DIAL, Golm), MSL (AMDIS), MGF, JCAMP-DX, SDF, MassBank records (a file, or a folder of
    them), JSON, tables and pairs of m/z and intensity (`spectrum_text`), each file also gzip- or xz-compressed; the zip
    archive of a MassBank release, of which only records from electron ionization are read; ANDI libraries; and Parquet:
    the project's own spectra, features and components tables, or any table with list columns `mz` and `intensity`. The
    format is detected from the content.

    What the file leaves open or contradicts is logged in one line each: indices that cannot be read, structures that
    contradict each other, spectra that are not from electron ionization, missing names, peaks at m/z 0.

    Parameters
    ----------
    path
        The file, or a folder of MassBank records.

    Returns
    -------
    pa.Table
        Schema SPECTRA, one row per record. A record that cannot be used keeps its row, with the reason and without
        peaks. Names that come again get "#2", "#3", ...; peaks of intensity 0 are left out.

    Raises
    ------
    InputError
        The file is missing, empty or damaged, or holds no record in any of these formats.
    """
    if path.is_dir():
        return _parsed(_folder(path), msp.records, path)
    start = head(path, 8)
    if start.startswith(b"PAR1"):
        library = read_library(path)
        if library is not None:
            return library
        found = read_table(path)
        if not found.has_names and len(found.identities):
            _warn_once(
                f"{path}: has no column with names (feature, name, query, id or accession); "
                "its spectra are called entry 0, entry 1, ..."
            )
        return _table(found.identities, found.peaks, path, found.extrapolated)
    if start.startswith(_ZIP):
        return _parsed(_archive(path), msp.records, path)
    if start.startswith(andi.MAGIC):
        return _table(*andi.read_andi_library(contents(path), path), path)
    data = _text(path)
    parser = _parser(data, path)
    if parser is None:
        data, parser = _written_as_msp(data, path), msp.records
    return _parsed(data, parser, path)


def unique_names(names: Sequence[str | None]) -> list[str]:
    """Make names unique: "#2", "#3", ... on those that come again, "entry 7" where record 7 has none."""
    given = [name or f"entry {position}" for position, name in enumerate(names)]
    taken, seen, unique = set(given), dict.fromkeys(given, 0), []
    for name in given:
        seen[name] += 1
        chosen = name
        while seen[name] > 1 and (chosen := f"{name}#{seen[name]}") in taken:
            seen[name] += 1
        taken.add(chosen)
        unique.append(chosen)
    return unique


def reason_counts(spectra: pa.Table) -> str:
    """Count the records of a SPECTRA table that cannot be used, by kind: "no peaks: 3, a negative intensity: 1"."""
    kinds = Counter(reason.partition(":")[0] for reason in spectra["reason"].drop_null().to_pylist())
    return ", ".join(f"{kind}: {n:,}" for kind, n in kinds.most_common())


def not_electron_ionization(spectra: pa.Table) -> tuple[pa.Array, str | None]:
    """Tell which records of a SPECTRA table are not from electron ionization (EI).

    Returns
    -------
    mask : pa.Array of bool, (n_records,)
        True for these records.
    line : str or None
        How many of how many, and of which kinds; None if there are none.
    """
    kinds = spectra["ionization"].combine_chunks().dictionary_encode()
    foreign = [not is_electron_ionization(kind) for kind in kinds.dictionary.to_pylist()]
    mask = pc.fill_null(pa.array(foreign, pa.bool_()).take(kinds.indices), False)
    counted = Counter(kind for kind in spectra["ionization"].filter(mask).to_pylist() if kind)
    if not counted:
        return mask, None
    told = ", ".join(f"{kind}: {n:,}" for kind, n in counted.most_common())
    return mask, f"{counted.total():,} of {len(spectra):,} records are not from electron ionization ({told})"


@cache
def _warn_once(line: str) -> None:
    """Log a line about a file; a command that reads a file twice tells it once."""
    _LOG.warning("%s", line)


def _parsed(data: bytes, parser: Callable[[bytes], Iterator[Record]], path: Path) -> pa.Table:
    """Read the records of a text with one of the parsers."""
    with quiet_rdkit():
        found = tqdm(parser(data), desc=path.name, unit=" records", disable=None, leave=False, delay=1)
        records = list(found)
    if not records:
        raise InputError(path, "holds no record", _REMEDY)
    peaks = parse_peaks([record.peaks for record in records], [record.announced for record in records])
    reasons = [record.reason or reason for record, reason in zip(records, peaks.reasons, strict=True)]
    identities = [record.identity for record in records]
    if not any(record.name for record in identities):
        _warn_once(f"{path}: none of its records has a name; they are called entry 0, entry 1, ...")
    return _table(identities, Peaks(peaks.mz, peaks.intensity, peaks.offsets, reasons), path)


def _table(
    identities: Sequence[Identity], peaks: Peaks, path: Path, extrapolated: Sequence[bool | None] | None = None
) -> pa.Table:
    """Make the table SPECTRA, and log what is wrong with the file's fields."""
    cleaned = clean_peaks(peaks)
    mz, intensity = cleaned.columns()
    with quiet_rdkit():
        structures = [
            resolve_structure(record, heaviest)
            for record, heaviest in zip(identities, heaviest_peaks(mz, intensity), strict=True)
        ]
    identities, polar_note = _without_polar_indices(identities)
    scales, notes = _ri_scales(identities, path)
    notes += [polar_note] if polar_note else []
    n = len(identities)
    texts: dict[str, Sequence[str | None]] = {
        "name": unique_names([record.name for record in identities]),
        "smiles": [found.smiles for found in structures],
        "inchikey": [found.inchikey for found in structures],
        "formula": [found.formula for found in structures],
        "cas": [record.cas for record in identities],
        "ri_scale": scales,
        "ionization": [record.ionization for record in identities],
        "contradiction": [found.contradiction for found in structures],
        "derivative": [record.derivative for record in identities],
        "smiles_measured": [None] * n,
        "excluded": [None] * n,
        "source": [record.source for record in identities],
        "license": [record.license for record in identities],
        "reason": cleaned.reasons,
    }
    columns = {name: pa.array(values, pa.string()) for name, values in texts.items()} | {
        "entry": pa.array(range(n), pa.int32()),
        "ri": pa.array([record.ri for record in identities], pa.float64()),
        "ri_extrapolated": pa.array([None] * n if extrapolated is None else extrapolated, pa.bool_()),
        "mz": mz,
        "intensity": intensity,
    }
    table = pa.Table.from_arrays([columns[name] for name in SPECTRA.names], schema=SPECTRA)
    if cleaned.n_at_zero:
        notes.append(f"{cleaned.n_at_zero:,} peaks at m/z 0 are left out")
    if cleaned.n_bad:
        notes.append(f"{cleaned.n_bad:,} peaks are left out whose m/z or intensity is negative or no number")
    wrong = [*structure_notes(structures), *filter(None, [not_electron_ionization(table)[1]])]
    for note in [*notes, *wrong]:
        _warn_once(f"{path}: {note}")
    return table


def _without_polar_indices(identities: Sequence[Identity]) -> tuple[Sequence[Identity], str | None]:
    """Leave out indices of polar columns where other records have indices of other columns; return a line about it."""
    polar = [record.polar_column for record in identities if record.ri and record.polar_column]
    if not polar:
        return identities, None
    named = f"{len(polar):,} retention indices are of polar columns, such as {polar[0]!r}"
    if len(polar) == sum(record.ri is not None for record in identities):
        return identities, f"{named}: compare them with indices of such a column only"
    kept = [record._replace(ri=None, ri_scale=None) if record.polar_column else record for record in identities]
    return kept, f"{named}, and the others are not; those of polar columns are left out"


def _ri_scales(identities: Sequence[Identity], path: Path) -> tuple[list[str | None], list[str]]:
    """Return the scale of each record's retention index, and lines about indices that cannot be read."""
    indexed = [(record.name, record.smiles, record.ri) for record in identities if record.ri and not record.ri_scale]
    of_file = scale_of_file(path.name, indexed) if indexed else None
    scales: list[str | None] = [None if record.ri is None else record.ri_scale or of_file for record in identities]
    unread = [record.ri_unread for record in identities if record.ri_unread]
    line = f"{len(unread):,} retention indices cannot be read without doubt, such as {unread[0]!r}" if unread else None
    return scales, [f"{line}; they are left out"] if line else []


def _folder(path: Path) -> bytes:
    """Join the MassBank records of a folder, by name."""
    files = sorted(chain(path.glob("*.txt"), path.glob("*/*.txt")))
    texts = [_text(file) for file in files if head(file, 2**12).lstrip(b"\xef\xbb\xbf").startswith(_RECORD)]
    if not texts:
        raise InputError(
            path, "is a folder without MassBank records", "name a file, or a folder of MassBank's .txt files"
        )
    return b"\n\n".join(texts)


def _archive(path: Path) -> bytes:
    """Join the records from electron ionization of a zip archive of MassBank records, by name."""
    texts, n_foreign = [], 0
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(name for name in archive.namelist() if name.endswith(".txt")):
                text = archive.read(name).removeprefix(b"\xef\xbb\xbf")
                if not text.startswith(_RECORD):
                    continue
                if _is_electron_ionization(text):
                    texts.append(text.replace(b"\r\n", b"\n"))
                else:
                    n_foreign += 1
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise damaged(path, f"zip: {error}") from error
    if not texts:
        raise InputError(path, "is a zip archive without MassBank records from electron ionization", _REMEDY)
    if n_foreign:
        _warn_once(f"{path}: {n_foreign:,} records are not from electron ionization; they are left out")
    return b"\n\n".join(texts)


def _is_electron_ionization(text: bytes) -> bool:
    """Tell whether a MassBank record names EI, or nothing, as its type of instrument."""
    found = _INSTRUMENT_TYPE.search(text)
    kind = found[1].decode("latin-1").strip() if found else ""
    return is_electron_ionization(describe_ionization({"instrument type": kind}))


def _text(path: Path) -> bytes:
    """Return the file's text, uncompressed, with line feeds as line ends and no byte order mark."""
    data = contents(path)
    if data.startswith(_XZ):
        try:
            data = lzma.decompress(data)
        except lzma.LZMAError as error:
            raise damaged(path, f"xz: {error}") from error
    if data.startswith(_UTF_32):
        data = data.decode("utf-32", errors="replace").encode()
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", errors="replace").encode()
    elif (unmarked := _unmarked_utf16(data)) is not None:
        data = data.decode(unmarked, errors="replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _unmarked_utf16(data: bytes) -> str | None:
    """Return the encoding of a UTF-16 text without a byte order mark, in which every other byte is 0; else None."""
    for encoding, high, low in (("utf-16-le", data[1:400:2], data[:400:2]), ("utf-16-be", data[:400:2], data[1:400:2])):
        if high and high.count(0) >= 0.9 * len(high) and not low.count(0):
            return encoding
    return None


def _parser(data: bytes, path: Path) -> Callable[[bytes], Iterator[Record]] | None:
    """Choose the parser by the file's content; None for a text of no library format."""
    start = data[:65536]
    if data.startswith(_HDF5):
        raise InputError(path, "is an HDF5 file and no spectral library", _REMEDY)
    if b"\0" in start:
        raise InputError(path, "is no spectral library: its content is binary", _REMEDY)
    if re.search(rb"^##[ \t]*(?:TITLE|JCAMP)", start, re.MULTILINE | re.IGNORECASE):
        return jcamp.records
    if mgf.is_mgf(data):
        return mgf.records
    if sdf.PEAKS_FIELD.search(data):
        return sdf.records
    if msp.NUM_PEAKS.search(data):
        return msp.records
    return None


def _written_as_msp(data: bytes, path: Path) -> bytes:
    """Return JSON, a table or pairs of numbers as MSP."""
    name = path.name.partition(".")[0]
    try:
        written = as_msp(data.decode("utf-8", errors="replace"), name) if len(data) <= _LARGEST_TABLE else None
    except NoSpectrumError as error:
        raise InputError(path, str(error), "give JSON or CSV with mz and intensity, or pairs of them") from error
    if written is None:
        raise InputError(
            path,
            "is no spectral library: no 'Num Peaks:', 'BEGIN IONS', '##TITLE=' or 'MASS SPECTRAL PEAKS' in it, and no "
            "columns or JSON lists mz and intensity",
            _REMEDY,
        )
    return written.encode("utf-8", errors="replace")
