"""The command `spectus rank`: library hits and de novo candidates to one ranked list of candidates a query.

A hit of at least `library_score` in a library of measured spectra goes first, since a spectrum of the compound itself
is the strongest evidence; the weaker hits of such libraries go last. Between them, a forward model reranks the hits of
predicted spectra and the de novo candidates together: which structure explains the spectrum best. Without a forward model,
predicted hits come before de novo candidates, each in their own order. A structure that several name is one candidate and
takes the best of its places. `probability` stays null until a calibration on held-out spectra fills it.

Levels follow Schymanski et al. 2014 (Environ. Sci. Technol. 48, 2097) as far as one run without a reference standard
of its own can go: 2a, library spectrum and retention index agree; 2b, library spectrum alone, which nothing
contradicts; 3, a tentative structure, which is all that a predicted spectrum can give; 5, nothing but the spectrum.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from spectus import tables
from spectus.errors import InputError
from spectus.identify.ri_comparison import CONVERTED, EXTRAPOLATED
from spectus.library.records import read_spectra
from spectus.structures import Structure, quiet_rdkit, structure

_SOURCES = ("library", "predicted", "model")
"""What may name a candidate, in the order it is told."""

_Candidates = dict[str, dict[str, Any]]
"""The candidates of a query by what identifies them; `named_by` holds their sources."""


def rank_queries(
    features: Path, hits: Path, denovo_candidates: Sequence[Path], out: Path,
    *, top: int = 20, library_score: float = 0.8, ri_window: float = 20.0, forward: Path | None = None,
) -> None:  # fmt: skip
    """Merge both kinds of candidates and write the table CANDIDATES; a query without any keeps one row with the reason.

    Parameters
    ----------
    features: the queries, with their spectra.
    forward: folder of the forward model that reranks; None: none does.

    Raises
    ------
    InputError: an unreadable table or model, or a table that names queries which are not among the features.
    """
    spectra = read_spectra(features)
    queries = spectra["name"].to_pylist()
    found = _by_query(hits, tables.read(hits, tables.LIBRARY_HITS), queries)
    translated: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in denovo_candidates:
        for query, answers in _by_query(path, tables.read(path, tables.DENOVO_CANDIDATES), queries).items():
            translated[query] += answers
    known: dict[str, Structure | None] = {}
    with quiet_rdkit():
        asked = tqdm(queries, disable=None, unit=" queries", desc="rank")
        merged = [_merged(query, found[query], translated[query], known) for query in asked]
    if forward is not None:
        _reranker(merged, spectra, forward)
    rows = [
        row
        for query, candidates in zip(queries, merged, strict=True)
        for row in _ranked(candidates, top, library_score, ri_window)
        or _nothing(query, found[query], translated[query])
    ]
    tables.write(tables.table(tables.CANDIDATES, rows), out, tables.CANDIDATES)


def _merged(
    query: str, hits: Iterable[dict[str, Any]], denovo_candidates: Iterable[dict[str, Any]],
    known: dict[str, Structure | None],
) -> _Candidates:  # fmt: skip
    """What was named for a query, each compound once. `known` remembers the structures of SMILES between queries."""
    merged: _Candidates = {}
    for hit in (hit for hit in hits if hit["reason"] is None):
        candidate = _candidate(query, hit, known)
        held = merged.setdefault(_identity(candidate), candidate)
        held["named_by"].add("predicted" if hit["predicted"] else "library")
        kind = "predicted_score" if hit["predicted"] else "library_score"
        if hit["posterior"] is not None:
            held["posterior"] = max(hit["posterior"], held["posterior"] or 0.0)
        if hit["score"] > (held[kind] or 0.0):
            held[kind] = hit["score"]
            if held["library_score"] is None or not hit["predicted"]:
                held.update({key: candidate[key] for key in ("name", "ri_delta", "ri_basis", "contradiction")})
        if held["smiles"] is None:  # another record of the compound has its structure
            held.update({key: candidate[key] for key in ("smiles", "formula")})
    for translation in (row for row in denovo_candidates if row["reason"] is None):
        candidate = _candidate(query, translation, known)
        held = merged.setdefault(_identity(candidate), candidate)
        held["log_prob"] = translation["log_prob"]
        held["named_by"].add("model")
    return merged


def _reranker(merged: Sequence[_Candidates], spectra: pa.Table, forward: Path) -> None:
    """Fill `posterior` of what predicted spectra and de novo candidates name: the reranker's share among them."""
    from spectus.prediction.neims.model import ForwardModel
    from spectus.rerank.scoring import reranked_structures

    model = ForwardModel.load(forward)
    wanted = [
        [row for row in candidates.values() if row["smiles"] and not {"predicted", "model"}.isdisjoint(row["named_by"])]
        for candidates in merged
    ]
    peaks = list(zip(spectra["mz"].to_pylist(), spectra["intensity"].to_pylist(), strict=True))
    scores = reranked_structures(model, peaks, [[row["smiles"] for row in rows] for rows in wanted])
    for rows, of_query in zip(wanted, scores, strict=True):
        for row, score in zip(rows, of_query.round(9).tolist(), strict=True):
            row["posterior"] = score


