"""Bodies of requests: their size and the time they take are limited while they arrive, and gzip is undone."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GZIP_BITS = 16 + zlib.MAX_WBITS
"""Format gzip, as zlib wants it told."""


class BodyRefused(Exception):
    """A body that the server does not read to its end.

    Parameters
    ----------
    status : int
        HTTP status.
    detail : str
        Why.
    """

    def __init__(self, status: int, detail: str) -> None:
        self.status, self.detail = status, detail
        super().__init__(detail)


async def body_pieces(scope: Scope, receive: Receive, max_bytes: int, max_s: float) -> AsyncIterator[bytes]:
    """Yield the pieces of a body as they arrive, without the compression that its header names.

    Parameters
    ----------
    scope : Scope
        The request.
    receive : Receive
        Gives the messages of the request.
    max_bytes : int
        Largest body, bytes, before and after the decompression.
    max_s : float
        Longest time until its end, s.

    Raises
    ------
    BodyRefused
        The body is too large, too slow, cut off, or compressed in an unknown way.
    """
    headers = Headers(scope=scope)
    announced, coding = headers.get("content-length", "0"), headers.get("content-encoding", "identity").lower()
    if announced.isdigit() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    if coding not in ("identity", "gzip", "x-gzip"):
        raise BodyRefused(415, f"the content encoding {coding!r} is unknown; send gzip, or no content encoding")
    unpack = None if coding == "identity" else zlib.decompressobj(_GZIP_BITS)
    deadline, arrived, given, more = time.monotonic() + max_s, 0, 0, True
    while more:
        try:
            message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            raise BodyRefused(408, f"the body did not arrive within {max_s:g} s") from None
        if message["type"] == "http.disconnect":
            raise BodyRefused(400, "the connection ended before the body did")
        piece, more = message.get("body", b""), message.get("more_body", False)
        arrived += len(piece)
        piece = piece if unpack is None else _unpacked(unpack, piece, max_bytes - given + 1)
        given += len(piece)
        if max(arrived, given) > max_bytes:
            raise _too_large(max_bytes)
        if piece:
            yield piece
    if unpack is not None and arrived and not unpack.eof:
        raise BodyRefused(400, "the gzip data are cut off")


class BodyLimit:
    """ASGI middleware that reads a body before the application sees the request, and answers 400, 408, 413 or 415.

    Parameters
    ----------
    app : ASGIApp
        The application behind it.
    max_bytes : int
        Largest accepted body, bytes.
    max_s : float
        Longest time until its end, s.
    streamed : frozenset of str
        Paths whose bodies the application itself reads with `body_pieces`.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_s: float, streamed: frozenset[str] = frozenset()) -> None:
        self._app, self._max_bytes, self._max_s, self._streamed = app, max_bytes, max_s, streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then pass the request on or refuse it."""
        if scope["type"] != "http" or scope["path"] in self._streamed:
            await self._app(scope, receive, send)
            return
        try:
            body = b"".join([piece async for piece in body_pieces(scope, receive, self._max_bytes, self._max_s)])
        except BodyRefused as refused:
            answer = JSONResponse({"detail": refused.detail}, refused.status, {"Connection": "close"})
            await answer(scope, receive, send)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()  # only the end of the connection can follow
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


def _unpacked(unpack: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    try:
        return unpack.decompress(piece, most)
    except zlib.error as error:
        raise BodyRefused(400, "the body is not valid gzip data") from error


def _too_large(max_bytes: int) -> BodyRefused:
    return BodyRefused(413, f"the body is larger than this server accepts ({max_bytes} bytes)")
