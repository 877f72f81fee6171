"""Measured spectra with structures, as the forward models learn from them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.library.splits import read_split
from spectus.molecules.exclusions import is_held_out
from spectus.nominal_mass import to_nominal_mass
from spectus.structures import flat_smiles, hashed, inchikey14, quiet_rdkit

STANDARD_EV = 70.0
"""Energy of the electrons that libraries assume, eV."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Measured(NamedTuple):
    """Spectra and what they are of.

    `smiles` (n,) canonical without stereochemistry; `block` (n,) first block of the InChIKey made from it; `intensity`
    (n, bins) float32 by nominal mass, base peak 1; `energy` (n,) float32, eV.
    """

    smiles: NDArray[np.str_]
    block: NDArray[np.str_]
    intensity: NDArray[np.float32]
    energy: NDArray[np.float32]

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Measured":
        return Measured(self.smiles[rows], self.block[rows], self.intensity[rows], self.energy[rows])

    def weights(self) -> NDArray[np.float32]:
        """(n,) one over the square root of how many spectra the compound has: replicates add less than compounds."""
        _, member, count = np.unique(self.block, return_inverse=True, return_counts=True)
        return (1 / np.sqrt(count[member])).astype(np.float32)


def read_measured(library: Path, bins: int, held_out: frozenset[str]) -> tuple[Measured, Measured]:
    """Spectra of the splits train and valid; no compound of valid or of `held_out` is in train.

    A compound is known by the InChIKey made from its SMILES, never by what the record claims. A spectrum with a peak
    beyond the bins is left out of train.

    Raises
    ------
    InputError: a library without the column `split`, or one that gives no example for either split.
    """
    valid = _measured(read_split(library, "valid"), library, bins, held_out, frozenset(), fitting=False)
    train = _measured(read_split(library, "train"), library, bins, held_out, frozenset(valid.block.tolist()))
    if not len(train.block) or not len(valid.block):
        raise InputError(
            library, f"gives {len(train.block)} train and {len(valid.block)} valid examples", "give spectra with SMILES"
        )
    return train, valid


def choosing(train: Measured, share: float, seed: int) -> NDArray[np.bool_]:
    """(n,) which spectra serve to choose rather than to learn from: all of `share` of the compounds, by their hash."""
    draw = {block: hashed(f"{seed} {block}") for block in set(train.block.tolist())}
    return np.array([draw[block] < share for block in train.block.tolist()], dtype=bool)


def dense(mz: Sequence[Sequence[float]], intensity: Sequence[Sequence[float]], bins: int) -> NDArray[np.float32]:
    """Peak lists as rows over nominal masses (n, bins), base peak 1; peaks beyond the bins are left out."""
    rows = np.zeros((len(mz), bins), np.float32)
    for row, (masses, heights) in enumerate(zip(mz, intensity, strict=True)):
        bin_ = to_nominal_mass(np.asarray(masses, np.float64)).astype(np.int64)
        inside = (bin_ > 0) & (bin_ < bins)
        np.add.at(rows[row], bin_[inside], np.asarray(heights, np.float32)[inside])
    return rows / np.maximum(rows.max(axis=1, initial=0.0, keepdims=True), 1e-12)


def _measured(
    rows: Sequence[dict[str, Any]], library: Path, bins: int, held_out: frozenset[str],
    not_these: frozenset[str], fitting: bool = True,
) -> Measured:  # fmt: skip
    energies = _energies(library)
    kept, smiles, blocks = list[dict[str, Any]](), list[str](), list[str]()
    with quiet_rdkit():
        for row in rows:
            flat = flat_smiles(row["smiles"])
            if flat is None or (fitting and max(row["mz"]) >= bins - 0.5):
                continue
            block = inchikey14(flat)
            if is_held_out(block, held_out) or block in not_these:
                continue
            kept.append(row)
            smiles.append(flat)
            blocks.append(block)
    energy = [STANDARD_EV if energies is None else energies[row["entry"]] for row in kept]
    return Measured(
        np.array(smiles, dtype=np.str_),
        np.array(blocks, dtype=np.str_),
        dense([row["mz"] for row in kept], [row["intensity"] for row in kept], bins),
        np.array(energy, np.float32),
    )


def _energies(library: Path) -> list[float] | None:
    """Ionization energies of all records, eV, from a column `ionization_energy` such as "70 eV"; None without one."""
    if library.suffix != ".parquet" or "ionization_energy" not in pq.read_schema(library).names:
        return None
    texts = pq.read_table(library, columns=["ionization_energy"])["ionization_energy"].to_pylist()
    found = [_NUMBER.search(str(text)) for text in texts]
    return [float(match.group()) if match else STANDARD_EV for match in found]
