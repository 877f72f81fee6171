"""Mass spectra in JCAMP-DX (Lampen et al., Appl. Spectrosc. 48, 1545 (1994)): blocks from ##TITLE= to ##END=.

Every data table is a record. A file whose pages are the scans of a run gives one record per scan.
"""

import re
from collections.abc import Iterator

from spectus.library.fields import Record, identity
from spectus.library.peaks import NO_PEAKS

_TABLES = {b"PEAKTABLE", b"XYDATA", b"XYPOINTS", b"PEAKASSIGNMENTS", b"DATATABLE"}
_COMMENT = re.compile(rb"\$\$[^\n]*")
_BETWEEN_NUMBERS = re.compile(rb"[\s,;]+")

_Pairs = list[tuple[bytes, bytes]]


def records(data: bytes) -> Iterator[Record]:
    """Yield the records of a file in order.

    Parameters
    ----------
    data
        Text of the file with line feeds as line ends.
    """
    for block in re.split(rb"\n##[ \t]*TITLE[ \t]*=", b"\n" + data, flags=re.IGNORECASE)[1:]:
        yield from _block_records(b"TITLE=" + block)


def _block_records(block: bytes) -> Iterator[Record]:
    """Yield the block's data tables as records.

    Fields before the first table hold for all tables; fields between two tables hold for the second.
    """
    common: _Pairs | None = None
    header: _Pairs = []
    for part in block.split(b"\n##"):
        label, _, value = _COMMENT.sub(b"", part).partition(b"=")
        key = re.sub(rb"[\s_/-]", b"", label).upper()
        if key == b"END":
            break
        if key in _TABLES:
            common = header if common is None else common
            yield _record(header, value, is_plotted=key in (b"XYDATA", b"XYPOINTS"))
            header = list(common)
        else:
            header.append((key, value.split(b"\n")[0].strip()))
    if common is None and not any(key == b"BLOCKS" for key, _ in header):  # with BLOCKS it only binds others together
        yield Record(identity(header), b"", None, NO_PEAKS)


def _record(header: _Pairs, table: bytes, is_plotted: bool) -> Record:
    form, _, peaks = table.partition(b"\n")
    number = _last(header, b"NPOINTS")
    announced = int(number) if number.isdigit() else len(_BETWEEN_NUMBERS.split(peaks.strip())) // 2
    reason = None
    if b"++" in form or b"XYW" in form.upper():
        reason = f"data in the form {form.strip().decode('latin-1')}, which is not read"
    elif is_plotted and _factor(header) != 1.0:  # factors do not belong to a peak table (JCAMP-DX 4.24, 5.5)
        reason = "an XFACTOR other than 1, which is not read"
    return Record(identity(header), peaks, announced, reason)


def _factor(header: _Pairs) -> float:
    try:
        return float(_last(header, b"XFACTOR") or 1.0)
    except ValueError:
        return 1.0


def _last(header: _Pairs, wanted: bytes) -> bytes:
    return next((value for key, value in reversed(header) if key == wanted), b"")
