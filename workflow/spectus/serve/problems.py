"""Refusals and owners, which all paths of the REST interface share."""

from typing import Any

from fastapi import Request

from spectus.serve.messages import Problem

COMMON = {
    400: "the body is cut off or cannot be read",
    401: "the server needs a token, and the request has none that is valid",
    408: "the body came too slowly",
    413: "the body is too large",
    415: "the content encoding is unknown",
    422: "a parameter or the body does not fit the schema",
    429: "too many requests in a minute; `Retry-After` is the time to wait, in seconds",
}
"""Refusals of any request, by HTTP status."""


def problems(about: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return the description of refusals for the schema of the interface."""
    return {code: {"model": Problem, "description": text} for code, text in about.items()}


def owner_of(request: Request) -> str:
    """Return the owner of a request, which `AccessControl` set; empty if the server has no tokens."""
    return str(getattr(request.state, "owner", ""))
