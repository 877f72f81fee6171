"""Who may use a server: tokens, requests per minute, and pages of other origins that may read the answers."""

import hashlib
import hmac
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from spectus.errors import InputError

OPEN_PATHS = frozenset({"/", "/docs", "/openapi.json", "/health", "/structures.svg"})
"""Paths that need no token: pages, the state of the server, and drawings, which browsers request without headers."""

NO_WORK_PATHS = frozenset({"/spectra"})
"""Paths whose POST requests start no work, so that the rate does not limit them."""

_LEAST_TOKEN = 16
"""Shortest token, characters. Chosen: 16 random characters of base 64 have 96 bits, which nobody guesses."""
_MOST_CLIENTS = 10_000
"""Clients whose requests are remembered. Chosen: a megabyte of memory."""
_OWNER_CHARACTERS = 16
"""Characters of the name of a token's owner. Chosen: 64 bits of its hash, which never coincide by chance."""


@dataclass(frozen=True)
class Access:
    """Who may use a server.

    Attributes
    ----------
    tokens : tuple of str
        A request must carry one of them in its header `Authorization: Bearer TOKEN`; empty: none is needed.
    rate : float
        Most requests with new work (POST) per minute of a client: a token, or an address without tokens; 0: no limit.
    origins : tuple of str
        Origins, such as `https://lab.example.org`, whose web pages may read the answers (CORS); `*` allows all.

    Raises
    ------
    InputError
        A token is too short, the rate is negative, or an origin is none.
    """

    tokens: tuple[str, ...] = ()
    rate: float = 0.0
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.rate >= 0:
            raise InputError(f"--rate {self.rate:g}", "is below 0", "give requests per minute, or 0 for no limit")
        for origin in self.origins:
            scheme, _, host = origin.partition("://")
            if origin != "*" and (scheme not in ("http", "https") or not host or "/" in host):
                raise InputError(f"--cors {origin}", "is no origin", "give for example https://lab.example.org, or *")


def read_tokens(path: Path) -> tuple[str, ...]:
    """Read a file with one token in each line; empty lines and lines that begin with # do not count.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InputError
        The file cannot be read, has no token, or one that is too short or has a space.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", "give a text file with one token in each line") from error
    tokens = tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
    if not tokens:
        raise InputError(path, "has no token", "write one token in each line")
    for number, token in enumerate(tokens, 1):
        if len(token) < _LEAST_TOKEN or not token.isascii() or len(token.split()) > 1:
            raise InputError(
                path,
                f"token {number} is shorter than {_LEAST_TOKEN} characters, or has other signs than letters and digits",
                "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe())'",
            )
    return tokens


class RateLimit:
    """Counts the requests of each client as a bucket that holds a minute's requests and fills evenly.

    Parameters
    ----------
    rate : float
        Requests per minute; 0: no limit.
    clock : callable
        Returns a time that never goes back, s.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._left: dict[str, tuple[float, float]] = {}  # requests left, and when they were counted
        self._lock = threading.Lock()

    def wait_s(self, client: str) -> int:
        """Count a request of a client. Return 0 if it is allowed, else the time until the next one is, s."""
        if not self._rate:
            return 0
        capacity = max(1.0, self._rate)
        with self._lock:
            now = self._clock()
            left, counted_at = self._left.pop(client, (capacity, now))
            left = min(capacity, left + (now - counted_at) * self._rate / 60)
            allowed = left >= 1
            self._left[client] = (left - allowed, now)  # the client that asked last stands last
            if len(self._left) > _MOST_CLIENTS:
                del self._left[next(iter(self._left))]
        return 0 if allowed else max(1, math.ceil((1 - left) * 60 / self._rate))


class AccessControl:
    """ASGI middleware that refuses requests without a token, and too many of them.

    It sets `owner` in the state of a request: a name made of the token, empty without tokens.

    Parameters
    ----------
    app : ASGIApp
        The application behind it.
    access : Access
        Who may use the server.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._owners = {token: _owner(token) for token in access.tokens}
        self._rate = RateLimit(access.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401 or 429."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        owner = self._owner_of(scope)
        if owner is None and scope["path"] not in OPEN_PATHS:
            detail = "this server needs a token; send it as the header Authorization: Bearer TOKEN"
            await JSONResponse({"detail": detail}, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
            return
        scope.setdefault("state", {})["owner"] = owner or ""
        client = owner or (scope.get("client") or ("unknown",))[0]
        starts_work = scope["method"] == "POST" and scope["path"] not in NO_WORK_PATHS
        if starts_work and (wait := self._rate.wait_s(client)):
            detail = f"too many requests in a minute; try again in {wait} s"
            await JSONResponse({"detail": detail}, 429, {"Retry-After": str(wait)})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _owner_of(self, scope: Scope) -> str | None:
        """Return the owner of a request; None if it lacks a token that is needed."""
        if not self._owners:
            return ""
        kind, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        # Every token is compared, in a time that does not depend on where they differ.
        same = [
            owner
            for token, owner in self._owners.items()
            if hmac.compare_digest(token.encode(), given.strip().encode())
        ]
        return same[0] if same and kind.lower() == "bearer" else None


def _owner(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:_OWNER_CHARACTERS]
