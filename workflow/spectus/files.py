"""Writing files so that a killed job never leaves half of one behind."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spectus.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file name beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name keeps the suffixes, since some writers choose the format by them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix="".join(path.suffixes[-2:]), dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def require_file(path: Path) -> Path:
    """The path itself, if it is a file with something in it; an `InputError` otherwise."""
    if not path.exists():
        raise InputError(path, "no such file", "check the path")
    if path.is_dir():
        raise InputError(path, "is a folder where a file is needed", "name the file inside it")
    if path.stat().st_size == 0:
        raise InputError(path, "the file is empty", "export or copy it again")
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
