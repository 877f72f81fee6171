"""Spectra that `spectus predict` wrote, as training examples: predicted once, changed anew in every pass.

A batch of 64 is read in 0.3 ms; RASSP takes 0.3 s to predict it, and a training step 0.7 s (one core).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectus.denovo.training.examples import MAX_SMILES
from spectus.denovo.training.synthesis import NEIMS_TOKEN, RASSP_TOKEN
from spectus.denovo.training.task import nominal_masses
from spectus.errors import InputError
from spectus.files import replacing, require_file
from spectus.library.parquet import PREDICTED_BY
from spectus.molecules.exclusions import Exclusions
from spectus.structures import flat_smiles, quiet_rdkit

_WEIGHTS = "model_sha256"
"""Entry of the metadata that names the weights of the prediction model."""


class StoredSpectra:
    """Predicted libraries as a source of training examples, in the place of a `Synthesizer`.

    Parameters
    ----------
    libraries
        Parquet files that `spectus predict` wrote.
    exclusions
        Compounds to leave out.
    max_mz
        Highest m/z that SpecTUS reads.
    device
        Where the spectra are wanted.
    notes
        Folder where the molecules that may be learned are noted for each file, so that a resumed training need not
        compare them with the exclusions again.

    Attributes
    ----------
    smiles : list of str
        Canonical SMILES of the molecules that may be learned, that the model can write, and whose molecular ion it can
        read. A molecule that two models predicted is there twice.
    mass : ndarray of int32, (n,)
        Their nominal masses, Da.
    sha256 : list of str
        Sums of the libraries.

    Raises
    ------
    InputError
        A file is no predicted library, or two libraries are of different weights of one model.
    """

    def __init__(
        self, libraries: Sequence[Path], exclusions: Exclusions, max_mz: int, device: torch.device, notes: Path
    ) -> None:
        self.max_mz, self.device = max_mz, device
        self.sha256 = [hashlib.sha256(require_file(path).read_bytes()).hexdigest() for path in libraries]
        weights, seen, parts = dict[str, tuple[str, Path]](), set[tuple[str, str]](), list[_Part]()
        for path, sha256 in zip(libraries, self.sha256, strict=True):
            model = _predicted_by(path, weights)
            allowed = _allowed(path, exclusions, notes / f"molecules_{_key(sha256, exclusions)}.parquet")
            known = np.array([(model, smiles) in seen for smiles in allowed.smiles.tolist()], bool)
            seen.update((model, smiles) for smiles in allowed.smiles.tolist())
            kept = ~known & (allowed.mass <= max_mz)
            parts.append(_part(path, allowed.at(kept), NEIMS_TOKEN if "neims" in model else RASSP_TOKEN))
        self.smiles = [smiles for part in parts for smiles in part.smiles]
        none = np.zeros(0, np.int32)
        self.mass = np.concatenate([none, *(part.mass for part in parts)])
        self._tokens = np.concatenate([none.astype(np.int16), *(part.tokens for part in parts)])
        lengths = np.concatenate([none, *(part.lengths for part in parts)])
        self._indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self._mz = np.concatenate([none.astype(np.int16), *(part.mz for part in parts)])
        self._intensity = np.concatenate([none.astype(np.float32), *(part.intensity for part in parts)])

    def spectra(
        self, rows: NDArray[np.int64], uncertain: bool, random: np.random.Generator
    ) -> tuple[Tensor, NDArray[np.int16]]:
        """Return spectra of the libraries; nothing of them is random.

        Parameters
        ----------
        rows
            Rows of the molecules.
        uncertain, random
            Not used: a library holds one spectrum of a molecule.

        Returns
        -------
        spectra : Tensor, (len(rows), max_mz + 1)
            Intensities by nominal mass, base peak 1.
        tokens : ndarray of int16, (len(rows),)
            Source tokens.
        """
        lengths = np.diff(self._indptr)[rows]
        places = np.repeat(self._indptr[rows] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        row, mz = np.repeat(np.arange(len(rows)), lengths), self._mz[places]
        inside = (mz > 0) & (mz <= self.max_mz)
        made = np.zeros((len(rows), self.max_mz + 1), np.float32)
        np.maximum.at(made, (row[inside], mz[inside]), self._intensity[places][inside])
        nothing = made.max(axis=1) <= 0
        made[nothing, self.mass[rows[nothing]]] = 1.0
        made /= made.max(axis=1, keepdims=True)
        return torch.from_numpy(made).to(self.device), self._tokens[rows]


class _Allowed(NamedTuple):
    """Molecules of a library that may be learned: row, canonical SMILES and nominal mass, (n,) each."""

    row: NDArray[np.int64]
    smiles: NDArray[np.object_]
    mass: NDArray[np.int32]

    def at(self, kept: NDArray[np.bool_]) -> "_Allowed":
        return _Allowed(self.row[kept], self.smiles[kept], self.mass[kept])


class _Part(NamedTuple):
    """What is taken from one library."""

    smiles: list[str]
    mass: NDArray[np.int32]
    tokens: NDArray[np.int16]
    lengths: NDArray[np.int32]
    mz: NDArray[np.int16]
    intensity: NDArray[np.float32]


def _predicted_by(path: Path, weights: dict[str, tuple[str, Path]]) -> str:
    """Return the model that predicted a library; `weights` collects the weights of each model and their first file."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except pa.ArrowInvalid as error:
        raise InputError(path, "is no Parquet library", "give a library that `spectus predict` wrote") from error
    model, sha256 = (str(metadata.get(name.encode(), b""), "utf-8") for name in (PREDICTED_BY, _WEIGHTS))
    if not model or not sha256:
        problem = f"does not say which prediction model made it (metadata {PREDICTED_BY}, {_WEIGHTS})"
        raise InputError(path, problem, "give a library that `spectus predict` wrote")
    known, first = weights.setdefault(model, (sha256, path))
    if known != sha256:
        raise InputError(path, f"is of other weights of {model} than {first}", "predict both with the same model")
    return model


