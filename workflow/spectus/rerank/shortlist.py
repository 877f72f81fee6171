"""The candidates of each query that are worth a closer look: the best by the cosine with their predicted spectra."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectus.library.similarity import PREDICTED, Powers
from spectus.prediction.base import PredictionModel
from spectus.prediction.compact import compacted
from spectus.prediction.substructures import SubstructureCounts

_AT_ONCE = 4096


class Shortlist:
    """The `k` best candidates of each query so far, fed block by block.

    After the last block `candidate` and `cosine` are (n_queries, k), best first; -1 and -inf where there are fewer.
    """

    def __init__(self, measured: NDArray[np.float32], k: int, powers: Powers = PREDICTED) -> None:
        self.k, self.powers = k, powers
        self.queries = weighted(measured, powers)
        self.candidate = np.full((len(measured), k), -1)
        self.cosine = np.full((len(measured), k), -np.inf, np.float32)

    def add(self, predicted: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Compare with spectra (n, bins) of the candidates `rows` (n,); returns the cosines (n_queries, n)."""
        cosine = self.queries @ weighted(predicted, self.powers).T
        candidate = np.concatenate([self.candidate, np.broadcast_to(rows, cosine.shape)], axis=1)
        both = np.concatenate([self.cosine, cosine], axis=1)
        best = np.argpartition(-both, min(self.k, both.shape[1] - 1), axis=1)[:, : self.k]
        self.cosine = np.take_along_axis(both, best, axis=1)
        self.candidate = np.take_along_axis(candidate, best, axis=1)
        order = np.argsort(-self.cosine, axis=1, kind="stable")
        self.cosine = np.take_along_axis(self.cosine, order, axis=1)
        self.candidate = np.take_along_axis(self.candidate, order, axis=1)
        return cosine


def predicted_blocks(
    model: PredictionModel, molecules: SubstructureCounts
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Rows of the molecules that can be predicted, with their spectra (n, bins) as a library keeps them, in blocks."""
    usable = np.flatnonzero([reason is None for reason in molecules.reasons])
    for start in range(0, len(usable), _AT_ONCE):
        rows = usable[start : start + _AT_ONCE]
        yield rows, compacted(model.predict_counted(molecules.at(rows)))


def weighted(intensity: NDArray[np.float32], powers: Powers) -> NDArray[np.float32]:
    """Dense spectra (n, bins) weighted and scaled to length 1; rows of zeros stay so."""
    masses = np.arange(intensity.shape[1], dtype=np.float32)
    rows = intensity**powers.intensity_power * masses**powers.mass_power
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float32)
