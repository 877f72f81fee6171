"""Mascot generic format: records between BEGIN IONS and END IONS, `KEY=value` lines, then one peak a line."""

import re
from collections.abc import Iterator

from spectus.library.fields import Record, identity

_FIELD = re.compile(rb"^[ \t]*([A-Za-z][^=\n]*)=[ \t]*(.*)$", re.MULTILINE)


def records(data: bytes) -> Iterator[Record]:
    """The records of the file's text (line ends `\\n`), in order."""
    for part in data.split(b"BEGIN IONS")[1:]:
        block, end, _ = part.partition(b"END IONS")
        fields = list(_FIELD.finditer(block))
        peaks = block[fields[-1].end() :] if fields else block
        reason = None if end else "cut short: no END IONS"
        yield Record(identity((field[1], field[2]) for field in fields), peaks, None, reason)
