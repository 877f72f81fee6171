"""The fitting of NEIMS: measured spectra with the substructures of their molecules, and the loss."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectus.learning.fit import shuffled
from spectus.learning.measured_spectra import MeasuredSpectra
from spectus.prediction.neims.network import Neims, NeimsConfig, weighted_cosine_loss
from spectus.prediction.substructures import SubstructureCounts, count_substructures

_SPECTRA_AT_ONCE = 1024
"""Spectra of the tuning set that go through the network together; chosen: some 10 MB."""


@dataclass(frozen=True)
class CountedSpectra:
    """Measured spectra with the substructures of their molecules, each distinct molecule once.

    Attributes
    ----------
    measured : MeasuredSpectra
        (n,) spectra.
    intensity : ndarray of float32, (n, bins)
        By nominal mass, base peak 1.
    molecules : SubstructureCounts
        The distinct molecules, by ascending SMILES.
    row : ndarray of int64, (n,)
        The molecule of each spectrum.
    weights : ndarray of float32, (n,)
        Less for each of a compound's replicates.
    """

    measured: MeasuredSpectra
    intensity: NDArray[np.float32]
    molecules: SubstructureCounts
    row: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, measured: MeasuredSpectra, bins: int) -> "CountedSpectra":
        """Count the substructures of measured spectra's molecules."""
        smiles, row = np.unique(measured.smiles, return_inverse=True)
        molecules = count_substructures(smiles.tolist(), len(smiles))
        return cls(measured, measured.dense(bins), molecules, row, measured.weights())

    def usable(self) -> NDArray[np.bool_]:
        """Return whether a prediction model can take the molecule, (n,)."""
        return self.molecules.usable[self.row]


class NeimsTask:
    """One minus the weighted cosine.

    Parameters
    ----------
    data
        The spectra.
    learned, tuning
        Rows of the spectra to learn from and of the tuning set.
    vocabulary
        Substructures that the network reads, ascending.
    config
        Sizes of the network.
    """

    def __init__(
        self, data: CountedSpectra, learned: NDArray[np.int64], tuning: NDArray[np.int64],
        vocabulary: NDArray[np.uint64], config: NeimsConfig,
    ) -> None:  # fmt: skip
        self.data, self.rows, self.tuning = data, learned, tuning
        self.network = Neims(config, torch.from_numpy(vocabulary.astype(np.int64)))
        self.counts = data.molecules.matrix(vocabulary)
        self.counts.data = np.log1p(self.counts.data)
        self.roots = np.sqrt(data.intensity)

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the rows of one pass, cut into batches."""
        return shuffled(len(self.rows), size, random)

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        """Return the weighted mean loss of some rows."""
        at = self.rows[rows]
        return weighted_mean(self._losses(self.network, at), self.data.weights[at])

    def tuning_loss(self, network: nn.Module) -> float | None:
        """Return the mean loss on the tuning set; None without one."""
        if not len(self.tuning):
            return None
        parts = np.array_split(self.tuning, -(-len(self.tuning) // _SPECTRA_AT_ONCE))
        return float(torch.cat([self._losses(network, part) for part in parts]).mean())

    def _losses(self, network: nn.Module, at: NDArray[np.int64]) -> Tensor:
        molecule = self.data.row[at]
        predicted = network(
            torch.from_numpy(self.counts[molecule].toarray()),
            torch.from_numpy(self.data.molecules.mass[molecule].astype(np.int64)),
            torch.from_numpy(self.data.measured.energy[at]),
        )
        return weighted_cosine_loss(predicted, torch.from_numpy(self.roots[at]))


def weighted_mean(losses: Tensor, weights: NDArray[np.float32]) -> Tensor:
    """Return the weighted mean of losses, both (n,)."""
    weight = torch.from_numpy(weights)
    return (losses * weight).sum() / weight.sum()
