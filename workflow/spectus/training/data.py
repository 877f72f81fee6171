"""Spectra with structures as training examples: filters, held-out compounds, augmentation, batches."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectus.errors import InputError
from spectus.files import require_file
from spectus.library.records import read_spectra
from spectus.model.encoding import Batch, collate, encode_spectrum, unusable
from spectus.model.modeling import SpectusConfig
from spectus.model.tokenizer import SmilesTokenizer
from spectus.structures import first_block, flat_smiles, quiet_rdkit
from spectus.training.settings import Augmentation

MAX_SMILES = 100  # characters of the canonical SMILES, as the published model was trained
_IGNORED = -100  # label of padding, left out of the loss


class Example(NamedTuple):
    """One spectrum with its answer: peaks (S,), labels = source token, SMILES tokens, end token."""

    mz: NDArray[np.float64]
    intensity: NDArray[np.float64]
    smiles: str
    labels: list[int]


class TrainingBatch(NamedTuple):
    """Padded spectra, decoder inputs (B, T) and labels (B, T) with -100 where there is padding."""

    spectra: Batch
    decoder_input_ids: Tensor
    labels: Tensor


def read_split(library: Path, split: str | None) -> list[dict[str, Any]]:
    """Usable records of a library as rows of the SPECTRA schema, of one value of its column `split` if named."""
    rows: list[dict[str, Any]] = read_split_table(library, split).to_pylist()
    return rows


def read_split_table(library: Path, split: str | None) -> pa.Table:
    """The same as a table of the SPECTRA schema."""
    spectra = read_spectra(library)
    wanted = pc.is_null(spectra["reason"])
    if split is not None:
        if library.suffix != ".parquet" or "split" not in pq.read_schema(library).names:
            raise InputError(library, "has no column `split`", "give a Parquet library that names train and valid")
        of_split = pc.equal(pq.read_table(library, columns=["split"])["split"].cast(pa.string()), split)
        wanted = pc.and_(wanted, pc.fill_null(of_split, False))
    return spectra.filter(wanted)


def read_held_out(path: Path | None) -> frozenset[str]:
    """SHA-1 sums of the first InChIKey blocks of compounds that no training may see."""
    if path is None:
        return frozenset()
    return frozenset(require_file(path).read_text(encoding="ascii").split())


def is_held_out(inchikey: str, held_out: frozenset[str]) -> bool:
    return hashlib.sha1(inchikey[:14].encode(), usedforsecurity=False).hexdigest() in held_out


def examples(
    rows: Sequence[dict[str, Any]],
    config: SpectusConfig,
    tokenizer: SmilesTokenizer,
    held_out: frozenset[str] = frozenset(),
    not_these: frozenset[str] = frozenset(),
) -> list[Example]:
    """Training examples of library rows; rows the model cannot take and held-out compounds are left out.

    A compound is known by the first block of the InChIKey computed from its SMILES, never by what the record claims.
    `not_these` holds such blocks of further compounds to leave out (the valid split, for a training split).
    """
    kept = []
    with quiet_rdkit():
        for row in rows:
            smiles = flat_smiles(row["smiles"])
            if smiles is None or len(smiles) > MAX_SMILES or unusable(row["mz"], config):
                continue
            key = first_block(smiles)
            if is_held_out(key, held_out) or key in not_these:
                continue
            labels = [config.source_token_id, *tokenizer.encode(smiles), config.eos_token_id]
            mz, intensity = np.asarray(row["mz"], dtype=float), np.asarray(row["intensity"], dtype=float)
            kept.append(Example(mz, intensity, smiles, labels))
    return kept


def augment(
    mz: NDArray[np.float64], intensity: NDArray[np.float64], how: Augmentation, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A spectrum as another run could show it: jitter, lost weak peaks, foreign peaks, a later start of the scan."""
    heights = intensity * np.exp(how.intensity_jitter * random.standard_normal(len(mz)))
    keep = random.random(len(mz)) >= how.drop_share * np.minimum(1, 0.01 / np.maximum(intensity, 1e-6))
    if random.random() < how.low_mass_cut:
        keep &= mz >= random.integers(30, 61)
    keep[np.argmax(heights)] = True
    foreign = random.poisson(how.background_peaks)
    extra = random.integers(30, max(31, int(mz.max())) + 1, foreign).astype(float)
    masses = np.concatenate([mz[keep], extra[~np.isin(extra, mz)]])
    heights = np.concatenate([heights[keep], how.background_height * random.random(len(masses) - keep.sum()) + 1e-4])
    order = np.argsort(masses, kind="stable")
    return masses[order], heights[order]


def batches(
    data: Sequence[Example], size: int, config: SpectusConfig, how: Augmentation, random: np.random.Generator
) -> Iterator[TrainingBatch]:
    """One pass over the data in random order; examples of similar length share a batch, so that little is padding."""
    order = random.permutation(len(data))
    pools = [order[start : start + 64 * size] for start in range(0, len(order), 64 * size)]
    groups = [group for pool in pools for group in _similar_lengths(data, pool, size)]
    for index in random.permutation(len(groups)):
        chosen = [data[i] for i in groups[index]]
        spectra = [encode_spectrum(*_limited(*augment(e.mz, e.intensity, how, random), config), config) for e in chosen]
        yield TrainingBatch(collate(spectra), *_answers([e.labels for e in chosen], config))


def _similar_lengths(data: Sequence[Example], pool: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut a pool into batches of `size`: sorted by length of the answer, within eight batches by number of peaks."""
    by_answer = pool[np.argsort([len(data[i].labels) for i in pool], kind="stable")]
    parts = [by_answer[start : start + 8 * size] for start in range(0, len(pool), 8 * size)]
    by_peaks = np.concatenate([part[np.argsort([len(data[i].mz) for i in part], kind="stable")] for part in parts])
    return [by_peaks[start : start + size] for start in range(0, len(pool), size)]


def _limited(
    mz: NDArray[np.float64], intensity: NDArray[np.float64], config: SpectusConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    keep = np.sort(np.argsort(-intensity, kind="stable")[: config.max_peaks])
    return mz[keep], intensity[keep]


def _answers(labels: Sequence[list[int]], config: SpectusConfig) -> tuple[Tensor, Tensor]:
    width = max(map(len, labels))
    targets = torch.full((len(labels), width), _IGNORED)
    for row, tokens in enumerate(labels):
        targets[row, : len(tokens)] = torch.tensor(tokens)
    inputs = torch.full_like(targets, config.decoder_start_token_id)
    inputs[:, 1:] = targets[:, :-1]
    return inputs.masked_fill_(inputs == _IGNORED, config.pad_token_id), targets
