"""Scores of a forward model on spectra whose structures it has not seen.

Three kinds: how alike predicted and measured spectra are; how often the ground truth is among the ten best of 1,000 molecules
of its own nominal mass (recall@10 as in Wei et al. 2019, with their number of molecules); and what matters in use: how
often a search over a whole list of molecules puts the ground truth first, or among ten, by cosine alone and as the reranker sees
the best by cosine. Predicted spectra are taken as a library keeps them.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from spectus.learning.measured_spectra import Measured
from spectus.library.similarity import PREDICTED, Powers
from spectus.prediction.compact import compacted
from spectus.prediction.substructures import count_substructures
from spectus.rerank.reranker import Reranker
from spectus.rerank.scoring import SHORTLIST, predicted_candidates
from spectus.rerank.shortlist import Shortlist, predicted_blocks, weighted
from spectus.rerank.training import half

_OF_ONE_MASS = 1000
NOT_FOUND = 10**9
TIE = 1e-6


@dataclass(frozen=True)
class Found:
    """Share of queries with the ground truth among the first one and the first ten, over spectra and over compounds."""

    spectra_1: float
    spectra_10: float
    compounds_1: float
    compounds_10: float

    @classmethod
    def of(cls, rank: NDArray[np.int64], compound: NDArray[np.str_]) -> "Found":
        """`rank` (n,) of the ground truth, from 0; a compound counts once, with the mean over its spectra."""
        _, member = np.unique(compound, return_inverse=True)
        shares = []
        for hit in (rank < 1, rank < 10):
            shares.append((float(hit.mean()), float((np.bincount(member, hit) / np.bincount(member)).mean())))
        return cls(shares[0][0], shares[1][0], shares[0][1], shares[1][1])


@dataclass(frozen=True)
class ForwardScores:
    """`cosine` of intensities and `weighted_cosine` of I^0.5 m are means over spectra, at 70 eV and at the energy the
    record names; `recall_10_of_1000` and the two searches rank the ground truth among molecules. `above_met` and `above_unmet`
    are how many candidates the reranker puts above the ground truth, of the half of the list that the dual encoder was trained to
    refuse and of the other half (`train.half`); were the first number much smaller, it would know them by heart."""

    n_spectra: int
    n_compounds: int
    n_candidates: int
    cosine: float
    cosine_at_its_energy: float
    weighted_cosine: float
    weighted_cosine_at_its_energy: float
    recall_10_of_1000: float
    search_by_cosine: Found
    search_reranked: Found
    above_met: float
    above_unmet: float

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def evaluate_forward(
    reranker: Reranker, queries: Measured, candidates: NDArray[np.str_], seed: int = 0
) -> ForwardScores:
    """Scores of `model` on spectra it has not learnt from.

    Parameters
    ----------
    candidates: canonical SMILES without stereochemistry of the molecules to search; those of the queries are added.
    seed: of the 1,000 molecules drawn where more have one nominal mass.
    """
    model = reranker.prediction_model
    listed = np.unique(np.concatenate([candidates, queries.smiles]))
    ground_truth = np.searchsorted(listed, queries.smiles)
    molecules = count_substructures(listed.tolist(), len(listed))
    usable = np.array([reason is None for reason in molecules.reasons])
    own = molecules.at(ground_truth)
    at_standard = model.predict_counted(own)
    cosine_of_ground_truth = cosines(compacted(at_standard), queries.intensity, PREDICTED)
    drawn = drawn_of_mass(np.where(usable, molecules.mass, -1), np.random.default_rng(seed))
    shortlist = Shortlist(queries.intensity, SHORTLIST)
    better, better_of_mass = np.zeros(len(ground_truth), np.int64), np.zeros(len(ground_truth), np.int64)
    for rows, predicted in predicted_blocks(model, molecules):
        cosine = shortlist.add(predicted, rows)
        above = (cosine >= cosine_of_ground_truth[:, None] - TIE) & (rows != ground_truth[:, None])
        better += above.sum(axis=1)
        better_of_mass += (above & drawn[rows] & (molecules.mass[rows] == own.mass[:, None])).sum(axis=1)
    better[~usable[ground_truth]], better_of_mass[~usable[ground_truth]] = NOT_FOUND, NOT_FOUND
    reranked_rank, above_of_half = _reranked_ranks(reranker, queries, listed, ground_truth, shortlist)
    at_own = _at_energies(reranker, queries, ground_truth, listed)
    weights = Powers(0.5, 1.0)
    return ForwardScores(
        n_spectra=len(ground_truth),
        n_compounds=len(np.unique(queries.block)),
        n_candidates=int(usable.sum()),
        cosine=float(cosines(at_standard, queries.intensity, Powers(1.0, 0.0)).mean()),
        cosine_at_its_energy=float(cosines(at_own, queries.intensity, Powers(1.0, 0.0)).mean()),
        weighted_cosine=float(cosines(at_standard, queries.intensity, weights).mean()),
        weighted_cosine_at_its_energy=float(cosines(at_own, queries.intensity, weights).mean()),
        recall_10_of_1000=float((better_of_mass < 10).mean()),
        search_by_cosine=Found.of(better, queries.block),
        search_reranked=Found.of(reranked_rank, queries.block),
        above_met=above_of_half[0],
        above_unmet=above_of_half[1],
    )


def _reranked_ranks(
    reranker: Reranker,
    queries: Measured,
    listed: NDArray[np.str_],
    ground_truth: NDArray[np.int64],
    shortlist: Shortlist,
) -> tuple[NDArray[np.int64], tuple[float, float]]:
    """(n,) how many shortlisted candidates the reranker does not put below the ground truth, many where it is not listed; and of
    these the mean numbers that the model does not know, of either half of the list."""
    present = shortlist.candidate >= 0
    query = np.repeat(np.arange(len(ground_truth)), present.sum(axis=1))
    used, candidate = np.unique(shortlist.candidate[present], return_inverse=True)
    structures, _ = predicted_candidates(reranker, listed[used].tolist())
    pairs = reranker.pairs(queries.intensity, structures, query, candidate)
    scores = reranker.weights.scores(pairs)
    right = used[candidate] == ground_truth[query]
    of_ground_truth = np.full(len(ground_truth), np.inf)
    of_ground_truth[query[right]] = scores[right]
    above = (scores >= of_ground_truth[query] - TIE) & ~right
    rank = np.bincount(query, above, minlength=len(ground_truth)).astype(np.int64)
    met = half(listed[used])[candidate]
    counts = [float((above & ~pairs.known & part).sum() / max(1, right.sum())) for part in (met, ~met)]
    return np.where(np.isfinite(of_ground_truth), rank, NOT_FOUND), (counts[0], counts[1])


def _at_energies(
    reranker: Reranker, queries: Measured, ground_truth: NDArray[np.int64], listed: NDArray[np.str_]
) -> NDArray[np.float32]:
    """Spectra (n, bins) of the true molecules at the energies their records name."""
    spectra = np.zeros_like(queries.intensity)
    for energy in np.unique(queries.energy):
        at = np.flatnonzero(queries.energy == energy)
        spectra[at] = reranker.prediction_model.predict(listed[ground_truth[at]].tolist(), float(energy))[0]
    return spectra


def cosines(a: NDArray[np.float32], b: NDArray[np.float32], powers: Powers) -> NDArray[np.float64]:
    return np.einsum("ij,ij->i", weighted(a, powers), weighted(b, powers)).astype(np.float64)


def drawn_of_mass(mass: NDArray[np.int32], random: np.random.Generator) -> NDArray[np.bool_]:
    """(n,) which molecules are among the (at most) 1,000 of their mass."""
    shuffled = random.permutation(len(mass))
    order = shuffled[np.argsort(mass[shuffled], kind="stable")]
    starts = np.flatnonzero(np.diff(mass[order], prepend=-2))
    place = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    drawn = np.zeros(len(mass), dtype=bool)
    drawn[order[place < _OF_ONE_MASS]] = True
    return drawn
