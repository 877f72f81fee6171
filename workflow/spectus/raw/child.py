"""Work on a raw file in a process of its own, for libraries that a damaged file may crash or keep busy for ever."""

import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# A library with its own dependencies maps about 1 GB that it never uses.
_MEMORY_BYTES = 3 * 2**30


class ChildError(Exception):
    """The process failed: its message is the last line it wrote, or how it ended."""


def in_child(
    script: Path, arguments: Sequence[str], seconds: float, content: bytes = b"", memory_bytes: int = 0
) -> bytes:
    """What a script writes to its standard output.

    Parameters
    ----------
    script: run as `__main__`, with `content` as its standard input. It can import installed packages only.
    seconds: after which it is killed.
    memory_bytes: memory it may use, beyond what any such process needs.

    Raises
    ------
    ChildError: it failed, crashed, or did not end in time.
    """
    # By the file's path and with -P: neither the package's place nor its modules' names matter to the new process.
    command = [sys.executable, "-P", __file__, str(_MEMORY_BYTES + memory_bytes), str(script), *arguments]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise ChildError("reading it does not end") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ChildError(said[-1] if said else "reading it crashes")
    return done.stdout


def _limit_memory(n_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has none
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = n_bytes if most == resource.RLIM_INFINITY else min(n_bytes, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))


if __name__ == "__main__":
    _limit_memory(int(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_path(sys.argv[0], run_name="__main__")
