"""Probabilities of the candidates of many queries, in blocks of bounded memory."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from spectus.learning.measured_spectra import dense
from spectus.library.similarity import Hits, rank_within
from spectus.rerank.evidence import exclusion, isotope_penalty
from spectus.rerank.pair_features import (
    PAIR_FEATURES,
    Evidence,
    SourcePriors,
    log_odds_of_unlisted,
    query_features,
)
from spectus.rerank.ranker import query_probabilities
from spectus.rerank.reranker import Reranker

SHORTLIST = 100
"""Hits by cosine of each query that are reranked. Chosen: more take time in proportion."""

_QUERIES_AT_ONCE = 128
"""Chosen: candidates that queries share are described once in such a block; some 100 MB."""

_DIGITS = 9
"""Decimals of a probability, so that the order does not depend on rounding errors of the last bits."""

_LEAST_CONFIDENCE = 0.01
"""A component is a compound at least so probably. Chosen: no component is ruled out by its confidence alone."""


class Spectrum(NamedTuple):
    """A query.

    Attributes
    ----------
    mz, intensity : sequence of float
        Its peaks, m/z in Th.
    confidence : float
        Probability that the spectrum is of one compound, 0-1.
    """

    mz: Sequence[float]
    intensity: Sequence[float]
    confidence: float = 1.0


class Ranked(NamedTuple):
    """Probabilities of the n candidates of a query, in the order in which they were given.

    Attributes
    ----------
    probability : ndarray of float64, (n,)
        That the candidate is right.
    none : float
        That none of them is. All add up to 1.
    cosine : ndarray of float64, (n,)
        Weighted cosine with the predicted spectrum, 0-1; NaN where none can be predicted.
    explained : ndarray of float64, (n,)
        Share of the ion current that subformulae explain, 0-1; NaN where no spectrum can be predicted.
    excluded : list of str or None, (n,)
        Why the spectrum excludes a structure.
    """

    probability: NDArray[np.float64]
    none: float
    cosine: NDArray[np.float64]
    explained: NDArray[np.float64]
    excluded: list[str | None]


class RerankedHits(NamedTuple):
    """Hits in the order of the reranker.

    Attributes
    ----------
    hits : Hits
        By query, best first; scores and cosines are those of the search.
    posterior : ndarray of float64, (n_hits,)
        Probability that the hit is right.
    """

    hits: Hits
    posterior: NDArray[np.float64]


def rank_candidates(
    reranker: Reranker, spectra: Sequence[Spectrum], candidates: Sequence[Sequence[str | None]],
    evidence: Sequence[Evidence], priors: SourcePriors | None = None,
) -> list[Ranked]:  # fmt: skip
    """Compute the probabilities of the candidates of queries.

    Parameters
    ----------
    reranker
        The reranker.
    spectra
        (n_queries,) the queries.
    candidates
        For each query, SMILES of its candidates; None for one without a known structure.
    evidence
        For each query, what else speaks for its candidates.
    priors
        Of the sources; None takes the defaults.

    Returns
    -------
    list of Ranked, (n_queries,)
    """
    ranked = list[Ranked]()
    with tqdm(total=len(spectra), desc="rank", unit=" spectra", disable=None, leave=False, delay=1) as bar:
        for start in range(0, len(spectra), _QUERIES_AT_ONCE):
            at = slice(start, start + _QUERIES_AT_ONCE)
            ranked += _ranked_block(reranker, spectra[at], candidates[at], evidence[at], priors or SourcePriors())
            bar.update(len(spectra[at]))
    return ranked


def rerank_hits(
    queries: pa.Table, library: pa.Table, hits: Hits, reranker: Reranker, top: int, min_score: float
) -> RerankedHits:
    """Rank the hits of each query in a predicted library by their probability.

    Parameters
    ----------
    queries, library
        Tables of schema SPECTRA.
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
    asked, query = np.unique(hits.query, return_inverse=True)
    spectra = queries.take(pa.array(asked))
    smiles = library["smiles"].take(pa.array(hits.entry)).to_pylist()
    lengths = np.bincount(query, minlength=len(asked))
    ends = np.cumsum(lengths)
    listed: list[list[str | None]] = [smiles[end - n : end] for n, end in zip(lengths, ends, strict=True)]
    peaks = zip(spectra["mz"].to_pylist(), spectra["intensity"].to_pylist(), strict=True)
    asked_spectra = [Spectrum(mz, intensity) for mz, intensity in peaks]
    ranked = rank_candidates(reranker, asked_spectra, listed, [Evidence.of_list(n) for n in lengths.tolist()])
    posterior = np.round(np.concatenate([np.zeros(0), *(found.probability for found in ranked)]), _DIGITS)
    order = np.lexsort((hits.entry, -posterior, hits.query))
    order = order[hits.cosine[order] >= min_score]
    order = order[rank_within(hits.query[order]) < top]
    return RerankedHits(hits.at(order), posterior[order])


