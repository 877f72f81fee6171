"""Which of a query's candidates is right: several weak pair features weighed together.

A linear score over pair features of a pair, fitted as a conditional logit (McFadden 1974): the probability that a candidate
is the right one among those listed is the softmax of their scores. A model has seen the spectra of some candidates, and
those fit far better than others; that a compound it knows fits no better than one it does not know speaks against it.
So known candidates have weights of their own, fitted on queries that truly are of known compounds.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from spectus.library.similarity import PREDICTED, Powers

POWERS = (PREDICTED, Powers(0.5, 1.3), Powers(0.2, 0.0))
PAIR_FEATURES = ("cosine", "cosine_heavy", "cosine_flat", "above", "at_mass", "dual_encoder")
"""Three cosines with the predicted spectrum, the logarithm of the share of the ion current above the molecule's
isotopes, the square root of the intensity at its nominal mass, and the dual encoder's logit."""

_ISOTOPES = 3  # nominal masses from the molecular one on that isotopes explain
_LEAST_SHARE = 1e-3


class Pairs(NamedTuple):
    """Pairs of a query and a candidate, grouped by query.

    `query` and `candidate` (n,) rows of two tables; `pair_features` (n, len(PAIR_FEATURES)) float64; `known` (n,) whether the
    model was trained on the candidate.
    """

    query: NDArray[np.int64]
    candidate: NDArray[np.int64]
    pair_features: NDArray[np.float64]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Reranker:
    """`weights` (2, len(PAIR_FEATURES) + 1): of candidates the model does not know, and of those it knows; the last column
    is a constant."""

    weights: NDArray[np.float64]

    def scores(self, pairs: Pairs) -> NDArray[np.float64]:
        """(n,) higher is better; differences within a query are logarithms of odds."""
        return _design(pairs) @ self.weights.ravel()

    def shares(self, pairs: Pairs) -> NDArray[np.float64]:
        """(n,) probability that the candidate is the right one, if one of the listed candidates of its query is."""
        scores = self.scores(pairs)
        starts = _starts(pairs.query)
        if not len(starts):
            return scores
        group = np.cumsum(np.isin(np.arange(len(scores)), starts)) - 1
        odds = np.exp(scores - np.maximum.reduceat(scores, starts)[group])
        return odds / np.add.reduceat(odds, starts)[group]


def fit_reranker(pairs: Pairs, right: NDArray[np.bool_], weights: NDArray[np.float64], ridge: float = 1e-3) -> Reranker:
    """The reranker under which the right candidates are likeliest.

    Parameters
    ----------
    pairs: of queries of which most have their right candidate listed; the others are left out.
    right: (n,) the right candidate of each query, at most one.
    weights: (n,) of the pair's query.
    ridge: keeps pair features that say nothing at weights near 0; in units of the mean log-likelihood.
    """
    starts = _starts(pairs.query)
    has = np.add.reduceat(right.astype(np.int64), starts) == 1
    kept = np.repeat(has, np.diff([*starts, len(right)]))
    design, answer = _design(pairs)[kept], right[kept]
    starts = _starts(pairs.query[kept])
    group = np.repeat(np.arange(len(starts)), np.diff([*starts, len(answer)]))
    spread = np.where(design.std(axis=0) > 0, design.std(axis=0), 1.0)
    scaled = design / spread
    of_query = weights[kept][starts] / weights[kept][starts].sum()

    def loss(coefficients: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = scaled @ coefficients
        top = np.maximum.reduceat(scores, starts)
        odds = np.exp(scores - top[group])
        total = np.add.reduceat(odds, starts)
        likely = scores[answer] - top - np.log(total)
        residual = (odds / total[group] - answer) * of_query[group]
        value = -float(likely @ of_query) + ridge * float(coefficients @ coefficients)
        return value, scaled.T @ residual + 2 * ridge * coefficients

    found = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B")
    return Reranker((found.x / spread).reshape(2, -1))


def spectral_pair_features(
    measured: NDArray[np.float32], predicted: NDArray[np.float32], mass: NDArray[np.int32]
) -> NDArray[np.float64]:
    """All pair features but the dual encoder's, (n_candidates, len(PAIR_FEATURES) - 1), for one query.

    `measured` (bins,), `predicted` (n, bins), both intensities with base peak 1; `mass` (n,) nominal molecular masses.
    """
    bins = np.arange(len(measured), dtype=np.float32)
    cosines = []
    for powers in POWERS:
        weight = bins**powers.mass_power
        query, library = measured**powers.intensity_power * weight, predicted**powers.intensity_power * weight
        norms = np.linalg.norm(query) * np.linalg.norm(library, axis=1)
        cosines.append(library @ query / np.maximum(norms, 1e-12))
    from_here = np.append(np.cumsum(measured[::-1], dtype=np.float64)[::-1], 0.0)
    last = len(measured)
    above = from_here[np.minimum(mass + _ISOTOPES, last)] / max(float(from_here[0]), 1e-12)
    at_mass = np.sqrt(np.append(measured, 0.0)[np.minimum(mass, last)])
    return np.stack([*cosines, np.log(above + _LEAST_SHARE), at_mass], axis=1).astype(np.float64)


def _design(pairs: Pairs) -> NDArray[np.float64]:
    """(n, 2 (F + 1)): the pair features and a 1, in the first half for unknown candidates and in the second for known."""
    one = np.concatenate([pairs.pair_features, np.ones((len(pairs.query), 1))], axis=1)
    known = pairs.known[:, None]
    return np.concatenate([one * ~known, one * known], axis=1)


def _starts(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each group of a grouped array begins."""
    return np.flatnonzero(np.diff(group, prepend=-1)) if len(group) else np.zeros(0, np.int64)
