"""Answers to spectra of known structure, judged by the definitions of arXiv 2502.05114.

A candidate is exact if its canonical SMILES without stereochemistry equals the ground truth's. Similarity is Tanimoto on
Morgan fingerprints of radius 2 and 2048 bits; 1 is a "hit", which some pairs of different molecules are, too. A query
without a candidate scores 0 in everything. "Top 1" is the method's own first answer (the paper's probsort). "Any of k"
is the best of its first k, chosen by an oracle that knows the ground truth (similsort, with k candidates in all).
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
"""Candidates of a similarity above it are counted as near."""

_MORGAN = GetMorganGenerator(radius=2, fpSize=2048)


class _Known(NamedTuple):
    fingerprint: DataStructs.ExplicitBitVect
    formula: str


@dataclass(frozen=True)
class Outcomes:
    """The candidates of one method for n queries and what each is worth; (n, k), 0 or False beyond the last.

    `candidates` holds them as canonical SMILES, best first, at most k of a query.
    """

    candidates: list[list[str]]
    similarity: NDArray[np.float64]
    exact: NDArray[np.bool_]
    formula: NDArray[np.bool_]

    def measures(self, numbers: Sequence[int]) -> dict[str, NDArray[np.float64]]:
        """What each query counts in each measure, for the first 1, 3, ... candidates; arrays (n,) of 0-1."""
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
        """The first `k` candidates of each query, judged; all are canonical SMILES of molecules."""
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
        """The fingerprint of each structure."""
        return [self._of(smiles).fingerprint for smiles in structures]

    def similarities(self, ground_truth: str, fingerprints: Sequence[DataStructs.ExplicitBitVect]) -> list[float]:
        """Tanimoto similarity of each fingerprint to the ground truth's."""
        return list(DataStructs.BulkTanimotoSimilarity(self._of(ground_truth).fingerprint, fingerprints))

    def _of(self, smiles: str) -> _Known:
        if smiles not in self._known:
            molecule = Chem.MolFromSmiles(smiles)
            self._known[smiles] = _Known(_MORGAN.GetFingerprint(molecule), CalcMolFormula(molecule))
        return self._known[smiles]


def comparison(ours: Outcomes, theirs: Outcomes, k: int) -> dict[str, NDArray[np.float64]]:
    """How the best of our first `k` candidates compares with the best of theirs, query by query; arrays (n,).

    win: its similarity is higher. alag ("at least as good"): higher or equal. real_win: higher, or ours is exact and
    theirs is not; real_alag: as alag, unless theirs is exact and ours is not. fpsd (fingerprint similarity difference):
    ours minus theirs, -1 to 1.
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
    """How the choice among the first `k` candidates is called in the names of measures."""
    return "top_1" if k == 1 else f"any_{k}"
