"""Scores of a reranker and its prediction model on spectra whose structures they have not seen.

Besides the agreement of predicted and measured spectra (`fidelity`), this measures the use: how often a search over a
whole list of molecules puts the right one first, or in ten, by cosine alone and as the reranker ranks the best by
cosine. Predicted spectra are taken as a library keeps them.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spectus.evaluation.fidelity import (
    HEAVY,
    NOT_FOUND,
    PLAIN,
    TIE,
    cosines,
    drawn_of_mass,
    mean_cosine,
    predicted_at_energies,
)
from spectus.learning.measured_spectra import MeasuredSpectra
from spectus.library.similarity import PREDICTED
from spectus.prediction.compact import compacted
from spectus.prediction.substructures import SubstructureCounts, count_substructures
from spectus.rerank.pair_features import Evidence
from spectus.rerank.reranker import Reranker, fitting_bins
from spectus.rerank.scoring import SHORTLIST, Spectrum, rank_candidates
from spectus.rerank.shortlist import Shortlist, predicted_blocks


@dataclass(frozen=True)
class SearchShares:
    """Shares of the queries with the right molecule first, and among ten, 0-1.

    Attributes
    ----------
    spectra_1, spectra_10 : float
        Over spectra.
    compounds_1, compounds_10 : float
        Over compounds; each counts once, with the mean over its spectra.
    """

    spectra_1: float
    spectra_10: float
    compounds_1: float
    compounds_10: float

    @classmethod
    def of(cls, rank: NDArray[np.int64], compound: NDArray[np.str_]) -> "SearchShares":
        """Compute the shares from the rank of the right molecule, from 0, and the compound of each query, both (n,)."""
        _, member = np.unique(compound, return_inverse=True)
        shares = []
        for hit in (rank < 1, rank < 10):
            shares.append((float(hit.mean()), float((np.bincount(member, hit) / np.bincount(member)).mean())))
        return cls(shares[0][0], shares[1][0], shares[0][1], shares[1][1])


@dataclass(frozen=True)
class RerankerScores:
    """Scores of a reranker and its prediction model.

    Attributes
    ----------
    n_spectra, n_compounds, n_candidates : int
        Queries, their compounds, and the molecules that can be predicted.
    cosine, cosine_at_its_energy, weighted_cosine, weighted_cosine_at_its_energy, recall_10_of_1000 : float
        As of `Fidelity`.
    search_by_cosine, search_reranked : SearchShares
        Of a search over all candidates.
    """

    n_spectra: int
    n_compounds: int
    n_candidates: int
    cosine: float
    cosine_at_its_energy: float
    weighted_cosine: float
    weighted_cosine_at_its_energy: float
    recall_10_of_1000: float
    search_by_cosine: SearchShares
    search_reranked: SearchShares

    def to_dict(self) -> dict[str, object]:
        """Return the scores by name."""
        return asdict(self)


def evaluate_reranker(
    reranker: Reranker, queries: MeasuredSpectra, candidates: NDArray[np.str_], seed: int = 0
) -> RerankerScores:
    """Score a reranker on spectra from which its models have not learned.

    Parameters
    ----------
    reranker
        The reranker.
    queries
        The spectra.
    candidates
        Canonical SMILES without stereochemistry of the molecules to search; those of the queries are added.
    seed
        Of the 1,000 molecules drawn where more have one nominal mass.

    Returns
    -------
    RerankerScores
    """
    model = reranker.prediction_model
    listed = np.unique(np.concatenate([candidates, queries.smiles]))
    right = np.searchsorted(listed, queries.smiles)
    molecules = count_substructures(listed.tolist(), len(listed))
    measured = queries.dense(reranker.bins)
    at_standard = fitting_bins(model.predict_counted(molecules.at(right)), reranker.bins)
    at_own = fitting_bins(predicted_at_energies(model, queries), reranker.bins)
    shortlist = Shortlist(measured, SHORTLIST)
    rank, rank_of_mass, n_predicted = _ranks(reranker, (measured, at_standard, right), molecules, shortlist, seed)
    reranked_rank = _reranked_ranks(reranker, queries, listed, right, shortlist)
    return RerankerScores(
        n_spectra=len(right),
        n_compounds=len(np.unique(queries.inchikey14)),
        n_candidates=n_predicted,
        cosine=mean_cosine(at_standard, measured, PLAIN),
        cosine_at_its_energy=mean_cosine(at_own, measured, PLAIN),
        weighted_cosine=mean_cosine(at_standard, measured, HEAVY),
        weighted_cosine_at_its_energy=mean_cosine(at_own, measured, HEAVY),
        recall_10_of_1000=float((rank_of_mass < 10).mean()),
        search_by_cosine=SearchShares.of(rank, queries.inchikey14),
        search_reranked=SearchShares.of(reranked_rank, queries.inchikey14),
    )


def _ranks(
    reranker: Reranker, spectra: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]],
    molecules: SubstructureCounts, shortlist: Shortlist, seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:  # fmt: skip
    """Return the right molecules' ranks by cosine, among all and among 1,000 of their mass, and the number of all.

    `spectra` are the measured ones, those predicted for the right molecules, both (n, bins), and the rows of the right
    molecules (n,). The shortlist is filled.
    """
    measured, predicted, right = spectra
    of_right = cosines(compacted(predicted), measured, PREDICTED)
    mass = molecules.mass[right]
    drawn = drawn_of_mass(np.where(molecules.usable, molecules.mass, -1), np.random.default_rng(seed))
    rank, of_mass, n_predicted = np.zeros(len(right), np.int64), np.zeros(len(right), np.int64), 0
    for rows, block in predicted_blocks(reranker.prediction_model, molecules, reranker.bins):
        cosine = shortlist.add(block, rows)
        above = (cosine >= of_right[:, None] - TIE) & (rows != right[:, None])
        rank += above.sum(axis=1)
        of_mass += (above & drawn[rows] & (molecules.mass[rows] == mass[:, None])).sum(axis=1)
        n_predicted += len(rows)
    refused = ~predicted.any(axis=1)
    rank[refused], of_mass[refused] = NOT_FOUND, NOT_FOUND
    return rank, of_mass, n_predicted


def _reranked_ranks(
    reranker: Reranker, queries: MeasuredSpectra, listed: NDArray[np.str_], right: NDArray[np.int64],
    shortlist: Shortlist,
) -> NDArray[np.int64]:  # fmt: skip
    """Return how many shortlisted candidates the reranker does not put below the right one, (n,).

    A right molecule that is not listed is not found.
    """
    query, used, candidate = shortlist.pairs()
    starts = np.searchsorted(query, np.arange(queries.n_spectra + 1))
    rows = [used[candidate[start:stop]] for start, stop in pairwise(starts.tolist())]
    spectra = [
        Spectrum(queries.mz[start:stop].tolist(), queries.intensity[start:stop].tolist())
        for start, stop in pairwise(queries.indptr.tolist())
    ]
    ranked = rank_candidates(
        reranker, spectra, [listed[of_query].tolist() for of_query in rows],
        [Evidence.of_list(len(of_query)) for of_query in rows],
    )  # fmt: skip
    rank = np.full(queries.n_spectra, NOT_FOUND)
    for at, (found, of_query) in enumerate(zip(ranked, rows, strict=True)):
        is_right = of_query == right[at]
        if is_right.any():
            rank[at] = ((found.probability >= found.probability[is_right].max() - TIE) & ~is_right).sum()
    return rank
