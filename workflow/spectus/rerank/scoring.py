"""Reranking: the best hits of a search in predicted spectra, and structures that any source proposes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from spectus.learning.measured_spectra import dense
from spectus.library.similarity import Hits, rank_within
from spectus.prediction.compact import compacted
from spectus.prediction.substructures import count_substructures
from spectus.rerank.reranker import Candidates, Reranker
from spectus.structures import inchikey14, quiet_rdkit

SHORTLIST = 300
"""Hits by cosine of each query that are reranked. Chosen: more take time in proportion."""

_QUERIES_AT_ONCE = 512
"""Chosen: candidates that queries share are described once in such a block."""

_DIGITS = 9
"""Decimals of a probability, so that the order does not depend on rounding errors of the last bits."""


class RerankedHits(NamedTuple):
    """Hits in the order of the reranker.

    Attributes
    ----------
    hits : Hits
        By query, best first; scores and cosines are those of the search.
    posterior : ndarray of float64, (n_hits,)
        Probability that the hit is right, if one of the hits of its query is.
    """

    hits: Hits
    posterior: NDArray[np.float64]


def rerank_hits(
    queries: pa.Table, library: pa.Table, hits: Hits, reranker: Reranker, top: int, min_score: float
) -> RerankedHits:
    """Rank the hits of each query by the reranker.

    The posterior probability says which hit to prefer. It does not say that any of them is right.

    Parameters
    ----------
    queries, library
        Tables of schema SPECTRA; the library's spectra are predicted.
    hits
        From a search of the library, grouped by query.
    reranker
        The reranker.
    top
        Hits to keep for each query.
    min_score
        Lowest cosine of a hit to keep, 0-1.

    Returns
    -------
    RerankedHits
    """
    used, candidate = np.unique(hits.entry, return_inverse=True)
    asked, query = np.unique(hits.query, return_inverse=True)
    records, spectra = library.take(pa.array(used)), queries.take(pa.array(asked))
    smiles = records["smiles"].to_pylist()
    candidates = Candidates(
        count_substructures(smiles, len(smiles)),
        [key[:14] if key else None for key in records["inchikey"].to_pylist()],
        dense(records["mz"].to_pylist(), records["intensity"].to_pylist(), reranker.bins),
    )
    measured = dense(spectra["mz"].to_pylist(), spectra["intensity"].to_pylist(), reranker.bins)
    pairs = reranker.pairs(measured, candidates, query, candidate)
    posterior = np.round(reranker.weights.posterior_probabilities(pairs), _DIGITS)
    order = np.lexsort((hits.entry, -posterior, hits.query))
    order = order[hits.cosine[order] >= min_score]
    order = order[rank_within(hits.query[order]) < top]
    return RerankedHits(hits.at(order), posterior[order])


def posterior_probabilities(
    reranker: Reranker, spectra: Sequence[tuple[Sequence[float], Sequence[float]]], candidates: Sequence[Sequence[str]]
) -> list[NDArray[np.float64]]:
    """Compute how well each structure that is proposed for a spectrum explains it.

    Parameters
    ----------
    reranker
        The reranker.
    spectra
        m/z and intensities of each query, (n_queries,).
    candidates
        SMILES proposed for each query, distinct within a query, (n_queries,).

    Returns
    -------
    list of ndarray of float64
        For each query, (number of candidates,): the probability that the structure is the right one, if one of those
        proposed is; 0 for a structure whose spectrum cannot be predicted.
    """
    posterior = list[NDArray[np.float64]]()
    starts = range(0, len(spectra), _QUERIES_AT_ONCE)
    with tqdm(total=len(spectra), desc="reranker", unit=" spectra", disable=None, leave=False, delay=1) as bar:
        for at in (slice(start, start + _QUERIES_AT_ONCE) for start in starts):
            posterior += _of_block(reranker, spectra[at], [list(proposed) for proposed in candidates[at]])
            bar.update(len(candidates[at]))
    return posterior


def _of_block(
    reranker: Reranker, spectra: Sequence[tuple[Sequence[float], Sequence[float]]], proposed: list[list[str]]
) -> list[NDArray[np.float64]]:
    """Return the posterior probabilities of some queries; a structure that cannot be predicted takes no part."""
    smiles = sorted({text for of_query in proposed for text in of_query})
    place = {text: row for row, text in enumerate(smiles)}
    query = np.repeat(np.arange(len(proposed)), [len(of_query) for of_query in proposed])
    candidate = np.array([place[text] for of_query in proposed for text in of_query], np.int64)
    measured = dense([mz for mz, _ in spectra], [intensity for _, intensity in spectra], reranker.bins)
    candidates, can_be_predicted = predicted_candidates(reranker, smiles)
    usable = can_be_predicted[candidate]
    pairs = reranker.pairs(measured, candidates, query[usable], candidate[usable])
    posterior = np.zeros(len(query))
    posterior[usable] = reranker.weights.posterior_probabilities(pairs)
    return np.split(posterior, np.searchsorted(query, np.arange(1, len(proposed))))


def predicted_candidates(reranker: Reranker, smiles: Sequence[str]) -> tuple[Candidates, NDArray[np.bool_]]:
    """Predict the spectra of structures as a library keeps them.

    Returns
    -------
    candidates : Candidates
        (n,) the structures.
    usable : ndarray of bool, (n,)
        Which of them the prediction model can take.
    """
    molecules = count_substructures(smiles, len(smiles))
    predicted = compacted(fitting_bins(reranker.prediction_model.predict_counted(molecules), reranker.bins))
    with quiet_rdkit():
        blocks = [inchikey14(text) for text in smiles]
    return Candidates(molecules, blocks, predicted), np.asarray(predicted.any(axis=1))


def fitting_bins(spectra: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Return spectra (n, other) with so many columns: cut, or filled with zeros."""
    if spectra.shape[1] >= bins:
        return spectra[:, :bins]
    return np.pad(spectra, ((0, 0), (0, bins - spectra.shape[1])))
