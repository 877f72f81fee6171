"""NEIMS: an EI spectrum predicted from counts of substructures (Wei et al., ACS Cent. Sci. 2019, 5, 700).

A residual multilayer perceptron reads the substructures of a molecule and gives three values for each nominal mass: the
intensity of a fragment, that of a neutral loss counted down from the molecular mass, and the gate that mixes the two.
Differences from the paper: layer norm instead of batch norm, unfolded instead of hashed substructures, and the energy
of the electrons as an input, because many spectra of open libraries were not measured at 70 eV.

The network works with square roots of intensities; `NeimsPredictor` gives intensities.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from spectus.learning.measured_spectra import STANDARD_EV

_LOW_EV = 60.0
"""Energy below which the network is told that fragments are faint, eV. Chosen: between 70 eV and lower settings."""

_EV_SCALE = 30.0
"""Unit of the energy as an input, eV. Chosen: inputs are then between -2 and 1."""

_ABOVE = 5
"""Nominal masses above the molecular one that isotopes may reach, Da. Chosen: enough for two bromines."""

_AT_ONCE = 1024
"""Molecules that go through the network together. Chosen: some 10 MB."""


@dataclass(frozen=True)
class NeimsConfig:
    """Sizes of the network. Chosen on a tuning set of MassBank.

    Attributes
    ----------
    bins : int
        Columns of a spectrum: nominal masses 0 to bins - 1.
    width : int
        Of the hidden layers.
    bottleneck : int
        Of the middle of a block.
    blocks : int
        Residual blocks.
    dropout, input_dropout : float
        Shares of hidden units and of inputs that are dropped in training.
    """

    bins: int = 640
    width: int = 768
    bottleneck: int = 384
    blocks: int = 3
    dropout: float = 0.3
    input_dropout: float = 0.1


class Neims(nn.Module):
    """The network.

    Parameters
    ----------
    config
        Sizes.
    vocabulary
        Numbers of the substructures that are read, (V,), ascending.
    """

    def __init__(self, config: NeimsConfig, vocabulary: Tensor) -> None:
        super().__init__()
        self.config = config
        self.vocabulary: Tensor
        self.register_buffer("vocabulary", vocabulary.to(torch.int64))
        self.first = nn.Linear(len(vocabulary) + 2, config.width)
        self.first_norm = nn.LayerNorm(config.width)
        self.blocks = nn.ModuleList([ResidualBlock(config) for _ in range(config.blocks)])
        self.last_norm = nn.LayerNorm(config.width)
        self.heads = nn.Linear(config.width, 3 * config.bins)

    def forward(self, features: Tensor, mass: Tensor, energy: Tensor) -> Tensor:
        """Compute square roots of intensities, not scaled.

        Parameters
        ----------
        features
            (B, V) logarithms of 1 + count.
        mass
            (B,) int64 nominal molecular masses, Da.
        energy
            (B,) energies of the electrons, eV.

        Returns
        -------
        Tensor, (B, bins)
        """
        features = F.dropout(features, self.config.input_dropout, self.training)
        return self.after_first(self.first(torch.cat([features, energy_terms(energy)], dim=1)), mass)

    def after_first(self, h: Tensor, mass: Tensor) -> Tensor:
        """Compute the same from the output of the first layer (B, width)."""
        h = self.first_norm(h)
        for block in self.blocks:
            h = block(h)
        h = F.dropout(F.relu(self.last_norm(h)), self.config.dropout, self.training)
        forward, backward, gate = self.heads(h).view(-1, 3, self.config.bins).unbind(1)
        down = mass[:, None] + _ABOVE - torch.arange(self.config.bins, device=mass.device)
        within = down >= 0
        readable = within & (down < self.config.bins)
        backward = torch.gather(backward, 1, down.clamp(0, self.config.bins - 1)) * readable
        gate = torch.sigmoid(gate)
        return F.relu(gate * forward + (1 - gate) * backward) * within


class ResidualBlock(nn.Module):
    """A residual block with a bottleneck, normalized first."""

    def __init__(self, config: NeimsConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.down = nn.Linear(config.width, config.bottleneck)
        self.up = nn.Linear(config.bottleneck, config.width)
        self.dropout = config.dropout

    def forward(self, h: Tensor) -> Tensor:
        """Return h (B, width) with what the block adds."""
        x = F.dropout(F.relu(self.norm(h)), self.dropout, self.training)
        added: Tensor = self.up(F.dropout(F.relu(self.down(x)), self.dropout, self.training))
        return h + added


class NeimsPredictor:
    """Spectra of molecules by rows of a matrix of counts, on the device of the network.

    Parameters
    ----------
    network
        The network.
    counts
        (n, V) counts of the substructures in the network's vocabulary.
    mass
        (n,) nominal molecular masses, Da.
    """

    def __init__(self, network: Neims, counts: csr_array, mass: NDArray[np.int32]) -> None:
        self.network, self.counts, self.mass = network, counts, mass
        # A molecule has some hundred features of thousands: summing their columns beats a product with all.
        self.columns = network.first.weight.detach().T.contiguous()

    @torch.no_grad()
    def __call__(self, rows: NDArray[np.int64], energy: float = STANDARD_EV) -> Tensor:
        """Return the intensities of some rows, (len(rows), bins), base peak 1; all 0 where nothing is predicted."""
        device = self.columns.device
        places, offsets, logarithms = (part.to(device) for part in bags(self.counts, rows))
        constant = (
            self.network.first.bias + (energy_terms(torch.tensor([energy], device=device)) @ self.columns[-2:])[0]
        )
        first = F.embedding_bag(places, self.columns, offsets, mode="sum", per_sample_weights=logarithms) + constant
        mass = torch.from_numpy(self.mass[rows].astype(np.int64)).to(device)
        roots = self.network.after_first(first, mass)
        roots[:, 0] = 0.0  # no ion has no mass
        return (roots / roots.amax(dim=1, keepdim=True).clamp(min=1e-6)).square()


def predicted_intensities(
    network: Neims, counts: csr_array, mass: NDArray[np.int32], energy: float = STANDARD_EV
) -> NDArray[np.float32]:
    """Return the intensities of all rows of `counts`, (n, bins), base peak 1, as of `NeimsPredictor`."""
    spectra = np.zeros((len(mass), network.config.bins), np.float32)
    predictor = NeimsPredictor(network.eval(), counts, mass)
    for rows in np.split(np.arange(len(mass)), range(_AT_ONCE, len(mass), _AT_ONCE)):
        if len(rows):
            spectra[rows] = predictor(rows, energy).cpu().numpy()
    return spectra


def bags(counts: csr_array, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows of a matrix of counts for `embedding_bag`.

    Returns
    -------
    columns : Tensor, (n_entries,)
        Columns of the entries.
    offsets : Tensor, (len(rows),)
        Where each row begins.
    logarithms : Tensor, (n_entries,)
        Of 1 + count.
    """
    lengths = np.diff(counts.indptr)[rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    at = np.repeat(counts.indptr[rows] - offsets, lengths) + np.arange(lengths.sum())
    return (
        torch.from_numpy(counts.indices[at].astype(np.int64)),
        torch.from_numpy(offsets.astype(np.int64)),
        torch.from_numpy(np.log1p(counts.data[at]).astype(np.float32)),
    )


def energy_terms(energy: Tensor) -> Tensor:
    """Return the distance from 70 eV and whether fragments are faint, (B, 2), of energies (B,), eV."""
    return torch.stack([(energy - STANDARD_EV) / _EV_SCALE, (energy < _LOW_EV).to(energy.dtype)], dim=1)


def weighted_cosine_loss(roots: Tensor, measured: Tensor) -> Tensor:
    """Return one minus the cosine of spectra weighted I^0.5 m^0.5, (B,), both given as square roots (B, bins)."""
    weight = torch.arange(roots.shape[1], device=roots.device) ** 0.5
    return 1 - F.cosine_similarity(roots * weight + 1e-8, measured * weight, dim=1)
