"""Candidates of every source in one ranked list for each query, with calibrated probabilities.

The reranker gives each candidate, and "none of these", a probability; all of a query add up to 1. Candidates are ranked
by it, and "none of these" is the last row of each query. Without a reranker there are no probabilities: good hits in
measured libraries go first, then hits in predicted libraries, de novo candidates and the weaker measured hits, each by
its own score.

Levels follow Schymanski et al. 2014 (Environ. Sci. Technol. 48, 2097), as far as a run without a reference standard
can go. Level 2a: library spectrum and retention index agree. Level 2b: the library spectrum agrees and nothing
contradicts it. Level 3: the structure or its scaffold is more probable than not. Level 4: the molecular formula is.
Level 5: neither is. A structure that the spectrum excludes never reaches level 2.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from spectus import tables
from spectus.errors import InputError
from spectus.identify.listed_share import Answers, estimated_share
from spectus.identify.merging import Candidate, merge_candidates
from spectus.identify.ri_comparison import CONVERTED, EXTRAPOLATED
from spectus.identify.settings import IdentifySettings
from spectus.identify.unresolved import fill_structures, with_unresolved
from spectus.library.records import read_spectra
from spectus.molecules.suspects import Suspects
from spectus.rerank.calibration import ProbabilityCalibration
from spectus.rerank.probabilities import prediction_set, scaffold
from spectus.structures import Structure, quiet_rdkit

if TYPE_CHECKING:
    from spectus.rerank.scoring import Ranked

NONE_OF_THESE = "none of these"
"""Name of the last row of each query: none of its candidates is right."""

_NONE_SOURCE = "none"

_DIGITS = 9
"""Decimals of a probability, so that the order does not depend on rounding errors of the last bits."""

_LOG = logging.getLogger("spectus")


def identify_queries(
    queries: Path, hits: Sequence[Path], denovo: Sequence[Path], out: Path,
    settings: IdentifySettings | None = None, reranker: str | Path | None = None,
) -> None:  # fmt: skip
    """Merge the candidates of all sources and write the table CANDIDATES.

    A query without candidates keeps one row with the reason.

    Parameters
    ----------
    queries
        File of the spectra.
    hits
        Tables of library hits.
    denovo
        Tables of de novo candidates.
    out
        Table to write.
    settings
        How candidates are ranked; None takes the defaults.
    reranker
        `open` or the folder of a reranker; None: none.

    Raises
    ------
    InputError
        A table or model cannot be read, or a table names queries that are not among the spectra.
    """
    settings = settings or IdentifySettings()
    extra = {key: str(value) for key, value in asdict(settings).items()}
    _check(settings)
    spectra = read_spectra(queries)
    names = spectra["name"].to_pylist()
    found = _gathered(hits, tables.LIBRARY_HITS, names)
    fill_structures(row for rows in found.values() for row in rows)
    proposed = _gathered(denovo, tables.DENOVO_CANDIDATES, names)
    known: dict[str, Structure | None] = {}
    with quiet_rdkit():
        bar = tqdm(names, disable=None, unit=" queries", desc="identify")
        merged = [merge_candidates(found[name], proposed[name], known) for name in bar]
        if reranker is None:
            ranked = _by_scores(merged, settings)
        else:
            confidence = confidence_of(queries, len(spectra))
            ranked, share = _by_reranker(merged, spectra, confidence, settings, reranker)
            extra["estimated_listed_share"] = str(share)
        flag_suspects([row for of_query in ranked for row in of_query], Suspects.read(settings.suspects))
    rows = [
        row
        for name, of_query in zip(names, ranked, strict=True)
        for row in of_query or [_nothing(found[name], proposed[name])]
    ]
    lengths = [len(of_query) or 1 for of_query in ranked]
    for row, name in zip(rows, np.repeat(np.array(names, object), lengths).tolist(), strict=True):
        row["query"] = name
    tables.write(tables.table(tables.CANDIDATES, rows), out, tables.CANDIDATES, extra)


_LEAST_WEIGHT = -5.0
"""Least weight of a CAS number or of a free form. Chosen: ten times that of a CAS number; the spectrum would hardly
count."""


def _check(settings: IdentifySettings) -> None:
    for option, value, least, example in (
        ("--top", settings.top, 1, "20"), ("--explained", settings.explained, 0, "3"),
        ("--ri-window", settings.ri_window, 0, "20"),
    ):  # fmt: skip
        if value < least:
            raise InputError(f"{option} {value:g}", f"is below {least}", f"give a number such as {example}")
    for option, value, example in (
        ("--cas-weight", settings.cas_weight, "-0.43"), ("--free-form-weight", settings.free_form_weight, "-1.5"),
    ):  # fmt: skip
        if not _LEAST_WEIGHT <= value <= 0:
            raise InputError(
                f"{option} {value:g}",
                f"is not between {_LEAST_WEIGHT:g} and 0",
                f"give a number such as {example}, or 0",
            )
    for option, value, example in (
        ("--library-score", settings.library_score, "a score such as 0.8"),
        ("--listed-share", settings.listed_share, "a share such as 0.7"),
    ):  # fmt: skip
        if not 0 <= value <= 1:
            raise InputError(f"{option} {value:g}", "is not between 0 and 1", f"give {example}")


def confidence_of(queries: Path, number: int) -> list[float]:
    """Return the confidence of components or features, 0-1; 1 for spectra of other files."""
    if queries.suffix != ".parquet" or "confidence" not in pq.read_schema(queries).names:
        return [1.0] * number
    given = pq.read_table(queries, columns=["confidence"])["confidence"].to_pylist()
    return [1.0 if value is None else float(value) for value in given]


def _gathered(paths: Sequence[Path], schema: pa.Schema, queries: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of several tables by query."""
    gathered: dict[str, list[dict[str, Any]]] = {query: [] for query in queries}
    for path in paths:
        for query, rows in _by_query(path, tables.read(path, schema), queries).items():
            gathered[query] += rows
    return gathered


