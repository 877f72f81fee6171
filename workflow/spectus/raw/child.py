"""Reading a raw file in a process of its own, for libraries that a damaged file may crash or keep busy forever."""

import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_MEMORY_BYTES = 3 * 2**30
"""Memory that any such process may use. Chosen: a library with its dependencies maps about 1 GB that it never uses."""


class ChildError(Exception):
    """The process failed. The message is the last line it wrote, or how it ended."""


def in_child(
    script: Path, arguments: Sequence[str], seconds: float, content: bytes = b"", memory_bytes: int = 0
) -> bytes:
    """Run a script and return what it writes to its standard output.

    Parameters
    ----------
    script
        Run as `__main__`, with `content` as its standard input. It can import installed packages only.
    arguments
        Arguments of the script.
    seconds
        Time after which it is killed, s.
    content
        Standard input of the script.
    memory_bytes
        Memory it may use beyond what any such process needs, bytes.

    Raises
    ------
    ChildError
        It failed, crashed, or did not end in time.
    """
    # By the file's path and with -P: the new process must not find modules beside the script under their names.
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
