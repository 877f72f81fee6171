"""Mascot generic format: records between BEGIN IONS and END IONS, `KEY=value` lines, then one peak a line."""

import re
from collections.abc import Iterator

from spectus.library.fields import Record, identity

_FIELD = re.compile(rb"^[ \t]*([A-Za-z][^=\n]*)=[ \t]*(.*)$", re.MULTILINE)


def records(data: bytes) -> Iterator[Record]:
    """Yield the records of a file in order. Fields may stand before, amid or after the peaks.

    Parameters
    ----------
    data
        Text of the file with line feeds as line ends.
    """
    for part in data.split(b"BEGIN IONS")[1:]:
        block, end, _ = part.partition(b"END IONS")
        fields = _FIELD.findall(block)
        reason = None if end else "cut short: no END IONS"
        yield Record(identity(fields), _FIELD.sub(b"", block), None, reason)
