"""Features of pairs of a query and a candidate, and the weights that make scores of them.

The score of a pair is linear in its features. The weights are fitted as a conditional logit (McFadden 1974): the
probability that a candidate is the right one among those listed is the softmax of their scores. The models have learned
from the spectra of some candidates. Those fit far better than others, so a known compound that fits no better than an
unknown one is less likely. Known candidates therefore have weights of their own, fitted on queries of known compounds.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from spectus.library.similarity import PREDICTED, Powers

POWERS = (PREDICTED, Powers(0.5, 1.3), Powers(0.2, 0.0))
"""Exponents of the three cosines. Chosen: the best ones for a search, and two that emphasize heavy and all peaks."""

PAIR_FEATURES = ("cosine", "cosine_heavy", "cosine_flat", "above", "at_mass", "dual_encoder")
"""Three cosines with the predicted spectrum, the logarithm of the share of the ion current above the molecule's
isotopes, the square root of the intensity at its nominal mass, and the dual encoder's logit."""

_ISOTOPES = 3
"""Nominal masses from the molecular one on that isotopes explain, Da. Chosen: M+3 and above are faint in most EI
spectra."""

_LEAST_SHARE = 1e-3
"""Added to a share of the ion current before the logarithm. Chosen: shares below it are noise."""


class Pairs(NamedTuple):
    """Pairs of a query and a candidate, grouped by query.

    Attributes
    ----------
    query, candidate : ndarray of int64, (n,)
        Rows of two tables.
    features : ndarray of float64, (n, len(PAIR_FEATURES))
        The pair features.
    known : ndarray of bool, (n,)
        Whether the models learned from a spectrum of the candidate.
    """

    query: NDArray[np.int64]
    candidate: NDArray[np.int64]
    features: NDArray[np.float64]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class PairWeights:
    """Weights of the pair features.

    Attributes
    ----------
    values : ndarray of float64, (2, len(PAIR_FEATURES) + 1)
        Of candidates that the models do not know, and of those that they know; the last column is a constant.
    """

    values: NDArray[np.float64]

    def scores(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return scores, (n,); differences within a query are logarithms of odds."""
        scores: NDArray[np.float64] = _design(pairs) @ self.values.ravel()
        return scores

    def posterior_probabilities(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the probability that the candidate is the right one, if one of those listed for its query is, (n,)."""
        scores = self.scores(pairs)
        starts = _starts(pairs.query)
        if not len(starts):
            return scores
        group = np.cumsum(np.isin(np.arange(len(scores)), starts)) - 1
        odds = np.exp(scores - np.maximum.reduceat(scores, starts)[group])
        posterior: NDArray[np.float64] = odds / np.add.reduceat(odds, starts)[group]
        return posterior


def fit_pair_weights(
    pairs: Pairs, right: NDArray[np.bool_], weights: NDArray[np.float64], ridge: float = 1e-3
) -> PairWeights:
    """Fit the weights under which the right candidates are most likely.

    Parameters
    ----------
    pairs
        Pairs of queries of which most have their right candidate listed; the others are left out.
    right
        (n,) the right candidate of each query, at most one.
    weights
        (n,) the weight of the pair's query.
    ridge
        Penalty on squared weights, in units of the mean log-likelihood. Chosen: it keeps features that tell nothing
        near 0 and hardly changes the others.

    Returns
    -------
    PairWeights
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
    return PairWeights((found.x / spread).reshape(2, -1))


def spectral_pair_features(
    measured: NDArray[np.float32], predicted: NDArray[np.float32], mass: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Compute all pair features of one query but the dual encoder's.

    Parameters
    ----------
    measured
        (bins,) intensities of the query by nominal mass, base peak 1.
    predicted
        (n_candidates, bins) the same of the candidates' predicted spectra.
    mass
        (n_candidates,) nominal molecular masses, Da.

    Returns
    -------
    ndarray of float64, (n_candidates, len(PAIR_FEATURES) - 1)
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
    """Return (n, 2 (F + 1)): pair features and a 1, in the first half for unknown candidates, else in the second."""
    one = np.concatenate([pairs.features, np.ones((len(pairs.query), 1))], axis=1)
    known = pairs.known[:, None]
    return np.concatenate([one * ~known, one * known], axis=1)


def _starts(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each group of a grouped array begins."""
    return np.flatnonzero(np.diff(group, prepend=-1)) if len(group) else np.zeros(0, np.int64)
