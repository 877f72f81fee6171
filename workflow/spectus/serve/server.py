"""The command `spectus serve`: a model behind an address, until it is told to stop."""

import contextlib
import logging
import os
import signal
import socket
import sys

import uvicorn

from spectus.denovo.elucidate import Translator
from spectus.errors import InputError
from spectus.serve.api import create_app
from spectus.serve.limits import Limits
from spectus.structures import quiet_rdkit

_BACKLOG = 2048  # connections that may wait to be accepted
_GRACE_S = 5  # for answers under way when the server is stopped


def serve(model: str, host: str, port: int, device: str, precision: str, limits: Limits) -> None:
    """Serve a model at an address until SIGTERM or Ctrl-C; prints the address once it answers.

    Raises
    ------
    InputError: an address that is taken or not of this machine, a model that cannot be loaded, a device not there.
    """
    listener = _bound(host, port)
    translator = Translator.load(model, device, precision)
    app = create_app(translator, limits)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE_S, backlog=_BACKLOG
    )
    said = f"{translator.name} on {translator.model.device}: {_url(listener)}"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # before and after uvicorn's own handlers: as Ctrl-C
    # RDKit's log is the process's: held off here once, for two threads would switch it on under each other.
    with contextlib.suppress(KeyboardInterrupt), quiet_rdkit():
        _Server(config, said).run(sockets=[listener])
    if any(worker.is_alive() for worker in app.state.workers):
        # The interpreter must not be taken down under a thread that computes: PyTorch would abort.
        logging.getLogger(__name__).warning("stopped while predictions were running")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


class _Server(uvicorn.Server):
    """Says a line once it answers, and obeys signals by then."""

    def __init__(self, config: uvicorn.Config, said: str) -> None:
        super().__init__(config)
        self._said = said

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._said, flush=True)


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has the address, not yet listening: a client is refused until the model is loaded."""
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
            f"cannot be listened at ({reason})",
            "give another, or port 0 for a free one",
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
