"""How often the right compound comes first, and whether the probabilities hold: on sources that were left out.

The queries are those on which a reranker was fitted. Their prediction model and dual encoder did not learn from their
sources and compounds. Here the ranker does not learn from their laboratory either (leave-one-source-out). Each query is
scored in three situations: its compound is in a measured library, on the molecule list only, or on neither.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectus.evaluation.metrics import Scorer
from spectus.files import replacing
from spectus.rerank.calibration import (
    Judged,
    ProbabilityCalibration,
    best_group,
    covered,
    fit_calibration,
    with_share_of_none,
)
from spectus.rerank.fitting import RankerSettings, Situation, Situations, left_out_judgments
from spectus.rerank.query_lists import QueryPairs
from spectus.rerank.stored_pairs import QUERIES, read_pairs
from spectus.structures import quiet_rdkit

_SCORER = Scorer()
_FIRST = (1, 3, 10)
_LEVELS = (0.8, 0.9)
_BINS = 10
"""Bins of the expected calibration error, of equal width (Guo et al. 2017)."""

_COLOR, _LINE = "#1f6f8b", "#999999"


@dataclass(frozen=True)
class Answer:
    """What the ranker says of one query in one situation.

    Attributes
    ----------
    situation : str
        `library`, `listed` or `neither`.
    laboratory, inchikey14 : str
        Of the query.
    weight : float
        Of the list.
    rank : int or None
        Place of the right structure, from 1; None if it is not among the candidates.
    probability, none : float
        Of the first candidate, and of "none of these".
    right : bool
        The first candidate is right.
    formula_probability, scaffold_probability : float
        Of the first candidate's formula and scaffold.
    formula_right, scaffold_right : bool
        They are those of the right structure.
    similarity : float
        Tanimoto similarity of the first candidate to the right structure.
    covered : tuple of bool
        The prediction sets of 80 and 90 % hold the right answer.
    sizes : tuple of int
        Their numbers of members.
    """

    situation: str
    laboratory: str
    inchikey14: str
    weight: float
    rank: int | None
    probability: float
    none: float
    right: bool
    formula_probability: float
    scaffold_probability: float
    formula_right: bool
    scaffold_right: bool
    similarity: float
    covered: tuple[bool, ...]
    sizes: tuple[int, ...]


def evaluate_identification(folder: Path, out: Path | None = None, plot: Path | None = None) -> dict[str, Any]:
    """Score a reranker by leave-one-source-out, and print a table.

    Parameters
    ----------
    folder
        Folder that `spectus train reranker` wrote.
    out
        JSON to write; None: none.
    plot
        SVG with reliability diagrams and the risk-coverage curve; None: none.

    Returns
    -------
    dict
        Scores by situation and laboratory, and of the calibration.

    Raises
    ------
    InputError
        The folder has no stored queries, or they are of another version.
    """
    pairs = read_pairs(folder / "fitting" / QUERIES)
    answers = left_out_answers(pairs, RankerSettings(), Situations())
    scores = {"situations": _by_situation(answers), "calibration": calibration(answers)}
    print(score_text(scores))
    if out is not None:
        with replacing(out) as temporary:
            temporary.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    if plot is not None:
        draw_calibration(answers, plot)
    return scores


def left_out_answers(pairs: Sequence[QueryPairs], settings: RankerSettings, situations: Situations) -> list[Answer]:
    """Rank the candidates of each query by rankers that did not learn from its laboratory.

    The calibration of formulae, scaffolds and sets leaves the laboratory out, too.
    """
    judged, members = left_out_judgments(pairs, settings, situations)
    laboratory = np.array([one.laboratory for one in members])
    answers = list[Answer | None]([None] * len(judged))
    known: dict[str, tuple[str, str]] = {}
    with quiet_rdkit():
        for name in sorted(set(laboratory.tolist())):
            own = np.flatnonzero(laboratory == name)
            calibrated = fit_calibration([judged[row] for row in np.flatnonzero(laboratory != name)], known)
            for row in own.tolist():
                answers[row] = _answer(judged[row], members[row], calibrated, known)
    return [answer for answer in answers if answer is not None]


def _answer(
    one: Judged, member: Situation, calibrated: ProbabilityCalibration, known: dict[str, tuple[str, str]]
) -> Answer:
    order = np.argsort(-one.probability, kind="stable")
    best = int(order[0])
    (formula, formula_right), (of_scaffold, scaffold_right) = (best_group(one, kind, known) for kind in (0, 1))
    sets = [covered(one, level) for level in (calibrated.set_80, calibrated.set_90)]
    return Answer(
        situation=member.name,
        laboratory=member.laboratory,
        inchikey14=member.query.inchikey14,
        weight=one.weight,
        rank=int(np.flatnonzero(one.right[order])[0]) + 1 if one.right.any() else None,
        probability=float(one.probability[best]),
        none=one.none,
        right=bool(one.right[best]),
        formula_probability=float(with_share_of_none(np.array([formula]), one.none, calibrated.formula)[0]),
        scaffold_probability=float(with_share_of_none(np.array([of_scaffold]), one.none, calibrated.scaffold)[0]),
        formula_right=formula_right,
        scaffold_right=scaffold_right,
        similarity=_SCORER.similarities(one.truth, _SCORER.fingerprints([one.smiles[best]]))[0],
        covered=tuple(holds for holds, _ in sets),
        sizes=tuple(size for _, size in sets),
    )


def _by_situation(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the scores of each situation, of all compounds and by laboratory."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(answer.situation for answer in answers):
        members = [answer for answer in answers if answer.situation == name]
        laboratories = sorted({answer.laboratory for answer in members})
        found[name] = {"all": _scores(members)} | {
            laboratory: _scores([answer for answer in members if answer.laboratory == laboratory])
            for laboratory in laboratories
        }
    return found


def _scores(answers: Sequence[Answer]) -> dict[str, float]:
    """Return shares per compound: each counts once, with the mean over its spectra."""
    _, member = np.unique([answer.inchikey14 for answer in answers], return_inverse=True)

    def per_compound(values: Sequence[float]) -> float:
        return float((np.bincount(member, values) / np.bincount(member)).mean())

    shares = {
        f"first_{k}": per_compound([float(one.rank is not None and one.rank <= k) for one in answers]) for k in _FIRST
    }
    return {
        "spectra": len(answers), "compounds": int(member.max()) + 1, **shares,
        "similarity": per_compound([one.similarity for one in answers]),
        "formula": per_compound([float(one.formula_right) for one in answers]),
        "scaffold": per_compound([float(one.scaffold_right) for one in answers]),
        "mean_probability": per_compound([one.probability for one in answers]),
        "none_above_half": per_compound([float(one.none > 0.5) for one in answers]),
    }  # fmt: skip


def calibration(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return expected calibration errors and the coverage of prediction sets, with the situations' weights."""
    weight = np.array([one.weight for one in answers])
    errors = {
        name: expected_calibration_error(
            np.array([getattr(one, said) for one in answers]),
            np.array([getattr(one, truth) for one in answers]),
            weight,
        )
        for name, said, truth in (
            ("structure", "probability", "right"),
            ("formula", "formula_probability", "formula_right"),
            ("scaffold", "scaffold_probability", "scaffold_right"),
        )
    }
    sets = {
        f"set_{100 * level:.0f}": {
            "coverage": float(np.average([one.covered[at] for one in answers], weights=weight)),
            "mean_size": float(np.average([one.sizes[at] for one in answers], weights=weight)),
        }
        for at, level in enumerate(_LEVELS)
    }
    by_laboratory = {
        name: expected_calibration_error(*_of_structure([one for one in answers if one.laboratory == name]))
        for name in sorted({one.laboratory for one in answers})
    }
    return {"expected_calibration_error": errors, "of_laboratory": by_laboratory, **sets}