def posterior_probabilities(
    reranker: Reranker, spectra: Sequence[tuple[Sequence[float], Sequence[float]]], candidates: Sequence[Sequence[str]]
) -> list[NDArray[np.float64]]:
    """Compute the probabilities of structures that are proposed for spectra, with no other evidence.

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
        For each query, (number of candidates,); 0 for a structure whose spectrum cannot be predicted.
    """
    evidence = [Evidence.of_list(len(proposed)) for proposed in candidates]
    ranked = rank_candidates(reranker, [Spectrum(*peaks) for peaks in spectra], candidates, evidence)
    return [np.where(np.isnan(found.cosine), 0.0, found.probability) for found in ranked]


def _ranked_block(
    reranker: Reranker, spectra: Sequence[Spectrum], candidates: Sequence[Sequence[str | None]],
    evidence: Sequence[Evidence], priors: SourcePriors,
) -> list[Ranked]:  # fmt: skip
    distinct = sorted({text for of_query in candidates for text in of_query if text is not None})
    place: dict[str | None, int] = {text: row for row, text in enumerate(distinct)}
    place[None] = len(distinct)
    structures = reranker.describe([*distinct, None])
    measured = dense([one.mz for one in spectra], [one.intensity for one in spectra], reranker.bins)
    rows = [np.array([place[text] for text in of_query], np.int64) for of_query in candidates]
    features = reranker.features(measured, structures, rows, evidence)
    formulae = [[structures.formula[row] for row in of_query.tolist()] for of_query in rows]
    return [
        _ranked(reranker, (spectrum, intensities), of_query, more, priors, of_structures)
        for spectrum, intensities, of_query, more, of_structures in zip(
            spectra, measured, features, evidence, formulae, strict=True
        )
    ]


def _ranked(
    reranker: Reranker, query: tuple[Spectrum, NDArray[np.float32]], features: NDArray[np.float64],
    evidence: Evidence, priors: SourcePriors, formulae: Sequence[tuple[int, ...]],
) -> Ranked:  # fmt: skip
    """Return the probabilities of one query.

    The score of "none of these" depends on the candidates on a list, as in the fit. Lists are more complete for light
    compounds than the stated shares say, so its odds fall with the mass. They are divided by the confidence of the
    component: what is no compound is none of them.
    """
    spectrum, measured = query
    weights = reranker.weights
    scores = weights.scores(features) - isotope_penalty(measured, formulae)
    compared = evidence.on_list if evidence.on_list.any() else np.ones(len(scores), bool)
    log_odds = np.atleast_1d(np.logaddexp.reduce(scores[compared]) if len(scores) else 0.0)
    none = float(weights.none_scores(query_features(measured, features[compared])[None], log_odds)[0])
    scores = scores + weights.agreement_scores(features) + priors.of(evidence)
    none += float(weights.agreement[1])
    none += log_odds_of_unlisted(*reranker.mass_model.log_probabilities(measured)) if measured.any() else 0.0
    none -= float(np.log(max(spectrum.confidence, _LEAST_CONFIDENCE)))
    probability, rest = query_probabilities(scores, none)
    unpredicted = features[:, PAIR_FEATURES.index("unpredicted")] == 1
    excluded = [exclusion(measured, formula) if any(formula) else None for formula in formulae]
    return Ranked(
        np.round(probability, _DIGITS),
        round(rest, _DIGITS),
        np.where(unpredicted, np.nan, features[:, PAIR_FEATURES.index("cosine")]),
        np.where(unpredicted, np.nan, features[:, PAIR_FEATURES.index("explained")]),
        excluded,
    )
