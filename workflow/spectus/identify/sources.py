"""Where the candidates of `spectus identify` come from: tables that were made before, or searches made now."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from spectus.denovo.editing.settings import EditingSettings
from spectus.denovo.settings import DenovoSettings
from spectus.errors import InputError
from spectus.identify.settings import SearchSettings


@dataclass(frozen=True)
class Sources:
    """The sources of candidates.

    Attributes
    ----------
    hits
        Tables of library hits that exist already; with none, the libraries are searched.
    denovo
        Tables of de novo candidates that exist already; empty: they are made now; None: no de novo candidates.
    libraries
        Spectral libraries to search.
    exclude
        Files that name compounds to leave out of the libraries.
    model
        Model that makes de novo candidates.
    decoding
        How de novo candidates are decoded.
    editing
        How the structures of hits are edited; None: they are not.
    reranker
        Scores edited structures: `open` or a folder; None: the cosine with RASSP's spectra does.
    """

    hits: tuple[Path, ...] = ()
    denovo: tuple[Path, ...] | None = ()
    libraries: tuple[Path, ...] = ()
    exclude: tuple[Path, ...] = ()
    model: str = "spectus-open"
    decoding: DenovoSettings = field(default_factory=DenovoSettings)
    editing: EditingSettings | None = field(default_factory=EditingSettings)
    reranker: str | None = "open"


@contextmanager
def collect_sources(
    queries: Path, sources: Sources, folder: Path
) -> Iterator[tuple[tuple[Path, ...], tuple[Path, ...]]]:
    """Give the tables of library hits and of de novo candidates, and make those that do not exist yet.

    Parameters
    ----------
    queries
        The spectra.
    sources
        What exists and what is to be made.
    folder
        Existing folder for the temporary tables, which are deleted at the end.

    Yields
    ------
    hits
        Tables of library hits.
    denovo
        Tables of de novo candidates.

    Raises
    ------
    InputError
        No source is given, or one cannot be read.
    """
    if not sources.hits and not sources.libraries and sources.denovo is None:
        raise InputError(
            str(queries), "has no source of candidates", "give --library or --hits, or leave out --no-denovo"
        )
    with tempfile.TemporaryDirectory(prefix=".identify.", dir=folder) as temporary:
        hits, denovo = sources.hits, sources.denovo or ()
        if not hits and sources.libraries:
            hits = (_searched(queries, sources, Path(temporary)),)
        if sources.denovo is not None and not denovo:
            denovo = (_elucidated(queries, sources, hits, Path(temporary)),)
        yield hits, denovo


def _searched(queries: Path, sources: Sources, folder: Path) -> Path:
    from spectus.identify.search import search_libraries

    out = folder / "hits.parquet"
    settings = SearchSettings(exclude_predicted=True)
    search_libraries(queries, sources.libraries, out, settings, None, sources.exclude)
    return out


def _elucidated(queries: Path, sources: Sources, hits: tuple[Path, ...], folder: Path) -> Path:
    from spectus.identify.elucidation import EditingSources, elucidate_with_editing

    out = folder / "denovo.parquet"
    editing = None
    if sources.editing is not None:
        editing = EditingSources(
            hits, sources.libraries, sources.exclude, reranker=sources.reranker, settings=sources.editing
        )
    elucidate_with_editing(queries, sources.model, out, sources.decoding, editing)
    return out
