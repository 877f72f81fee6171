"""The whole identification in the service: measured and predicted libraries, de novo candidates, and probabilities."""

import logging
import tempfile
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from spectus import tables
from spectus.errors import InputError
from spectus.identify.candidates import identify_queries
from spectus.identify.settings import IdentifySettings
from spectus.identify.sources import Sources, collect_sources
from spectus.serve.jobs import Job, JobStore

_LOG = logging.getLogger(__name__)
_MOST_JOBS = 10
"""Spectra identified together. Chosen: models and libraries load once for them, in some 3 s, and the first answers of a
raw run come after ten spectra."""


@dataclass(frozen=True)
class IdentificationSources:
    """What the service identifies with.

    Attributes
    ----------
    libraries : tuple of Path
        Libraries of measured or predicted spectra.
    model : str
        De novo model.
    reranker : str or None
        `open` or the folder of a reranker; None: no probabilities.
    """

    libraries: tuple[Path, ...]
    model: str
    reranker: str | None


class IdentificationWorker(threading.Thread):
    """A thread that identifies spectra until the store is closed. An error in a job does not end it.

    Parameters
    ----------
    jobs : JobStore
        The jobs.
    sources : IdentificationSources
        What to identify with.
    """

    def __init__(self, jobs: JobStore, sources: IdentificationSources) -> None:
        super().__init__(name="spectus-identification", daemon=True)
        self._jobs, self._sources = jobs, sources

    def run(self) -> None:
        """Identify until the store is closed."""
        while taken := self._jobs.take(_MOST_JOBS):
            self._identify(taken)

    def _identify(self, taken: Sequence[Job]) -> None:
        """Answer jobs together; if that fails, one by one, so that a bad spectrum fails only its own job."""
        usable = [job for job in taken if job.spectrum["reason"] is None]
        for job in taken:
            if job.spectrum["reason"] is not None:
                self._jobs.fail(job, str(job.spectrum["reason"]))
        try:
            answers = (
                identify_spectra([job.spectrum for job in usable], self._sources, usable[0].denovo) if usable else []
            )
        except Exception as error:
            if len(usable) > 1:
                for job in usable:
                    self._identify([job])
                return
            expected = isinstance(error, InputError)
            _LOG.error("identification %s failed: %s", usable[0].id, error, exc_info=not expected)
            self._jobs.fail(usable[0], str(error) if expected else f"error in the server: {type(error).__name__}")
            return
        for job, (candidates, note) in zip(usable, answers, strict=True):
            self._jobs.complete(job, candidates, note)


def identify_spectra(
    rows: Sequence[dict[str, Any]], sources: IdentificationSources, denovo: bool
) -> list[tuple[list[dict[str, Any]], str | None]]:
    """Identify spectra as `spectus identify` does.

    Parameters
    ----------
    rows : sequence of dict
        Rows of the SPECTRA schema.
    sources : IdentificationSources
        What to identify with.
    denovo : bool
        Also take de novo candidates.

    Returns
    -------
    list of (list of dict, str or None)
        For each spectrum its rows of the table CANDIDATES, and a note on peaks that the de novo model could not take.

    Raises
    ------
    InputError
        A library or model cannot be read, or there is no source of candidates.
    """
    names = [f"query {number}" for number in range(len(rows))]  # those of the spectra may come again
    with tempfile.TemporaryDirectory(prefix="spectus-") as folder:
        queries, out = Path(folder) / "queries.parquet", Path(folder) / "candidates.parquet"
        named = [
            row | {"name": name, "entry": number} for number, (name, row) in enumerate(zip(names, rows, strict=True))
        ]
        tables.write(tables.table(tables.SPECTRA, named), queries, tables.SPECTRA)
        given = Sources(
            libraries=sources.libraries, denovo=() if denovo else None, model=sources.model, reranker=sources.reranker
        )  # fmt: skip
        notes: dict[str, str] = {}
        with collect_sources(queries, given, out.parent) as (hits, proposed):
            for path in proposed:
                found = tables.read(path, tables.DENOVO_CANDIDATES, ["query", "note"])
                found = found.filter(pc.is_valid(found["note"]))
                notes |= dict(zip(found["query"].to_pylist(), found["note"].to_pylist(), strict=True))
            identify_queries(queries, hits, proposed, out, IdentifySettings(), sources.reranker)
        candidates: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in tables.read(out, tables.CANDIDATES).to_pylist():
            candidates[row.pop("query")].append(row)
    return [(candidates[name], notes.get(name)) for name in names]
