"""Files: writing them whole or not at all, checking those that are read, finding those that ship."""

import errno
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spectus.errors import InputError

_LEFTOVER_AFTER_S = 60.0
"""Least age of a temporary file that nobody holds before it counts as left over, s. Chosen: far longer than the time
between the creation of a file and its lock, also where the clocks of two nodes differ."""

_FULL = {
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than the limit",
}
"""Errors of a system call that mean a full disk."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file name beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name keeps the suffixes, since some writers choose the format by them. Temporary files for the same
    `path` that a killed process left are removed. A lock tells them from those of a process that still writes.

    Raises
    ------
    InputError
        The disk is full.
    IsADirectoryError
        There is a folder of that name.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_suffix(path), dir=path.parent)
    temporary = Path(name)
    try:
        _lock(handle)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if error.errno in _FULL:
            raise InputError(path, f"cannot be written ({_FULL[error.errno]})", "free space on the disk") from error
        raise
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)


def _suffix(path: Path) -> str:
    return "".join(path.suffixes[-2:])


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of `path` that no process holds."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}{re.escape(_suffix(path))}")
    for entry in os.scandir(path.parent):
        if name.fullmatch(entry.name):
            with suppress(OSError):  # it is gone, or is another user's
                _remove_if_left(Path(entry.path))


def _remove_if_left(temporary: Path) -> None:
    if time.time() - temporary.stat().st_mtime < _LEFTOVER_AFTER_S:
        return
    handle = os.open(temporary, os.O_RDWR)
    try:
        if _lock(handle):
            temporary.unlink()
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock an open file against other processes; False if one has it, or if the file system has no locks."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def require_file(path: Path) -> Path:
    """Return the path itself if it is a file with content; raise an `InputError` otherwise."""
    if not path.exists():
        raise InputError(path, "no such file", "check the path")
    if path.is_dir():
        raise InputError(path, "is a folder where a file is needed", "name the file inside it")
    if path.stat().st_size == 0:
        raise InputError(path, "the file is empty", "export or copy it again")
    return path


def resource(name: str) -> Path:
    """Find a file or folder that ships with the project.

    The places are, in this order: the folder that the environment variable SPECTUS_RESOURCES names, the folder
    `resources` of the checkout, and the folder in which a wheel installs it.

    Parameters
    ----------
    name
        Path below the folder `resources`, such as "models/neims-open".

    Returns
    -------
    Path
        The first place that has it.

    Raises
    ------
    InputError
        No place has it.
    """
    places = _resource_folders()
    for folder in places:
        if (folder / name).exists():
            return folder / name
    raise InputError(
        name, f"is not in {', '.join(map(str, places))}", "set SPECTUS_RESOURCES to the project's folder resources"
    )


def _resource_folders() -> list[Path]:
    """Return the folders in which `resource` looks."""
    named = os.environ.get("SPECTUS_RESOURCES")
    beside = Path(__file__).resolve().parents[1]
    checkout = [beside.with_name("resources")] if beside.name == "workflow" else []
    return [*([Path(named)] if named else []), *checkout, Path(sys.prefix) / "share" / "spectus" / "resources"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
