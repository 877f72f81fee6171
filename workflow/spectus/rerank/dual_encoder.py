"""The dual encoder: how well a molecule fits a measured spectrum.

Two encoders map spectra and molecules into one space, as in contrastive pretraining (Radford et al. 2021; for MS/MS,
CSI:FingerID predicts fingerprints to the same end). A perceptron reads the spectrum as square roots, as logarithms, and
as square roots counted down from its highest ion, where neutral losses keep their place. A molecule is the sum of one
vector for each of its substructures. The logit of a pair is the product of both, plus a logit of the molecular mass
from the spectrum around that mass, plus a prior of the molecule from its substructures.

The dual encoder and a predicted spectrum err independently, so both together rank candidates better than either.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from spectus.prediction.neims.network import bags

_VISIBLE = 0.01
"""Intensity, of the base peak, from which on an ion counts as the spectrum's end. Chosen: fainter ones may be noise."""

_ROOM = 8
"""Nominal masses above the spectrum's end, Da. Chosen: a molecular ion that is not seen is mostly below."""

_LOG_SCALE = 1000.0
"""Scale of intensities before the logarithm. Chosen: peaks of 0.1 % of the base peak are then still seen."""

_AT_ONCE = 8192
"""Rows that go through the network together. Chosen: some 100 MB."""


@dataclass(frozen=True)
class DualEncoderConfig:
    """Sizes of the network. Chosen on a tuning set of MassBank.

    Attributes
    ----------
    bins : int
        Columns of a spectrum: nominal masses 0 to bins - 1.
    width : int
        Of the hidden layers.
    embedding : int
        Of the space that spectra and molecules share.
    channels : int
        Of the convolution that finds the molecular mass.
    window : int
        Nominal masses around a molecular mass that the convolution reads, Da.
    dropout, input_dropout : float
        Shares of hidden units and of inputs that are dropped in training.
    """

    bins: int = 640
    width: int = 1024
    embedding: int = 384
    channels: int = 24
    window: int = 81
    dropout: float = 0.3
    input_dropout: float = 0.2


