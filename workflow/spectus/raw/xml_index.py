"""Index of an mzML or mzXML file: where its MS1 spectra are and what it says of them, by one pass of a parser.

The whole file is parsed, so it is known to be well-formed and complete before anything of it is used. No peak is
decoded and no text is kept: an index takes about 80 bytes for each spectrum, however large the file is.
"""

import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.parsers import expat

import numpy as np

from spectus.raw.content import damaged, first_line, shown
from spectus.raw.scans import FileFacts, ScanLabel
from spectus.types import Floats, Ints

NUMBERS = ("MS:1000521", "MS:1000523", "MS:1000519", "MS:1000522")
"""PSI-MS terms of the type of an array's numbers, in the order of the codes that stand for them: 32-bit and 64-bit
floats, 32-bit and 64-bit integers."""

PACKINGS = (
    "MS:1000576", "MS:1000574", "MS:1002312", "MS:1002313", "MS:1002314", "MS:1002746", "MS:1002747", "MS:1002748",
)  # fmt: skip
"""PSI-MS terms of the compression of an array, in the order of their codes: none, zlib, MS-Numpress linear, pic and
slof, and the latter three packed by zlib."""

MOST_POINTS = 2**23
"""Most points of a scan. Chosen: Fourier transform instruments store up to 2**23; more is damage or meant to harm."""

_MOST_SCANS = 2**22
"""Most scans of a file. Chosen: two hours at 500 scans a second, the fastest detectors."""

_LONGEST_TAG, _DEEPEST = 2**24, 100
"""Longest tag, bytes, and most elements within each other. Chosen: real files have 10 kB and 12."""

_MOST_LABELS = 256
"""Most kinds of scans. Chosen: mass windows that give more are observed ranges, which say nothing."""

_INVALID_TOKEN = expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]

_COLUMNS = 7
_BLOCK = 2**18
NO_ARRAY = -1
"""Code of the form of an array that a spectrum does not have."""

# Parts of Thermo filter lines such as "FTMS + p EI SIM ms [50.0000-600.0000]".
_FILTER_SIM = re.compile(r"\bSIM\b", re.IGNORECASE)
_FILTER_POLARITY = re.compile(r"(?:^|\s)([+-])\s")
_FILTER_IONIZATION = re.compile(r"\s(EI|CI|FAB|ESI|APCI|NSI|TSP|FD|MALDI|GD)\s")

Attributes = dict[str, str]
Action = Callable[[Attributes], None]


@dataclass(frozen=True)
class XmlIndex:
    """The MS1 spectra of a file, in its order.

    Attributes
    ----------
    rt_s
        (n_scans,) times, s; NaN where the file gives none.
    n_points
        (n_scans,) points of each spectrum, as stated.
    labels
        The labels that occur.
    label_of
        (n_scans,) Position of each spectrum's label in `labels`.
    places
        (n_scans, 2, 3) For m/z and for intensity: first byte, byte after the last, and code of the form. The code is
        `len(PACKINGS) * number + packing`, or `NO_ARRAY`. mzXML has both in one array, so its two are equal.
    facts
        What the file says of itself.
    instrument
        Instrument, as the file says.
    acquired_at
        Start of the acquisition in ISO 8601.
    """

    rt_s: Floats
    n_points: Ints
    labels: tuple[ScanLabel, ...]
    label_of: Ints
    places: Ints
    facts: FileFacts
    instrument: str | None
    acquired_at: str | None


