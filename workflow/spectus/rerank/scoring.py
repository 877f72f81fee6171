"""Reranking candidates with all pair features: the best hits of a search in predicted spectra, and structures as proposed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from spectus.learning.measured_spectra import dense
from spectus.library.similarity import Hits, rank_within
from spectus.prediction.compact import compacted
from spectus.prediction.neims.features import Molecules, describe
from spectus.prediction.neims.model import ForwardModel
from spectus.structures import inchikey14, quiet_rdkit

SHORTLIST = 300
"""Hits by cosine of each query that are reranked."""

_QUERIES_AT_ONCE = 512


def reranked(queries: pa.Table, library: pa.Table, hits: Hits, forward: Path, top: int, min_score: float) -> Hits:
    """The `top` best hits of each query as the reranker sees it.

    The score becomes the probability that the hit is right, if one of the query's hits is: it says which hit to prefer,
    not that any of them is right. The cosine stays, and a hit below `min_score` by cosine is left out.

    Parameters
    ----------
    queries, library: tables of schema SPECTRA; the library's spectra are predicted.
    hits: from a search of the library, grouped by query.
    """
    model = ForwardModel.load(forward)
    bins = model.neims.config.bins
    used, candidate = np.unique(hits.entry, return_inverse=True)
    asked, query = np.unique(hits.query, return_inverse=True)
    records, spectra = library.take(pa.array(used)), queries.take(pa.array(asked))
    smiles = records["smiles"].to_pylist()
    blocks = [key[:14] if key else None for key in records["inchikey"].to_pylist()]
    pairs = model.pairs(
        dense(spectra["mz"].to_pylist(), spectra["intensity"].to_pylist(), bins),
        describe(smiles, len(smiles)),
        blocks,
        dense(records["mz"].to_pylist(), records["intensity"].to_pylist(), bins),
        query,
        candidate,
    )
    shares = np.round(model.reranker.shares(pairs), 9)
    order = np.lexsort((hits.entry, -shares, hits.query))
    ranked = hits._replace(score=shares).at(order)
    kept = ranked.at(ranked.cosine >= min_score)
    return kept.at(rank_within(kept.query) < top)


def reranked_structures(
    model: ForwardModel, spectra: Sequence[tuple[Sequence[float], Sequence[float]]], candidates: Sequence[Sequence[str]]
) -> list[NDArray[np.float64]]:
    """How well each structure proposed for a spectrum explains it: the reranker's probability that it is the right one, if
    one of those proposed is; 0 for a structure whose spectrum cannot be predicted.

    Parameters
    ----------
    spectra: m/z and intensities of each query.
    candidates: SMILES proposed for each, distinct within a query.

    Returns
    -------
    an array (number of candidates,) for each query.
    """
    bins, shares = model.neims.config.bins, list[NDArray[np.float64]]()
    starts = range(0, len(spectra), _QUERIES_AT_ONCE)
    with tqdm(total=len(spectra), desc="reranker", unit=" spectra", disable=None, leave=False, delay=1) as bar:
        for at in (slice(start, start + _QUERIES_AT_ONCE) for start in starts):
            lists = [list(of_query) for of_query in candidates[at]]
            smiles = sorted({text for of_query in lists for text in of_query})
            place = {text: row for row, text in enumerate(smiles)}
            molecules = describe(smiles)
            query = np.repeat(np.arange(len(lists)), [len(of_query) for of_query in lists])
            candidate = np.array([place[text] for of_query in lists for text in of_query], np.int64)
            measured = dense([mz for mz, _ in spectra[at]], [intensity for _, intensity in spectra[at]], bins)
            shares += _shares(model, measured, molecules, smiles, query, candidate, len(lists))
            bar.update(len(lists))
    return shares


def _shares(
    model: ForwardModel, measured: NDArray[np.float32], molecules: Molecules, smiles: Sequence[str],
    query: NDArray[np.int64], candidate: NDArray[np.int64], n_queries: int,
) -> list[NDArray[np.float64]]:  # fmt: skip
    """The reranker's shares by query; what cannot be predicted takes no part in them."""
    usable = np.array([reason is None for reason in molecules.reasons], bool)[candidate]
    predicted = compacted(
        model.predict(molecules)
    )  # as in a library of predicted spectra, which the reranker was fitted on
    with quiet_rdkit():
        blocks = [inchikey14(text) for text in smiles]
    shares = np.zeros(len(query))
    pairs = model.pairs(measured, molecules, blocks, predicted, query[usable], candidate[usable])
    shares[usable] = model.reranker.shares(pairs)
    return np.split(shares, np.searchsorted(query, np.arange(1, n_queries)))
