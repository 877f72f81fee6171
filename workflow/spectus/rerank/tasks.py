"""The fitting of the dual encoder: its loss, its examples and its wrong answers."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from torch import Tensor, nn

from spectus.learning.fit import shuffled
from spectus.prediction.neims.network import bags
from spectus.prediction.neims.task import CountedSpectra, weighted_mean
from spectus.prediction.substructures import SubstructureCounts
from spectus.rerank.dual_encoder import DualEncoder, embed_molecules, embed_spectra, logits, views
from spectus.rerank.settings import InstrumentVariation, RerankerSettings

_SHIFTS = (0, 0, 0, -1, 1, -2, 2, -14, 14)
"""Distances from the right molecule's nominal mass, Da, at which hard wrong answers are drawn. Chosen: the same mass
most often, then a hydrogen, two, and a methylene group more or less."""

_OF_SPECTRA, _OF_LIST = (4, 400), (8, 800)
"""Wrong answers of about the right mass for each spectrum, and of any mass for each batch: from the training molecules
and from the list. Chosen: about as many of each as a batch has spectra, twice."""

_REFERENCE_MZ = 150.0
"""m/z at which a tilt changes nothing, Th; chosen: the middle of most spectra."""

_FAINT = 0.02
"""Intensity of a peak, of the base peak, that is lost with the probability `drop_share`."""

_MOST_SLOPE = 1.5
"""Largest change of ln(intensity) by a tilt; chosen: a factor of 4.5."""

_FIRST_MZ = (25, 61)
"""Range of the m/z at which a late scan starts, Th; upper end excluded."""


class DualEncoderTask:
    """Find each spectrum's molecule among those of the batch, of the training split, and of a list without spectra.

    Molecules of the list are wrong answers only, so the network could learn them by heart as wrong. Half of a list is
    given (`training.half_of`). benchmarks/insilico.py counts how often molecules of either half go before the right
    one.

    Parameters
    ----------
    data
        The spectra.
    learned, tuning
        Rows of the spectra to learn from and of the tuning set.
    vocabulary
        Substructures that the network reads, ascending.
    settings
        Sizes and variation.
    others
        Molecules of the list; None: no list.
    """

    def __init__(
        self, data: CountedSpectra, learned: NDArray[np.int64], tuning: NDArray[np.int64],
        vocabulary: NDArray[np.uint64], settings: RerankerSettings, others: SubstructureCounts | None = None,
    ) -> None:  # fmt: skip
        self.data, self.rows, self.tuning = data, learned, tuning
        self.network = DualEncoder(settings.dual_encoder, torch.from_numpy(vocabulary.astype(np.int64)))
        self.counts, self.mass = data.molecules.matrix(vocabulary), data.molecules.mass
        self.variation = settings.augmentation
        self.wrong = [WrongAnswers(np.unique(data.row[learned]), self.mass, *_OF_SPECTRA)]
        if others is not None:
            first = len(self.mass)
            self.counts = csr_array(vstack([self.counts, others.matrix(vocabulary)]))
            self.mass = np.concatenate([self.mass, others.mass])
            self.wrong.append(WrongAnswers(first + np.flatnonzero(others.usable), self.mass, *_OF_LIST))

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the rows of one pass, cut into batches."""
        return shuffled(len(self.rows), size, random)

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        """Return the weighted mean cross-entropy of some rows, in nats."""
        at = self.rows[rows]
        right = self.data.row[at]
        wrong = [answers.draw(self.mass[right], random) for answers in self.wrong]
        candidates = np.unique(np.concatenate([right, *wrong]))
        answer = torch.from_numpy(np.searchsorted(candidates, right))
        features, offsets, counts = bags(self.counts, candidates)
        lost = self.variation.feature_dropout
        counts = counts * (torch.rand(len(counts)) >= lost) / (1 - lost)
        seen = torch.from_numpy(views(vary_spectra(self.data.intensity[at], self.variation, random)))
        scores = logits(
            self.network.spectrum(seen),
            self.network.molecule(features, offsets, counts),
            torch.from_numpy(self.mass[candidates].astype(np.int64)),
        )
        return weighted_mean(F.cross_entropy(scores, answer, reduction="none"), self.data.weights[at])

    def tuning_loss(self, network: nn.Module) -> float | None:
        """Return the cross-entropy of the tuning set's spectra among its molecules, in nats; None without one."""
        if not len(self.tuning):
            return None
        assert isinstance(network, DualEncoder)
        molecules, answer = np.unique(self.data.row[self.tuning], return_inverse=True)
        spectra = embed_spectra(network, self.data.intensity[self.tuning])
        embedded, prior = embed_molecules(network, self.counts[molecules])
        scores = logits(
            (torch.from_numpy(spectra[0]), torch.from_numpy(spectra[1])),
            (torch.from_numpy(embedded), torch.from_numpy(prior[:, 0])),
            torch.from_numpy(self.data.molecules.mass[molecules].astype(np.int64)),
        )
        return float(F.cross_entropy(scores, torch.from_numpy(answer)))


class WrongAnswers:
    """Molecules from which wrong answers are drawn.

    Parameters
    ----------
    molecules
        Rows of the molecules.
    mass
        Nominal masses by row, Da.
    n_near
        Drawn for each right molecule, of about its mass.
    n_any
        Drawn of all masses.
    """

    def __init__(self, molecules: NDArray[np.int64], mass: NDArray[np.int32], n_near: int, n_any: int) -> None:
        self.molecules, self.n_near, self.n_any = molecules, n_near, n_any
        order = np.argsort(mass[molecules], kind="stable")
        masses, starts = np.unique(mass[molecules][order], return_index=True)
        self.of_mass = dict(zip(masses.tolist(), np.split(molecules[order], starts[1:]), strict=True))

    def draw(self, masses: NDArray[np.int32], random: np.random.Generator) -> NDArray[np.int64]:
        """Return wrong answers for right molecules of these masses; one may happen to be right for another spectrum."""
        shifted = masses + random.choice(_SHIFTS, len(masses))
        near = [random.choice(self.of_mass.get(mass, self.molecules), self.n_near) for mass in shifted.tolist()]
        return np.concatenate([*near, random.choice(self.molecules, self.n_any)])


def vary_spectra(
    intensity: NDArray[np.float32], how: InstrumentVariation, random: np.random.Generator
) -> NDArray[np.float32]:
    """Change spectra as another instrument could show them: jitter, tilt, lost peaks, a late start, foreign peaks.

    Parameters
    ----------
    intensity
        (n, bins) by nominal mass, base peak 1.
    how
        The changes.
    random
        Source of chance.

    Returns
    -------
    ndarray of float32, (n, bins)
        Base peak 1.
    """
    n, bins = intensity.shape
    mass = np.arange(bins, dtype=np.float32)
    slope = how.tilt * random.standard_normal((n, 1)) * (mass - _REFERENCE_MZ) / _REFERENCE_MZ
    jitter = how.intensity_jitter * random.standard_normal(intensity.shape)
    heights = intensity * np.exp(np.clip(slope, -_MOST_SLOPE, _MOST_SLOPE) + jitter)
    heights *= random.random(intensity.shape) >= how.drop_share * np.minimum(1, _FAINT / np.maximum(heights, 1e-6))
    first = np.where(random.random(n) < how.low_mass_cut, random.integers(*_FIRST_MZ, n), 0)
    heights *= mass >= first[:, None]
    foreign = random.random(intensity.shape) < how.background_peaks / bins
    heights += foreign * random.random(intensity.shape) * how.background_height
    varied: NDArray[np.float32] = (heights / np.maximum(heights.max(axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return varied
