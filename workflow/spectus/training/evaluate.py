"""The command `spectus evaluate`: scores of a model on spectra whose structures are known.

Definitions follow arXiv 2502.05114: a candidate is exact if its canonical SMILES without stereochemistry equals the
truth's; similarity is Tanimoto on Morgan fingerprints of radius 2 and 2048 bits; a query without an answer scores 0.
"Any of k" is an oracle's choice among the first k, "top 1" the model's own first answer.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from spectus.errors import InputError
from spectus.files import replacing
from spectus.model.translate import Answer, Translator
from spectus.structures import flat_smiles, quiet_rdkit
from spectus.training.data import read_split

_MORGAN = GetMorganGenerator(radius=2, fpSize=2048)
_RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A mean over queries with the 95 % interval of its bootstrap (compounds are drawn, each with all its spectra)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """Means over the queries; `n_unusable` of the records could not be given to the model and are not counted."""

    n_queries: int
    n_compounds: int
    n_unusable: int
    exact_top_1: Estimate
    exact_any_3: Estimate
    exact_any_10: Estimate
    similarity_top_1: Estimate
    similarity_any_10: Estimate
    formula_top_1: Estimate
    formula_any_10: Estimate
    valid_share: Estimate


def evaluate_model(model: str, library: Path, split: str | None, beams: int, device: str, out: Path | None) -> None:
    """Translate the records of a library that have a structure, print the scores, and write them as JSON.

    Raises
    ------
    InputError: a library without structures.
    """
    with quiet_rdkit():
        rows = [row | {"smiles": flat_smiles(row["smiles"])} for row in read_split(library, split)]
    rows = [row for row in rows if row["smiles"]]
    if not rows:
        raise InputError(library, "holds no usable spectrum with a structure", "give a library with SMILES")
    answers = Translator.load(model, device).translate(rows, beams)
    scores = score([str(row["smiles"]) for row in rows], answers)
    text = json.dumps(asdict(scores), indent=2) + "\n"
    if out:
        with replacing(out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(text, end="")


def score(truths: Sequence[str], answers: Sequence[Answer]) -> Scores:
    """Scores of answers to queries with canonical truths; queries the model cannot take are only counted."""
    asked = [
        (truth, answer) for truth, answer in zip(truths, answers, strict=True) if answer.structures or answer.n_invalid
    ]
    compounds = [truth for truth, _ in asked]

    def mean(measure: Callable[[str, Answer], float]) -> Estimate:
        return bootstrap(np.array([measure(truth, answer) for truth, answer in asked]), compounds)

    return Scores(
        n_queries=len(asked),
        n_compounds=len(set(compounds)),
        n_unusable=len(truths) - len(asked),
        exact_top_1=mean(lambda truth, answer: truth in _first(answer, 1)),
        exact_any_3=mean(lambda truth, answer: truth in _first(answer, 3)),
        exact_any_10=mean(lambda truth, answer: truth in _first(answer, 10)),
        similarity_top_1=mean(lambda truth, answer: best_similarity(truth, _first(answer, 1))),
        similarity_any_10=mean(lambda truth, answer: best_similarity(truth, _first(answer, 10))),
        formula_top_1=mean(lambda truth, answer: _formula(truth) in map(_formula, _first(answer, 1))),
        formula_any_10=mean(lambda truth, answer: _formula(truth) in map(_formula, _first(answer, 10))),
        valid_share=mean(lambda _, answer: answer.n_valid / (answer.n_valid + answer.n_invalid)),
    )


def best_similarity(truth: str, candidates: Sequence[str]) -> float:
    """Highest Tanimoto similarity of a candidate to the truth; 0 without candidates."""
    reference = _MORGAN.GetFingerprint(Chem.MolFromSmiles(truth))
    prints = [_MORGAN.GetFingerprint(Chem.MolFromSmiles(smiles)) for smiles in candidates]
    return max(DataStructs.BulkTanimotoSimilarity(reference, prints), default=0.0)


def bootstrap(values: NDArray[np.float64], compounds: Sequence[str], seed: int = 0) -> Estimate:
    """Mean and its 95 % interval; replicate spectra of a compound are drawn together, since they succeed together."""
    if len(values) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    _, member = np.unique(np.array(compounds), return_inverse=True)
    sums, counts = np.bincount(member, weights=values), np.bincount(member)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (_RESAMPLES, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])
    return Estimate(float(values.mean()), float(low), float(high))


def _first(answer: Answer, k: int) -> list[str]:
    return [smiles for smiles, _ in answer.structures[:k]]


def _formula(smiles: str) -> str:
    return str(CalcMolFormula(Chem.MolFromSmiles(smiles)))
