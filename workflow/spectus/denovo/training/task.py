"""The fitting of SpecTUS: measured and predicted spectra to SMILES."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcExactMolWt
from torch import Tensor, nn

from spectus.denovo.encoding import SpectrumBatch, encode_rows
from spectus.denovo.modeling import SpectusNetwork
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.denovo.training.augmentation import augment
from spectus.denovo.training.examples import MAX_SMILES, Targets, decoder_inputs, similar_lengths
from spectus.denovo.training.settings import Stage
from spectus.denovo.training.synthesis import NEIMS_TOKEN, PredictedSpectra, chances_by_mass
from spectus.learning.measured_spectra import MeasuredSpectra

_VALID_AT_ONCE = 64
"""Spectra of the split valid that go through the network together. Chosen: as many as of a batch."""

_DALTON_PER_PEAK = 4
"""Mass of a molecule, Da, for each peak of its predicted spectrum. Chosen: a rough estimate to sort batches."""


@dataclasses.dataclass(frozen=True)
class Examples:
    """What a stage learns from and what it is tuned by.

    Attributes
    ----------
    measured : MeasuredSpectra or None
        Spectra to learn from; None: only predicted ones.
    synthesizer : PredictedSpectra or None
        Predicted spectra of a molecule list; None: only measured ones.
    valid : MeasuredSpectra
        The split valid, by whose loss the step is chosen.
    masses : ndarray of int32, (n,)
        Nominal masses of the measured molecules, as which those of the list are distributed, Da.
    """

    measured: MeasuredSpectra | None
    synthesizer: PredictedSpectra | None
    valid: MeasuredSpectra
    masses: NDArray[np.int32]


class TranslationTask:
    """SpecTUS on measured spectra, on those predicted for a molecule list, or on both.

    Rows count the measured spectra first, then the molecules. A pass takes every measured spectrum once and, for each,
    `synthesis.per_measured` molecules at random; without measured spectra as many molecules as the list has.

    Parameters
    ----------
    network
        The network.
    examples
        What it learns from.
    stage
        How it learns.
    """

    def __init__(self, network: SpectusNetwork, examples: Examples, stage: Stage) -> None:
        self.translator, self.stage, self.valid = network, stage, examples.valid
        self.measured, self.synthesizer = examples.measured, examples.synthesizer
        self.config, self.tokenizer = network.config, SmilesTokenizer.published()
        measured, synthesizer = examples.measured, examples.synthesizer
        own = measured.smiles.tolist() if measured else []
        predicted = synthesizer.smiles if synthesizer else []
        self.n_measured, self.n_molecules = len(own), len(predicted)
        parts = [
            Targets.of(smiles, source, self.config, self.tokenizer)
            for smiles, source in ((own, self.config.source_token_id), (predicted, NEIMS_TOKEN))
        ]
        self.targets = joined_targets(*parts)
        self.valid_targets = Targets.of(
            self.valid.smiles.tolist(), self.config.source_token_id, self.config, self.tokenizer
        )
        peaks = [measured.n_peaks] if measured else []
        peaks += [(synthesizer.mass // _DALTON_PER_PEAK).astype(np.int64)] if synthesizer else []
        self.n_peaks = np.concatenate([np.zeros(0, np.int64), *peaks])
        strength = stage.synthesis.like_measured
        self.chances = chances_by_mass(synthesizer.mass, examples.masses, strength) if synthesizer else None

    @property
    def network(self) -> nn.Module:
        """The network."""
        return self.translator

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the rows of one pass, cut into batches of similar length."""
        rows = np.arange(self.n_measured)
        if self.chances is not None:
            share = self.stage.synthesis.per_measured * self.n_measured if self.n_measured else self.n_molecules
            drawn = random.choice(self.n_molecules, round(share), p=self.chances)
            rows = np.concatenate([rows, self.n_measured + drawn])
        return similar_lengths(self.targets.lengths, self.n_peaks, size, random, rows)

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        """Return the mean cross-entropy of the tokens of some rows, in nats."""
        measured, predicted = rows[rows < self.n_measured], rows[rows >= self.n_measured]
        parts, sources = [], np.zeros(0, np.int16)
        if self.measured is not None:
            parts.append(self._dense(self.measured, measured))
        if self.synthesizer is not None and len(predicted):
            uncertain = bool(random.random() < self.stage.synthesis.uncertain)
            spectra, sources = self.synthesizer.spectra(predicted - self.n_measured, uncertain, random)
            parts.append(spectra)
        spectra = augment(torch.cat(parts), self.stage.augmentation)
        targets, at = self._targets(np.concatenate([measured, predicted]), random)
        tokens = targets.padded(at)
        tokens[len(measured) :, 0] = sources
        labels = torch.from_numpy(tokens).to(spectra.device)
        encoded = encode_rows(spectra, dataclasses.replace(self.config, max_peaks=self.stage.augmentation.most_peaks))
        return self._cross_entropy(self.translator, encoded, labels, self.stage.label_smoothing)

    def tuning_loss(self, network: nn.Module) -> float | None:
        """Return the mean cross-entropy of the tokens of the split valid, in nats.

        The source token is given, as it is in decoding.
        """
        n_peaks, every = self.valid.n_peaks, np.arange(self.valid.n_spectra)
        losses, tokens = [], []
        fixed = np.random.default_rng(0)
        for at in similar_lengths(self.valid_targets.lengths, n_peaks, _VALID_AT_ONCE, fixed, every):
            labels = torch.from_numpy(self.valid_targets.padded(at)).to(self.translator.device)
            spectra = encode_rows(self._dense(self.valid, at), self.config)
            losses.append(self._cross_entropy(network, spectra, labels, given=1).item())
            tokens.append(int((labels[:, 1:] >= 0).sum()))
        return float(np.average(losses, weights=tokens))

    def _dense(self, measured: MeasuredSpectra, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(measured.rounded(rows, self.config.max_mz + 1)).to(self.translator.device)

    def _targets(self, rows: NDArray[np.int64], random: np.random.Generator) -> tuple[Targets, NDArray[np.int64]]:
        """Return the targets of rows, some of the molecules as random SMILES where the settings say so."""
        share = self.stage.synthesis.random_smiles
        if not share or self.synthesizer is None:
            return self.targets, rows
        chosen = [row if row < self.n_measured or random.random() >= share else -1 - row for row in rows.tolist()]
        texts = [
            random_smiles(self.synthesizer.smiles[-1 - row - self.n_measured], random) for row in chosen if row < 0
        ]
        extra = Targets.of(texts, NEIMS_TOKEN, self.config, self.tokenizer)
        place = len(self.targets.lengths) + np.cumsum(np.array(chosen) < 0) - 1
        return joined_targets(self.targets, extra), np.where(np.array(chosen) < 0, place, rows)

    def _cross_entropy(
        self, network: nn.Module, spectra: SpectrumBatch, labels: Tensor, smoothing: float = 0.0, given: int = 0
    ) -> Tensor:
        """Return the mean over the tokens after the first `given`, in nats; matrix products are in bf16 on a GPU.

        On a CPU without matrix instructions for bf16, fp32 takes two thirds of the time.
        """
        with torch.autocast(labels.device.type, torch.bfloat16, enabled=labels.device.type != "cpu"):
            logits = network(*spectra, decoder_inputs(labels, self.config)).logits
        logits, labels = logits[:, given:].float().flatten(0, 1), labels[:, given:].flatten()
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def joined_targets(first: Targets, second: Targets) -> Targets:
    """Return the rows of both, one after the other."""
    indptr = np.concatenate([first.indptr, first.indptr[-1] + second.indptr[1:]])
    return Targets(indptr, np.concatenate([first.tokens, second.tokens]))


def random_smiles(smiles: str, random: np.random.Generator) -> str:
    """Return a SMILES of the molecule from a random atom on, in a random order; unchanged if that would be too long."""
    molecule = Chem.MolFromSmiles(smiles)
    order = random.permutation(molecule.GetNumAtoms()).tolist()
    text = Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False)
    return text if len(text) <= MAX_SMILES else smiles


def nominal_masses(smiles: Sequence[str]) -> NDArray[np.int32]:
    """Return the masses of the most common isotopes, whole numbers, (n,)."""
    return np.rint([CalcExactMolWt(Chem.MolFromSmiles(text)) for text in smiles]).astype(np.int32)
