"""Mascot generic format: records between BEGIN IONS and END IONS, `KEY=value` lines, then one peak a line."""

import re
from collections.abc import Iterator

from spectus.library.fields import Record, identity

_BEGIN = re.compile(rb"^[ \t]*BEGIN IONS[^\n]*$", re.IGNORECASE | re.MULTILINE)
_END = re.compile(rb"^[ \t]*END IONS", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(rb"^[ \t]*[#;!/][^\n]*$", re.MULTILINE)
"""The marks of comments are those of the Mascot documentation."""

_FIELD = re.compile(rb"^[ \t]*([A-Za-z][^=\n]*)=[ \t]*(.*)$", re.MULTILINE)


def records(data: bytes) -> Iterator[Record]:
    """Yield the records of a file in order. Fields may stand before, amid or after the peaks.

    Parameters
    ----------
    data
        Text of the file with line feeds as line ends.
    """
    for part in _BEGIN.split(data)[1:]:
        end = _END.search(part)
        block = _COMMENT.sub(b"", part[: end.start()] if end else part)
        fields = _FIELD.findall(block)
        reason = None if end else "cut short: no END IONS"
        yield Record(identity(fields), _FIELD.sub(b"", block), None, reason)


def is_mgf(data: bytes) -> bool:
    """Tell whether a text holds a record."""
    return bool(_BEGIN.search(data))