class DualEncoder(nn.Module):
    """The network; `spectrum` and `molecule` are its two halves.

    Parameters
    ----------
    config
        Sizes.
    vocabulary
        Numbers of the substructures that are read, (V,), ascending.
    """

    def __init__(self, config: DualEncoderConfig, vocabulary: Tensor) -> None:
        super().__init__()
        self.config = config
        self.vocabulary: Tensor
        self.register_buffer("vocabulary", vocabulary.to(torch.int64))
        self.first = nn.Linear(3 * config.bins, config.width)
        self.first_norm = nn.LayerNorm(config.width)
        self.second = nn.Linear(config.width, config.width)
        self.second_norm = nn.LayerNorm(config.width)
        self.last = nn.Linear(config.width, config.embedding)
        self.near = nn.Conv1d(2, config.channels, config.window, padding=config.window // 2)
        self.near_out = nn.Conv1d(config.channels, 1, 1)
        self.features = nn.Embedding(len(vocabulary), config.embedding)
        self.prior = nn.Embedding(len(vocabulary), 1)
        self.mass_prior = nn.Parameter(torch.zeros(config.bins))
        nn.init.normal_(self.features.weight, std=0.05)
        nn.init.zeros_(self.prior.weight)

    def spectrum(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (B, E) and logits of molecular masses (B, bins) of spectra prepared by `views`."""
        bins, dropout = self.config.bins, self.config.dropout
        near = F.relu(self.near(torch.stack([seen[:, :bins], seen[:, bins : 2 * bins]], dim=1)))
        mass = self.near_out(near)[:, 0] + self.mass_prior
        h = F.dropout(seen, self.config.input_dropout, self.training)
        h = F.dropout(F.relu(self.first_norm(self.first(h))), dropout, self.training)
        h = F.dropout(F.relu(self.second_norm(self.second(h))) + h, dropout, self.training)
        return self.last(h) * self.config.embedding**-0.5, mass

    def molecule(self, features: Tensor, offsets: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (M, E) and priors (M,) of molecules.

        Parameters
        ----------
        features
            Places in the vocabulary of all molecules' substructures, (n_entries,).
        offsets
            Where each molecule begins, (M,).
        counts
            Logarithms of 1 + count, (n_entries,).
        """
        embedded = F.embedding_bag(features, self.features.weight, offsets, mode="sum", per_sample_weights=counts)
        prior = F.embedding_bag(features, self.prior.weight, offsets, mode="sum", per_sample_weights=counts)
        return embedded, prior[:, 0]


def logits(spectra: tuple[Tensor, Tensor], molecules: tuple[Tensor, Tensor], mass: Tensor) -> Tensor:
    """Return the logits of all pairs, (B, M).

    Parameters
    ----------
    spectra
        As of `DualEncoder.spectrum`.
    molecules
        As of `DualEncoder.molecule`.
    mass
        (M,) int64 nominal molecular masses, Da; masses beyond the bins have no logit of their own.
    """
    embedded, of_mass = spectra
    bins = of_mass.shape[1]
    bonus = of_mass[:, mass.clamp(max=bins - 1)] * (mass < bins)
    return embedded @ molecules[0].T + molecules[1] + bonus


def embed_spectra(network: DualEncoder, intensity: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Return embeddings (n, E) and logits of molecular masses (n, bins) of spectra (n, bins), base peak 1."""
    return _in_blocks(
        lambda at: network.eval().spectrum(torch.from_numpy(views(intensity[at]))),
        len(intensity), (network.config.embedding, network.config.bins),
    )  # fmt: skip


def embed_molecules(network: DualEncoder, counts: csr_array) -> tuple[NDArray[np.float32], ...]:
    """Return embeddings (n, E) and priors (n, 1) of molecules, from counts (n, V) in the network's vocabulary."""
    rows = np.arange(counts.shape[0])

    def block(at: slice) -> tuple[Tensor, Tensor]:
        embedded, prior = network.eval().molecule(*bags(counts, rows[at]))
        return embedded, prior[:, None]

    return _in_blocks(block, len(rows), (network.config.embedding, 1))


def pair_logits(
    spectra: tuple[NDArray[np.float32], ...], molecules: tuple[NDArray[np.float32], ...], mass: NDArray[np.int32],
    query: NDArray[np.int64], candidate: NDArray[np.int64],
) -> NDArray[np.float64]:  # fmt: skip
    """Return the logits of pairs of a row of `spectra` and a row of `molecules`, as of `logits`, (n_pairs,)."""
    (embedded, of_mass), (molecular, prior) = spectra, molecules
    bins = of_mass.shape[1]
    found = np.zeros(len(query))
    for start in range(0, len(query), _AT_ONCE):
        q, c = query[start : start + _AT_ONCE], candidate[start : start + _AT_ONCE]
        bonus = of_mass[q, np.minimum(mass[c], bins - 1)] * (mass[c] < bins)
        found[start : start + _AT_ONCE] = np.einsum("ij,ij->i", embedded[q], molecular[c]) + prior[c, 0] + bonus
    return found


def views(intensity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return spectra (n, bins), base peak 1, as the network reads them, (n, 3 bins)."""
    roots = np.sqrt(intensity)
    logarithms = np.log1p(_LOG_SCALE * intensity) / np.log1p(_LOG_SCALE)
    bins = np.arange(intensity.shape[1])
    end = np.where(intensity > _VISIBLE, bins, 0).max(axis=1, initial=0)
    down = end[:, None] + _ROOM - bins
    losses = np.take_along_axis(roots, down.clip(0, len(bins) - 1), axis=1) * ((down >= 0) & (down < len(bins)))
    return np.concatenate([roots, logarithms, losses], axis=1).astype(np.float32)


def _in_blocks(
    block: Callable[[slice], tuple[Tensor, Tensor]], n: int, widths: tuple[int, int]
) -> tuple[NDArray[np.float32], ...]:
    """Return both results of `block` over all n rows."""
    found = tuple(np.zeros((n, width), np.float32) for width in widths)
    with torch.inference_mode():
        for start in range(0, n, _AT_ONCE):
            at = slice(start, min(start + _AT_ONCE, n))
            for rows, part in zip(found, block(at), strict=True):
                rows[at] = part.numpy()
    return found