def _ranked(candidates: _Candidates, top: int, library_score: float, ri_window: float) -> list[dict[str, Any]]:
    """The best candidates of a query as rows of CANDIDATES, best first."""
    ranked = sorted(candidates.values(), key=lambda candidate: _place(candidate, library_score))[:top]
    contested = sum((row["library_score"] or 0.0) >= library_score for row in ranked) > 1
    return [
        row | {"rank": rank, "source": _source(row), "level": _level(row, library_score, ri_window, contested)}
        for rank, row in enumerate(ranked, start=1)
    ]


def _nothing(
    query: str, hits: Iterable[dict[str, Any]], denovo_candidates: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The one row of a query that nothing was named for."""
    reasons = [
        f"{kind}: {row['reason']}" for kind, rows in (("library", hits), ("model", denovo_candidates)) for row in rows
    ]
    return [{"query": query, "rank": 1, "level": "5", "reason": "; ".join(reasons) or "was not searched"}]


def _candidate(query: str, row: dict[str, Any], known: dict[str, Structure | None]) -> dict[str, Any]:
    """A row of CANDIDATES from a hit or a translation; what the structure gives goes before what a record claims."""
    smiles = row["smiles"]
    if smiles not in known:
        known[smiles] = structure(smiles)
    drawn = known[smiles]
    return {
        "query": query,
        "smiles": drawn.smiles if drawn else None,
        "inchikey": drawn.inchikey if drawn else row.get("inchikey"),
        "formula": drawn.formula if drawn else row.get("formula"),
        "name": row.get("name"),
        "library_score": None if row.get("predicted") else row.get("score"),
        "predicted_score": row.get("score") if row.get("predicted") else None,
        "posterior": row.get("posterior"),
        "log_prob": row.get("log_prob"),
        "ri_delta": row.get("ri_delta"),
        "ri_basis": row.get("ri_basis"),
        "contradiction": row.get("contradiction"),
        "named_by": set(),
    }


def _identity(candidate: dict[str, Any]) -> str:
    """What makes two candidates the same compound: the first block of the InChIKey, else the name."""
    return candidate["inchikey"][:14] if candidate["inchikey"] else f"name {candidate['name']}"


def _place(candidate: dict[str, Any], library_score: float) -> tuple[int, float, str]:
    """Sort key: trusted library hits, reranked or predicted candidates, de novo candidates, the other hits."""
    score, log_prob = candidate["library_score"], candidate["log_prob"]
    predicted = candidate["predicted_score"] if candidate["posterior"] is None else candidate["posterior"]
    if score is not None and score >= library_score:
        return 0, -score, _identity(candidate)
    if predicted is not None:
        return 1, -predicted, _identity(candidate)
    if log_prob is not None:
        return 2, -log_prob, _identity(candidate)
    return 3, -score, _identity(candidate)


def _source(candidate: dict[str, Any]) -> str:
    return "+".join(name for name in _SOURCES if name in candidate["named_by"])


def _level(candidate: dict[str, Any], library_score: float, ri_window: float, contested: bool) -> str:
    score, ri_delta = candidate["library_score"], candidate["ri_delta"]
    if score is None or score < library_score:
        return "3"
    if candidate["contradiction"]:
        return "3"
    if ri_delta is not None and candidate["ri_basis"] not in (CONVERTED, EXTRAPOLATED):
        return "2a" if abs(ri_delta) <= ri_window else "3"
    return "3" if contested else "2b"


def _by_query(path: Path, rows: pa.Table, queries: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a table by query, in the order of their rank."""
    grouped: dict[str, list[dict[str, Any]]] = {query: [] for query in queries}
    for row in rows.to_pylist():
        if row["query"] not in grouped:
            raise InputError(
                path,
                f"names the query {row['query']!r}, which is not among the features",
                "rank tables of one campaign",
            )
        grouped[row["query"]].append(row)
    return {query: sorted(found, key=lambda row: row["rank"]) for query, found in grouped.items()}
