"""NEIMS: an EI spectrum predicted from counts of substructures (Wei et al., ACS Cent. Sci. 2019, 5, 700).

A residual multilayer perceptron reads the features of a molecule and gives three values for each nominal mass: a
fragment's intensity counted from mass 0, one counted down from the molecular mass (a neutral loss), and the gate that
mixes the two. Layer norm stands for the paper's batch norm, unfolded substructures for its hashed ones, and the energy
of the electrons is an input, since open libraries hold much that was not measured at 70 eV.

The network works with square roots of intensities; `spectra` gives intensities.
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
_ABOVE = 5  # nominal masses above the molecular one that isotopes may reach
_AT_ONCE = 1024


@dataclass(frozen=True)
class NeimsConfig:
    """Sizes of the network."""

    bins: int = 640  # nominal masses 0 to bins - 1
    width: int = 768
    bottleneck: int = 384
    blocks: int = 3
    dropout: float = 0.3
    input_dropout: float = 0.1


class Neims(nn.Module):
    """The network. Called with features (B, V) float (logarithms of 1 + count), molecular mass (B,) int64 and energy
    (B,) float, eV; gives square roots of intensities (B, bins), not scaled."""

    def __init__(self, config: NeimsConfig, vocabulary: Tensor) -> None:
        super().__init__()
        self.config = config
        self.vocabulary: Tensor
        self.register_buffer("vocabulary", vocabulary.to(torch.int64))
        self.first = nn.Linear(len(vocabulary) + 2, config.width)
        self.first_norm = nn.LayerNorm(config.width)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.blocks)])
        self.last_norm = nn.LayerNorm(config.width)
        self.heads = nn.Linear(config.width, 3 * config.bins)

    def forward(self, features: Tensor, mass: Tensor, energy: Tensor) -> Tensor:
        features = F.dropout(features, self.config.input_dropout, self.training)
        return self.after_first(self.first(torch.cat([features, energy_terms(energy)], dim=1)), mass)

    def after_first(self, h: Tensor, mass: Tensor) -> Tensor:
        """The network from the output of its first layer (B, width) on."""
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


class Block(nn.Module):
    """A residual block with a bottleneck, normalised first."""

    def __init__(self, config: NeimsConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.down = nn.Linear(config.width, config.bottleneck)
        self.up = nn.Linear(config.bottleneck, config.width)
        self.dropout = config.dropout

    def forward(self, h: Tensor) -> Tensor:
        x = F.dropout(F.relu(self.norm(h)), self.dropout, self.training)
        return h + self.up(F.dropout(F.relu(self.down(x)), self.dropout, self.training))


class NeimsPredictor:
    """Spectra of molecules by rows of a matrix of counts, on the device of the network.

    counts: (n, V) counts of the features in the network's vocabulary; mass: (n,) nominal molecular masses.
    """

    def __init__(self, network: Neims, counts: csr_array, mass: NDArray[np.int32]) -> None:
        self.network, self.counts, self.mass = network, counts, mass
        # A molecule has some hundred features of thousands: summing their columns beats a product with all.
        self.columns = network.first.weight.detach().T.contiguous()

    @torch.no_grad()
    def __call__(self, rows: NDArray[np.int64], energy: float = STANDARD_EV) -> Tensor:
        """(len(rows), bins) intensities, base peak 1, the square-root scale of the network undone; all 0 where it sees
        nothing."""
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
    """The same for all rows of `counts`, as float32 (n, bins), without dropout."""
    spectra = np.zeros((len(mass), network.config.bins), np.float32)
    predictor = NeimsPredictor(network.eval(), counts, mass)
    for rows in np.split(np.arange(len(mass)), range(_AT_ONCE, len(mass), _AT_ONCE)):
        if len(rows):
            spectra[rows] = predictor(rows, energy).cpu().numpy()
    return spectra


def bags(counts: csr_array, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of a matrix of counts for `embedding_bag`: columns, where each row's begin, and logarithms of 1 + count."""
    lengths = np.diff(counts.indptr)[rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    at = np.repeat(counts.indptr[rows] - offsets, lengths) + np.arange(lengths.sum())
    return (
        torch.from_numpy(counts.indices[at].astype(np.int64)),
        torch.from_numpy(offsets.astype(np.int64)),
        torch.from_numpy(np.log1p(counts.data[at]).astype(np.float32)),
    )


def energy_terms(energy: Tensor) -> Tensor:
    """(B, 2) how far from 70 eV, and whether so low that fragments fade."""
    return torch.stack([(energy - STANDARD_EV) / 30, (energy < _LOW_EV).to(energy.dtype)], dim=1)


def cosine_loss(roots: Tensor, measured: Tensor) -> Tensor:
    """(B,) one minus the cosine of two spectra weighted I^0.5 m^0.5, both given as square roots (B, bins)."""
    weight = torch.arange(roots.shape[1], device=roots.device) ** 0.5
    return 1 - F.cosine_similarity(roots * weight + 1e-8, measured * weight, dim=1)
