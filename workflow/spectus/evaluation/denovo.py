"""The command `spectus evaluate`: scores of a de novo model on spectra of known structure, beside library searches."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from spectus import tables
from spectus.denovo.constraints import Target, formula_target, mass_target
from spectus.denovo.mass_search import searched_masses, translate_by_mass
from spectus.denovo.settings import DenovoSettings
from spectus.denovo.translator import Answer, Translator
from spectus.errors import InputError
from spectus.evaluation.baselines import ABOUT, KnownSpectra, search_all
from spectus.evaluation.bootstrap import Bootstrap, Estimate
from spectus.evaluation.metrics import Outcomes, Scorer, comparison, first
from spectus.evaluation.score_table import score_table
from spectus.evaluation.settings import EvaluationSettings
from spectus.files import replacing
from spectus.molecules.exclusions import Exclusions
from spectus.rerank.reranker import load_reranker
from spectus.rerank.scoring import posterior_probabilities
from spectus.tables import EVALUATIONS

_NUMBERS = (1, 2, 3, 5, 10, 50)
"""Numbers of first candidates that are scored together, as far as there are so many; the number of beams is added.
Those of arXiv 2502.05114."""

_OF_SEARCHES = frozenset({"in_reference", "searches"})


@dataclass(frozen=True)
class SearchScores:
    """Scores of a search, and how the model compares with it.

    Attributes
    ----------
    about
        What the search does.
    measures
        Estimate of each measure.
    model_against_it
        By `top_1` and `any_k`: the measures of `metrics.comparison` of the model's first k with the search's first k.
    """

    about: str
    measures: dict[str, Estimate]
    model_against_it: dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class ModelScores:
    """Scores over the queries that the model can take.

    Attributes
    ----------
    n_queries, n_compounds
        Spectra that are counted, and different compounds among them.
    n_unusable
        Spectra that the model cannot take; they are not counted.
    n_trimmed
        Spectra that were counted without some of their peaks, since they are beyond the model's limits.
    measures
        Those of `Outcomes.measures`, `answered` (some candidate) and `valid_share` (decoded strings that are
        molecules).
    in_reference
        Share of the queries whose compound the searched library holds; such a query a search can find, and a test of
        unknown compounds has none. None without a search.
    searches
        Scores of each search.
    """

    n_queries: int
    n_compounds: int
    n_unusable: int
    n_trimmed: int
    measures: dict[str, Estimate]
    in_reference: Estimate | None = None
    searches: dict[str, SearchScores] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the scores as they are written: the model's measures beside the counts, the searches below."""
        content: dict[str, Any] = asdict(self)
        content |= content.pop("measures")
        content["searches"] = {
            name: {"about": search["about"], **search["measures"], "model_against_it": search["model_against_it"]}
            for name, search in content.pop("searches").items()
        }
        return {key: value for key, value in content.items() if self.searches or key not in _OF_SEARCHES}


def evaluate_denovo(
    model: str, library: Path, settings: EvaluationSettings, out: Path | None = None,
    details: Path | None = None,
) -> None:  # fmt: skip
    """Decode structures for spectra of known structure, score them, and print a table of the scores.

    Unlike the test sets of arXiv 2502.05114, structures of more than 100 characters stay among the queries, and spectra
    beyond the model's limits are trimmed instead of left out.

    Parameters
    ----------
    model
        Folder of a model, its name on the Hugging Face hub, or the name of a model that ships.
    library
        Spectral file with structures.
    settings
        What is scored, and against what.
    out
        JSON file for all scores; None: none is written.
    details
        Table for the scored candidates of each query, schema EVALUATIONS; None: none is written.

    Raises
    ------
    InputError
        A file that cannot be read or holds no structures, a model that can take none of the spectra, or a wrong
        setting.
    """
    _check(settings, out, details)
    excluded = Exclusions.read(settings.exclude)
    queries = KnownSpectra.read(library, settings.split, excluded)
    reference = None
    if settings.reference is not None:
        reference = KnownSpectra.read(settings.reference, settings.reference_split, excluded)
    translator = Translator.load(model, settings.device, grammar=settings.grammar)
    targets = [true_target(smiles, settings.given) for smiles in queries.smiles] if settings.given else None
    how = DenovoSettings(beams=settings.beams, masses=settings.masses)
    answers = translate_by_mass(translator, queries.table.to_pylist(), how, targets)
    if settings.reranker is not None:
        answers = reranked_answers(answers, queries, settings.reranker)
    asked = [row for row, answer in enumerate(answers) if answer.structures or answer.n_invalid]
    if not asked:
        reason = next(answer.reason for answer in answers)
        raise InputError(library, f"holds no spectrum that the model can take ({reason})", "give other spectra")
    evaluation = DenovoEvaluation(
        queries.take(asked), [answers[row] for row in asked], reference, settings.beams, len(answers) - len(asked)
    )
    scores = evaluation.scores()
    origin: dict[str, Any] = {
        "model": translator.name, "library": library.name, "split": settings.split, "beams": settings.beams,
        "masses": searched_masses(how, translator), "given": settings.given, "grammar": settings.grammar,
        "reranker": settings.reranker,
        "n_no_structure": queries.n_no_structure, "n_excluded": queries.n_excluded,
    }  # fmt: skip
    if settings.reference and reference:
        origin["reference"] = _origin(reference, settings.reference, settings.reference_split)
    if details:
        extra = {name: str(value) for name, value in origin.items()}
        tables.write(evaluation.details(), details, EVALUATIONS, extra)
    if out:
        with replacing(out) as temporary:
            temporary.write_text(json.dumps(origin | scores.as_json(), indent=2) + "\n", encoding="utf-8")
    print(score_table(origin | scores.as_json()))


