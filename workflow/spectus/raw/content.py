"""Bytes of a raw file, unpacked where it is gzipped, and the errors of opening one."""

import gzip
import zlib
from pathlib import Path

from spectus.errors import InputError
from spectus.files import require_file

_GZIP = b"\x1f\x8b"


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
    """The first line of what a library said, for an error of ours that must be one line."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _read(path: Path, n_bytes: int) -> bytes:
    try:
        with require_file(path).open("rb") as file:
            if file.peek(2)[:2] != _GZIP:
                return file.read(n_bytes)
            with gzip.GzipFile(fileobj=file) as unpacked:
                unpacked_bytes = unpacked.read(n_bytes)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, f"gzip: {first_line(error)}") from error
    except OSError as error:
        raise InputError(
            path, f"cannot be read ({error.strerror or error})", "check the disk and the permissions"
        ) from error
    if not unpacked_bytes:
        raise InputError(path, "the gzip file holds nothing", "export or copy it again")
    return unpacked_bytes
