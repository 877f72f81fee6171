"""Reading a page back the way a browser would."""

import base64
import json
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

_VOID = {"meta", "input", "br", "img", "link", "hr"}


def rows_of(columns: dict[str, Any], place: int) -> list[list[Any]]:
    """The rows of one feature, as the page's script reads them from the columns of a part."""
    first = sum(columns["counts"][:place])
    return [[column[first + k] for column in columns["columns"]] for k in range(columns["counts"][place])]


class Page(HTMLParser):
    """The page's text, its elements with their attributes, and the JSON document; complains of unclosed elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.document: dict[str, Any] = {}
        self.parts: dict[str, bytes] = {}
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
        if self.open and self.open[-1] == "script" and self.elements[-1][1].get("type") == "application/octet-stream":
            self.parts[(self.elements[-1][1]["id"] or "").removeprefix("packed-")] = zlib.decompress(
                base64.b64decode(data)
            )

    @property
    def text(self) -> str:
        """What a reader sees without the script."""
        return " ".join(part for tag, parts in self.texts.items() if tag not in ("script", "style") for part in parts)

    def part(self, name: str) -> Any:
        """A part of the page as the script reads it."""
        return json.loads(self.parts[name])

    @property
    def details(self) -> list[dict[str, Any]]:
        """The details of all features, each with the drawings and spectra of its part."""
        found = []
        for number in range(sum(name.startswith("part-") for name in self.parts)):
            part = self.part(f"part-{number}")
            for place, detail in enumerate(part["details"]):
                rows = {name: rows_of(part[name], place) for name in ("candidates", "hits")}
                found.append(detail | rows | {"drawings": part["drawings"], "spectra": part["spectra"]})
        return found

    def areas(self) -> np.ndarray:
        """The areas as the script reads them, shape (n_features, n_runs); NaN where there is none."""
        codes = np.frombuffer(self.parts["areas"], "<u2").reshape(-1, len(self.document["axis"])) >> 1
        scale = self.document["areas"]
        return np.where(
            codes == 0,
            np.nan,
            np.where(codes == 32767, 0, np.exp(scale["low"] + (codes.astype(float) - 1) * scale["step"])),
        )

    def gap_filled(self) -> np.ndarray:
        """Which areas are gap-filled."""
        codes = np.frombuffer(self.parts["areas"], "<u2").reshape(-1, len(self.document["axis"]))
        return (codes & 1).astype(bool)


def read_page(out: Path) -> Page:
    return Page((out / "report.html").read_text(encoding="utf-8"))
