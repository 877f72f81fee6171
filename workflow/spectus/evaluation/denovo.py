"""The command `spectus evaluate`: scores of a model on spectra whose structures are known, beside library searches."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from spectus import tables
from spectus.denovo.constraints import Target, formula_target, mass_target
from spectus.denovo.elucidate import Answer, Translator
from spectus.errors import InputError
from spectus.evaluation.baselines import ABOUT, KnownSpectra, search_all
from spectus.evaluation.bootstrap import Bootstrap, Estimate
from spectus.evaluation.metrics import Outcomes, Scorer, comparison, first
from spectus.evaluation.score_table import score_table
from spectus.files import replacing
from spectus.molecules.exclusions import read_held_out
from spectus.prediction.neims.model import ForwardModel
from spectus.rerank.scoring import reranked_structures
from spectus.tables import EVALUATIONS

_NUMBERS = (1, 2, 3, 5, 10, 50)
"""How many first candidates are judged together, as far as there are so many; the number of beams is added."""


@dataclass(frozen=True)
class SearchScores:
    """Scores of a search, measure by measure, and how the model compares: by `top_1` and `any_k`, measure by measure.

    The comparisons are `outcomes.comparison`, of the model's first k with the search's first k.
    """

    about: str
    measures: dict[str, Estimate]
    model_against_it: dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class Scores:
    """Scores over the queries that the model can take.

    `n_unusable` records are beyond the model's limits and not counted. `measures` are those of `Outcomes.measures`,
    `answered` (some candidate) and `valid_share` (decoded strings that are molecules). `in_reference`: queries whose
    compound the searched library holds, which a search can find and an honest test set has none of.
    """

    n_queries: int
    n_compounds: int
    n_unusable: int
    measures: dict[str, Estimate]
    in_reference: Estimate | None = None
    searches: dict[str, SearchScores] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The scores as they are written: the model's measures beside the counts, the searches below."""
        content: dict[str, Any] = asdict(self)
        content |= content.pop("measures")
        content["searches"] = {
            name: {"about": search["about"], **search["measures"], "model_against_it": search["model_against_it"]}
            for name, search in content.pop("searches").items()
        }
        return {key: value for key, value in content.items() if self.searches or key not in _OF_SEARCHES}


def evaluate_model(
    model: str,
    library: Path,
    split: str | None,
    beams: int,
    device: str,
    out: Path | None,
    *,
    reference: Path | None = None,
    reference_split: str | None = None,
    held_out: Path | None = None,
    details: Path | None = None,
    given: str | None = None,
    grammar: bool = True,
    forward: Path | None = None,
) -> None:
    """Translate the records of a library that have a structure, judge the answers, and print a table of the scores.

    Parameters
    ----------
    model: folder of a model, or its name on the hub.
    library, split: the queries: a spectral file with structures, and if named, one value of its column `split`. Unlike
        the paper's test sets, which hold none, structures of more than 100 characters stay among them.
    beams: beams of the decoding, and the most candidates of a query, of the model and of each search.
    out: JSON for all scores.
    reference, reference_split: library to search with the same queries (`searches.search_all`).
    held_out: SHA-1 sums of first InChIKey blocks of compounds to leave out of the queries and of the reference.
    details: table for the judged answers to each query, schema EVALUATIONS.
    given: "formula" or "mass": what the model's answers are held to, taken from the ground truth.
    grammar: mask tokens that cannot lead to valid SMILES.
    forward: folder of a forward model that puts the model's structures in order, as `spectus rank` does.

    Raises
    ------
    InputError: a file cannot be read or holds no structures, the model can take none of the spectra, or an option is
    out of range.
    """
    if beams < 1:
        raise InputError(f"--beams {beams}", "is not a number of beams", "give 1 or more")
    if reference is None and reference_split is not None:
        raise InputError("--reference-split", "names a split of no library", "give --reference, too")
    for target in (out, details):
        if target and target.is_dir():
            raise InputError(target, "is a folder where a file is to be written", "name the file inside it")
    unwanted = read_held_out(held_out)
    queries = KnownSpectra.read(library, split, unwanted)
    held = KnownSpectra.read(reference, reference_split, unwanted) if reference else None
    translator = Translator.load(model, device, grammar=grammar)
    targets = [true_target(smiles, given) for smiles in queries.smiles] if given else None
    answers = translator.translate(queries.table.to_pylist(), beams, targets=targets)
    if forward is not None:
        answers = reranked_answers(answers, queries, forward)
    asked = [row for row, answer in enumerate(answers) if answer.structures or answer.n_invalid]
    if not asked:
        reason = next(answer.reason for answer in answers)
        raise InputError(library, f"holds no spectrum that the model can take ({reason})", "give other spectra")
    evaluation = Evaluation(
        queries.take(asked), [answers[row] for row in asked], held, beams, len(answers) - len(asked)
    )
    scores = evaluation.scores()
    origin: dict[str, Any] = {"model": translator.name, "library": library.name, "split": split, "beams": beams}
    origin |= {"given": given, "grammar": grammar, "forward": forward.resolve().name if forward else None}
    origin |= {"n_no_structure": queries.n_no_structure, "n_held_out": queries.n_held_out}
    if reference and held:
        origin["reference"] = _origin(held, reference, reference_split)
    if details:
        extra = {name: str(value) for name, value in origin.items()}
        tables.write(evaluation.details(), details, EVALUATIONS, extra)
    if out:
        with replacing(out) as temporary:
            temporary.write_text(json.dumps(origin | scores.as_json(), indent=2) + "\n", encoding="utf-8")
    print(score_table(origin | scores.as_json()))


