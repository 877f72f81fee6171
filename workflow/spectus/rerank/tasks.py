"""What is fitted of a forward model: the two networks, each with its loss and its examples."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from torch import Tensor, nn

from spectus.learning.fit import shuffled
from spectus.learning.measured_spectra import Measured
from spectus.prediction.neims.network import Neims, NeimsConfig, bags, cosine_loss
from spectus.prediction.substructures import SubstructureCounts, count_substructures
from spectus.rerank.dual_encoder import (
    DualEncoder,
    DualEncoderConfig,
    embed_molecules,
    embed_spectra,
    logits,
    views,
)
from spectus.rerank.settings import Augmentation

_SHIFTS = (0, 0, 0, -1, 1, -2, 2, -14, 14)  # nominal masses at which hard negatives are drawn


@dataclass(frozen=True)
class Described:
    """Measured spectra with the features of their molecules, each distinct molecule once.

    `row` (n_spectra,) the molecule of each spectrum; `weights` (n_spectra,) less for each of a compound's replicates.
    """

    measured: Measured
    molecules: SubstructureCounts
    row: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, measured: Measured) -> "Described":
        smiles, row = np.unique(measured.smiles, return_inverse=True)
        return cls(measured, count_substructures(smiles.tolist(), len(smiles)), row, measured.weights())

    def usable(self) -> NDArray[np.bool_]:
        """(n_spectra,) whether a forward model can take the molecule."""
        return np.array([reason is None for reason in self.molecules.reasons])[self.row]


class NeimsTask:
    """NEIMS: one minus the weighted cosine."""

    def __init__(
        self, data: Described, fitted: NDArray[np.int64], watched: NDArray[np.int64],
        vocabulary: NDArray[np.uint64], config: NeimsConfig,
    ) -> None:  # fmt: skip
        self.data, self.rows, self.watched = data, fitted, watched
        self.network = Neims(config, torch.from_numpy(vocabulary.astype(np.int64)))
        self.counts = data.molecules.matrix(vocabulary)
        self.counts.data = np.log1p(self.counts.data)
        self.roots = np.sqrt(data.measured.intensity)

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        return shuffled(len(self.rows), size, random)

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        at = self.rows[rows]
        return _mean(self._losses(self.network, at), self.data.weights[at])

    def choosing_loss(self, network: nn.Module) -> float | None:
        if not len(self.watched):
            return None
        parts = np.array_split(self.watched, -(-len(self.watched) // 1024))
        return float(torch.cat([self._losses(network, part) for part in parts]).mean())

    def _losses(self, network: nn.Module, at: NDArray[np.int64]) -> Tensor:
        molecule = self.data.row[at]
        predicted = network(
            torch.from_numpy(self.counts[molecule].toarray()),
            torch.from_numpy(self.data.molecules.mass[molecule].astype(np.int64)),
            torch.from_numpy(self.data.measured.energy[at]),
        )
        return cosine_loss(predicted, torch.from_numpy(self.roots[at]))


class DualEncoderTask:
    """The dual encoder: each spectrum's own molecule among those of the batch, others of the training split, and others
    of a list that have no spectrum.

    Molecules of the list are wrong answers only, so the network could learn them by heart as wrong. Half of a list is
    given (`train.half`), and benchmarks/insilico.py counts how often molecules of either half go before the ground truth.
    """

    def __init__(
        self, data: Described, fitted: NDArray[np.int64], watched: NDArray[np.int64], vocabulary: NDArray[np.uint64],
        config: DualEncoderConfig, augmentation: Augmentation, others: SubstructureCounts | None = None,
    ) -> None:  # fmt: skip
        self.data, self.rows, self.watched = data, fitted, watched
        self.network = DualEncoder(config, torch.from_numpy(vocabulary.astype(np.int64)))
        self.counts, self.mass = data.molecules.matrix(vocabulary), data.molecules.mass
        self.augmentation = augmentation
        self.wrong = [Wrong(np.unique(data.row[fitted]), self.mass, 4, 400)]
        if others is not None:
            first = len(self.mass)
            self.counts = csr_array(vstack([self.counts, others.matrix(vocabulary)]))
            self.mass = np.concatenate([self.mass, others.mass])
            usable = np.flatnonzero([reason is None for reason in others.reasons])
            self.wrong.append(Wrong(first + usable, self.mass, 8, 800))

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        return shuffled(len(self.rows), size, random)

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        at = self.rows[rows]
        ground_truth = self.data.row[at]
        wrong = [kind.draw(self.mass[ground_truth], random) for kind in self.wrong]
        candidates = np.unique(np.concatenate([ground_truth, *wrong]))
        answer = torch.from_numpy(np.searchsorted(candidates, ground_truth))
        features, offsets, counts = bags(self.counts, candidates)
        lost = self.augmentation.feature_dropout
        counts = counts * (torch.rand(len(counts)) >= lost) / (1 - lost)
        seen = torch.from_numpy(views(vary(self.data.measured.intensity[at], self.augmentation, random)))
        scores = logits(
            self.network.spectrum(seen),
            self.network.molecule(features, offsets, counts),
            torch.from_numpy(self.mass[candidates].astype(np.int64)),
        )
        return _mean(F.cross_entropy(scores, answer, reduction="none"), self.data.weights[at])

    def choosing_loss(self, network: nn.Module) -> float | None:
        """The watched spectra among the watched molecules, none of which it has learnt."""
        if not len(self.watched):
            return None
        assert isinstance(network, DualEncoder)
        molecules, answer = np.unique(self.data.row[self.watched], return_inverse=True)
        spectra = embed_spectra(network, self.data.measured.intensity[self.watched])
        embedded, prior = embed_molecules(network, self.counts[molecules])
        scores = logits(
            (torch.from_numpy(spectra[0]), torch.from_numpy(spectra[1])),
            (torch.from_numpy(embedded), torch.from_numpy(prior[:, 0])),
            torch.from_numpy(self.data.molecules.mass[molecules].astype(np.int64)),
        )
        return float(F.cross_entropy(scores, torch.from_numpy(answer)))


class Wrong:
    """Molecules to draw wrong answers from: `near` of about the ground truth's mass for each ground truth, and `any_` of all."""

    def __init__(self, molecules: NDArray[np.int64], mass: NDArray[np.int32], near: int, any_: int) -> None:
        self.molecules, self.near, self.any = molecules, near, any_
        order = np.argsort(mass[molecules], kind="stable")
        masses, starts = np.unique(mass[molecules][order], return_index=True)
        self.of_mass = dict(zip(masses.tolist(), np.split(molecules[order], starts[1:]), strict=True))

    def draw(self, masses: NDArray[np.int32], random: np.random.Generator) -> NDArray[np.int64]:
        """Wrong answers for ground truths of these masses; one may happen to be a ground truth."""
        shifted = masses + random.choice(_SHIFTS, len(masses))
        near = [random.choice(self.of_mass.get(mass, self.molecules), self.near) for mass in shifted.tolist()]
        return np.concatenate([*near, random.choice(self.molecules, self.any)])


