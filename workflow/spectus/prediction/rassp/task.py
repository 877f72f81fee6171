"""The fitting of RASSP's FormulaNet: measured spectra with their prepared molecules, and the loss."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectus.learning.fit import shuffled
from spectus.learning.measured_spectra import MeasuredSpectra
from spectus.prediction.neims.task import weighted_mean
from spectus.prediction.rassp.batch import groups_of_similar_size, side_by_side
from spectus.prediction.rassp.network import Rassp, RasspConfig, mixture_loss
from spectus.prediction.rassp.preparation import Prepared, prepare_all
from spectus.prediction.rassp.subformulae import Limits


@dataclass(frozen=True)
class PreparedSpectra:
    """Measured spectra with their prepared molecules, each distinct molecule once.

    Attributes
    ----------
    measured : MeasuredSpectra
        (n,) spectra.
    intensity : ndarray of float32, (n, bins)
        By nominal mass, base peak 1.
    molecules : list of Prepared
        The distinct molecules, by ascending SMILES.
    row : ndarray of int64, (n,)
        The molecule of each spectrum.
    weights : ndarray of float32, (n,)
        Less for each of a compound's replicates.
    """

    measured: MeasuredSpectra
    intensity: NDArray[np.float32]
    molecules: list[Prepared]
    row: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, measured: MeasuredSpectra, bins: int, limits: Limits) -> "PreparedSpectra":
        """Prepare the molecules of measured spectra."""
        smiles, row = np.unique(measured.smiles, return_inverse=True)
        molecules = prepare_all(smiles.tolist(), limits, len(smiles))
        return cls(measured, measured.dense(bins), molecules, row, measured.weights())

    def usable(self, most_foreign: float) -> NDArray[np.bool_]:
        """Return whether the molecule can be predicted and could give the spectrum, (n,).

        Spectra of a derivative that is filed under its parent compound do not pass.

        Parameters
        ----------
        most_foreign
            Largest share of the ion current above the molecule's isotopes, 0-1.
        """
        inside = np.zeros(len(self.row), bool)
        for at, (row, intensity) in enumerate(zip(self.row.tolist(), self.intensity, strict=True)):
            molecule = self.molecules[row]
            if molecule.reason is None:
                formula = molecule.formula
                end = int(formula.first_mass[-1]) + formula.hydrogens + formula.isotopes
                inside[at] = intensity[end:].sum() <= most_foreign * intensity.sum()
        return inside


class RasspTask:
    """One minus the cosine of square roots of intensities.

    Parameters
    ----------
    data
        The spectra.
    learned, tuning
        Rows of the spectra to learn from and of the tuning set.
    config
        Sizes of the network.
    mass_power
        Power of the masses in the loss.
    """

    def __init__(
        self, data: PreparedSpectra, learned: NDArray[np.int64], tuning: NDArray[np.int64], config: RasspConfig,
        mass_power: float,
    ) -> None:  # fmt: skip
        self.data, self.rows, self.tuning = data, learned, tuning
        self.network = Rassp(config)
        self.mass_power = mass_power

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the rows of one pass, cut into batches."""
        return shuffled(len(self.rows), size, random)

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        """Return the weighted mean loss of some rows."""
        losses, at = self._losses(self.network, self.rows[rows])
        return weighted_mean(losses, self.data.weights[at])

    def tuning_loss(self, network: nn.Module) -> float | None:
        """Return the mean loss on the tuning set; None without one."""
        return float(self._losses(network, self.tuning)[0].mean()) if len(self.tuning) else None

    def _losses(self, network: nn.Module, at: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64]]:
        """Return the losses of spectra, and the spectra in the order of the losses."""
        molecules = [self.data.molecules[row] for row in self.data.row[at].tolist()]
        parts, order = list[Tensor](), list[NDArray[np.int64]]()
        for group in groups_of_similar_size(molecules, np.arange(len(at))):
            spectra = at[group]
            batch = side_by_side([molecules[place] for place in group.tolist()], self.data.measured.energy[spectra])
            measured = torch.from_numpy(self.data.intensity[spectra])
            parts.append(mixture_loss(network(batch), measured, self.mass_power))
            order.append(spectra)
        return torch.cat(parts), np.concatenate(order)
