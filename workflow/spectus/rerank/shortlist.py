"""The candidates of each query that are worth a closer look: the best by the cosine with their predicted spectra."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spectus.library.similarity import PREDICTED, Powers
from spectus.prediction.base import PredictionModel
from spectus.prediction.compact import compacted
from spectus.prediction.substructures import SubstructureCounts
from spectus.rerank.reranker import fitting_bins

_MOLECULES_AT_ONCE = 4096
"""Chosen: some 10 MB of spectra."""


class Shortlist:
    """The best candidates of each query so far, fed block by block.

    Parameters
    ----------
    measured
        (n_queries, bins) intensities, base peak 1.
    k
        Candidates to keep for each query.
    powers
        Exponents of the cosine.

    Attributes
    ----------
    candidate : ndarray of int64, (n_queries, k)
        Rows of the candidates, best first; -1 where there are fewer.
    cosine : ndarray of float32, (n_queries, k)
        -inf where there are fewer.
    """

    def __init__(self, measured: NDArray[np.float32], k: int, powers: Powers = PREDICTED) -> None:
        self.k, self.powers = k, powers
        self.queries = weighted_unit(measured, powers)
        self.candidate = np.full((len(measured), k), -1)
        self.cosine = np.full((len(measured), k), -np.inf, np.float32)

    def add(self, predicted: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Compare with further candidates.

        Parameters
        ----------
        predicted
            (n, bins) their spectra.
        rows
            (n,) their rows.

        Returns
        -------
        ndarray of float32, (n_queries, n)
            The cosines.
        """
        cosine = self.queries @ weighted_unit(predicted, self.powers).T
        candidate = np.concatenate([self.candidate, np.broadcast_to(rows, cosine.shape)], axis=1)
        both = np.concatenate([self.cosine, cosine], axis=1)
        best = np.argpartition(-both, min(self.k, both.shape[1] - 1), axis=1)[:, : self.k]
        self.cosine = np.take_along_axis(both, best, axis=1)
        self.candidate = np.take_along_axis(candidate, best, axis=1)
        order = np.argsort(-self.cosine, axis=1, kind="stable")
        self.cosine = np.take_along_axis(self.cosine, order, axis=1)
        self.candidate = np.take_along_axis(self.candidate, order, axis=1)
        return cosine

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the listed pairs, grouped by query.

        Returns
        -------
        query : ndarray of int64, (n_pairs,)
            Rows of the queries.
        used : ndarray of int64, (n_used,)
            Rows of the candidates that some query lists, ascending.
        candidate : ndarray of int64, (n_pairs,)
            Places in `used`.
        """
        listed = self.candidate >= 0
        query = np.repeat(np.arange(len(listed)), listed.sum(axis=1))
        used, candidate = np.unique(self.candidate[listed], return_inverse=True)
        return query, used, candidate


def predicted_blocks(
    model: PredictionModel, molecules: SubstructureCounts, bins: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield rows of the molecules that can be predicted, with their spectra as a library keeps them, in blocks.

    Parameters
    ----------
    model
        Predicts the spectra.
    molecules
        The molecules.
    bins
        Columns of a spectrum.

    Yields
    ------
    rows : ndarray of int64, (n,)
    spectra : ndarray of float32, (n, bins)
    """
    usable = np.flatnonzero(molecules.usable)
    for start in range(0, len(usable), _MOLECULES_AT_ONCE):
        rows = usable[start : start + _MOLECULES_AT_ONCE]
        spectra = model.predict_counted(molecules.at(rows))
        predicted = spectra.any(axis=1)
        yield rows[predicted], compacted(fitting_bins(spectra[predicted], bins))


def weighted_unit(intensity: NDArray[np.float32], powers: Powers) -> NDArray[np.float32]:
    """Return dense spectra (n, bins), weighted and scaled to length 1; rows of zeros stay so."""
    masses = np.arange(intensity.shape[1], dtype=np.float32)
    rows = intensity**powers.intensity_power * masses**powers.mass_power
    unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit.astype(np.float32)
