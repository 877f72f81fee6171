"""The stage `spectus denovo` with structure editing: search, decode, edit, and score by a reranker.

Editing itself knows no reranker and no search (`spectus.denovo.editing`). Here it gets both.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from spectus.denovo.editing.scoring import SCREEN_WEIGHT, CosineScorer, Scorer
from spectus.denovo.editing.settings import EditingSettings
from spectus.denovo.editing.stage import Editor, read_seeds, substructure_of
from spectus.denovo.elucidate import elucidate_queries
from spectus.denovo.settings import DenovoSettings
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
        Libraries that are searched, those of predicted spectra above all.
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
    with tempfile.TemporaryDirectory(prefix=".denovo.", dir=out.parent) as folder:
        hits = list(sources.hits)
        if sources.libraries:
            hits.append(_searched(queries, sources, Path(folder)))
        names = read_spectra(queries)["name"].to_pylist()
        seeds = read_seeds(hits, names[chunk[0] - 1 :: chunk[1]], sources.settings, Exclusions.read(sources.exclude))
        editor = Editor(sources.settings, load_scorer(sources.reranker), seeds, load_screen())
        elucidate_queries(queries, model, out, decoding, chunk, editor)


def load_scorer(reranker: str | None) -> Scorer:
    """Load what scores edited structures.

    Parameters
    ----------
    reranker
        `open` or the folder of a reranker; None: the cosine with RASSP's spectra.
    """
    if reranker is None:
        from spectus.prediction.registry import load_prediction_model

        return CosineScorer(load_prediction_model(RASSP))
    from spectus.rerank.editing_scorer import RerankerScorer
    from spectus.rerank.reranker import load_reranker

    return RerankerScorer(load_reranker(reranker))


def load_screen() -> Scorer:
    """Load the faster scorer that chooses which edited structures are scored: NEIMS."""
    from spectus.prediction.registry import load_prediction_model

    return CosineScorer(load_prediction_model(NEIMS), SCREEN_WEIGHT)


def _searched(queries: Path, sources: EditingSources, folder: Path) -> Path:
    from spectus.identify.search import search_libraries

    out = folder / "hits.parquet"
    n_seeds = sources.settings.seeds
    settings = SearchSettings(top=n_seeds, min_score=0.0, top_predicted=n_seeds, exclude_predicted=True)
    search_libraries(queries, sources.libraries, out, settings, None, sources.exclude)
    return out
