"""Bytes of a raw file, unpacked where it is gzipped, and the errors of opening one."""

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO

from spectus.errors import InputError
from spectus.files import require_file
from spectus.types import Flags

_GZIP = b"\x1f\x8b"
_LONGEST_MESSAGE = 120
"""Longest quotation of another library's message, characters. Chosen: a message stays one line."""

_BLOCK = 2**20

_MOST_UNPACKED = 100
"""Largest ratio of unpacked to packed size. Chosen: runs are packed to a half or a tenth, a text of many zeros to a
fiftieth, and a file that is meant to harm to a thousandth."""

_KEPT_IN_MEMORY = 2**26
"""Bytes of an unpacked file that are kept in memory; a larger one goes to the disk. Chosen: 64 MB."""


def head(path: Path, n_bytes: int = 65536) -> bytes:
    """Return the first `n_bytes` of a file, unpacked if it is gzipped.

    Raises
    ------
    InputError
        There is no such file, it is empty or not readable, or not even its first block can be unpacked.
    """
    return _read(path, n_bytes)


def contents(path: Path) -> bytes:
    """Return all bytes of a file, unpacked if it is gzipped.

    A gzip stream is read to its end and its checksum is tested.

    Raises
    ------
    InputError
        As `head`; also a gzip stream that is cut short or damaged.
    """
    return _read(path, -1)


def damaged(path: Path, what: str) -> InputError:
    """Make the error for a file whose own numbers contradict each other."""
    return InputError(path, f"the file is damaged or cut short ({what})", "copy or export it again")


def require_each(right: Flags, otherwise: str, path: Path) -> None:
    """Raise the error for a damaged file at the first scan that is not right, (n_scans,)."""
    if not right.all():
        raise damaged(path, f"scan {right.argmin() + 1:,} of {len(right):,} {otherwise}")


def first_line(error: BaseException) -> str:
    """Return the first line of what a library said, for an error of ours that must be one short line."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return shown(line, _LONGEST_MESSAGE)


def shown(text: str, length: int = 20) -> str:
    """Return a text from a file as an error may quote it: its beginning, without characters that do not print."""
    printable = "".join(character if character.isprintable() else "?" for character in text[: length + 1])
    return printable if len(text) <= length else printable[:length] + "..."


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading at its beginning. A gzipped one is unpacked, on disk where it is large.

    Raises
    ------
    InputError
        As `contents`.
    """
    with _readable(path) as file:
        if file.peek(2)[:2] != _GZIP:
            yield file
            return
        with tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY) as unpacked:
            for block in _unpacked_blocks(file, path):
                unpacked.write(block)
            unpacked.seek(0)
            yield unpacked


def _read(path: Path, n_bytes: int) -> bytes:
    with _readable(path) as file:
        if file.peek(2)[:2] != _GZIP:
            return file.read(n_bytes)
        blocks, length = [], 0
        for block in _unpacked_blocks(file, path):
            blocks.append(block)
            length += len(block)
            if 0 <= n_bytes <= length:
                break
        return b"".join(blocks)[: n_bytes if n_bytes >= 0 else None]


@contextmanager
def _readable(path: Path) -> Iterator[BufferedReader]:
    """Turn what goes wrong while the file is open into an `InputError`."""
    try:
        with require_file(path).open("rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, f"gzip: {first_line(error)}") from error
    except OSError as error:
        raise InputError(
            path, f"cannot be read ({error.strerror or error})", "check the disk and the permissions"
        ) from error


def _unpacked_blocks(file: BufferedReader, path: Path) -> Iterator[bytes]:
    """Yield what a gzip stream holds, block by block; its end is reached only if its checksum is right."""
    most = max(_KEPT_IN_MEMORY, _MOST_UNPACKED * path.stat().st_size)
    length = 0
    with gzip.GzipFile(fileobj=file) as unpacked:
        while block := unpacked.read(_BLOCK):
            length += len(block)
            if length > most:
                raise InputError(
                    path, f"unpacks to more than {_MOST_UNPACKED} times its size, as no measured run does",
                    "export or copy it again",
                )  # fmt: skip
            yield block
    if not length:
        raise InputError(path, "the gzip file holds nothing", "export or copy it again")
