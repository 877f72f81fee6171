import asyncio
import gzip
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.types import Message

from spectus.serve.body import BodyRefused, body_pieces

from .conftest import Start

BODY = json.dumps({"mz": [78], "intensity": [1]}).encode()
HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


def read(
    pieces: Sequence[bytes], headers: dict[str, str], most: int = 100, max_s: float = 5, each_s: float = 0
) -> bytes:
    left = list(pieces)

    async def receive() -> Message:
        await asyncio.sleep(each_s)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def whole() -> bytes:
        scope: Any = {"type": "http", "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()]}
        return b"".join([piece async for piece in body_pieces(scope, receive, most, max_s)])

    return asyncio.run(whole())


def test_a_body_comes_whole_in_any_pieces() -> None:
    packed = gzip.compress(BODY)
    assert read([BODY[:5], b"", BODY[5:]], {}) == BODY
    assert read([packed[k : k + 1] for k in range(len(packed))], {"Content-Encoding": "gzip"}) == BODY


@pytest.mark.parametrize(
    ("pieces", "headers", "status"),
    [
        ([b"x" * 101], {}, 413),
        ([b""], {"Content-Length": "101"}, 413),
        ([gzip.compress(b"0" * 10_000_000)], {"Content-Encoding": "gzip"}, 413),
        ([BODY], {"Content-Encoding": "gzip"}, 400),
        ([gzip.compress(BODY)[:-9]], {"Content-Encoding": "gzip"}, 400),
        ([BODY], {"Content-Encoding": "br"}, 415),
    ],
)
def test_what_is_too_large_or_damaged_is_refused(pieces: list[bytes], headers: dict[str, str], status: int) -> None:
    with pytest.raises(BodyRefused) as refused:
        read(pieces, headers)
    assert refused.value.status == status


def test_a_slow_body_is_refused_however_steadily_it_comes() -> None:
    start = time.monotonic()
    with pytest.raises(BodyRefused) as refused:
        read([b"x"] * 100, {}, max_s=0.2, each_s=0.05)
    assert refused.value.status == 408 and time.monotonic() - start < 3


def test_the_interface_takes_gzip_and_answers_with_it(start: Start) -> None:
    client = start()
    assert client.post("/predictions", content=gzip.compress(BODY), headers=HEADERS).status_code == 202
    assert client.post("/predictions", content=BODY, headers=HEADERS).status_code == 400
    assert client.post("/predictions", content=BODY, headers=HEADERS | {"Content-Encoding": "br"}).status_code == 415
    bomb = gzip.compress(b" " * 10_000_000)
    assert client.post("/predictions", content=bomb, headers=HEADERS).status_code == 413
    assert client.get("/openapi.json", headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
