"""The fitting of the FormulaNet: measured spectra with their prepared molecules, and the loss."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectus.learning.fit import shuffled
from spectus.learning.measured_spectra import Measured
from spectus.prediction.rassp.batch import chunks, collate
from spectus.prediction.rassp.network import Rassp, RasspConfig, cosine_loss
from spectus.prediction.rassp.preparation import Prepared, prepare_all
from spectus.prediction.rassp.subformulae import Limits


@dataclass(frozen=True)
class Formulated:
    """Measured spectra with their molecules, each distinct molecule once.

    `row` (n_spectra,) the molecule of each spectrum; `weights` (n_spectra,) less for each of a compound's replicates.
    """

    measured: Measured
    molecules: list[Prepared]
    row: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, measured: Measured, limits: Limits) -> "Formulated":
        smiles, row = np.unique(measured.smiles, return_inverse=True)
        return cls(measured, prepare_all(smiles.tolist(), limits, len(smiles)), row, measured.weights())

    def usable(self, most_foreign: float) -> NDArray[np.bool_]:
        """(n_spectra,) whether the molecule can be predicted and could give the spectrum: at most a share of the ion
        current lies above the molecule's isotopes. Spectra of a derivative filed under the parent compound do not
        pass."""
        inside = np.zeros(len(self.row), bool)
        for at, (row, intensity) in enumerate(zip(self.row.tolist(), self.measured.intensity, strict=True)):
            molecule = self.molecules[row]
            if molecule.reason is None:
                end = int(molecule.first_mass[-1]) + molecule.hydrogens_in_all + molecule.isotopes.shape[1]
                inside[at] = intensity[end:].sum() <= most_foreign * intensity.sum()
        return inside


class RasspTask:
    """One minus the cosine of square roots of intensities."""

    def __init__(
        self, data: Formulated, fitted: NDArray[np.int64], watched: NDArray[np.int64], config: RasspConfig,
        mass_power: float,
    ) -> None:  # fmt: skip
        self.data, self.rows, self.watched = data, fitted, watched
        self.network = Rassp(config)
        self.mass_power = mass_power

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        return shuffled(len(self.rows), size, random)

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        losses, at = self._losses(self.network, self.rows[rows])
        weight = torch.from_numpy(self.data.weights[at])
        return (losses * weight).sum() / weight.sum()

    def choosing_loss(self, network: nn.Module) -> float | None:
        return float(self._losses(network, self.watched)[0].mean()) if len(self.watched) else None

    def _losses(self, network: nn.Module, at: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64]]:
        """Losses of spectra, and the spectra in the order of the losses."""
        sizes = [self.data.molecules[row] for row in self.data.row[at].tolist()]
        parts, order = list[Tensor](), list[NDArray[np.int64]]()
        for group in chunks(sizes, np.arange(len(at))):
            spectra = at[group]
            batch = collate([sizes[place] for place in group.tolist()], self.data.measured.energy[spectra])
            measured = torch.from_numpy(self.data.measured.intensity[spectra])
            parts.append(cosine_loss(network(batch), measured, self.mass_power))
            order.append(spectra)
        return torch.cat(parts), np.concatenate(order)
