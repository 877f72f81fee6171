"""Spectra and molecules as training examples: what the model can take, targets, batches."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectus.denovo.encoding import exceeded_limits
from spectus.denovo.modeling import SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.learning.measured_spectra import MeasuredSpectra, read_measured
from spectus.molecules.exclusions import Exclusions
from spectus.structures import flat_smiles, quiet_rdkit

MAX_SMILES = 100
"""Characters of the canonical SMILES, as the published model was trained (arXiv 2502.05114)."""

_IGNORED = -100
"""Label of padding, which PyTorch's cross-entropy leaves out."""

_POOL, _PART = 64, 8
"""Batches of a pool that is sorted by length of the target, and of a part of it that is sorted by number of peaks.
Chosen: small enough for a random order, large enough for little padding."""


class Targets(NamedTuple):
    """Targets of the decoder as one ragged array: source token, SMILES tokens, end token.

    Attributes
    ----------
    indptr : ndarray of int64, (n + 1,)
        Where the tokens of each row begin.
    tokens : ndarray of int16, (n_tokens,)
        Tokens of all rows.
    """

    indptr: NDArray[np.int64]
    tokens: NDArray[np.int16]

    @classmethod
    def of(
        cls, smiles: Sequence[str], source: int, config: SpectusNetworkConfig, tokenizer: SmilesTokenizer
    ) -> "Targets":
        """Encode SMILES, with a source token before each."""
        rows = [[source, *tokenizer.encode(text), config.eos_token_id] for text in smiles]
        indptr = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return cls(indptr, np.array([token for row in rows for token in row], np.int16))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row, (n,)."""
        return np.diff(self.indptr)

    def padded(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the tokens of some rows, (len(rows), T), -100 after the end."""
        lengths = self.lengths[rows]
        labels = np.full((len(rows), int(lengths.max())), _IGNORED, np.int64)
        inside = np.arange(labels.shape[1]) < lengths[:, None]
        labels[inside] = self.tokens[(self.indptr[rows][:, None] + np.arange(labels.shape[1]))[inside]]
        return labels


def read_examples(
    library: Path, config: SpectusNetworkConfig, exclusions: Exclusions
) -> tuple[MeasuredSpectra, MeasuredSpectra]:
    """Read the spectra of the splits train and valid that the model can take.

    Parameters
    ----------
    library
        Spectra with structures and a column `split`.
    config
        Sizes of the model.
    exclusions
        Compounds to leave out of both.

    Returns
    -------
    train, valid : MeasuredSpectra

    Raises
    ------
    InputError
        A library without structures or splits.
    """

    def accepts(smiles: str, mz: Sequence[float]) -> bool:
        return len(smiles) <= MAX_SMILES and exceeded_limits(mz, config) is None

    return read_measured(library, exclusions, accepts, accepts)


def listed_structures(molecules: Iterable[str | None], exclusions: Exclusions) -> list[str]:
    """Return the distinct canonical SMILES of a molecule list that a model can write and may learn, ascending.

    Parameters
    ----------
    molecules
        SMILES.
    exclusions
        Compounds to leave out.
    """
    with quiet_rdkit():
        distinct = {flat_smiles(smiles) for smiles in molecules}
        short = (smiles for smiles in distinct if smiles is not None and len(smiles) <= MAX_SMILES)
        return sorted(smiles for smiles in short if exclusions.reason(smiles) is None)


def similar_lengths(
    lengths: NDArray[np.int64], peaks: NDArray[np.int64], size: int, random: np.random.Generator,
    rows: NDArray[np.int64],
) -> list[NDArray[np.int64]]:  # fmt: skip
    """Cut rows into batches in random order, each of targets and spectra of similar length, so that little is padding.

    Parameters
    ----------
    lengths, peaks
        Tokens and peaks of every row.
    size
        Rows of a batch.
    random
        Source of chance.
    rows
        The rows to cut.

    Returns
    -------
    list of ndarray of int64
        The rows of each batch.
    """
    order, groups = random.permutation(rows), []
    for pool in np.split(order, range(_POOL * size, len(order), _POOL * size)):
        by_target = pool[np.argsort(lengths[pool], kind="stable")]
        parts = np.split(by_target, range(_PART * size, len(pool), _PART * size))
        by_peaks = np.concatenate([part[np.argsort(peaks[part], kind="stable")] for part in parts])
        groups += np.split(by_peaks, range(size, len(pool), size))
    return [groups[index] for index in random.permutation(len(groups))]


def decoder_inputs(labels: Tensor, config: SpectusNetworkConfig) -> Tensor:
    """Return the start token and all labels but the last, (B, T), padding where they are ignored."""
    inputs = torch.full_like(labels, config.decoder_start_token_id)
    inputs[:, 1:] = labels[:, :-1]
    return inputs.masked_fill_(inputs == _IGNORED, config.pad_token_id)
