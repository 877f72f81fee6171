"""The service's web page. The browser loads nothing from other hosts."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from spectus import __version__
from spectus.web.template import fill_template, shared_style

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src 'self'; connect-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""HTTP headers of every page and drawing: a browser runs and loads only what this server sends."""

_FOLDER = Path(__file__).parent


_MEASURED = {
    "spectus-open": "On 804 spectra of compounds that this model had not seen, its own first structure was right for "
    "8 %, and one of its ten structures for 30 %.",
}
"""Accuracy of the models that ship, from docs/limits.md."""


def service_page(model: str, libraries: Sequence[str], candidates: int, max_candidates: int) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    model : str
        Name of the model.
    libraries : sequence of str
        Names of the libraries that are searched.
    candidates : int
        Structures that the form requests unless the user changes the number.
    max_candidates : int
        Largest number of structures that the form accepts.
    """
    parts = {
        "model": escape(model),
        "libraries": escape(", ".join(libraries) or "no library"),
        "measured": _MEASURED.get(model, ""),
        "version": escape(__version__),
        "candidates": str(candidates),
        "most": str(max_candidates),
        "css": shared_style() + (_FOLDER / "page.css").read_text(encoding="utf-8"),
        "script": (_FOLDER / "page.js").read_text(encoding="utf-8"),
    }
    return fill_template(_FOLDER / "page.html", parts)