def _by_query(path: Path, rows: pa.Table, queries: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a table by query, in the order of their rank."""
    grouped: dict[str, list[dict[str, Any]]] = {query: [] for query in queries}
    for row in rows.to_pylist():
        if row["query"] not in grouped:
            raise InputError(
                path,
                f"names the query {row['query']!r}, which is not among the spectra",
                "give tables of one campaign",
            )
        grouped[row["query"]].append(row)
    return {query: sorted(found, key=lambda row: row["rank"]) for query, found in grouped.items()}


def _by_scores(merged: Sequence[Sequence[Candidate]], settings: IdentifySettings) -> list[list[dict[str, Any]]]:
    """Rank the candidates of each query by the scores of their sources, as rows of CANDIDATES."""
    ranked = []
    for candidates in merged:
        ordered = sorted(candidates, key=lambda one: _place(one, settings.library_score))
        contested = _contested(candidates, settings)
        rows = [_row(one) | {"level": _library_level(one, settings, contested) or "3"} for one in ordered]
        ranked.append(_numbered(rows[: settings.top]))
    return ranked


def _by_reranker(
    merged: Sequence[Sequence[Candidate]], spectra: pa.Table, confidence: Sequence[float], settings: IdentifySettings,
    spec: str | Path,
) -> tuple[list[list[dict[str, Any]]], float]:  # fmt: skip
    """Rank the candidates of each query by their probabilities, as rows of CANDIDATES; also return the listed share."""
    from spectus.identify.evidence import evidence_of
    from spectus.identify.explanation import explain_candidates
    from spectus.rerank.pair_features import SourcePriors
    from spectus.rerank.reranker import load_reranker
    from spectus.rerank.scoring import Spectrum, rank_candidates

    asked = [row for row, candidates in enumerate(merged) if candidates]
    mz, intensity = spectra["mz"].to_pylist(), spectra["intensity"].to_pylist()
    queries = [Spectrum(mz[row], intensity[row], confidence[row]) for row in asked]
    smiles = [[one.measured_smiles for one in merged[row]] for row in asked]
    evidence = evidence_of([merged[row] for row in asked], spectra.take(pa.array(asked, pa.int64())))
    reranker = load_reranker(spec)
    priors = SourcePriors(registered=settings.cas_weight, free_form=settings.free_form_weight)
    found = rank_candidates(reranker, queries, smiles, [one.evidence for one in evidence], priors)
    answers = [_answers(of_query, merged[row]) for row, of_query in zip(asked, found, strict=True)]
    share = _share_of(answers, [one.confidence for one in queries], settings)
    ranked: list[list[dict[str, Any]]] = [[] for _ in merged]
    for row, of_query, answer, more in zip(asked, found, answers, evidence, strict=True):
        candidates, (probability, none, _) = merged[row], answer.with_share(share)
        filled = [
            _row(one) | {
                "probability": round(float(probability[at]), _DIGITS),
                "predicted_score": _number(of_query.cosine[at]),
                "explained": _number(of_query.explained[at]),
                "excluded": one.excluded or of_query.excluded[at],
                "ri_predicted": _number(more.ri_predicted[at]),
            }
            for at, one in enumerate(candidates)
        ]  # fmt: skip
        ranked[row] = _with_none(filled, candidates, (round(none, _DIGITS), reranker.calibration), settings)
        explain_candidates(ranked[row], (mz[row], intensity[row]), reranker.prediction_model, settings.explained)
    return ranked, share


def _answers(ranked: "Ranked", candidates: Sequence[Candidate]) -> Answers:
    """Return the probabilities of one query, those of candidates without a structure among them."""
    unresolved = [one.library_score if one.unresolved else None for one in candidates]
    probability, none = with_unresolved(ranked.probability, ranked.none, np.array(unresolved, np.float64))
    return Answers(probability, none, np.array([one.on_list for one in candidates], bool))


def _share_of(answers: Sequence[Answers], confidence: Sequence[float], settings: IdentifySettings) -> float:
    """Return the share of listed compounds, and tell it if it was estimated."""
    if not settings.adapt_share or not any(one.on_list.any() for one in answers):
        return settings.listed_share
    share = estimated_share(answers, confidence, settings.listed_share)
    _LOG.info("By their spectra, the lists hold %.0f %% of the compounds of %d spectra.", 100 * share, len(answers))
    return share


def _with_none(
    rows: list[dict[str, Any]],
    candidates: Sequence[Candidate],
    of_none: tuple[float, ProbabilityCalibration],
    settings: IdentifySettings,
) -> list[dict[str, Any]]:
    """Rank the rows of one query, fill the sums of probabilities and the levels, and add "none of these"."""
    probability = np.array([row["probability"] for row in rows])
    none, calibration = of_none
    compared = np.array([one.on_list for one in candidates], bool)
    formula, of_scaffold = (
        calibration.of_groups(probability, none, groups, compared, curve)
        for groups, curve in (
            ([row["formula"] for row in rows], calibration.formula),
            ([scaffold(row["smiles"]) for row in rows], calibration.scaffold),
        )
    )
    contested = _contested(candidates, settings)
    last: dict[str, Any] = {"name": NONE_OF_THESE, "source": _NONE_SOURCE, "probability": none, "level": "5"}
    for column, level in (("in_set_80", calibration.set_80), ("in_set_90", calibration.set_90)):
        members, last[column] = prediction_set(probability, none, level)
        for row, member in zip(rows, members.tolist(), strict=True):
            row[column] = member
    for at, (row, one) in enumerate(zip(rows, candidates, strict=True)):
        row["formula_probability"], row["scaffold_probability"] = _number(formula[at]), _number(of_scaffold[at])
        of_library = None if row["excluded"] else _library_level(one, settings, contested)
        row["level"] = of_library or _level_by_probability(row)
    if max((row["formula_probability"] or 0.0 for row in rows), default=0.0) > _MORE_LIKELY:
        last["level"] = "4"
    order = sorted(range(len(rows)), key=lambda at: (-probability[at], candidates[at].identity))
    return _numbered([*(rows[at] for at in order[: settings.top]), last])


_MORE_LIKELY = 0.5
"""Probability above which something is more probable than not."""


def _level_by_probability(row: dict[str, Any]) -> str:
    """Return the level of a candidate that no library spectrum confirms."""
    if row["excluded"]:
        return "5"
    if max(row["probability"], row["scaffold_probability"] or 0.0) > _MORE_LIKELY:
        return "3"
    return "4" if (row["formula_probability"] or 0.0) > _MORE_LIKELY else "5"


def _library_level(candidate: Candidate, settings: IdentifySettings, contested: bool) -> str | None:
    """Return level 2a or 2b if a library spectrum confirms the candidate, "3" if something else contradicts it."""
    score, ri_delta = candidate.library_score, candidate.ri_delta
    if score is None or score < settings.library_score:
        return None
    if candidate.contradiction or candidate.excluded:
        return "3"
    if ri_delta is not None and candidate.ri_basis not in (CONVERTED, EXTRAPOLATED):
        return "2a" if abs(ri_delta) <= settings.ri_window else "3"
    return "3" if contested else "2b"


def _contested(candidates: Iterable[Candidate], settings: IdentifySettings) -> bool:
    """Tell whether several compounds have a library spectrum that agrees."""
    return sum((one.library_score or 0.0) >= settings.library_score for one in candidates) > 1


def _place(candidate: Candidate, library_score: float) -> tuple[int, float, str]:
    """Sort key without reranker: trusted library hits, predicted hits, de novo candidates, the other hits."""
    score, predicted, log_prob = candidate.library_score, candidate.predicted_score, candidate.log_prob
    if score is not None and score >= library_score:
        return 0, -score, candidate.identity
    if predicted is not None:
        return 1, -predicted, candidate.identity
    if log_prob is not None:
        return 2, -log_prob, candidate.identity
    return 3, -(score or 0.0), candidate.identity


def _row(candidate: Candidate) -> dict[str, Any]:
    """Return what a candidate has of a row of CANDIDATES."""
    names = (
        "smiles", "inchikey", "formula", "name", "cas", "source", "library_score", "predicted_score", "log_prob",
        "ri_delta", "derivative", "excluded",
    )  # fmt: skip
    return {name: getattr(candidate, name) for name in names}


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"rank": rank} for rank, row in enumerate(rows, start=1)]


def flag_suspects(rows: Iterable[dict[str, Any]], suspects: Suspects) -> None:
    """Fill the column `suspects` of candidates that a suspect list names."""
    if not suspects:
        return
    for row in rows:
        names = suspects.names(row["inchikey"][:14] if row.get("inchikey") else None, row.get("cas"))
        row["suspects"] = "; ".join(names) or None


def _nothing(hits: Iterable[dict[str, Any]], denovo: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Make the one row of a query without candidates."""
    reasons = [f"{kind}: {row['reason']}" for kind, rows in (("library", hits), ("model", denovo)) for row in rows]
    return {"rank": 1, "level": "5", "reason": "; ".join(reasons) or "was not searched"}


def _number(value: np.float64 | float | NDArray[np.float64]) -> float | None:
    """Return a number, None for NaN."""
    return None if np.isnan(value) else float(value)
