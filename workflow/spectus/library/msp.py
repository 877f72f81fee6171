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
    rb"^[ \t]*(?:PK\$)?num(?:ber)?[ _]?(?:of[ _])?peaks?[ \t]*[:=][ \t]*(\d{0,9})[^\n]*\n?",
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
_FIRST_FIELD = re.compile(rb"\s*([A-Za-z$][^:=\n]*?)[ \t]*[:=]")


class _Waiting(NamedTuple):
    """A record whose text may go on in the next paragraph."""

    header: bytes
    announced: int | None
    peaks: bytes

    def record(self) -> Record:
        """Return the record, with the fields of its header."""
        return Record(
            identity(_FIELD.findall(self.header)), self.peaks, self.announced, NO_PEAKS if self.announced == 0 else None
        )


def records(data: bytes) -> Iterator[Record]:
    """Yield the records of a file in order, those without peaks too.

    Parameters
    ----------
    data
        Text of the file with line feeds as line ends.
    """
    if b"//" in data:
        data = _END_OF_MASSBANK_RECORD.sub(b"", data)
    first = _FIRST_FIELD.match(data)
    opening = first[1].strip().lower() if first else b""
    header = b""
    waiting: _Waiting | None = None
    for paragraph in data.split(b"\n\n"):
        at = 0
        while found := NUM_PEAKS.search(paragraph, at):
            if waiting:
                waiting, header = _with_late_fields(waiting, header, opening, followed_by=paragraph[at:])
                yield waiting.record()
            *headless, own = _split_at_names(header + paragraph[at : found.start()])
            yield from (_Waiting(part, None, b"").record() for part in headless)
            announced = int(found[1]) if found[1] else None
            own_name_follows = announced != 0 and not _is_named(own)
            header, (fields, peaks, end) = b"", _body(paragraph, found.end(), opening, own_name_follows)
            waiting = _Waiting(own + b"\n" + fields, announced, peaks)
            if end == len(paragraph):
                break
            at = end
        else:
            rest = paragraph[at:] + b"\n"
            if waiting and not header and rest.strip() and not rest.translate(None, _NUMERIC):
                waiting = waiting._replace(peaks=waiting.peaks + b"\n" + rest)  # a blank line amid the peaks
            else:
                header += rest
    if waiting:
        waiting, header = _with_late_fields(waiting, header, opening, followed_by=b"")
        yield waiting.record()
    yield from (_Waiting(part, None, b"").record() for part in _split_at_names(header) if _is_named(part))


def _body(paragraph: bytes, start: int, opening: bytes, own_name_follows: bool) -> tuple[bytes, bytes, int]:
    """Split what follows a `Num Peaks` line into fields and peaks of the record.

    Parameters
    ----------
    paragraph, start
        The text, and where the line ends in it.
    opening
        Name, in lower case, of the field that begins the records of this file.
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
        if named and _begins_record(named[1], opening) and (peaks or not own_name_follows):
            return b"".join(fields), b"".join(peaks), end
        (fields if named else peaks).append(line)
        end += len(line)
    return b"".join(fields), b"".join(peaks), len(paragraph)


def _begins_record(key: bytes, opening: bytes) -> bool:
    """Tell whether a field begins a record: it has the name of the file's first field, or gives a compound's name."""
    return key.strip().lower() == opening or meaning_of(key) == "name"


def _with_late_fields(
    waiting: _Waiting, header: bytes, opening: bytes, *, followed_by: bytes
) -> tuple[_Waiting, bytes]:
    """Give fields that stand after a record's peaks and a blank line to that record.

    They belong to the next record if that one does not begin itself: with the file's first field, or with a name.
    """
    if not header.strip() or _is_named(header) or not _is_opened(followed_by, opening):
        return waiting, header
    first = _FIRST_FIELD.match(header)
    if first and first[1].strip().lower() == opening:
        return waiting, header
    return waiting._replace(header=waiting.header + b"\n" + header), b""


def _is_opened(text: bytes, opening: bytes) -> bool:
    """Tell whether a text begins as a record does; the end of the file counts as such."""
    first = _FIRST_FIELD.match(text)
    return not text.strip() or bool(first and _begins_record(first[1], opening))


def _split_at_names(header: bytes) -> list[bytes]:
    """Cut the header where a name line comes again: what stands before it is a record without peaks."""
    for name in _NAMES:
        starts = [match.start() for match in name.finditer(header)]
        if starts:
            return [header[a:b] for a, b in zip([0, *starts[1:]], [*starts[1:], len(header)], strict=True)]
    return [header]


def _is_named(header: bytes) -> bool:
    return any(name.search(header) for name in (*_NAMES, _MASSBANK_NAME))
