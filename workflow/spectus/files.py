"""Files: writing them whole or not at all, checking those that are read, finding those that ship."""

import os
import sys
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
