"""Measured spectra with structures, as every model learns from them."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.library.splits import read_split
from spectus.molecules.exclusions import Exclusions
from spectus.nominal_mass import to_nominal_mass
from spectus.structures import flat_smiles, hashed, inchikey14, quiet_rdkit

STANDARD_EV = 70.0
"""Energy of the electrons that libraries assume, eV."""

Accepts = Callable[[str, Sequence[float]], bool]
"""Whether a model can learn from a spectrum: canonical SMILES and m/z of the peaks."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class MeasuredSpectra(NamedTuple):
    """Spectra of n records with their structures; the peaks as one ragged array.

    Attributes
    ----------
    smiles : ndarray of str, (n,)
        Canonical, without stereochemistry.
    inchikey14 : ndarray of str, (n,)
        First block of the InChIKey made from `smiles`.
    energy : ndarray of float32, (n,)
        Energy of the electrons, eV.
    indptr : ndarray of int64, (n + 1,)
        Where the peaks of each spectrum begin.
    mz : ndarray of float32, (n_peaks,)
        Th.
    intensity : ndarray of float32, (n_peaks,)
        Base peak 1.
    """

    smiles: NDArray[np.str_]
    inchikey14: NDArray[np.str_]
    energy: NDArray[np.float32]
    indptr: NDArray[np.int64]
    mz: NDArray[np.float32]
    intensity: NDArray[np.float32]

    @classmethod
    def of_peaks(
        cls, smiles: Sequence[str], inchikey14: Sequence[str], energy: Sequence[float],
        peaks: Sequence[tuple[Sequence[float], Sequence[float]]],
    ) -> "MeasuredSpectra":  # fmt: skip
        """Build from lists of m/z and intensities, one pair for each record."""
        none = np.zeros(0, np.float32)
        return cls(
            np.array(smiles, dtype=np.str_),
            np.array(inchikey14, dtype=np.str_),
            np.array(energy, np.float32),
            np.cumsum([0, *(len(mz) for mz, _ in peaks)], dtype=np.int64),
            np.concatenate([none, *(np.asarray(mz, np.float32) for mz, _ in peaks)]),
            np.concatenate([none, *(np.asarray(heights, np.float32) for _, heights in peaks)]),
        )

    @property
    def n_spectra(self) -> int:
        """Number of records."""
        return len(self.smiles)

    @property
    def n_peaks(self) -> NDArray[np.int64]:
        """Peaks of each record, (n,)."""
        return np.diff(self.indptr)

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "MeasuredSpectra":
        """Return some of the records, in the order of `rows`, or where a mask is true."""
        chosen = np.arange(self.n_spectra)[rows]
        places, lengths = self._places(chosen)
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        return MeasuredSpectra(
            self.smiles[chosen], self.inchikey14[chosen], self.energy[chosen], indptr, self.mz[places],
            self.intensity[places],
        )  # fmt: skip

    def weights(self) -> NDArray[np.float32]:
        """Return one over the square root of the number of spectra of the compound, (n,).

        Replicates add less than compounds.
        """
        _, member, count = np.unique(self.inchikey14, return_inverse=True, return_counts=True)
        weights: NDArray[np.float32] = (1 / np.sqrt(count[member])).astype(np.float32)
        return weights

    def dense(self, bins: int) -> NDArray[np.float32]:
        """Return intensities by nominal mass, floor(m/z + 0.3), (n, bins), base peak 1; peaks beyond are left out."""
        return self._dense(np.arange(self.n_spectra), bins, to_nominal_mass(self.mz))

    def rounded(self, rows: NDArray[np.int64], bins: int) -> NDArray[np.float32]:
        """Return intensities by rounded m/z, as SpecTUS reads them, (len(rows), bins), base peak 1."""
        return self._dense(rows, bins, np.rint(self.mz).astype(np.int64))

    def _dense(self, rows: NDArray[np.int64], bins: int, masses: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some rows by the masses of all peaks; peaks of one mass are summed."""
        places, lengths = self._places(rows)
        row = np.repeat(np.arange(len(rows)), lengths)
        inside = (masses[places] > 0) & (masses[places] < bins)
        return _summed((row[inside], masses[places][inside]), self.intensity[places][inside], (len(rows), bins))

    def _places(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of the peaks of some rows, and their numbers."""
        lengths = np.diff(self.indptr)[rows]
        return np.repeat(self.indptr[rows] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum()), lengths


def read_measured(
    library: Path, exclusions: Exclusions, accepts_train: Accepts | None = None, accepts_valid: Accepts | None = None
) -> tuple[MeasuredSpectra, MeasuredSpectra]:
    """Read the splits train and valid of a library.

    No excluded compound is in either of them, and no compound of valid is in train: neither itself nor its salts,
    tautomers, derivatives or parent. A compound is recognized by its SMILES, never by what the record claims.

    Parameters
    ----------
    library
        Spectra with structures and a column `split`.
    exclusions
        Compounds to leave out.
    accepts_train, accepts_valid
        Which spectra the model can take; None: all.

    Returns
    -------
    train, valid : MeasuredSpectra

    Raises
    ------
    InputError
        A library without the column `split`, or one that gives no spectrum for either split.
    """
    energies = _energies(library)
    valid = _selected(read_split(library, "valid"), exclusions, energies, accepts_valid)
    also_valid = exclusions.adding(valid.smiles.tolist(), "the split valid")
    train = _selected(read_split(library, "train"), also_valid, energies, accepts_train)
    if not train.n_spectra or not valid.n_spectra:
        problem = f"gives {train.n_spectra} train and {valid.n_spectra} valid examples"
        raise InputError(library, problem, "give spectra with SMILES")
    return train, valid


def below(bins: int) -> Accepts:
    """Accept spectra whose peaks all lie below a nominal mass."""
    return lambda _, mz: max(mz) < bins - 0.5


def tuning_set(train: MeasuredSpectra, share: float, seed: int) -> NDArray[np.bool_]:
    """Return which spectra are of the tuning set, (n,): all of `share` of the compounds, by their hash."""
    draw = {key: hashed(f"{seed} {key}") for key in set(train.inchikey14.tolist())}
    return np.array([draw[key] < share for key in train.inchikey14.tolist()], dtype=bool)


def dense(mz: Sequence[Sequence[float]], intensity: Sequence[Sequence[float]], bins: int) -> NDArray[np.float32]:
    """Return peak lists as rows over nominal masses, (n, bins), base peak 1; peaks beyond the bins are left out."""
    n = len(mz)
    peaks = list(zip(mz, intensity, strict=True))
    return MeasuredSpectra.of_peaks([""] * n, [""] * n, [STANDARD_EV] * n, peaks).dense(bins)


def _summed(
    at: tuple[NDArray[np.int64], NDArray[np.int64]], heights: NDArray[np.float32], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return rows with heights summed by place and scaled to a base peak of 1."""
    rows = np.zeros(shape, np.float32)
    np.add.at(rows, at, heights)
    rows /= np.maximum(rows.max(axis=1, initial=0.0, keepdims=True), np.float32(1e-12))  # empty rows stay empty
    return rows


def _selected(
    rows: Iterable[dict[str, Any]], exclusions: Exclusions, energies: Sequence[float] | None, accepts: Accepts | None
) -> MeasuredSpectra:
    """Return the rows with a structure that is not excluded and that the model accepts."""
    smiles, keys, energy = list[str](), list[str](), list[float]()
    peaks = list[tuple[Sequence[float], Sequence[float]]]()
    with quiet_rdkit():
        for row in rows:
            flat = flat_smiles(row["smiles"])
            if flat is None or (accepts is not None and not accepts(flat, row["mz"])):
                continue
            if exclusions.reason(flat) is not None:
                continue
            smiles.append(flat)
            keys.append(inchikey14(flat))
            energy.append(STANDARD_EV if energies is None else energies[row["entry"]])
            peaks.append((row["mz"], row["intensity"]))
    return MeasuredSpectra.of_peaks(smiles, keys, energy, peaks)


def _energies(library: Path) -> list[float] | None:
    """Return the ionization energies of all records, eV, from a column such as "70 eV"; None without the column."""
    if library.suffix != ".parquet" or "ionization_energy" not in pq.read_schema(library).names:
        return None
    texts = pq.read_table(library, columns=["ionization_energy"])["ionization_energy"].to_pylist()
    found = [_NUMBER.search(str(text)) for text in texts]
    return [float(match.group()) if match else STANDARD_EV for match in found]
