"""The stage `spectus denovo` with structure editing: search, decode, edit, and score by a reranker.

Editing itself knows no reranker and no search (`spectus.denovo.editing`). Here it gets both.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from spectus.denovo.editing.scoring import SCREEN_WEIGHT, CosineScorer, Scorers
from spectus.denovo.editing.settings import EditingSettings
from spectus.denovo.editing.stage import Editor, Seeds, read_seeds, substructure_of
from spectus.denovo.elucidate import elucidate_queries
from spectus.denovo.settings import DenovoSettings
from spectus.identify.seed_search import search_seeds
from spectus.identify.settings import SearchSettings
from spectus.library.records import read_spectra
from spectus.molecules.exclusions import Exclusions

RASSP, NEIMS = "rassp", "neims"
"""Prediction models: the one that scores where no reranker does, and a faster one."""


@dataclass(frozen=True)
class EditingSources:
    """Where the structures that are edited come from.

    Attributes
    ----------
    hits
        Tables of library hits that exist already.
    libraries
        Libraries of predicted spectra are searched for relatives of the compounds. Without tables of hits, all
        libraries are searched for hits, too.
    exclude
        Files that name compounds that are left out of the measured libraries, and of the hits.
    reranker
        `open` or the folder of a reranker; None: the cosine with RASSP's spectra scores.
    settings
        How far structures are edited.
    """

    hits: tuple[Path, ...] = ()
    libraries: tuple[Path, ...] = ()
    exclude: tuple[Path, ...] = ()
    reranker: str | None = None
    settings: EditingSettings = field(default_factory=EditingSettings)


def elucidate_with_editing(
    queries: Path, model: str, out: Path, decoding: DenovoSettings, sources: EditingSources | None,
    chunk: tuple[int, int] = (1, 1),
) -> None:  # fmt: skip
    """Propose structures for spectra: those that SpecTUS writes, and edited ones.

    Parameters
    ----------
    queries
        File of the spectra.
    model
        De novo model, as of `elucidate_queries`.
    out
        Table DENOVO_CANDIDATES to write.
    decoding
        How structures are decoded.
    sources
        What is edited, and how; None: nothing is.
    chunk
        I and N: every N-th query from the I-th on, counted from 1.

    Raises
    ------
    InputError
        A file, model or setting is wrong.
    """
    if sources is None or not (sources.hits or sources.libraries or sources.settings.own_seeds):
        elucidate_queries(queries, model, out, decoding, chunk)
        return
    if sources.settings.substructure is not None:
        substructure_of(sources.settings.substructure)
    with tempfile.TemporaryDirectory(prefix="spectus-") as folder:
        hits = list(sources.hits)
        if sources.libraries and not hits:
            hits.append(_searched(queries, sources, Path(folder)))
        editor = Editor(sources.settings, _seeds(queries, hits, sources, chunk), load_scorers(sources.reranker))
        elucidate_queries(queries, model, out, decoding, chunk, editor)


def load_scorers(reranker: str | None) -> Scorers:
    """Load what scores edited structures: the reranker, and something faster, which chooses what is scored.

    Parameters
    ----------
    reranker
        `open` or the folder of a reranker; None: the cosine with RASSP's spectra.
    """
    from spectus.prediction.registry import load_prediction_model

    faster = load_prediction_model(NEIMS)
    if reranker is None:
        return Scorers(CosineScorer(load_prediction_model(RASSP)), CosineScorer(faster, SCREEN_WEIGHT))
    from spectus.rerank.editing_scorer import KinScorer, RerankerScorer, ScreenScorer
    from spectus.rerank.reranker import load_reranker

    loaded = load_reranker(reranker)
    return Scorers(RerankerScorer(loaded), ScreenScorer(loaded, faster), KinScorer(loaded))


def _seeds(queries: Path, hits: list[Path], sources: EditingSources, chunk: tuple[int, int]) -> dict[str, Seeds]:
    """Return the seeds of the queries of a chunk: hits, and relatives that only the seed search finds."""
    asked = read_spectra(queries)
    asked = asked.take(np.arange(chunk[0] - 1, len(asked), chunk[1]))
    exclusions = Exclusions.read(sources.exclude)
    names = asked["name"].to_pylist()
    seeds = read_seeds(hits, names, sources.settings, exclusions)
    wanted = [row for row, name in enumerate(names) if not seeds[name].known]
    relatives = search_seeds(asked.take(pa.array(wanted, pa.int64())), sources.libraries, exclusions)
    for row, found in zip(wanted, relatives, strict=True):
        held = seeds[names[row]]
        seeds[names[row]] = Seeds(tuple(dict.fromkeys([*held.hits, *found])), held.known)
    return seeds


def _searched(queries: Path, sources: EditingSources, folder: Path) -> Path:
    from spectus.identify.search import search_libraries

    out = folder / "hits.parquet"
    n_seeds = sources.settings.seeds
    settings = SearchSettings(top=n_seeds, min_score=0.0, top_predicted=n_seeds, exclude_predicted=True)
    search_libraries(queries, sources.libraries, out, settings, None, sources.exclude)
    return out