def true_target(smiles: str, given: str) -> Target:
    """Make the target that a chemist has who knows the formula or the molecular ion of a compound.

    Parameters
    ----------
    smiles
        Structure of the compound.
    given
        `formula` or `mass`.

    Returns
    -------
    Target
        The compound's formula, or its nominal mass.
    """
    formula = formula_target(str(CalcMolFormula(Chem.MolFromSmiles(smiles))))
    return formula if given == "formula" else mass_target(formula.nominal_mass())


def reranked_answers(answers: Sequence[Answer], queries: KnownSpectra, reranker: str) -> list[Answer]:
    """Put the structures of each answer in the order of a reranker; equals keep the order they had.

    Parameters
    ----------
    answers
        One for each query, (n,).
    queries
        The spectra, (n,).
    reranker
        Folder of the reranker, or `open` for the one that ships.

    Returns
    -------
    list of Answer
        The answers, (n,).
    """
    spectra = list(zip(*(queries.table[name].to_pylist() for name in ("mz", "intensity")), strict=True))
    proposed = [[smiles for smiles, _ in answer.structures] for answer in answers]
    posterior = posterior_probabilities(load_reranker(reranker), spectra, proposed)
    ordered = []
    for answer, of_query in zip(answers, posterior, strict=True):
        order = np.argsort(-of_query, kind="stable")
        ordered.append(answer._replace(structures=[answer.structures[place] for place in order.tolist()], scores=None))
    return ordered


class DenovoEvaluation:
    """The answers of a model and of the searches to the same queries, scored.

    Parameters
    ----------
    queries, answers
        Those that the model can take, in the same order; at least one.
    reference
        The library to search; None: no search.
    k
        Largest number of candidates of each method.
    n_unusable
        Further queries that the model cannot take, to be counted in the scores.
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
        self.in_reference: NDArray[np.bool_] | None = None
        if reference:
            self.in_reference = np.isin(queries.compounds, list(set(reference.compounds)))
            found |= search_all(queries, reference, k, scorer)
        self.outcomes = {name: scorer.outcomes(queries.smiles, each, k, name) for name, each in found.items()}

    def scores(self) -> ModelScores:
        """Return all measures with their intervals."""
        bootstrap = Bootstrap(self.queries.compounds)
        numbers = sorted({k for k in _NUMBERS if k <= self.k} | {self.k})

        def estimates(values: Mapping[str, NDArray[Any]]) -> dict[str, Estimate]:
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
        return ModelScores(
            n_queries=len(self.answers),
            n_compounds=len(set(self.queries.compounds)),
            n_unusable=self.n_unusable,
            n_trimmed=sum(answer.note is not None for answer in self.answers),
            measures=estimates(ours.measures(numbers) | decoding),
            in_reference=None if self.in_reference is None else bootstrap.estimate(self.in_reference),
            searches=searches,
        )

    def details(self) -> pa.Table:
        """Return one row for each query and method, by query; schema EVALUATIONS."""
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
                row |= {"n_valid": answer.n_valid, "n_invalid": answer.n_invalid}
                row |= {"reason": answer.reason, "note": answer.note}
            elif not candidates:
                row["reason"] = "no record shares a peak with it" if method != "nearest" else "nothing is similar"
            rows.append(row)
        return rows


def _origin(reference: KnownSpectra, path: Path, split: str | None) -> dict[str, Any]:
    return {
        "library": path.name, "split": split, "n_spectra": len(reference.smiles),
        "n_compounds": len(set(reference.compounds)), "n_no_structure": reference.n_no_structure,
        "n_excluded": reference.n_excluded,
    }  # fmt: skip


def _first_rank(which: NDArray[np.bool_]) -> int | None:
    return int(which.argmax()) + 1 if which.any() else None


def _check(settings: EvaluationSettings, out: Path | None, details: Path | None) -> None:
    if settings.beams < 1:
        raise InputError(f"--beams {settings.beams}", "is not a number of beams", "give 1 or more")
    if settings.masses is not None and settings.masses < 0:
        raise InputError(f"--masses {settings.masses}", "is not a number of masses", "give 0 or more")
    if settings.reference is None and settings.reference_split is not None:
        raise InputError("--reference-split", "names a split of no library", "give --reference, too")
    for target in (out, details):
        if target and target.is_dir():
            raise InputError(target, "is a folder where a file is to be written", "name the file inside it")
