"""NIST text libraries: MSP (NIST, MoNA, MassBank, MS-DIAL, Golm), AMDIS's MSL, and MassBank record files.

A record is some `key: value` lines, a line `Num Peaks: n`, and n pairs of m/z and intensity in any layout. A blank line
ends it, but not in every file. Fields may also stand between `Num Peaks` and the peaks, or after the peaks. MassBank's
records have `PK$NUM_PEAK` and end with `//`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from spectus.library.fields import Record, identity, meaning_of
from spectus.library.peaks import NO_PEAKS

NUM_PEAKS = re.compile(
    rb"^[ \t]*(?:PK\$)?num(?:ber)?[ _]?(?:of[ _])?peaks?(?:[ \t]*[:=]|(?=[ \t]+\d))[ \t]*"
    rb"(\d{1,3}(?:[,.' ]\d{3})+|\d{0,9})[^\n]*\n?",
    re.IGNORECASE | re.MULTILINE,
)

_FIELD = re.compile(rb"^[ \t]*([A-Za-z$][^:=\n]*?)[ \t]*[:=][ \t]*(\S.*)$", re.MULTILINE)
_FIELD_LINE = re.compile(rb"[ \t]*([A-Za-z$#/][^\n:=]*)[:=]")
_NAMES = [
    re.compile(rb"^[ \t]*" + key + rb"[ \t]*:", re.IGNORECASE | re.MULTILINE)
    for key in (b"name", b"compound_?name", b"accession")
]
_MASSBANK_NAME = re.compile(rb"^[ \t]*CH\$NAME[ \t]*:", re.IGNORECASE | re.MULTILINE)
_NUMERIC = b"0123456789.+-eE \t\n;,:(){}[]"
_END_OF_MASSBANK_RECORD = re.compile(rb"^//[ \t]*$", re.MULTILINE)
_RULE = re.compile(rb"^[ \t]*([-=*_~#])\1{2,}[ \t]*$", re.MULTILINE)
"""A line between records."""

_PEAK_LINE = re.compile(rb"\s*[\d(\[{.]")
_FIRST_FIELD = re.compile(rb"\s*([A-Za-z$][^:=\n]*?)[ \t]*[:=]")


class _Waiting(NamedTuple):
    """A record whose text may go on in the next paragraph."""

    header: bytes
    announced: int | None
    peaks: bytes

    def record(self, late: bytes = b"") -> Record:
        """Return the record with the fields of its header, and of text that stands after its peaks."""
        fields = _FIELD.findall(self.header + b"\n" + late)
        return Record(identity(fields), self.peaks, self.announced, NO_PEAKS if self.announced == 0 else None)


def records(data: bytes) -> Iterator[Record]:
    """Yield the records of a file in order, those without peaks too.

    Parameters
    ----------
    data
        Text of the file with line feeds as line ends.
    """
    if b"//" in data:
        data = _END_OF_MASSBANK_RECORD.sub(b"", data)
    data = _RULE.sub(b"", data)
    opening = _opening_field(data)
    header = b""
    waiting: _Waiting | None = None
    for paragraph in data.split(b"\n\n"):
        at = 0
        if waiting and not header.strip() and _PEAK_LINE.match(paragraph):  # a blank line amid the peaks
            fields, peaks, at = _body(paragraph, 0, opening, False)
            waiting = _Waiting(waiting.header + b"\n" + fields, waiting.announced, waiting.peaks + b"\n" + peaks)
        while found := NUM_PEAKS.search(paragraph, at):
            late, header = _late_fields(header + paragraph[at : found.start()], opening)
            if waiting:
                yield waiting.record(late)
            *headless, own = _split_at_names(header if waiting else late + header)
            yield from (_Waiting(part, None, b"").record() for part in headless)
            digits = found[1].translate(None, b",.' ")
            announced = int(digits) if digits else None
            own_name_follows = announced != 0 and not _is_named(own)
            header, (fields, peaks, at) = b"", _body(paragraph, found.end(), opening, own_name_follows)
            waiting = _Waiting(own + b"\n" + fields, announced, peaks)
        if at < len(paragraph):
            header += paragraph[at:] + b"\n"
    late, header = _late_fields(header, opening) if _is_named(header) else (header, b"")
    if waiting:
        yield waiting.record(late)
    yield from (_Waiting(part, None, b"").record() for part in _split_at_names(header) if _is_named(part))


def _opening_field(data: bytes) -> re.Pattern[bytes]:
    """Return the pattern of the field that begins the records of a file: the first one in it."""
    first = _FIRST_FIELD.match(data)
    key = re.escape(first[1].strip()) if first else b"name"
    return re.compile(rb"^[ \t]*" + key + rb"[ \t]*[:=]", re.IGNORECASE | re.MULTILINE)


def _body(paragraph: bytes, start: int, opening: re.Pattern[bytes], own_name_follows: bool) -> tuple[bytes, bytes, int]:
    """Split what follows a `Num Peaks` line into fields and peaks of the record.

    Parameters
    ----------
    paragraph, start
        The text, and where the line ends in it.
    opening
        Pattern of the field that begins the records of this file.
    own_name_follows
        The record has no name yet, so that a name before the peaks is its own.

    Returns
    -------
    fields, peaks : bytes
        Lines of fields, and of peaks.
    end : int
        Where the next record begins, or the length of the paragraph.
    """
    if not paragraph[start:].translate(None, _NUMERIC):
        return b"", paragraph[start:], len(paragraph)
    fields: list[bytes] = []
    peaks: list[bytes] = []
    end = start
    for line in paragraph[start:].splitlines(keepends=True):
        named = _FIELD_LINE.match(line)
        if named and _begins_record(line, named[1], opening) and (peaks or not own_name_follows):
            return b"".join(fields), b"".join(peaks), end
        (fields if named else peaks).append(line)
        end += len(line)
    return b"".join(fields), b"".join(peaks), len(paragraph)


def _begins_record(line: bytes, key: bytes, opening: re.Pattern[bytes]) -> bool:
    """Tell whether a field begins a record: it has the name of the file's first field, or gives a compound's name."""
    return bool(opening.match(line)) or meaning_of(key) == "name"


def _late_fields(header: bytes, opening: re.Pattern[bytes]) -> tuple[bytes, bytes]:
    """Split the text between the peaks of two records into fields of the first and of the second.

    The second record begins with the file's first field. Without that field, all of the text is its.
    """
    begin = opening.search(header)
    return (header[: begin.start()], header[begin.start() :]) if begin else (b"", header)


def _split_at_names(header: bytes) -> list[bytes]:
    """Cut the header where a name line comes again: what stands before it is a record without peaks."""
    for name in _NAMES:
        starts = [match.start() for match in name.finditer(header)]
        if starts:
            return [header[a:b] for a, b in zip([0, *starts[1:]], [*starts[1:], len(header)], strict=True)]
    return [header]


def _is_named(header: bytes) -> bool:
    return any(name.search(header) for name in (*_NAMES, _MASSBANK_NAME))
