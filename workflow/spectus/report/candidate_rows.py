"""Candidates and library hits as rows of the page: lists whose fields the page's document names."""

from collections.abc import Mapping, Sequence
from typing import Any

from spectus.export.compound_names import name_and_cas
from spectus.report.figures import decimals
from spectus.report.terms import NONE_OF_THESE

CANDIDATE_FIELDS = (
    "rank", "name", "cas", "formula", "source", "probability", "formulaProbability", "scaffoldProbability", "set",
    "libraryScore", "predictedScore", "explained", "logProb", "riDelta", "riPredicted", "level", "smiles", "inchikey",
    "derivative", "excluded", "suspects", "peaks", "hit", "drawing",
)  # fmt: skip
"""Order of the fields of a candidate.

`set`: 80 or 90, the smallest prediction set that has it. `peaks`: m/z and formulas of the peaks that it explains.
`hit`: place of its best hit among the hits of the feature. `drawing`: a place among the drawings of its part of the
page, null where the structure cannot be drawn, -1 where the drawing was left out."""

HIT_FIELDS = (
    "library", "entry", "name", "cas", "score", "cosine", "riDelta", "predicted", "spectrum", "why",
)  # fmt: skip
"""Order of the fields of a library hit. `spectrum` is a place among the spectra of its part of the page; `why` says why
there is none."""

_NUMBERS = {
    "probability": ("probability", 3),
    "formulaProbability": ("formula_probability", 3),
    "scaffoldProbability": ("scaffold_probability", 3),
    "libraryScore": ("library_score", 3),
    "predictedScore": ("predicted_score", 3),
    "explained": ("explained", 2),
    "logProb": ("log_prob", 2),
    "riDelta": ("ri_delta", 1),
    "riPredicted": ("ri_predicted", 0),
}
"""Number of a candidate on the page: its column in the table, and its decimals."""


def candidate_row(
    row: Mapping[str, Any], hits: Sequence[Mapping[str, Any]], drawing: int | None, peaks: bool
) -> list[Any]:
    """Return a candidate in the order of CANDIDATE_FIELDS.

    Parameters
    ----------
    row : mapping
        Row of the table of candidates; columns that it lacks are null.
    hits : sequence of mapping
        The hits of the feature that the page shows.
    drawing : int or None
        Place of the drawing.
    peaks : bool
        Also give the peaks that the candidate explains.
    """
    name, cas = name_and_cas(row.get("name"), row.get("cas"))
    explained_mz, explained_formula = row.get("explained_mz"), row.get("explained_formula")
    found: dict[str, Any] = {
        "rank": row["rank"],
        "name": name,
        "cas": cas,
        **{key: row.get(key) for key in ("formula", "source", "level", "smiles", "inchikey", "derivative", "excluded")},
        **{key: decimals(row.get(column), digits) for key, (column, digits) in _NUMBERS.items()},
        "set": 80 if row.get("in_set_80") else 90 if row.get("in_set_90") else None,
        "suspects": ", ".join(suspect_lists(row)) or None,
        "peaks": [[decimals(mz, 3) for mz in explained_mz], list(explained_formula or [])]
        if peaks and explained_mz
        else None,
        "hit": _best_hit(row, hits),
        "drawing": drawing,
    }
    return [found[key] for key in CANDIDATE_FIELDS]


def hit_row(row: Mapping[str, Any], spectrum: int | None, why: str | None) -> list[Any]:
    """Return a library hit in the order of HIT_FIELDS, with the place of its spectrum, or why there is none."""
    name, cas = name_and_cas(row["name"], row.get("cas"))
    return [
        row["library"], row["entry"], name, cas, decimals(row["score"], 3), decimals(row["cosine"], 3),
        decimals(row["ri_delta"], 1), int(bool(row["predicted"])), spectrum, why,
    ]  # fmt: skip


def is_listed(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is a candidate or "none of these", and not the reason why there is none."""
    return bool(row["source"])


def is_candidate(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is a candidate."""
    return bool(row["source"]) and row["source"] != NONE_OF_THESE


def suspect_lists(row: Mapping[str, Any]) -> list[str]:
    """Return the names of the suspect lists that name a candidate; the table joins them by ";"."""
    return [name.strip() for name in (row.get("suspects") or "").split(";") if name.strip()]


def _best_hit(row: Mapping[str, Any], hits: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the place of the candidate's best hit: one of a measured spectrum first, then by score."""
    inchikey14 = (row.get("inchikey") or "")[:14]
    same = [
        place
        for place, hit in enumerate(hits)
        if ((hit["inchikey"] or "")[:14] == inchikey14 if inchikey14 else hit["name"] == row.get("name"))
        and (inchikey14 or row.get("name"))
    ]
    return min(same, key=lambda place: (bool(hits[place]["predicted"]), -(hits[place]["score"] or 0)), default=None)
