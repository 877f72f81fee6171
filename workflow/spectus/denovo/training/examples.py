"""Spectra and molecules as training examples: filters, held-out compounds, batches."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectus.denovo.encoding import exceeded_limits
from spectus.denovo.modeling import SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.errors import InputError
from spectus.library.splits import read_split
from spectus.molecules.exclusions import is_held_out
from spectus.structures import flat_smiles, inchikey14, quiet_rdkit

MAX_SMILES = 100  # characters of the canonical SMILES, as the published model was trained
_IGNORED = -100  # label of padding, left out of the loss


class Targets(NamedTuple):
    """Answers of a translator as one ragged array: source token, SMILES tokens, end token.

    `indptr` (n + 1,) int64 and `tokens` (n_tokens,) int16; a row's tokens are `tokens[indptr[row]:indptr[row + 1]]`.
    """

    indptr: NDArray[np.int64]
    tokens: NDArray[np.int16]

    @classmethod
    def of(
        cls, smiles: Sequence[str], source: int, config: SpectusNetworkConfig, tokenizer: SmilesTokenizer
    ) -> "Targets":
        rows = [[source, *tokenizer.encode(text), config.eos_token_id] for text in smiles]
        indptr = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return cls(indptr, np.array([token for row in rows for token in row], np.int16))

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.indptr)

    def padded(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(len(rows), T) tokens, -100 after the end."""
        lengths = self.lengths[rows]
        labels = np.full((len(rows), int(lengths.max())), _IGNORED, np.int64)
        inside = np.arange(labels.shape[1]) < lengths[:, None]
        labels[inside] = self.tokens[(self.indptr[rows][:, None] + np.arange(labels.shape[1]))[inside]]
        return labels


class Measured(NamedTuple):
    """Measured spectra as one ragged array: `indptr` (n + 1,), `mz` (n_peaks,) int16 nominal masses, `intensity`
    (n_peaks,) float32, base peak 1; `smiles` (n,) canonical without stereochemistry."""

    indptr: NDArray[np.int64]
    mz: NDArray[np.int16]
    intensity: NDArray[np.float32]
    smiles: list[str]

    def rows(self, at: NDArray[np.int64], width: int) -> NDArray[np.float32]:
        """(len(at), width) intensities by nominal mass."""
        lengths = np.diff(self.indptr)[at]
        row = np.repeat(np.arange(len(at)), lengths)
        place = np.repeat(self.indptr[at] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        dense = np.zeros((len(at), width), np.float32)
        np.add.at(dense, (row, self.mz[place]), self.intensity[place])  # peaks that share a nominal mass are summed
        return dense / np.maximum(dense.max(axis=1, keepdims=True, initial=0.0), 1e-12)


def read_examples(library: Path, config: SpectusNetworkConfig, held_out: frozenset[str]) -> tuple[Measured, Measured]:
    """Spectra of the splits train and valid; no compound of valid or of `held_out` is in train.

    Raises
    ------
    InputError: a library without structures or splits.
    """
    valid = measured(read_split(library, "valid"), config, held_out)
    train = measured(read_split(library, "train"), config, held_out, blocks(valid.smiles))
    if not train.smiles or not valid.smiles:
        problem = f"gives {len(train.smiles)} train and {len(valid.smiles)} valid examples"
        raise InputError(library, problem, "give spectra with SMILES")
    return train, valid


def measured(
    rows: Sequence[dict[str, Any]],
    config: SpectusNetworkConfig,
    held_out: frozenset[str] = frozenset(),
    not_these: frozenset[str] = frozenset(),
) -> Measured:
    """Library rows as training examples; rows the model cannot take and held-out compounds are left out.

    A compound is known by the first block of the InChIKey computed from its SMILES, never by what the record claims.
    `not_these` holds such blocks of further compounds to leave out (the valid split, for a training split).
    """
    kept, smiles = [], []
    with quiet_rdkit():
        for row in rows:
            text = target_smiles(row["smiles"], held_out, not_these)
            if text is not None and exceeded_limits(row["mz"], config) is None:
                kept.append(row)
                smiles.append(text)
    masses = [np.rint(np.asarray(row["mz"], np.float64)).astype(np.int16) for row in kept]
    heights = [np.asarray(row["intensity"], np.float32) for row in kept]
    return Measured(
        np.cumsum([0, *map(len, masses)], dtype=np.int64),
        np.concatenate([np.zeros(0, np.int16), *masses]),
        np.concatenate([np.zeros(0, np.float32), *heights]),
        smiles,
    )


def listed(
    molecules: Iterable[str | None], held_out: frozenset[str] = frozenset(), not_these: frozenset[str] = frozenset()
) -> list[str]:
    """Distinct canonical SMILES of a list of molecules, ascending, without those that no training may see."""
    with quiet_rdkit():
        kept = {target_smiles(smiles, held_out, not_these) for smiles in molecules}
    return sorted(smiles for smiles in kept if smiles is not None)


def target_smiles(smiles: str | None, held_out: frozenset[str], not_these: frozenset[str]) -> str | None:
    """What a translator is to write for a structure; None if it cannot or must not learn it."""
    flat = flat_smiles(smiles)
    if flat is None or len(flat) > MAX_SMILES:
        return None
    block = inchikey14(flat)
    return None if block in not_these or is_held_out(block, held_out) else flat


def blocks(smiles: Iterable[str]) -> frozenset[str]:
    """First blocks of the InChIKeys of structures."""
    return frozenset(inchikey14(text) for text in smiles)


def similar_lengths(
    lengths: NDArray[np.int64], peaks: NDArray[np.int64], size: int, random: np.random.Generator,
    rows: NDArray[np.int64],
) -> list[NDArray[np.int64]]:  # fmt: skip
    """Cut rows into batches of `size` in random order, each of answers and spectra of similar length, so that little
    is padding: pools of 64 batches are sorted by length of the answer, within eight batches by number of peaks."""
    order, groups = random.permutation(rows), []
    for pool in np.split(order, range(64 * size, len(order), 64 * size)):
        by_answer = pool[np.argsort(lengths[pool], kind="stable")]
        parts = np.split(by_answer, range(8 * size, len(pool), 8 * size))
        by_peaks = np.concatenate([part[np.argsort(peaks[part], kind="stable")] for part in parts])
        groups += np.split(by_peaks, range(size, len(pool), size))
    return [groups[index] for index in random.permutation(len(groups))]


def decoder_inputs(labels: Tensor, config: SpectusNetworkConfig) -> Tensor:
    """(B, T) the start token and all labels but the last, padding where they are ignored."""
    inputs = torch.full_like(labels, config.decoder_start_token_id)
    inputs[:, 1:] = labels[:, :-1]
    return inputs.masked_fill_(inputs == _IGNORED, config.pad_token_id)
