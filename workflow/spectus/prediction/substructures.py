"""Molecules as counts of their substructures: the input of NEIMS and of the reranker's dual encoder.

A substructure is unfolded: a Morgan environment of radius 0 to 3 (Rogers and Hahn 2010, J. Chem. Inf. Model. 50, 742),
an atom pair (Carhart et al. 1985, J. Chem. Inf. Comput. Sci. 25, 64), a topological torsion (Nilakantan et al. 1987,
J. Chem. Inf. Comput. Sci. 27, 82), or one of a few counts of the whole molecule (elements, rings). Unfolded
substructures do not collide. A vocabulary of those that enough training compounds have keeps the first layer small.
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
    GetMorganGenerator(radius=3),  # bonds
    GetAtomPairGenerator(maxDistance=10),  # bonds; chosen: longer paths add columns that few compounds share
    GetTopologicalTorsionGenerator(),
)
_GLOBAL = len(_GENERATORS) + 1
"""Family number of the counts of the whole molecule."""

_LARGEST_COUNT = 255
"""Counts are stored as bytes; larger counts become this."""


class SubstructureCounts(NamedTuple):
    """Substructures of n molecules, row by row, as in a CSR matrix.

    Attributes
    ----------
    smiles : list of str or None
        The molecules as they were given, (n,).
    indptr : ndarray of int64
        (n + 1,) where each molecule's substructures begin.
    substructures : ndarray of uint64
        (n_entries,) numbers of substructures, the family in the upper half.
    counts : ndarray of uint8
        (n_entries,) how often the molecule has the substructure.
    mass : ndarray of int32
        (n,) nominal mass of the most common isotopes, Da, which NEIMS takes for the rounded exact mass; 0 for a
        molecule that cannot be predicted.
    reasons : list of str or None
        (n,) why a molecule cannot be predicted, None if it can.
    """

    smiles: list[str | None]
    indptr: NDArray[np.int64]
    substructures: NDArray[np.uint64]
    counts: NDArray[np.uint8]
    mass: NDArray[np.int32]
    reasons: list[str | None]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which molecules can be predicted, (n,)."""
        return np.array([reason is None for reason in self.reasons], bool)

    def at(self, rows: NDArray[np.int64]) -> "SubstructureCounts":
        """Return some of the molecules, in the order of `rows`."""
        lengths = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        place = np.repeat(self.indptr[rows] - indptr[:-1], lengths) + np.arange(lengths.sum())
        chosen = rows.tolist()
        return SubstructureCounts(
            [self.smiles[row] for row in chosen], indptr, self.substructures[place], self.counts[place],
            self.mass[rows], [self.reasons[row] for row in chosen],
        )  # fmt: skip

    def matrix(self, vocabulary: NDArray[np.uint64]) -> csr_array:
        """Return the counts of the substructures in a vocabulary.

        Parameters
        ----------
        vocabulary
            Numbers of substructures, ascending; all others are left out.

        Returns
        -------
        csr_array of float32, (n, len(vocabulary))
        """
        place = np.minimum(np.searchsorted(vocabulary, self.substructures), max(len(vocabulary) - 1, 0))
        known = vocabulary[place] == self.substructures if len(vocabulary) else np.zeros(len(self.substructures), bool)
        kept = np.concatenate([[0], np.cumsum(known)])[self.indptr]
        return csr_array(
            (self.counts[known].astype(np.float32), place[known].astype(np.int32), kept),
            shape=(len(self.mass), len(vocabulary)),
        )


def count_substructures(smiles: Iterable[str | None], total: int | None = None) -> SubstructureCounts:
    """Count the substructures of molecules; stereochemistry plays no part.

    A molecule that no prediction model can take (no molecule at all, several parts, a charge, another element or
    isotope, too heavy) has no substructures, mass 0 and the reason.

    Parameters
    ----------
    smiles
        The molecules.
    total
        Their number, for the progress bar.

    Returns
    -------
    SubstructureCounts
        In the order of `smiles`.
    """
    given, indptr, mass, reasons = list[str | None](), [0], list[int](), list[str | None]()
    parts, counts = list[NDArray[np.uint64]](), list[NDArray[np.uint8]]()
    n_entries = 0
    with quiet_rdkit():
        for text in tqdm(smiles, total=total, desc="features", unit=" molecules", disable=None, delay=1, leave=False):
            molecule = Chem.MolFromSmiles(text) if text else None
            reason, nominal, counted = survey(molecule)
            if molecule is not None and reason is None:
                ids, numbers = _counted(molecule, counted)
                parts.append(ids)
                counts.append(numbers)
                n_entries += len(ids)
            given.append(text)
            reasons.append(reason)
            mass.append(nominal if reason is None else 0)
            indptr.append(n_entries)
    return SubstructureCounts(
        given,
        np.array(indptr),
        np.concatenate([np.zeros(0, np.uint64), *parts]),
        np.concatenate([np.zeros(0, np.uint8), *counts]),
        np.array(mass, np.int32),
        reasons,
    )


def frequent_substructures(
    molecules: SubstructureCounts, rows: Sequence[int] | NDArray[np.int64], least: int
) -> NDArray[np.uint64]:
    """Return the substructures that at least `least` of these rows have, ascending."""
    parts = [molecules.substructures[molecules.indptr[row] : molecules.indptr[row + 1]] for row in rows]
    found, n_molecules = np.unique(np.concatenate([np.zeros(0, np.uint64), *parts]), return_counts=True)
    return found[n_molecules >= least]


def _counted(molecule: Chem.Mol, of_the_whole: list[int]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Return the numbers and counts of one molecule's substructures, ascending by number."""
    found: dict[int, int] = {}
    for family, generator in enumerate(_GENERATORS, start=1):
        prefix = family << 32
        for number, count in generator.GetSparseCountFingerprint(molecule).GetNonzeroElements().items():
            key = prefix | (number & 0xFFFFFFFF)
            found[key] = found.get(key, 0) + count
    found.update({(_GLOBAL << 32) | place: count for place, count in enumerate(of_the_whole) if count})
    ids = np.fromiter(found.keys(), np.uint64, len(found))
    counts = np.minimum(np.fromiter(found.values(), np.int64, len(found)), _LARGEST_COUNT)
    order = np.argsort(ids)
    return ids[order], counts[order].astype(np.uint8)
