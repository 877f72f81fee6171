"""Search for molecules of a list that may be one edit from the compound of a query: the seeds of structure editing.

A relative of the compound shares ions with it, or, where it differs in the part that keeps the charge, losses from the
molecular ion: its ions are shifted by the difference of the masses, as in a hybrid search (Moorthy et al. 2017, Anal.
Chem. 89, 13261). The mass of the compound is not known, so its most probable masses are tried.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rdkit import Chem
from scipy.sparse import csr_array

from spectus.denovo.editing.mass_distribution import MassModel, load_mass_model
from spectus.denovo.editing.stage import BINS
from spectus.learning.measured_spectra import dense
from spectus.library.parquet import predicted_by
from spectus.library.similarity import PREDICTED, weighted_matrix
from spectus.library.stored import StoredLibrary
from spectus.molecules.exclusions import Exclusions, leave_out_records
from spectus.molecules.suitability import NOMINAL_MASS, survey
from spectus.structures import flat_smiles, quiet_rdkit

_QUERIES_AT_ONCE = 64
"""Queries that are compared together. Chosen: blocks of some 50 MB."""

_MASS_WEIGHT = 0.05
"""Cosine that a unit of the logarithm of a mass's probability is worth. Chosen: a mass that is ten times less probable
costs a tenth of the cosine of a good hit."""


@dataclass(frozen=True)
class SeedSearchSettings:
    """How many molecules are found for each query.

    Attributes
    ----------
    by_ions
        The best by the cosine of ions.
    by_losses
        The best by the sum of the cosines of ions and of losses from the molecular ion. Chosen, both, on 138 compounds
        of a valid split: the best of these 300 has a Tanimoto similarity of .54 to the compound, the best of the list
        .60, and the best of the first 20 by ions .41.
    masses
        Most probable masses of the molecule that are tried.
    """

    by_ions: int = 100
    by_losses: int = 200
    masses: int = 4


def search_seeds(
    queries: pa.Table, libraries: Iterable[Path], exclusions: Exclusions, settings: SeedSearchSettings | None = None
) -> list[list[str]]:
    """Find molecules of libraries of predicted spectra that may be relatives of the compounds of queries.

    Parameters
    ----------
    queries
        Table of schema SPECTRA.
    libraries
        Those of measured spectra are passed over.
    exclusions
        Compounds that are left out.
    settings
        How many are found.

    Returns
    -------
    list of list of str, (n_queries,)
        Canonical SMILES without stereochemistry, in the order of the libraries.
    """
    settings = settings or SeedSearchSettings()
    asked = _Asked.of(queries, load_mass_model(), settings.masses)
    found: list[dict[str, None]] = [{} for _ in range(len(queries))]
    flat = dict[str, str | None]()
    for path in libraries:
        if predicted_by(path) is None:
            continue
        library = StoredLibrary.open(path)
        if exclusions:
            library = library.filter(leave_out_records([library.records], [True], exclusions)[0])
        smiles, masses = library.records["smiles"].to_pylist(), _masses(library.records)
        best = _best(asked, library, masses, settings)
        with quiet_rdkit():
            for of_query, entries in zip(found, best, strict=True):
                for text in (smiles[entry] for entry in entries):
                    if text not in flat:
                        flat[text] = flat_smiles(text)
                    if flat[text]:
                        of_query[str(flat[text])] = None
    return [list(of_query) for of_query in found]


class _Asked(NamedTuple):
    """Weighted spectra of n queries, and masses that they may have.

    Attributes
    ----------
    weighted : ndarray of float32, (n, bins)
    masses : ndarray of int64, (n, m)
        u.
    bonus : ndarray of float32, (n, m)
        For the probability of each mass.
    """

    weighted: NDArray[np.float32]
    masses: NDArray[np.int64]
    bonus: NDArray[np.float32]

    @classmethod
    def of(cls, queries: pa.Table, model: MassModel, n_masses: int) -> "_Asked":
        """Weight the spectra of queries and find their most probable masses."""
        weighted = weighted_matrix(queries["mz"], queries["intensity"], **PREDICTED._asdict()).toarray()
        weighted = np.pad(weighted, ((0, 0), (0, max(0, BINS - weighted.shape[1]))))[:, :BINS]
        rows = zip(queries["mz"].to_pylist(), queries["intensity"].to_pylist(), strict=True)
        masses, bonus = np.zeros((len(queries), n_masses), np.int64), np.zeros((len(queries), n_masses), np.float32)
        for row, (mz, intensity) in enumerate(rows):
            if not mz:
                continue
            possible, values = model.log_probabilities(dense([mz], [intensity], BINS)[0])
            best = np.argsort(-values, kind="stable")[:n_masses]
            masses[row, : len(best)] = possible[best]
            bonus[row, : len(best)] = _MASS_WEIGHT * (values[best] - values[best[0]])
        return cls(weighted.astype(np.float32), masses, bonus)

    def losses(self, at: slice) -> NDArray[np.float32]:
        """Return the weighted spectra of some queries by the loss from each mass, (bins, queries x m)."""
        loss = self.masses[at][:, :, None] - np.arange(BINS)
        picked = np.take_along_axis(self.weighted[at][:, None], loss.clip(0, BINS - 1), axis=2)
        found: NDArray[np.float32] = np.where((loss >= 0) & (loss < BINS), picked, 0.0).astype(np.float32)
        return np.ascontiguousarray(found.reshape(-1, BINS).T)


def _best(
    asked: _Asked, library: StoredLibrary, masses: NDArray[np.int64], settings: SeedSearchSettings
) -> list[list[int]]:
    """Return the best entries of a library for each query."""
    kept: list[list[tuple[float, int]]] = [[] for _ in range(2 * len(asked.weighted))]
    start = 0
    for part in library.matrices(PREDICTED):
        of_part = masses[start : start + part.shape[0]]
        ions = csr_array((part.data, part.indices, part.indptr), shape=(part.shape[0], max(BINS, part.shape[1])))
        by_loss = _by_loss(part, of_part)
        for first in range(0, len(asked.weighted), _QUERIES_AT_ONCE):
            at = slice(first, min(first + _QUERIES_AT_ONCE, len(asked.weighted)))
            weighted = asked.weighted[at].T
            direct = ions @ np.pad(weighted, ((0, ions.shape[1] - BINS), (0, 0)))
            shifted = (by_loss @ asked.losses(at)).reshape(len(of_part), -1, asked.masses.shape[1]) + asked.bonus[at]
            for scores, number, offset in (
                (direct, settings.by_ions, 0), (direct + shifted.max(axis=2), settings.by_losses, 1),
            ):  # fmt: skip
                for query in range(scores.shape[1]):
                    column = scores[:, query]
                    chosen = np.argsort(-column, kind="stable")[:number].tolist()
                    some = kept[2 * (first + query) + offset]
                    some += [(-float(column[row]), start + row) for row in chosen]
                    some.sort()
                    del some[number:]
        start += part.shape[0]
    pairs = zip(kept[::2], kept[1::2], strict=True)
    return [sorted({entry for _, entry in (*direct, *shifted)}) for direct, shifted in pairs]


def _by_loss(ions: csr_array, masses: NDArray[np.int64]) -> csr_array:
    """Return spectra (n, masses of ions) by the loss from the molecules' masses, (n, BINS)."""
    row = np.repeat(np.arange(ions.shape[0]), np.diff(ions.indptr))
    loss = masses[row] - ions.indices
    kept = (loss >= 0) & (loss < BINS)
    return csr_array((ions.data[kept], (row[kept], loss[kept])), shape=(ions.shape[0], BINS))


_ATOMS = re.compile(r"([A-Z][a-z]?)(\d*)")
_NOMINAL = {Chem.GetPeriodicTable().GetElementSymbol(number): mass for number, mass in NOMINAL_MASS.items()}


def _masses(records: pa.Table) -> NDArray[np.int64]:
    """Return the nominal masses of records by their formulae, else by their structures, u; 0 for none."""
    known = dict[str, int]()
    found = np.zeros(len(records), np.int64)
    columns = records["formula"].to_pylist(), records["smiles"].to_pylist()
    for row, (formula, smiles) in enumerate(zip(*columns, strict=True)):
        key = formula or smiles or ""
        if key not in known:
            known[key] = _mass(formula, smiles)
        found[row] = known[key]
    return found


def _mass(formula: str | None, smiles: str | None) -> int:
    atoms = _ATOMS.findall(formula or "")
    if atoms and all(element in _NOMINAL for element, _ in atoms):
        return sum(_NOMINAL[element] * int(number or 1) for element, number in atoms)
    with quiet_rdkit():
        return survey(Chem.MolFromSmiles(smiles) if smiles else None)[1]
