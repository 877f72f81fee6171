"""Reading a page back the way a browser would."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from spectus.report.packing import unpacked_bytes

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
            self.parts[(self.elements[-1][1]["id"] or "").removeprefix("packed-")] = unpacked_bytes(data)

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
        return self._unpacked()[0]

    def gap_filled(self) -> np.ndarray:
        """Which areas are gap-filled."""
        return self._unpacked()[1]

    def _unpacked(self) -> tuple[np.ndarray, np.ndarray]:
        shape = len(self.document["features"]["id"]), len(self.document["axis"])
        return unpacked_areas(self.document["areas"], self.parts["areas"], shape)


def unpacked_areas(scale: dict[str, Any], content: bytes, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Areas, and which of them are gap-filled, from what `packed_areas` packed, as the script reads them."""
    middles = np.frombuffer(content, "<u2", 2 * shape[0]).reshape(-1, 2).astype(int)
    octets = np.frombuffer(content, np.uint8, offset=4 * shape[0]).reshape(2, *shape).astype(int)
    filled = octets[0] & 1
    number = octets[1] << 7 | octets[0] >> 1
    middle = np.take_along_axis(middles, filled, axis=1)
    code = middle + np.where(number % 2, -(number // 2), number // 2 - 1)
    area = np.where(number > 1, np.exp(scale["low"] + np.where(number > 1, code, 0) * scale["step"]), 0)
    return np.where(number == 0, np.nan, area), filled.astype(bool)


def read_page(out: Path) -> Page:
    return Page((out / "report.html").read_text(encoding="utf-8"))