def _key(sha256: str, exclusions: Exclusions) -> str:
    """Return what names the notes on a library: they hold for its bytes and for the exclusions."""
    return hashlib.sha256(f"{sha256} {exclusions.sha256}".encode()).hexdigest()[:16]


def _allowed(path: Path, exclusions: Exclusions, note: Path) -> _Allowed:
    """Return the molecules of a library that may be learned, from a note if there is one; write it otherwise."""
    if not note.exists():
        table = pq.read_table(path, columns=["smiles", "reason"])
        rows, texts, seen = list[int](), list[str](), set[str]()
        with quiet_rdkit():
            for row, (smiles, reason) in enumerate(
                zip(table["smiles"].to_pylist(), table["reason"].to_pylist(), strict=True)
            ):
                flat = flat_smiles(smiles) if reason is None else None
                if flat is None or flat in seen or len(flat) > MAX_SMILES:
                    continue
                seen.add(flat)
                if exclusions.reason(flat) is None:
                    rows.append(row)
                    texts.append(flat)
        found = pa.table({"row": pa.array(rows, pa.int64()), "smiles": pa.array(texts, pa.string()),
                          "mass": pa.array(nominal_masses(texts), pa.int32())})  # fmt: skip
        note.parent.mkdir(parents=True, exist_ok=True)
        with replacing(note) as temporary:
            pq.write_table(found, temporary)
    noted = pq.read_table(note)
    smiles = np.array(noted["smiles"].to_pylist(), dtype=np.object_)
    return _Allowed(noted["row"].to_numpy(), smiles, noted["mass"].to_numpy())


def _part(path: Path, allowed: _Allowed, token: int) -> _Part:
    """Read the peaks of the molecules that may be learned."""
    table = pq.read_table(path, columns=["mz", "intensity"]).take(pa.array(allowed.row))
    mz, intensity = (table[name].combine_chunks() for name in ("mz", "intensity"))
    lengths = mz.value_lengths().to_numpy().astype(np.int32)
    return _Part(
        allowed.smiles.tolist(), allowed.mass, np.full(len(lengths), token, np.int16), lengths,
        np.rint(mz.flatten().to_numpy()).astype(np.int16), intensity.flatten().to_numpy().astype(np.float32),
    )  # fmt: skip
