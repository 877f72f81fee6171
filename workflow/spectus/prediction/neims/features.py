"""Molecules as counts of their substructures: what the forward models and the dual encoder know of a structure.

A feature is an unfolded substructure: a Morgan environment of radius 0 to 3 (Rogers and Hahn 2010), an atom pair
(Carhart 1985), a topological torsion (Nilakantan 1987), or one of a few global counts (elements, rings). Unfolded ones
do not collide, and a vocabulary of those that enough training compounds have keeps the first layer small.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdFingerprintGenerator import (
    GetAtomPairGenerator,
    GetMorganGenerator,
    GetTopologicalTorsionGenerator,
)
from scipy.sparse import csr_array
from tqdm import tqdm

from spectus.molecules.suitability import survey
from spectus.structures import quiet_rdkit

_GENERATORS = (
    GetMorganGenerator(radius=3),
    GetAtomPairGenerator(maxDistance=10),
    GetTopologicalTorsionGenerator(),
)
_GLOBAL = len(_GENERATORS) + 1
_LARGEST_COUNT = 255


class Molecules(NamedTuple):
    """Features of molecules, row by row.

    `indptr` (n + 1,), `features` (n_features,) uint64 and `counts` (n_features,) uint8 as in a CSR matrix; `mass` (n,)
    nominal mass of the most common isotopes (what NEIMS takes the rounded exact mass for); `reasons` (n,) why a
    molecule cannot be predicted, None if it can.
    """

    indptr: NDArray[np.int64]
    features: NDArray[np.uint64]
    counts: NDArray[np.uint8]
    mass: NDArray[np.int32]
    reasons: list[str | None]

    def at(self, rows: NDArray[np.int64]) -> "Molecules":
        """Some of the molecules, in the given order."""
        lengths = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        place = np.repeat(self.indptr[rows] - indptr[:-1], lengths) + np.arange(lengths.sum())
        reasons = [self.reasons[row] for row in rows.tolist()]
        return Molecules(indptr, self.features[place], self.counts[place], self.mass[rows], reasons)

    def matrix(self, vocabulary: NDArray[np.uint64]) -> csr_array:
        """(n, len(vocabulary)) counts of the features in an ascending vocabulary; all others are left out."""
        place = np.minimum(np.searchsorted(vocabulary, self.features), max(len(vocabulary) - 1, 0))
        known = vocabulary[place] == self.features if len(vocabulary) else np.zeros(len(self.features), bool)
        kept = np.concatenate([[0], np.cumsum(known)])[self.indptr]
        return csr_array(
            (self.counts[known].astype(np.float32), place[known].astype(np.int32), kept),
            shape=(len(self.mass), len(vocabulary)),
        )


def describe(smiles: Iterable[str | None], total: int | None = None) -> Molecules:
    """Features of molecules given as SMILES, in their order; stereochemistry plays no part.

    A molecule that no forward model can take (no molecule at all, several parts, a charge, another element or isotope,
    too heavy) has no features, mass 0 and the reason.
    """
    indptr, mass, reasons = [0], list[int](), list[str | None]()
    features, counts = list[NDArray[np.uint64]](), list[NDArray[np.uint8]]()
    n_features = 0
    with quiet_rdkit():
        for text in tqdm(smiles, total=total, desc="features", unit=" molecules", disable=None, delay=1, leave=False):
            molecule = Chem.MolFromSmiles(text) if text else None
            reason, nominal, counted = survey(molecule)
            if molecule is not None and reason is None:
                ids, numbers = _features(molecule, counted)
                features.append(ids)
                counts.append(numbers)
                n_features += len(ids)
            reasons.append(reason)
            mass.append(nominal if reason is None else 0)
            indptr.append(n_features)
    return Molecules(
        np.array(indptr),
        np.concatenate([np.zeros(0, np.uint64), *features]),
        np.concatenate([np.zeros(0, np.uint8), *counts]),
        np.array(mass, np.int32),
        reasons,
    )


def vocabulary(molecules: Molecules, rows: Sequence[int] | NDArray[np.int64], least: int) -> NDArray[np.uint64]:
    """The features that at least `least` of these rows have, ascending."""
    parts = [molecules.features[molecules.indptr[row] : molecules.indptr[row + 1]] for row in rows]
    found, n_molecules = np.unique(np.concatenate([np.zeros(0, np.uint64), *parts]), return_counts=True)
    return found[n_molecules >= least]


def _features(molecule: Chem.Mol, counted: list[int]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Ids (the family in the upper half) and counts of one molecule, ascending by id."""
    found: dict[int, int] = {}
    for family, generator in enumerate(_GENERATORS, start=1):
        prefix = family << 32
        for feature, count in generator.GetSparseCountFingerprint(molecule).GetNonzeroElements().items():
            key = prefix | (feature & 0xFFFFFFFF)
            found[key] = found.get(key, 0) + count
    found.update({(_GLOBAL << 32) | place: count for place, count in enumerate(counted) if count})
    ids = np.fromiter(found.keys(), np.uint64, len(found))
    counts = np.minimum(np.fromiter(found.values(), np.int64, len(found)), _LARGEST_COUNT)
    order = np.argsort(ids)
    return ids[order], counts[order].astype(np.uint8)