def vary(intensity: NDArray[np.float32], how: Augmentation, random: np.random.Generator) -> NDArray[np.float32]:
    """Dense spectra as other instruments could show them, base peak 1: jitter, mass discrimination, lost weak peaks, a
    later start of the scan, foreign peaks."""
    n, bins = intensity.shape
    mass = np.arange(bins, dtype=np.float32)
    slope = how.tilt * random.standard_normal((n, 1)) * (mass - 150) / 150
    jitter = how.intensity_jitter * random.standard_normal(intensity.shape)
    heights = intensity * np.exp(np.clip(slope, -1.5, 1.5) + jitter)
    heights *= random.random(intensity.shape) >= how.drop_share * np.minimum(1, 0.02 / np.maximum(heights, 1e-6))
    first = np.where(random.random(n) < how.low_mass_cut, random.integers(25, 61, n), 0)
    heights *= mass >= first[:, None]
    foreign = random.random(intensity.shape) < how.background_peaks / bins
    heights += foreign * random.random(intensity.shape) * how.background_height
    return (heights / np.maximum(heights.max(axis=1, keepdims=True), 1e-12)).astype(np.float32)


def _mean(losses: Tensor, weights: NDArray[np.float32]) -> Tensor:
    weight = torch.from_numpy(weights)
    return (losses * weight).sum() / weight.sum()
