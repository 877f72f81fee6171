"""Serve a model over HTTP until a signal stops the server."""

import contextlib
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from spectus.denovo.translator import Translator
from spectus.errors import InputError
from spectus.serve.access import Access
from spectus.serve.api import create_app
from spectus.serve.identification import IdentificationSources
from spectus.serve.jobs import JobStore
from spectus.serve.limits import ServerLimits
from spectus.structures import quiet_rdkit

_BACKLOG = 2048
"""Connections that may wait to be accepted. Chosen: uvicorn's default."""
_GRACE_S = 5
"""Time that open connections get when the server stops, s. Chosen: shorter than the 10 s after which Docker kills."""


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes
    ----------
    host : str
        Name or number of the host.
    port : int
        Port, 0 to 65535; 0 is a free one.
    """

    host: str
    port: int


@dataclass(frozen=True)
class Placement:
    """Where and how precisely a model computes; see `Translator.load`.

    Attributes
    ----------
    device : str
        `auto`, `cpu` or `cuda`.
    precision : str
        `auto`, or a type of numbers.
    """

    device: str
    precision: str


def serve(
    sources: IdentificationSources, address: Address, placement: Placement, limits: ServerLimits,
    jobs: Path | None = None, access: Access | None = None,
) -> None:  # fmt: skip
    """Serve until SIGTERM or Ctrl-C; print the address once the server answers.

    Parameters
    ----------
    sources : IdentificationSources
        Model, libraries and reranker.
    address : Address
        Where to listen.
    placement : Placement
        Where and how precisely to compute.
    limits : ServerLimits
        Settings of the server.
    jobs : Path, optional
        SQLite file of the jobs; without it they are lost when the server stops.
    access : Access, optional
        Who may use the server; by default everybody who reaches it.

    Raises
    ------
    InputError
        The address is in use or does not belong to this machine, the model, a library or the store of jobs cannot be
        read, or the device is absent.
    """
    listener = _bound(address.host, address.port)
    for library in sources.libraries:
        if not library.exists():
            raise InputError(library, "no such file or folder", "check the path")
    with _held(jobs):
        _serve(listener, sources, placement, limits, JobStore(jobs, limits.keep_s), access)


def _serve(
    listener: socket.socket, sources: IdentificationSources, placement: Placement, limits: ServerLimits,
    store: JobStore, access: Access | None,
) -> None:  # fmt: skip
    translator = Translator.load(sources.model, placement.device, placement.precision)
    app = create_app(translator, limits, sources, store, access)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE_S, backlog=_BACKLOG
    )
    said = f"{translator.name} on {translator.model.device}: {_url(listener)}"
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # before and after uvicorn's own handlers, SIGTERM acts as Ctrl-C
    # RDKit has one log for the whole process. It is blocked here once, because two threads would unblock it for each
    # other.
    with contextlib.suppress(KeyboardInterrupt), quiet_rdkit():
        _Server(config, said).run(sockets=[listener])
    if any(worker.is_alive() for worker in app.state.workers):
        # PyTorch aborts if the interpreter ends while a thread computes.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@contextlib.contextmanager
def _held(jobs: Path | None) -> Iterator[None]:
    """Hold the file of the jobs, so that no second server takes the same jobs."""
    if jobs is None:
        yield
        return
    try:
        jobs.parent.mkdir(parents=True, exist_ok=True)
        lock = jobs.with_name(f"{jobs.name}.lock").open("w")
    except OSError as error:
        remedy = "give --jobs another file, or --jobs memory"
        raise InputError(jobs, f"cannot be used for jobs ({error.strerror})", remedy) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(jobs, "is used by another server", "give --jobs another file") from error
        yield


class _Server(uvicorn.Server):
    """A server that prints one line once it answers."""

    def __init__(self, config: uvicorn.Config, said: str) -> None:
        super().__init__(config)
        self._said = said

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the line."""
        await super().startup(sockets)
        print(self._said, flush=True)


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address that does not listen yet: clients are refused until the model is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"--host {host} --port {port}",
            f"the server cannot listen there ({reason})",
            "give another address, or port 0 for a free port",
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
