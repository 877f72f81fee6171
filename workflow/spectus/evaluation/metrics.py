"""Scores of the answers to spectra of known structure, by the definitions of arXiv 2502.05114.

A candidate is exact if its canonical SMILES without stereochemistry equals the ground truth's. Similarity is Tanimoto
on Morgan fingerprints of radius 2 and 2048 bits; 1 is a "hit", which some pairs of different molecules are, too. A
query without a candidate scores 0 in everything. "Top 1" is the method's own first answer (the paper's probsort). "Any
of k" is the best of its first k, chosen by an oracle that knows the ground truth (similsort, with k candidates in all).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.Chem.rdMolDescriptors import CalcMolFormula
from tqdm import tqdm

NEAR = 0.85
"""Tanimoto similarity above which candidates are counted as near (arXiv 2502.05114)."""

_MORGAN = GetMorganGenerator(radius=2, fpSize=2048)


class _Known(NamedTuple):
    fingerprint: DataStructs.ExplicitBitVect
    formula: str


@dataclass(frozen=True)
class Outcomes:
    """The candidates of one method for n queries, compared with the ground truth; 0 or False beyond the last.

    Attributes
    ----------
    candidates
        Canonical SMILES, best first, at most k of each query.
    similarity
        Tanimoto similarity to the ground truth, (n, k), 0-1.
    exact
        Whether it is the ground truth, (n, k).
    formula
        Whether it has the ground truth's formula, (n, k).
    """

    candidates: list[list[str]]
    similarity: NDArray[np.float64]
    exact: NDArray[np.bool_]
    formula: NDArray[np.bool_]

    def measures(self, numbers: Sequence[int]) -> dict[str, NDArray[np.float64]]:
        """Score each query by each measure.

        Parameters
        ----------
        numbers
            How many first candidates are scored together, such as 1, 3 and 10.

        Returns
        -------
        dict of str to ndarray
            By the name of the measure, such as `exact_top_1` or `similarity_any_10`: (n,), 0-1.
        """
        of_candidate = {
            "exact": self.exact,
            "hit": self.similarity == 1,
            "near": self.similarity > NEAR,
            "similarity": self.similarity,
            "formula": self.formula,
        }
        return {
            f"{name}_{first(k)}": worth[:, :k].max(axis=1, initial=0).astype(float)
            for name, worth in of_candidate.items()
            for k in numbers
        }


class Scorer:
    """Compares candidates with ground truths; each structure is looked at once."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def outcomes(
        self, ground_truths: Sequence[str], candidates: Sequence[Sequence[str]], k: int, name: str
    ) -> Outcomes:
        """Compare the candidates of a method with the ground truths.

        Parameters
        ----------
        ground_truths
            Canonical SMILES of each query, (n,).
        candidates
            Canonical SMILES of molecules for each query, best first, (n,).
        k
            Largest number of candidates of a query.
        name
            Name of the method, for the progress bar.

        Returns
        -------
        Outcomes
            Of the first k candidates.
        """
        first_ones = [list(of_query[:k]) for of_query in candidates]
        similarity, exact, formula = (
            np.zeros((len(ground_truths), k)),
            *np.zeros((2, len(ground_truths), k), dtype=bool),
        )
        asked = tqdm(ground_truths, desc=f"scorer {name}", unit=" spectra", disable=None, leave=False, delay=1)
        for query, (ground_truth, answers) in enumerate(zip(asked, first_ones, strict=True)):
            known, n = self._of(ground_truth), len(answers)
            similarity[query, :n] = self.similarities(ground_truth, self.fingerprints(answers))
            exact[query, :n] = [smiles == ground_truth for smiles in answers]
            formula[query, :n] = [self._of(smiles).formula == known.formula for smiles in answers]
        return Outcomes(first_ones, similarity, exact, formula)

    def fingerprints(self, structures: Sequence[str]) -> list[DataStructs.ExplicitBitVect]:
        """Return the fingerprint of each structure."""
        return [self._of(smiles).fingerprint for smiles in structures]

    def similarities(self, ground_truth: str, fingerprints: Sequence[DataStructs.ExplicitBitVect]) -> list[float]:
        """Return the Tanimoto similarity of each fingerprint to the ground truth's, 0-1."""
        return list(DataStructs.BulkTanimotoSimilarity(self._of(ground_truth).fingerprint, fingerprints))

    def _of(self, smiles: str) -> _Known:
        if smiles not in self._known:
            molecule = Chem.MolFromSmiles(smiles)
            self._known[smiles] = _Known(_MORGAN.GetFingerprint(molecule), CalcMolFormula(molecule))
        return self._known[smiles]


def comparison(ours: Outcomes, theirs: Outcomes, k: int) -> dict[str, NDArray[np.float64]]:
    """Compare the best of our first candidates with the best of theirs, query by query.

    Parameters
    ----------
    ours, theirs
        Outcomes of the same queries.
    k
        How many first candidates of each.

    Returns
    -------
    dict of str to ndarray
        (n,) for each measure. `win`: our similarity is higher. `alag` ("at least as good"): higher or equal.
        `real_win`: higher, or ours is exact and theirs is not. `real_alag`: as alag, unless theirs is exact and ours is
        not. `fpsd` (fingerprint similarity difference): ours minus theirs, -1 to 1.
    """
    similarity, other = (part.similarity[:, :k].max(axis=1, initial=0) for part in (ours, theirs))
    exact, other_exact = (part.exact[:, :k].any(axis=1) for part in (ours, theirs))
    win, alag = similarity > other, similarity >= other
    measures = {
        "win": win,
        "alag": alag,
        "real_win": win | (exact & ~other_exact),
        "real_alag": alag & ~(other_exact & ~exact),
        "fpsd": similarity - other,
    }
    return {name: values.astype(float) for name, values in measures.items()}


def first(k: int) -> str:
    """Return the part of a measure's name that says how many first candidates it takes."""
    return "top_1" if k == 1 else f"any_{k}"
