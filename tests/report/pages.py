"""Reading a page back the way a browser would."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_VOID = {"meta", "input", "br", "img", "link", "hr"}


class Page(HTMLParser):
    """The page's text, its elements with their attributes, and the JSON document; complains of unclosed elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.document: dict[str, Any] = {}
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> where {self.open[-1:]} is open"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)
        if self.open and self.open[-1] == "script" and self.elements[-1][1].get("type") == "application/json":
            self.document = json.loads(data)

    @property
    def text(self) -> str:
        """What a reader sees without the script."""
        return " ".join(part for tag, parts in self.texts.items() if tag not in ("script", "style") for part in parts)


def read_page(out: Path) -> Page:
    return Page((out / "report.html").read_text(encoding="utf-8"))
