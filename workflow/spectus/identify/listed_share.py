"""How many compounds of a table of spectra the libraries and lists hold, estimated from the spectra themselves.

The reranker assumes a share (`rerank.fitting.Situations`). Samples differ: in a reference mixture the lists hold every
compound, among the products of a new reaction none. The spectra of a table tell the share together: it is the one at
which the mean probability of being listed equals the share itself. This is the maximum-likelihood estimate of Saerens,
Latinne and Decaestecker (Neural Computation 2002, 14, 21). A stated share counts beside it as much as some spectra, so
that few spectra change little.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectus.rerank.fitting import Situations

ASSUMED_SHARE = Situations().library + Situations().listed
"""Share of listed compounds that the probabilities of the reranker assume."""

SPECTRA_OF_PRIOR = 10.0
"""Spectra as which the stated share counts. Chosen among 5, 10 and 20 on tables of 5 to 60 spectra that were drawn from
207 identifications: with fewer, tables of the assumed share lose more; with more, tables of few listed compounds gain
less."""

_DIGITS = 4
"""Decimals of an estimated share, so that it does not depend on rounding errors."""

_TOLERANCE, _MOST_STEPS = 1e-7, 10_000
"""Change of the share at which the estimate ends, and most steps. Chosen: far below a decimal that is kept."""


class Answers(NamedTuple):
    """The n candidates of one query with their probabilities.

    Attributes
    ----------
    probability : ndarray of float64, (n,)
        Of each candidate.
    none : float
        Of "none of these". All add up to 1.
    on_list : ndarray of bool, (n,)
        A measured library or a list of molecules names the candidate.
    """

    probability: NDArray[np.float64]
    none: float
    on_list: NDArray[np.bool_]

    @property
    def listed(self) -> float:
        """Probability that a list holds the compound."""
        return float(self.probability[self.on_list].sum())

    def with_share(self, share: float) -> "Answers":
        """Return the answers if lists hold this share of compounds instead of ASSUMED_SHARE, 0-1."""
        of_listed, of_others = share / ASSUMED_SHARE, (1 - share) / (1 - ASSUMED_SHARE)
        odds = self.probability * np.where(self.on_list, of_listed, of_others)
        none = self.none * of_others
        total = float(odds.sum()) + none
        if total <= 0:  # a share of 1, and no listed candidate
            return self._replace(probability=np.zeros(len(odds)), none=1.0)
        return self._replace(probability=odds / total, none=none / total)


def estimated_share(answers: Sequence[Answers], confidence: Sequence[float], stated: float) -> float:
    """Estimate the share of compounds that are listed.

    Parameters
    ----------
    answers
        (n_queries,) with the probabilities of the reranker.
    confidence
        (n_queries,) probability that a spectrum is of one compound, 0-1; a query counts as much.
    stated
        Share that is expected, 0-1.

    Returns
    -------
    float
        0-1, rounded to four decimals.
    """
    listed = np.clip([one.listed for one in answers], 0.0, 1.0)
    weight = np.asarray(confidence, np.float64)
    share = stated
    for _ in range(_MOST_STEPS):
        of_listed, of_others = share / ASSUMED_SHARE * listed, (1 - share) / (1 - ASSUMED_SHARE) * (1 - listed)
        chance = of_listed / np.maximum(of_listed + of_others, 1e-300)
        before = share
        share = float((weight @ chance + SPECTRA_OF_PRIOR * stated) / (weight.sum() + SPECTRA_OF_PRIOR))
        if abs(share - before) < _TOLERANCE:
            break
    return round(share, _DIGITS)
