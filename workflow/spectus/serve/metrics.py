"""Figures for monitoring, in the text format of Prometheus (version 0.0.4)."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_OTHER = "other"


class Metrics:
    """Counts of the requests of a server, and how long they took."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._lock = threading.Lock()
        self._started_at = time.time()

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request.

        Parameters
        ----------
        method, path : str
            The method, and the path with names of its parameters in place of their values.
        status : int
            HTTP status of the answer.
        seconds : float
            Time until the answer was sent, s.
        """
        with self._lock:
            self._requests[method, path, status] += 1
            self._seconds[method, path] += seconds

    def text(self, states: Mapping[str, Mapping[str, int]], alive: Mapping[str, int], version: str, model: str) -> str:
        """Return all figures.

        Parameters
        ----------
        states : mapping
            For each kind of job, the number of jobs by status.
        alive : mapping
            For each kind of worker, the number of those that run.
        version, model : str
            What the server is.
        """
        with self._lock:
            requests, seconds = dict(self._requests), dict(self._seconds)
        lines = [
            *_metric("spectus_info", "gauge", "Version and model.", [({"version": version, "model": model}, 1)]),
            *_metric("spectus_start_time_seconds", "gauge", "Start of the server, s since 1970.",
                     [({}, round(self._started_at, 3))]),
            *_metric("spectus_requests_total", "counter", "Requests by method, path and status.",
                     [({"method": method, "path": path, "status": str(status)}, number)
                      for (method, path, status), number in sorted(requests.items())]),
            *_metric("spectus_request_seconds_total", "counter", "Time until the answers were sent, s.",
                     [({"method": method, "path": path}, round(total, 6))
                      for (method, path), total in sorted(seconds.items())]),
            *_metric("spectus_jobs", "gauge", "Jobs by kind and status.",
                     [({"kind": kind, "status": status}, number)
                      for kind, counts in states.items() for status, number in counts.items()]),
            *_metric("spectus_workers", "gauge", "Workers that run.",
                     [({"kind": kind}, number) for kind, number in alive.items()]),
        ]  # fmt: skip
        return "\n".join(lines) + "\n"


class CountRequests:
    """ASGI middleware that counts requests.

    Parameters
    ----------
    app : ASGIApp
        The application behind it.
    metrics : Metrics
        Where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count it once its answer was sent."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.monotonic(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            path = getattr(scope.get("route"), "path", _OTHER)  # never the address itself: a client can send any
            self._metrics.count(_method(scope["method"]), path, status, time.monotonic() - start)


def _method(name: str) -> str:
    return name if name in ("GET", "HEAD", "POST", "DELETE", "OPTIONS") else _OTHER


def _metric(name: str, kind: str, about: str, values: Iterable[tuple[Mapping[str, str], float]]) -> list[str]:
    samples = [f"{name}{_labels(labels)} {value}" for labels, value in values]
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}", *samples]


def _labels(labels: Mapping[str, str]) -> str:
    def escaped(text: str) -> str:
        return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")

    return "{" + ",".join(f'{name}="{escaped(text)}"' for name, text in labels.items()) + "}" if labels else ""
