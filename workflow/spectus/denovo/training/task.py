"""What is fitted of a translator: measured and predicted spectra to SMILES."""

import dataclasses

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
from spectus.denovo.training.examples import MAX_SMILES, Measured, Targets, decoder_inputs, similar_lengths
from spectus.denovo.training.settings import Stage
from spectus.denovo.training.synthesis import NEIMS_TOKEN, Synthesiser, like

_VALID_AT_ONCE = 64


class TranslationTask:
    """A translator on measured spectra, on those predicted for a list of molecules, or on both.

    Rows count the measured spectra first, then the molecules. A pass takes every measured spectrum once and, for each,
    `synthesis.per_measured` molecules at random; without measured spectra as many molecules as the list has.
    """

    def __init__(
        self, network: SpectusNetwork, measured: Measured | None, synthesiser: Synthesiser | None,
        valid: Measured, stage: Stage, spread: NDArray[np.int32],
    ) -> None:  # fmt: skip
        self.translator, self.stage, self.valid = network, stage, valid
        self.measured, self.synthesiser = measured, synthesiser
        self.config, self.tokenizer = network.config, SmilesTokenizer.published()
        own = measured.smiles if measured else []
        predicted = synthesiser.smiles if synthesiser else []
        self.n_measured, self.n_molecules = len(own), len(predicted)
        parts = [
            Targets.of(smiles, source, self.config, self.tokenizer)
            for smiles, source in ((own, self.config.source_token_id), (predicted, NEIMS_TOKEN))
        ]
        self.targets = joined(*parts)
        self.valid_targets = Targets.of(valid.smiles, self.config.source_token_id, self.config, self.tokenizer)
        peaks = [np.diff(measured.indptr)] if measured else []
        peaks += [synthesiser.mass // 4] if synthesiser else []  # about as many peaks as a predicted spectrum has
        self.n_peaks = np.concatenate([np.zeros(0, np.int64), *peaks])
        self.chances = like(synthesiser.mass, spread, stage.synthesis.like_measured) if synthesiser else None

    @property
    def network(self) -> nn.Module:
        return self.translator

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        rows = np.arange(self.n_measured)
        if self.chances is not None:
            share = self.stage.synthesis.per_measured * self.n_measured if self.n_measured else self.n_molecules
            drawn = random.choice(self.n_molecules, round(share), p=self.chances)
            rows = np.concatenate([rows, self.n_measured + drawn])
        return similar_lengths(self.targets.lengths, self.n_peaks, size, random, rows)

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        measured, predicted = rows[rows < self.n_measured], rows[rows >= self.n_measured]
        parts, sources = [], np.zeros(0, np.int16)
        if self.measured is not None:
            parts.append(self._dense(self.measured, measured))
        if self.synthesiser is not None and len(predicted):
            uncertain = bool(random.random() < self.stage.synthesis.uncertain)
            spectra, sources = self.synthesiser.spectra(predicted - self.n_measured, uncertain, random)
            parts.append(spectra)
        spectra = augment(torch.cat(parts), self.stage.augmentation)
        targets, at = self._targets(np.concatenate([measured, predicted]), random)
        answers = targets.padded(at)
        answers[len(measured) :, 0] = sources
        labels = torch.from_numpy(answers).to(spectra.device)
        encoded = encode_rows(spectra, dataclasses.replace(self.config, max_peaks=self.stage.augmentation.most_peaks))
        return self._cross_entropy(self.translator, encoded, labels, self.stage.label_smoothing)

    def choosing_loss(self, network: nn.Module) -> float | None:
        """Mean cross-entropy of the tokens of the valid split's spectra, in nats; the source token is given, as it is
        when decoding."""
        n_peaks, every = np.diff(self.valid.indptr), np.arange(len(self.valid.smiles))
        losses, tokens = [], []
        fixed = np.random.default_rng(0)
        for at in similar_lengths(self.valid_targets.lengths, n_peaks, _VALID_AT_ONCE, fixed, every):
            answers = torch.from_numpy(self.valid_targets.padded(at)).to(self.translator.device)
            spectra = encode_rows(self._dense(self.valid, at), self.config)
            losses.append(self._cross_entropy(network, spectra, answers, given=1).item())
            tokens.append(int((answers[:, 1:] >= 0).sum()))
        return float(np.average(losses, weights=tokens))

    def _dense(self, measured: Measured, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(measured.rows(rows, self.config.max_mz + 1)).to(self.translator.device)

    def _targets(self, rows: NDArray[np.int64], random: np.random.Generator) -> tuple[Targets, NDArray[np.int64]]:
        """The answers to rows, some of the molecules' written as random SMILES where the settings say so."""
        share = self.stage.synthesis.random_smiles
        if not share or self.synthesiser is None:
            return self.targets, rows
        chosen = [row if row < self.n_measured or random.random() >= share else -1 - row for row in rows.tolist()]
        texts = [
            random_smiles(self.synthesiser.smiles[-1 - row - self.n_measured], random) for row in chosen if row < 0
        ]
        extra = Targets.of(texts, NEIMS_TOKEN, self.config, self.tokenizer)
        place = len(self.targets.lengths) + np.cumsum(np.array(chosen) < 0) - 1
        return joined(self.targets, extra), np.where(np.array(chosen) < 0, place, rows)

    def _cross_entropy(
        self, network: nn.Module, spectra: SpectrumBatch, labels: Tensor, smoothing: float = 0.0, given: int = 0
    ) -> Tensor:
        """Mean over the tokens after the first `given`, in nats; matrix products in bf16."""
        with torch.autocast(labels.device.type, torch.bfloat16):
            logits = network(*spectra, decoder_inputs(labels, self.config)).logits
        logits, labels = logits[:, given:].float().flatten(0, 1), labels[:, given:].flatten()
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def joined(first: Targets, second: Targets) -> Targets:
    """Both, one after the other."""
    indptr = np.concatenate([first.indptr, first.indptr[-1] + second.indptr[1:]])
    return Targets(indptr, np.concatenate([first.tokens, second.tokens]))


def random_smiles(smiles: str, random: np.random.Generator) -> str:
    """The molecule written from a random atom on in a random order; unchanged where that would be too long."""
    molecule = Chem.MolFromSmiles(smiles)
    order = random.permutation(molecule.GetNumAtoms()).tolist()
    text = Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False)
    return text if len(text) <= MAX_SMILES else smiles


def nominal_masses(smiles: list[str]) -> NDArray[np.int32]:
    """(n,) masses of the most common isotopes, whole numbers."""
    return np.rint([CalcExactMolWt(Chem.MolFromSmiles(text)) for text in smiles]).astype(np.int32)
