"""Reading spectral libraries and query spectra of any supported form into one table."""

import lzma
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from spectus.errors import InputError
from spectus.library import jcamp, mgf, msp
from spectus.library.fields import Identity, Record
from spectus.library.parquet import read_library, read_table
from spectus.library.peaks import Peaks, clean_peaks, parse_peaks
from spectus.raw.content import contents, damaged, head
from spectus.tables import SPECTRA

_REMEDY = "give .msp, .msl, .mgf, .jdx or .parquet; of a raw run, the components that `spectus deconvolve` writes"
_XZ = b"\xfd7zXZ\x00"


def read_spectra(path: Path) -> pa.Table:
    """The records of a spectral file, in its order.

    MSP (NIST, MoNA, MassBank, MS-DIAL), MSL (AMDIS), MGF, JCAMP-DX, each also gzip- or xz-compressed, and Parquet: the
    project's own spectra, features and components tables, or any table with list columns `mz` and `intensity`. The
    form is found by content, whatever the suffix.

    Returns
    -------
    (n_records,) table of schema SPECTRA. A record that cannot be used keeps its row, with the reason and without peaks.
    Names that come again get "#2", "#3", ...; peaks of intensity 0 are left out.

    Raises
    ------
    InputError: the file is missing, empty, damaged, or holds no record in any of these forms.
    """
    if head(path, 4) == b"PAR1":
        library = read_library(path)
        return _table(*read_table(path)) if library is None else library
    data = _text(path)
    found = tqdm(_parser(data, path)(data), desc=path.name, unit=" records", disable=None, leave=False, delay=1)
    records = list(found)
    if not records:
        raise InputError(path, "holds no record", _REMEDY)
    peaks = parse_peaks([record.peaks for record in records], [record.announced for record in records])
    reasons = [record.reason or reason for record, reason in zip(records, peaks.reasons, strict=True)]
    return _table([record.identity for record in records], Peaks(peaks.mz, peaks.intensity, peaks.offsets, reasons))


def unique_names(names: Sequence[str | None]) -> list[str]:
    """The names with "#2", "#3", ... on those that come again; "entry 7" where record 7 has none."""
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
    """How many records of a SPECTRA table cannot be used, by kind: "no peaks: 3, negative intensity: 1"."""
    kinds = Counter(reason.partition(":")[0] for reason in spectra["reason"].drop_null().to_pylist())
    return ", ".join(f"{kind}: {n:,}" for kind, n in kinds.most_common())


def _table(identities: Sequence[Identity], peaks: Peaks) -> pa.Table:
    names, smiles, inchikeys, formulas, indices = zip(*identities, strict=True) if identities else [()] * 5
    cleaned = clean_peaks(peaks)
    mz, intensity = cleaned.columns()
    columns = [
        pa.array(range(len(identities)), pa.int32()),
        pa.array(unique_names(names), pa.string()),
        *(pa.array(values, pa.string()) for values in (smiles, inchikeys, formulas)),
        pa.array(indices, pa.float64()),
        mz,
        intensity,
        pa.array(cleaned.reasons, pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=SPECTRA)


def _text(path: Path) -> bytes:
    """The file's text, uncompressed, with line ends `\\n` and no byte order mark."""
    data = contents(path)
    if data.startswith(_XZ):
        try:
            data = lzma.decompress(data)
        except lzma.LZMAError as error:
            raise damaged(path, f"xz: {error}") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", errors="replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _parser(data: bytes, path: Path) -> Callable[[bytes], Iterator[Record]]:
    start = data[:65536]
    if b"\0" in start:
        raise InputError(path, "is no spectral library: its content is binary", _REMEDY)
    if re.search(rb"^##[ \t]*(?:TITLE|JCAMP)", start, re.MULTILINE | re.IGNORECASE):
        return jcamp.records
    if b"BEGIN IONS" in data:
        return mgf.records
    if msp.NUM_PEAKS.search(data):
        return msp.records
    raise InputError(path, "is no spectral library: no 'Num Peaks:', 'BEGIN IONS' or '##TITLE=' in it", _REMEDY)