def _of_structure(answers: Sequence[Answer]) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    return (
        np.array([one.probability for one in answers]), np.array([one.right for one in answers]),
        np.array([one.weight for one in answers]),
    )  # fmt: skip


def expected_calibration_error(
    said: NDArray[np.float64], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> float:
    """Return the mean distance between stated probabilities and shares of right answers, over ten bins.

    Parameters
    ----------
    said
        (n,) stated probabilities, 0-1.
    right
        (n,) whether the answer is right.
    weight
        (n,) how much each answer counts.
    """
    row = np.minimum((said * _BINS).astype(np.int64), _BINS - 1)
    total = np.bincount(row, weight, minlength=_BINS)
    distance = np.abs(
        np.bincount(row, weight * said, minlength=_BINS) - np.bincount(row, weight * right, minlength=_BINS)
    )
    return float(distance.sum() / max(total.sum(), 1e-12))


def score_text(scores: dict[str, Any]) -> str:
    """Format the scores as a table of text."""
    lines = [f"{'situation':9} {'source':32} {'spectra':>7} {'first':>6} {'in 3':>6} {'in 10':>6} {'none':>6}"]
    for situation, of_sources in scores["situations"].items():
        for source, values in of_sources.items():
            shares = [values[f"first_{k}"] for k in _FIRST] + [values["none_above_half"]]
            lines.append(
                f"{situation:9} {source[:32]:32} {values['spectra']:7} " + " ".join(f"{share:6.1%}" for share in shares)
            )
    errors = scores["calibration"]["expected_calibration_error"]
    lines.append("expected calibration error: " + ", ".join(f"{name} {value:.3f}" for name, value in errors.items()))
    for level in _LEVELS:
        of_set = scores["calibration"][f"set_{100 * level:.0f}"]
        lines.append(
            f"sets of {level:.0%}: {of_set['coverage']:.1%} hold the right answer, {of_set['mean_size']:.1f} members"
        )
    return "\n".join(lines)


def draw_calibration(answers: Sequence[Answer], path: Path) -> None:
    """Draw reliability diagrams and the risk-coverage curve as SVG."""
    figure = Figure(figsize=(10.5, 2.8), layout="constrained")
    panels = figure.subplots(1, 4)
    kinds = (("structure", "probability", "right"), ("formula", "formula_probability", "formula_right"),
             ("scaffold", "scaffold_probability", "scaffold_right"))  # fmt: skip
    weight = np.array([one.weight for one in answers])
    for panel, (name, said, truth) in zip(panels[:3], kinds, strict=True):
        stated = np.array([getattr(one, said) for one in answers])
        right = np.array([getattr(one, truth) for one in answers], float)
        row = np.minimum((stated * _BINS).astype(np.int64), _BINS - 1)
        total = np.bincount(row, weight, minlength=_BINS)
        kept = total > 0
        x = np.bincount(row, weight * stated, minlength=_BINS)[kept] / total[kept]
        y = np.bincount(row, weight * right, minlength=_BINS)[kept] / total[kept]
        panel.plot([0, 1], [0, 1], color=_LINE, linewidth=0.8)
        panel.plot(x, y, color=_COLOR, marker="o", markersize=4)
        panel.set(title=name, xlabel="stated probability", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    stated, right = np.array([one.probability for one in answers]), np.array([one.right for one in answers], float)
    order = np.argsort(-stated, kind="stable")
    covered = np.cumsum(weight[order]) / weight.sum()
    risk = np.cumsum(weight[order] * (1 - right[order])) / np.cumsum(weight[order])
    panels[3].plot(covered, risk, color=_COLOR)
    panels[3].set(title="risk and coverage", xlabel="share of queries answered", ylabel="share that is wrong",
                  xlim=(0, 1), ylim=(0, 1))  # fmt: skip
    with rc_context({"svg.hashsalt": "spectus", "svg.fonttype": "none"}), replacing(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
