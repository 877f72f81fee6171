"""NIST text libraries: MSP (NIST, MoNA, MassBank, MS-DIAL) and AMDIS's MSL, which differs only in its brackets.

A record is some `key: value` lines, a line `Num Peaks: n`, and n pairs of m/z and intensity in any layout; a blank line
ends it, but not in every file.
"""

import re
from collections.abc import Iterator

from spectus.library.fields import Record, identity
from spectus.library.peaks import NO_PEAKS

NUM_PEAKS = re.compile(rb"^[ \t]*num[ _]?peaks[ \t]*[:=][ \t]*(\d{0,9})[^\n]*\n?", re.IGNORECASE | re.MULTILINE)

_FIELD = re.compile(rb"^[ \t]*([A-Za-z$][^:\n]*?)[ \t]*:[ \t]*(\S.*)$", re.MULTILINE)
_HEADER_LINE = re.compile(rb"^[ \t]*[A-Za-z$#/][^\n:=]*[:=]", re.MULTILINE)
_NAMES = [
    re.compile(rb"^[ \t]*" + key + rb"[ \t]*:", re.IGNORECASE | re.MULTILINE) for key in (b"name", b"compound_?name")
]
_NUMERIC = b"0123456789.+-eE \t\n;,:(){}[]"


def records(data: bytes) -> Iterator[Record]:
    """The records of the file's text (line ends `\\n`), in order. Records without peaks come out too."""
    header = b""
    waiting: tuple[bytes, int | None, bytes] | None = None
    for paragraph in data.split(b"\n\n"):
        at = 0
        while found := NUM_PEAKS.search(paragraph, at):
            if waiting:
                yield _record(*waiting)
            *headless, own = _split_at_names(header + paragraph[at : found.start()])
            yield from (_record(part, None, b"") for part in headless)
            header, end = b"", _end_of_peaks(paragraph, found.end())
            waiting = (own, int(found[1]) if found[1] else None, paragraph[found.end() : end])
            if end == len(paragraph):
                break
            at = end
        else:
            rest = paragraph[at:] + b"\n"
            if waiting and not header and rest.strip() and not rest.translate(None, _NUMERIC):
                waiting = (*waiting[:2], waiting[2] + b"\n" + rest)  # a blank line amid the peaks
            else:
                header += rest
    if waiting:
        yield _record(*waiting)
    yield from (_record(part, None, b"") for part in _split_at_names(header) if _is_named(part))


def _record(header: bytes, announced: int | None, peaks: bytes) -> Record:
    return Record(identity(_FIELD.findall(header)), peaks, announced, NO_PEAKS if announced == 0 else None)


def _end_of_peaks(paragraph: bytes, start: int) -> int:
    """Where the peaks that begin at `start` end: at the paragraph's end, or before the next record's first line."""
    if not paragraph[start:].translate(None, _NUMERIC):
        return len(paragraph)
    next_header = _HEADER_LINE.search(paragraph, start)
    return next_header.start() if next_header else len(paragraph)


def _split_at_names(header: bytes) -> list[bytes]:
    """The header cut where a name line comes again: what stands before it is a record without peaks."""
    for name in _NAMES:
        starts = [match.start() for match in name.finditer(header)]
        if starts:
            return [header[a:b] for a, b in zip([0, *starts[1:]], [*starts[1:], len(header)], strict=True)]
    return [header]


def _is_named(header: bytes) -> bool:
    return any(name.search(header) for name in _NAMES)
