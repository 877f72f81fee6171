"""What scores structures against a spectrum: a protocol, and the score that a prediction model alone gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectus.library.similarity import PREDICTED, Powers
from spectus.prediction.base import PredictionModel

CANNOT = -np.inf
"""Score of a structure whose spectrum cannot be predicted."""

COSINE_WEIGHT = 20.0
"""Logarithms of odds for a cosine of 1. Chosen on edited structures of 15 compounds of one laboratory (16) and of 10 of
others (21)."""

SCREEN_WEIGHT = 15.0
"""Logarithms of odds for a cosine of 1 with the spectrum of the faster model. Chosen: less than `COSINE_WEIGHT`, since
that model errs more."""


class QueryScorer(Protocol):
    """Scores structures against one spectrum; it keeps what it knows of a structure."""

    def scores(self, smiles: Sequence[str]) -> NDArray[np.float64]:
        """Score structures, all that are compared together.

        Parameters
        ----------
        smiles
            (n,) canonical SMILES without stereochemistry.

        Returns
        -------
        ndarray of float64, (n,)
            Logarithms of odds, up to a constant; `CANNOT` for a structure that cannot be predicted.
        """


class Scorer(Protocol):
    """Says how well structures explain spectra."""

    def query(self, intensity: NDArray[np.float32]) -> QueryScorer:
        """Begin a query.

        Parameters
        ----------
        intensity
            The measured spectrum by nominal mass, (bins,), base peak 1.
        """


@dataclass(frozen=True)
class Scorers:
    """What a search asks about structures.

    Attributes
    ----------
    scorer : Scorer
        Scores the structures of the pool.
    screen : Scorer or None
        A faster one that chooses what is scored; None: the odds of the edits alone choose.
    kin : Scorer or None
        Says how likely a structure of any mass is a relative of the right one; it chooses the hits that are edited.
        None: the first hits are.
    """

    scorer: Scorer
    screen: Scorer | None = None
    kin: Scorer | None = None


class CosineScorer:
    """The weighted cosine with the predicted spectrum, as logarithms of odds.

    Parameters
    ----------
    model
        Predicts the spectra.
    weight
        Logarithms of odds for a cosine of 1.
    powers
        Exponents of the cosine.
    """

    def __init__(self, model: PredictionModel, weight: float = COSINE_WEIGHT, powers: Powers = PREDICTED) -> None:
        self.model, self.weight, self.powers = model, weight, powers

    def query(self, intensity: NDArray[np.float32]) -> "CosineQuery":
        """Begin a query; see `Scorer`."""
        return CosineQuery(self, intensity)


class CosineQuery:
    """A query of a `CosineScorer`.

    Parameters
    ----------
    scorer
        The scorer.
    intensity
        The measured spectrum, (bins,).
    """

    def __init__(self, scorer: CosineScorer, intensity: NDArray[np.float32]) -> None:
        self.scorer, self.intensity = scorer, intensity
        self.known = dict[str, float]()

    def scores(self, smiles: Sequence[str]) -> NDArray[np.float64]:
        """Score structures; see `QueryScorer`."""
        new = [text for text in dict.fromkeys(smiles) if text not in self.known]
        if new:
            predicted, reasons = self.scorer.model.predict(new)
            values = self.scorer.weight * cosines(self.intensity, predicted, self.scorer.powers)
            found = zip(new, values.tolist(), reasons, strict=True)
            self.known |= {text: value if reason is None else CANNOT for text, value, reason in found}
        return np.array([self.known[text] for text in smiles], np.float64)


def cosines(
    intensity: NDArray[np.float32], predicted: NDArray[np.float32], powers: Powers = PREDICTED
) -> NDArray[np.float64]:
    """Return the weighted cosines of a measured spectrum (bins,) with predicted ones (n, other bins), (n,)."""
    width = max(len(intensity), predicted.shape[1])
    weight = np.arange(width, dtype=np.float32) ** powers.mass_power
    query = np.pad(intensity, (0, width - len(intensity))) ** powers.intensity_power * weight
    rows = np.pad(predicted, ((0, 0), (0, width - predicted.shape[1]))) ** powers.intensity_power * weight
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    found: NDArray[np.float64] = (rows @ query / np.maximum(norms, 1e-12)).astype(np.float64)
    return found