def true_target(smiles: str, given: str) -> Target:
    """What a chemist knows who has the formula ("formula") or the molecular ion ("mass") of a structure."""
    formula = formula_target(str(CalcMolFormula(Chem.MolFromSmiles(smiles))))
    return formula if given == "formula" else mass_target(formula.nominal_mass())


def reranked_answers(answers: Sequence[Answer], queries: KnownSpectra, forward: Path) -> list[Answer]:
    """The answers with their structures in the order of a forward model's reranker; equals stay in the order they had."""
    spectra = list(zip(*(queries.table[name].to_pylist() for name in ("mz", "intensity")), strict=True))
    proposed = [[smiles for smiles, _ in answer.structures] for answer in answers]
    ordered = []
    for answer, scores in zip(answers, reranked_structures(ForwardModel.load(forward), spectra, proposed), strict=True):
        order = np.argsort(-scores, kind="stable")
        ordered.append(answer._replace(structures=[answer.structures[place] for place in order.tolist()]))
    return ordered


class Evaluation:
    """The answers of a model and of the searches to the same queries, judged.

    Parameters
    ----------
    queries, answers: those the model can take, in the same order; at least one.
    reference: the library to search; None: no search.
    k: most candidates of each method.
    n_unusable: further queries that the model cannot take, to be told with the scores.
    """

    def __init__(
        self,
        queries: KnownSpectra,
        answers: Sequence[Answer],
        reference: KnownSpectra | None,
        k: int,
        n_unusable: int = 0,
    ) -> None:
        self.queries, self.answers, self.k, self.n_unusable = queries, answers, k, n_unusable
        scorer = Scorer()
        found = {"model": [[smiles for smiles, _ in answer.structures] for answer in answers]}
        self.in_reference: np.ndarray | None = None
        if reference:
            self.in_reference = np.isin(queries.compounds, list(set(reference.compounds)))
            found |= search_all(queries, reference, k, scorer)
        self.outcomes = {name: scorer.outcomes(queries.smiles, each, k, name) for name, each in found.items()}

    def scores(self) -> Scores:
        """All measures with their intervals."""
        bootstrap = Bootstrap(self.queries.compounds)
        numbers = sorted({k for k in _NUMBERS if k <= self.k} | {self.k})

        def estimates(values: Mapping[str, np.ndarray]) -> dict[str, Estimate]:
            return {name: bootstrap.estimate(of_queries) for name, of_queries in values.items()}

        ours = self.outcomes["model"]
        decoding = {
            "answered": np.array([len(each) > 0 for each in ours.candidates]),
            "valid_share": np.array([answer.n_valid / (answer.n_valid + answer.n_invalid) for answer in self.answers]),
        }
        searches = {
            name: SearchScores(
                ABOUT[name],
                estimates(theirs.measures(numbers)),
                {first(k): estimates(comparison(ours, theirs, k)) for k in dict.fromkeys([1, self.k])},
            )
            for name, theirs in self.outcomes.items()
            if name != "model"
        }
        return Scores(
            n_queries=len(self.answers),
            n_compounds=len(set(self.queries.compounds)),
            n_unusable=self.n_unusable,
            measures=estimates(ours.measures(numbers) | decoding),
            in_reference=None if self.in_reference is None else bootstrap.estimate(self.in_reference),
            searches=searches,
        )

    def details(self) -> pa.Table:
        """One row a query and method, by query; schema EVALUATIONS."""
        parts = [self._details(name, outcomes) for name, outcomes in self.outcomes.items()]
        return tables.table(EVALUATIONS, [row for of_query in zip(*parts, strict=True) for row in of_query])

    def _details(self, method: str, outcomes: Outcomes) -> list[dict[str, Any]]:
        entries, names = (self.queries.table[name].to_pylist() for name in ("entry", "name"))
        held = repeat(None) if self.in_reference is None else self.in_reference.tolist()
        rows = []
        for query, (entry, name, ground_truth, in_reference) in enumerate(
            zip(entries, names, self.queries.smiles, held, strict=False)
        ):
            candidates = outcomes.candidates[query]
            row = {
                "entry": entry, "query": name, "ground_truth": ground_truth, "method": method, "candidates": candidates,
                "similarities": outcomes.similarity[query, : len(candidates)],
                "exact_rank": _first_rank(outcomes.exact[query]), "formula_rank": _first_rank(outcomes.formula[query]),
                "in_reference": in_reference,
            }  # fmt: skip
            if method == "model":
                answer = self.answers[query]
                row |= {"n_valid": answer.n_valid, "n_invalid": answer.n_invalid, "reason": answer.reason}
            elif not candidates:
                row["reason"] = "no record shares a peak with it" if method != "nearest" else "nothing is similar"
            rows.append(row)
        return rows


_OF_SEARCHES = frozenset({"in_reference", "searches"})


def _origin(reference: KnownSpectra, path: Path, split: str | None) -> dict[str, Any]:
    return {
        "library": path.name, "split": split, "n_spectra": len(reference.smiles),
        "n_compounds": len(set(reference.compounds)), "n_no_structure": reference.n_no_structure,
        "n_held_out": reference.n_held_out,
    }  # fmt: skip


def _first_rank(which: np.ndarray) -> int | None:
    return int(which.argmax()) + 1 if which.any() else None
