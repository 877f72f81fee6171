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

_GZIP = b"\x1f\x8b"
_LONGEST_MESSAGE = 120
_BLOCK = 2**20
# Runs pack to a half or a tenth, a text of many zeros to a fiftieth; a file made to harm to a thousandth.
_MOST_UNPACKED = 100
_KEPT_IN_MEMORY = 2**26


def head(path: Path, n_bytes: int = 65536) -> bytes:
    """The first `n_bytes` of a file, unpacked if it is gzipped.

    Raises
    ------
    InputError: no such file, empty, not readable, or not even its first block can be unpacked.
    """
    return _read(path, n_bytes)


def contents(path: Path) -> bytes:
    """All bytes of a file, unpacked if it is gzipped; a gzip stream is read to its end and its checksum tested.

    Raises
    ------
    InputError: as `head`; also a gzip stream that is cut short or damaged.
    """
    return _read(path, -1)


def damaged(path: Path, what: str) -> InputError:
    """The error for a file whose own numbers do not hold together."""
    return InputError(path, f"the file is damaged or cut short ({what})", "copy or export it again")


def first_line(error: BaseException) -> str:
    """The first line of what a library said, for an error of ours that must be one line, and a short one."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return shown(line, _LONGEST_MESSAGE)


def shown(text: str, length: int = 20) -> str:
    """A text from a file as an error may quote it: its beginning, without what would not print."""
    printable = "".join(character if character.isprintable() else "?" for character in text[: length + 1])
    return printable if len(text) <= length else printable[:length] + "..."


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file open for reading at its beginning; a gzipped one unpacked, on disk where it is large.

    Raises
    ------
    InputError: as `contents`.
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
    """What goes wrong while the file is open, as an `InputError`."""
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
    """What a gzip stream holds, block by block; its end is reached only if its checksum is right."""
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