class Indexer:
    """The columns of the index and the parser that fills them, which both formats share.

    A format says what is done at the start of an element and at its end, by its tag, in `starts` and `ends`.

    Parameters
    ----------
    path
        Path that the user gave, for errors.
    encoding
        Encoding of the file, where it is another than it states.

    Attributes
    ----------
    not_utf8
        The file could not be parsed because of a byte that is no UTF-8.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self.parser = expat.ParserCreate(encoding)
        self.not_utf8 = False
        self.starts: dict[str, Action] = {}
        self.ends: dict[str, Callable[[], None]] = {}
        self._rt_s, self.rows, self._label_of = array("d"), array("q"), array("H")
        self._labels: dict[ScanLabel, int] = {}
        self._modes: set[bool | None] = set()
        self.declared: int | None = None
        self.present = 0
        self.instrument: str | None = None
        self.acquired_at: str | None = None
        self.ionization_text: str | None = None
        self.time_note: str | None = None
        self.n_fragment_scans = 0

    def parse(self, file: IO[bytes]) -> XmlIndex:
        """Return the index of a file, read from where it is to its end.

        Raises
        ------
        InputError
            The file is not well-formed or cut short, has another number of spectra than it states, or states numbers
            that cannot be.
        """
        parser = self.parser
        self._follow()
        try:
            given, last = 0, b""
            while block := file.read(_BLOCK):
                last = block
                parser.Parse(block)
                given += len(block)
                if given - parser.CurrentByteIndex > _LONGEST_TAG:  # which the parser would keep to its end
                    raise damaged(self.path, "XML: a tag without end")
            parser.Parse(b"", True)
        # The latter two: an encoding unknown or unsupported, a number that is none.
        except (expat.ExpatError, LookupError, ValueError) as error:
            place = parser.ErrorByteIndex - given
            is_invalid = getattr(error, "code", 0) == _INVALID_TOKEN and 0 <= place < len(last)
            self.not_utf8 = is_invalid and last[place] >= 0x80  # beyond ASCII
            raise damaged(self.path, f"XML: {first_line(error)}") from error
        self.require_declared()
        rows = np.array(self.rows, dtype=np.int64).reshape(-1, _COLUMNS)
        facts = FileFacts(
            profile=self._modes.pop() if len(self._modes) == 1 else None, time_note=self.time_note,
            n_fragment_scans=self.n_fragment_scans, ionization_text=self.ionization_text,
        )  # fmt: skip
        return XmlIndex(
            rt_s=np.array(self._rt_s, dtype=np.float64), n_points=rows[:, 0],
            labels=tuple(self._labels) or (ScanLabel(),), label_of=np.array(self._label_of, dtype=np.int64),
            places=rows[:, 1:].reshape(-1, 2, 3), facts=facts,
            instrument=self.instrument or None, acquired_at=self.acquired_at,
        )  # fmt: skip

    def _follow(self) -> None:
        """Set the parser's handlers. They are called millions of times, so that they use local names only."""
        starts, ends, depth = self.starts, self.ends, 0

        def start(tag: str, attributes: Attributes) -> None:
            nonlocal depth
            depth += 1
            if depth > _DEEPEST:
                raise damaged(self.path, f"XML: {_DEEPEST} elements within each other")
            if tag in starts:
                starts[tag](attributes)

        def end(tag: str) -> None:
            nonlocal depth
            depth -= 1
            if tag in ends:
                ends[tag]()

        self.parser.StartElementHandler, self.parser.EndElementHandler = start, end

    def require_declared(self) -> None:
        """Refuse a file that holds another number of spectra than it states."""
        if self.declared is not None and self.declared != self.present:
            raise damaged(self.path, f"states {self.declared:,} spectra and holds {self.present:,}")

    def points(self, text: str | None) -> int:
        """Return a stated number of points, if it is a number that can be."""
        if text is None or not text.strip().isdecimal() or int(text) > MOST_POINTS:
            raise damaged(self.path, f"spectrum {self.present:,} states {shown(str(text))} points")
        return int(text)

    def add(self, rt_s: float, row: tuple[int, ...], profile: bool | None, label: ScanLabel) -> None:
        """Add a spectrum to the index: its time, s, its number of points and its arrays' places, mode and label."""
        if len(self._rt_s) == _MOST_SCANS:
            raise damaged(self.path, f"more than {_MOST_SCANS:,} scans")
        self._rt_s.append(rt_s)
        self.rows.extend(row)
        if label not in self._labels and len(self._labels) >= _MOST_LABELS:
            label = ScanLabel(label.sim, label.polarity)  # of which there are six: the table stays small
        self._label_of.append(self._labels.setdefault(label, len(self._labels)))
        self._modes.add(profile)

    @staticmethod
    def window(low: str | None, high: str | None) -> tuple[float, float] | None:
        """Return a mass window, Th, if both ends are numbers in order."""
        try:
            window = float(low or ""), float(high or "")
        except ValueError:
            return None
        return window if 0 <= window[0] < window[1] < float("inf") else None

    @staticmethod
    def is_sim_filter(line: str) -> bool:
        """Return whether a Thermo filter line is one of selected ions."""
        return bool(_FILTER_SIM.search(line))

    @staticmethod
    def filter_polarity(line: str) -> str | None:
        """Return the polarity of a Thermo filter line."""
        found = _FILTER_POLARITY.search(line)
        return {"+": "positive", "-": "negative"}[found[1]] if found else None

    @staticmethod
    def filter_ionization(line: str) -> str | None:
        """Return the ionization of a Thermo filter line."""
        found = _FILTER_IONIZATION.search(line)
        return found[1] if found else None
