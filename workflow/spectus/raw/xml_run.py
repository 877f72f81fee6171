"""Reading mzML and mzXML, gzipped or not, of any size: first an index of the whole file, then the peaks block by block.

pyOpenMS, which writes our mzML, crashes on files that are well-formed but not valid, holds all peaks of a file at once,
and reads a file whose arrays are shorter than stated with no more than a warning. So this module reads them itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.raw.content import damaged, first_line, opened
from spectus.raw.ionization import ionization_name, is_negative
from spectus.raw.mzml_index import MzmlIndexer
from spectus.raw.mzxml_index import MzxmlIndexer
from spectus.raw.run import Run
from spectus.raw.scans import Scans
from spectus.raw.xml_arrays import Place, mzml_array, mzxml_pairs
from spectus.raw.xml_index import XmlIndex
from spectus.types import Ints


@contextmanager
def open_xml(file: Path, kind: str, path: Path) -> Iterator[Scans]:
    """Open an mzML or mzXML file and yield its MS1 scans.

    Parameters
    ----------
    file
        The file; gzip is recognized by content.
    kind
        "mzML" or "mzXML".
    path
        Path that the user gave, for errors.

    Raises
    ------
    InputError
        The file is cut short or damaged, or its lists and arrays are not as long as it says. The latter is found when
        the array is read.
    """
    with opened(file) as text:
        index = _index(text, kind, path)
        of_scan = _mzml_scan if kind == "mzML" else _mzxml_scan

        def read(order: Ints) -> Run:
            counts = index.n_points[order]
            offsets = np.concatenate([[0], np.cumsum(counts)])
            mz, intensity = np.empty(offsets[-1]), np.empty(offsets[-1])
            places, bounds = index.places[order].tolist(), offsets.tolist()
            for number, place, start, end in zip(order.tolist(), places, bounds[:-1], bounds[1:], strict=True):
                try:
                    mz[start:end], intensity[start:end] = of_scan(text, place, end - start)
                except ValueError as error:
                    raise damaged(path, f"MS1 spectrum {number + 1:,}: {first_line(error)}") from error
            return Run(
                index.rt_s[order], offsets, mz, intensity, kind, index.instrument, index.acquired_at,
                ionization_name(facts.ionization_text), polarity,
            )  # fmt: skip

        facts = index.facts
        polarity = _polarity(index)
        yield Scans(index.rt_s, index.n_points, read, index.labels, index.label_of, facts)


def _index(text: IO[bytes], kind: str, path: Path) -> XmlIndex:
    """Index a file; one that says it is UTF-8 and is not, as Windows programs write names, is read as Latin-1."""
    of_kind = MzmlIndexer if kind == "mzML" else MzxmlIndexer
    indexer = of_kind(path)
    try:
        return indexer.parse(text)
    except InputError:
        if not indexer.not_utf8:
            raise
    text.seek(0)
    return of_kind(path, "iso-8859-1").parse(text)


def _polarity(index: XmlIndex) -> str | None:
    """Return the polarity of a file whose scans all have the same."""
    polarities = {label.polarity for label in index.labels} - {None}
    if not polarities and is_negative(index.facts.ionization_text):
        return "negative"
    return polarities.pop() if len(polarities) == 1 else None


def _mzml_scan(file: IO[bytes], places: list[Place], n_points: int) -> tuple[NDArray[Any], NDArray[Any]]:
    mz, intensity = places
    return mzml_array(file, mz, n_points), mzml_array(file, intensity, n_points)


def _mzxml_scan(file: IO[bytes], places: list[Place], n_points: int) -> tuple[NDArray[Any], NDArray[Any]]:
    pairs = mzxml_pairs(file, places[0], n_points)
    return pairs[:, 0], pairs[:, 1]
