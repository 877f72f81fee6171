"""The reranker as the scorer of structure editing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectus.denovo.editing.scoring import CANNOT
from spectus.prediction.substructures import count_substructures
from spectus.rerank.dual_encoder import DualEncoder, embed_molecules, embed_spectra
from spectus.rerank.pair_features import Evidence
from spectus.rerank.reranker import Reranker, Structures, fitting_bins


class RerankerScorer:
    """Scores of a reranker, as `spectus.denovo.editing.scoring.Scorer` has them.

    Where a structure comes from plays no part: all are scored as if a list named them.

    Parameters
    ----------
    reranker
        The reranker.
    """

    def __init__(self, reranker: Reranker) -> None:
        self.reranker = reranker

    def query(self, intensity: NDArray[np.float32]) -> "RerankerQuery":
        """Begin a query with a spectrum (bins,)."""
        return RerankerQuery(self.reranker, intensity)


class RerankerQuery:
    """A query of a `RerankerScorer`; it keeps the descriptions of structures.

    Parameters
    ----------
    reranker
        The reranker.
    intensity
        The measured spectrum, (bins,).
    """

    def __init__(self, reranker: Reranker, intensity: NDArray[np.float32]) -> None:
        self.reranker, self.intensity = reranker, fitting_bins(intensity[None], reranker.bins)
        self.known: Structures | None = None
        self.rows = dict[str, int]()

    def scores(self, smiles: Sequence[str]) -> NDArray[np.float64]:
        """Score structures, (n,), all that are compared together."""
        new = [text for text in dict.fromkeys(smiles) if text not in self.rows]
        if new:
            self.rows |= {text: row for row, text in enumerate(new, start=len(self.rows))}
            described = self.reranker.describe(new)
            self.known = described if self.known is None else _both(self.known, described)
        if self.known is None:
            return np.zeros(0)
        rows = np.array([self.rows[text] for text in smiles], np.int64)
        evidence = Evidence.of_list(len(rows))
        features = self.reranker.features(self.intensity, self.known, [rows], [evidence])[0]
        return np.where(self.known.usable[rows], self.reranker.weights.scores(features), CANNOT)


class KinScorer:
    """The dual encoder's agreement of a spectrum with structures, whatever their molecular masses are.

    A relative of the right structure has another mass, so the encoder's logit of the mass is left out.

    Parameters
    ----------
    reranker
        The reranker whose dual encoder it is.
    """

    def __init__(self, reranker: Reranker) -> None:
        self.network = reranker.dual_encoder

    def query(self, intensity: NDArray[np.float32]) -> "KinQuery":
        """Begin a query with a spectrum (bins,)."""
        bins = self.network.config.bins
        return KinQuery(self.network, embed_spectra(self.network, fitting_bins(intensity[None], bins))[0][0])


class KinQuery:
    """A query of a `KinScorer`.

    Parameters
    ----------
    network
        The dual encoder.
    embedded
        The embedded spectrum, (E,).
    """

    def __init__(self, network: DualEncoder, embedded: NDArray[np.float32]) -> None:
        self.network, self.embedded = network, embedded

    def scores(self, smiles: Sequence[str]) -> NDArray[np.float64]:
        """Score structures, (n,)."""
        counted = count_substructures(smiles, len(smiles))
        vocabulary = self.network.vocabulary.numpy().astype(np.uint64)
        embedded, prior = embed_molecules(self.network, counted.matrix(vocabulary))
        return np.where(counted.usable, (embedded @ self.embedded + prior[:, 0]).astype(np.float64), CANNOT)


def _both(first: Structures, second: Structures) -> Structures:
    """Return the structures of both."""
    return Structures(
        [*first.smiles, *second.smiles],
        [*first.formula, *second.formula],
        np.concatenate([first.mass, second.mass]),
        np.concatenate([first.predicted, second.predicted]),
        np.concatenate([first.usable, second.usable]),
        np.concatenate([first.embedded, second.embedded]),
        np.concatenate([first.prior, second.prior]),
    )
