"""The ranker: pair features to scores, and scores to probabilities of the candidates and of "none of these".

The score of a pair is the mean over several small networks. Each adds a linear function and a perceptron of one hidden
layer. The probability of each candidate, and of "none of these", is the softmax of the scores over the candidates of a
query and of a score of the query itself (conditional logit, McFadden 1974). The networks are fitted by the likelihood
of the right answers, so the probabilities are calibrated on queries like those of the fitting.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectus.rerank.pair_features import PAIR_FEATURES, QUERY_FEATURES

_COSINE, _UNPREDICTED, _LIBRARY, _IN_LIBRARY = (
    PAIR_FEATURES.index(name) for name in ("cosine", "unpredicted", "library", "in_library")
)

UNSCALED = np.array([1.0, 1.0, 0.0, 0.0], np.float32)
"""`RankerWeights.scale` that changes nothing."""

NO_AGREEMENT = np.zeros(2, np.float32)
"""`RankerWeights.agreement` that changes nothing."""

TYPICAL_LEAD = -0.04
"""Lead taken for a structure whose spectrum cannot be predicted. Measured: half of the right structures have a lead
above -0.003, and three quarters one above -0.02."""

_WEAK_RECORD, _WEAK_FACTOR = 0.75, 2.0
"""Score of a measured record below which it counts as a predicted spectrum of a lower cosine, and the factor on the
distance to it. Measured: of 44 right records of another laboratory, two are below 0.75 and nine of ten above 0.8, while
predicted spectra of right structures often have cosines of 0.6. Chosen: 0.5, below which hits are mostly chance, counts
as nothing. The need was seen on the etizolam batch, where weak records came first; the likelihood of the 47
identifications to which the priors are fitted, with a library, stays the same (-1.10)."""


class RankerWeights(NamedTuple):
    """Weights of m networks with h hidden units, for F pair features and G query features.

    Attributes
    ----------
    mean, spread : ndarray of float32, (F,)
        Pair features are centered and scaled by them.
    linear : ndarray of float32, (m, F)
    hidden : ndarray of float32, (m, F, h)
    hidden_bias, out : ndarray of float32, (m, h)
    query_mean, query_spread : ndarray of float32, (G,)
    none : ndarray of float32, (m, G + 1)
        Of "none of these"; the last column is a constant.
    scale : ndarray of float32, (4,)
        Factor on the scores of pairs, factor on those of "none of these", what is added to the latter, and how much of
        the logarithm of the candidates' summed odds is added: with a share of 1 the candidates would say nothing about
        whether one of them is right. Fitted on laboratories that the networks did not learn from.
    agreement : ndarray of float32, (2,)
        What a unit of the cosine with the predicted spectrum adds to the score of a pair, and what is added to the
        score of "none of these", both logarithms of odds. The networks learned from prediction models that left
        laboratories out. Their cosines say less than those of the model that ships, which learned from more spectra.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    linear: NDArray[np.float32]
    hidden: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    out: NDArray[np.float32]
    query_mean: NDArray[np.float32]
    query_spread: NDArray[np.float32]
    none: NDArray[np.float32]
    scale: NDArray[np.float32]
    agreement: NDArray[np.float32]

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of pairs, (n,), from their features (n, F)."""
        x = (features - self.mean) / self.spread
        hidden = np.maximum(np.einsum("nf,mfh->mnh", x, self.hidden) + self.hidden_bias[:, None], 0)
        of_network = np.einsum("nf,mf->mn", x, self.linear) + np.einsum("mnh,mh->mn", hidden, self.out)
        found: NDArray[np.float64] = of_network.mean(axis=0) * float(self.scale[0])
        return found

    def none_scores(self, features: NDArray[np.float64], log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of "none of these", (n_queries,).

        Parameters
        ----------
        features
            (n_queries, G) features of the queries.
        log_odds
            (n_queries,) logarithms of the sums of the exponentials of the scores of the candidates.
        """
        x = (features - self.query_mean) / self.query_spread
        of_none = x @ self.none[:, :-1].mean(axis=0) + self.none[:, -1].mean()
        factor, constant, share = self.scale[1:].tolist()
        found: NDArray[np.float64] = of_none * factor + constant + share * log_odds
        return found

    def agreement_scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the cosines add to the scores of the pairs of one query, (n,), at most 0.

        A cosine counts by its distance to the best one of the query. For what a measured library holds, the score of
        its record (`record_similarity`) counts where that is higher.
        """
        unpredicted = features[:, _UNPREDICTED] == 1
        best = features[~unpredicted, _COSINE].max(initial=0.0)
        similarity = np.maximum(features[:, _COSINE], record_similarity(features[:, _LIBRARY]))
        unknown = unpredicted & (features[:, _IN_LIBRARY] == 0)
        lead = np.where(unknown, TYPICAL_LEAD, np.minimum(similarity - best, 0.0))
        found: NDArray[np.float64] = float(self.agreement[0]) * lead
        return found

    def check(self) -> None:
        """Raise a ValueError if the shapes do not fit the features of this version."""
        if self.linear.shape[1:] != (len(PAIR_FEATURES),) or self.none.shape[1:] != (len(QUERY_FEATURES) + 1,):
            raise ValueError(f"weights of {self.linear.shape[1]} pair features and {self.none.shape[1] - 1} of a query")


def record_similarity(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosines of predicted spectra that say as much as scores of measured records (n,), (n,)."""
    return score - _WEAK_FACTOR * np.maximum(_WEAK_RECORD - score, 0.0)


def query_probabilities(scores: NDArray[np.float64], none: float) -> tuple[NDArray[np.float64], float]:
    """Return the probabilities of the candidates of one query, (n,), and of "none of these"."""
    top = max(float(scores.max(initial=-np.inf)), none)
    odds, rest = np.exp(scores - top), float(np.exp(none - top))
    total = odds.sum() + rest
    return odds / total, rest / total
