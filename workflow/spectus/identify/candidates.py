"""Candidates of every source, merged to one ranked list for each query.

A hit of at least `library_score` in a measured library goes first, since a measured spectrum of the compound is the
strongest evidence. The weaker hits of measured libraries go last. Between them go the hits of predicted libraries and
the de novo candidates, ordered by the reranker's posterior probability. Without a reranker, predicted hits go before de
novo candidates, each ordered by its own score. A structure that several sources propose is one candidate. It takes the
best of its places. The column `probability` stays null until a calibration fills it.

Levels follow Schymanski et al. 2014 (Environ. Sci. Technol. 48, 2097), as far as a run without a reference standard can
go. Level 2a: library spectrum and retention index agree. Level 2b: the library spectrum agrees and nothing contradicts
it. Level 3: a tentative structure, which is the best that a predicted spectrum can give. Level 5: nothing but a
spectrum.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from spectus import tables
from spectus.errors import InputError
from spectus.identify.ri_comparison import CONVERTED, EXTRAPOLATED
from spectus.identify.settings import IdentifySettings
from spectus.library.records import read_spectra
from spectus.structures import Structure, quiet_rdkit, structure

_SOURCES = ("library", "predicted", "model")
"""What may name a candidate, in the order it is told."""

_Candidates = dict[str, dict[str, Any]]
"""The candidates of a query by what identifies them; `named_by` holds their sources."""


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
    spectra = read_spectra(queries)
    names = spectra["name"].to_pylist()
    found = _gathered(hits, tables.LIBRARY_HITS, names)
    proposed = _gathered(denovo, tables.DENOVO_CANDIDATES, names)
    known: dict[str, Structure | None] = {}
    with quiet_rdkit():
        bar = tqdm(names, disable=None, unit=" queries", desc="identify")
        merged = [_merged(name, found[name], proposed[name], known) for name in bar]
    if reranker is not None:
        _rerank(merged, spectra, reranker)
    rows = [
        row
        for name, candidates in zip(names, merged, strict=True)
        for row in _ranked(candidates, settings) or _nothing(name, found[name], proposed[name])
    ]
    extra = {key: str(value) for key, value in asdict(settings).items()}
    tables.write(tables.table(tables.CANDIDATES, rows), out, tables.CANDIDATES, extra)


def _gathered(paths: Sequence[Path], schema: pa.Schema, queries: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of several tables by query."""
    gathered: dict[str, list[dict[str, Any]]] = {query: [] for query in queries}
    for path in paths:
        for query, rows in _by_query(path, tables.read(path, schema), queries).items():
            gathered[query] += rows
    return gathered


def _merged(
    query: str, hits: Iterable[dict[str, Any]], denovo_candidates: Iterable[dict[str, Any]],
    known: dict[str, Structure | None],
) -> _Candidates:  # fmt: skip
    """Merge the candidates of a query, each compound once. `known` keeps the structures of SMILES between queries."""
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


def _rerank(merged: Sequence[_Candidates], spectra: pa.Table, spec: str | Path) -> None:
    """Fill `posterior` of the candidates that a predicted library or the de novo model proposes."""
    from spectus.rerank.reranker import load_reranker
    from spectus.rerank.scoring import posterior_probabilities

    reranker = load_reranker(spec)
    wanted = [
        [row for row in candidates.values() if row["smiles"] and not {"predicted", "model"}.isdisjoint(row["named_by"])]
        for candidates in merged
    ]
    peaks = list(zip(spectra["mz"].to_pylist(), spectra["intensity"].to_pylist(), strict=True))
    scores = posterior_probabilities(reranker, peaks, [[row["smiles"] for row in rows] for rows in wanted])
    for rows, of_query in zip(wanted, scores, strict=True):
        for row, score in zip(rows, of_query.round(9).tolist(), strict=True):
            row["posterior"] = score


def _ranked(candidates: _Candidates, settings: IdentifySettings) -> list[dict[str, Any]]:
    """Rank the best candidates of a query, as rows of CANDIDATES."""
    ranked = sorted(candidates.values(), key=lambda candidate: _place(candidate, settings.library_score))[
        : settings.top
    ]
    contested = sum((row["library_score"] or 0.0) >= settings.library_score for row in ranked) > 1
    return [
        row | {"rank": rank, "source": _source(row), "level": _level(row, settings, contested)}
        for rank, row in enumerate(ranked, start=1)
    ]


def _nothing(
    query: str, hits: Iterable[dict[str, Any]], denovo_candidates: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Make the one row of a query without candidates."""
    reasons = [
        f"{kind}: {row['reason']}" for kind, rows in (("library", hits), ("model", denovo_candidates)) for row in rows
    ]
    return [{"query": query, "rank": 1, "level": "5", "reason": "; ".join(reasons) or "was not searched"}]


def _candidate(query: str, row: dict[str, Any], known: dict[str, Structure | None]) -> dict[str, Any]:
    """Make a row of CANDIDATES from a hit or a de novo candidate. The structure overrules what a record claims."""
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
    """Give the key of a compound: the first block of the InChIKey, else the name."""
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


def _level(candidate: dict[str, Any], settings: IdentifySettings, contested: bool) -> str:
    score, ri_delta = candidate["library_score"], candidate["ri_delta"]
    if score is None or score < settings.library_score:
        return "3"
    if candidate["contradiction"]:
        return "3"
    if ri_delta is not None and candidate["ri_basis"] not in (CONVERTED, EXTRAPOLATED):
        return "2a" if abs(ri_delta) <= settings.ri_window else "3"
    return "3" if contested else "2b"


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
