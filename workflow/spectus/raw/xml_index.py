"""Where in an mzML or mzXML file its MS1 spectra are, and what it says of them: one pass of a streaming parser.

The whole file is parsed, so it is known to be well-formed and complete before anything of it is used. No peak is
decoded and no text kept: an index takes some 70 bytes a spectrum, however large the file.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from spectus.raw.content import damaged, first_line, shown

# PSI-MS terms of the numbers of an array and of its compression, in the order of the codes that stand for them.
NUMBERS = ("MS:1000521", "MS:1000523", "MS:1000519", "MS:1000522")
PACKINGS = (
    "MS:1000576", "MS:1000574", "MS:1002312", "MS:1002313", "MS:1002314", "MS:1002746", "MS:1002747", "MS:1002748",
)  # fmt: skip
# Fourier transform instruments store up to 2**23 points a scan; what states more is damaged or meant to harm.
MOST_POINTS = 2**23
# The fastest detectors make 500 scans a second: two hours of these.
_MOST_SCANS = 2**22
_LONGEST_TAG, _DEEPEST = 2**24, 100
_COLUMNS = 7
_BLOCK = 2**18
NO_ARRAY = -1

Attributes = dict[str, str]
Action = Callable[[Attributes], None]


@dataclass(frozen=True)
class XmlIndex:
    """The MS1 spectra of a file, in its order.

    Attributes
    ----------
    rt_s: (n_scans,) float64, NaN where the file gives none.
    n_points: (n_scans,) int64 as stated.
    sim: (n_scans,) bool: the file calls it a SIM spectrum.
    places: (n_scans, 2, 3) int64, for m/z and for intensity: first byte, byte after the last, code of the form, which
        is `len(PACKINGS) * number + packing`, or -1 where there is no such array. mzXML has both in one array, so its
        two are equal.
    profile: whether the file calls all of them profile (True) or centroid (False) spectra; None: neither.
    """

    rt_s: NDArray[np.float64]
    n_points: NDArray[np.int64]
    sim: NDArray[np.bool_]
    places: NDArray[np.int64]
    profile: bool | None
    instrument: str | None
    acquired_at: str | None


class Indexer:
    """What both formats share: the columns of the index, and the parser that fills them.

    A format says what is done at the start of an element and at its end, by its tag, in `starts` and `ends`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parser = expat.ParserCreate()
        self.starts: dict[str, Action] = {}
        self.ends: dict[str, Callable[[], None]] = {}
        self._rt_s, self.rows, self._sim = array("d"), array("q"), array("b")
        self._kinds: set[bool | None] = set()
        self.declared: int | None = None
        self.present = 0
        self.instrument: str | None = None
        self.acquired_at: str | None = None

    def parse(self, file: IO[bytes]) -> XmlIndex:
        """The index of a file, read from where it is to its end.

        Raises
        ------
        InputError: it is not well-formed or cut short, has another number of spectra than it states, or states numbers
        that cannot be.
        """
        parser = self.parser
        self._follow()
        try:
            given = 0
            while block := file.read(_BLOCK):
                parser.Parse(block)
                given += len(block)
                if given - parser.CurrentByteIndex > _LONGEST_TAG:  # which the parser would keep to its end
                    raise damaged(self.path, "XML: a tag without end")
            parser.Parse(b"", True)
        # The latter two: an encoding unknown or unsupported, a number that is none.
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise damaged(self.path, f"XML: {first_line(error)}") from error
        self.require_declared()
        rows = np.array(self.rows, dtype=np.int64).reshape(-1, _COLUMNS)
        return XmlIndex(
            rt_s=np.array(self._rt_s, dtype=np.float64), n_points=rows[:, 0], sim=np.array(self._sim, dtype=bool),
            places=rows[:, 1:].reshape(-1, 2, 3), profile=self._kinds.pop() if len(self._kinds) == 1 else None,
            instrument=self.instrument or None, acquired_at=self.acquired_at,
        )  # fmt: skip

    def _follow(self) -> None:
        """Set the parser's handlers. They are called millions of times, so all they need is near at hand."""
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
        if self.declared is not None and self.declared != self.present:
            raise damaged(self.path, f"states {self.declared:,} spectra and holds {self.present:,}")

    def points(self, text: str | None) -> int:
        if text is None or not text.strip().isdecimal() or int(text) > MOST_POINTS:
            raise damaged(self.path, f"spectrum {self.present:,} states {shown(str(text))} points")
        return int(text)

    def add(self, rt_s: float, row: tuple[int, ...], profile: bool | None, sim: bool) -> None:
        if len(self._rt_s) == _MOST_SCANS:
            raise damaged(self.path, f"more than {_MOST_SCANS:,} scans")
        self._rt_s.append(rt_s)
        self.rows.extend(row)
        self._sim.append(sim)
        self._kinds.add(profile)
