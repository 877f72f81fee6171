"""Queries of known structure with the candidates that a search gives them, for fitting and for scoring.

A query is a spectrum of a fold: sources from which the fold's prediction model and dual encoder did not learn. Its
candidates are the best of a molecule list by their predicted spectra, and the best records of other laboratories.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.files import require_file
from spectus.learning.measured_spectra import dense
from spectus.library.similarity import MEASURED, PREDICTED, Hits, cosine_top, weighted_matrix
from spectus.molecules.exclusions import Exclusions
from spectus.rerank.pair_features import Evidence
from spectus.rerank.reranker import Reranker
from spectus.structures import flat_smiles, hashed, inchikey14, quiet_rdkit

_LEAST_LIBRARY = 0.3
"""Lowest cosine of a measured record that is a candidate. Chosen: lower ones are chance."""

_QUERIES_AT_ONCE = 64
"""Queries whose candidates are described together. Chosen: some 6,000 structures, 100 MB."""


class Records(NamedTuple):
    """Measured spectra of known structure.

    Attributes
    ----------
    smiles, inchikey14, laboratory, split : ndarray of str, (n,)
    fold : ndarray of int64, (n,)
        Number of the fold; 0: no model leaves the record's source out.
    mz, intensity : list of list of float, (n,)
    """

    smiles: NDArray[np.str_]
    inchikey14: NDArray[np.str_]
    laboratory: NDArray[np.str_]
    split: NDArray[np.str_]
    fold: NDArray[np.int64]
    mz: list[list[float]]
    intensity: list[list[float]]

    def at(self, rows: NDArray[np.int64]) -> "Records":
        """Return some of the records."""
        return Records(
            self.smiles[rows], self.inchikey14[rows], self.laboratory[rows], self.split[rows], self.fold[rows],
            [self.mz[row] for row in rows.tolist()], [self.intensity[row] for row in rows.tolist()],
        )  # fmt: skip


@dataclass(frozen=True)
class ListSettings:
    """Which queries and candidates are taken.

    Attributes
    ----------
    queries : int
        Most queries of a fold; each laboratory gets a share by the square root of its number of spectra.
    spectra_of_compound : int
        Most queries of one compound from one laboratory.
    shortlist : int
        Candidates from the molecule list, the best by cosine.
    library_hits : int
        Candidates from records of other laboratories.
    seed : int
        Of the draw of queries.
    """

    queries: int = 700
    spectra_of_compound: int = 2
    shortlist: int = 100
    library_hits: int = 15
    seed: int = 1


class QueryPairs(NamedTuple):
    """One query with its candidates.

    Attributes
    ----------
    measured : ndarray of float32, (bins,)
        Intensities by nominal mass, base peak 1.
    smiles : list of str, (n,)
        The candidates.
    features : ndarray of float64, (n, F)
        Pair features.
    right : ndarray of bool, (n,)
        The right structure, if it is among them.
    found : bool
        The search of the molecule list would find the right structure.
    truth, inchikey14, laboratory : str
        Canonical SMILES and InChIKey block of the right structure, and the laboratory.
    """

    measured: NDArray[np.float32]
    smiles: list[str]
    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    found: bool
    truth: str
    inchikey14: str
    laboratory: str


def read_records(library: Path, exclusions: Exclusions, bins: int) -> Records:
    """Read a library of measured spectra.

    Parameters
    ----------
    library
        Parquet with the columns smiles, split, mz, intensity, and where known laboratory (else contributor, else
        source) and fold.
    exclusions
        Compounds to leave out.
    bins
        Records with a peak beyond it are left out.

    Raises
    ------
    InputError
        The library cannot be read or has no usable record.
    """
    try:
        table = pq.read_table(require_file(library))
    except pa.ArrowInvalid as error:
        raise InputError(library, "is no Parquet table", "make it with `spectus library`") from error
    missing = {"smiles", "split", "mz", "intensity"} - set(table.column_names)
    if missing:
        raise InputError(library, f"has no column {', '.join(sorted(missing))}", "give a training library")
    n = len(table)
    names = [name for name in ("laboratory", "contributor", "source") if name in table.column_names]
    texts = [table[name].to_pylist() for name in names] or [[""] * n]
    laboratory = [next((text for text in row if text), "") for row in zip(*texts, strict=True)]
    fold = table["fold"].to_pylist() if "fold" in table.column_names else [0] * n
    mz = table["mz"].to_pylist()
    kept, smiles, keys = list[int](), list[str](), list[str]()
    with quiet_rdkit():
        for row, text in enumerate(table["smiles"].to_pylist()):
            flat = flat_smiles(text)
            if flat is None or not mz[row] or max(mz[row]) >= bins - 0.5 or exclusions.reason(flat) is not None:
                continue
            kept.append(row)
            smiles.append(flat)
            keys.append(inchikey14(flat))
    if not kept:
        raise InputError(library, "has no record with a structure", "give a training library")
    intensity, split = table["intensity"].to_pylist(), table["split"].to_pylist()
    return Records(
        np.array(smiles), np.array(keys), np.array([laboratory[row] for row in kept]),
        np.array([split[row] or "" for row in kept]), np.array([fold[row] or 0 for row in kept], np.int64),
        [mz[row] for row in kept], [intensity[row] for row in kept],
    )  # fmt: skip


def drawn_queries(records: Records, fold: int, settings: ListSettings) -> NDArray[np.int64]:
    """Return rows of the queries of a fold; those of fold 0 are of the split valid."""
    of_fold = (records.fold == fold) & ((records.split == "valid") | (fold > 0))
    rows = np.flatnonzero(of_fold)
    order = sorted(rows.tolist(), key=lambda row: hashed(f"{settings.seed} {row} {records.smiles[row]}"))
    seen: dict[tuple[str, str], int] = {}
    kept = list[int]()
    for row in order:
        key = (str(records.inchikey14[row]), str(records.laboratory[row]))
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= settings.spectra_of_compound:
            kept.append(row)
    laboratories, member, number = np.unique(records.laboratory[kept], return_inverse=True, return_counts=True)
    most = _shares(number, settings.queries)
    place = np.zeros(len(laboratories), np.int64)
    chosen = list[int]()
    for row, of in zip(kept, member.tolist(), strict=True):
        if place[of] < most[of]:
            chosen.append(row)
            place[of] += 1
    return np.array(sorted(chosen), np.int64)


def query_pairs(
    records: Records, queries: NDArray[np.int64], listed: pa.Table, reranker: Reranker, settings: ListSettings
) -> list[QueryPairs]:
    """Search the candidates of queries, and compute their pair features.

    Parameters
    ----------
    records
        The measured spectra.
    queries
        Rows of the queries.
    listed
        Predicted library of the molecule list, schema SPECTRA.
    reranker
        Its models did not learn from the queries' sources; its weights are not used.
    settings
        How many candidates.

    Returns
    -------
    list of QueryPairs, (n_queries,)
    """
    asked = records.at(queries)
    of_list = _search(asked, listed["mz"], listed["intensity"], settings.shortlist + 1)
    of_library = _search_records(records, queries, settings.library_hits)
    keys = np.array([key[:14] if key else "" for key in listed["inchikey"].to_pylist()])
    smiles = listed["smiles"].to_pylist()
    list_starts = np.searchsorted(of_list.query, np.arange(len(queries) + 1))
    library_starts = np.searchsorted(of_library.query, np.arange(len(queries) + 1))
    found = list[QueryPairs]()
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        block = range(start, min(start + _QUERIES_AT_ONCE, len(queries)))
        proposed = []
        for row in block:
            hits = of_list.at(slice_of(list_starts, row)).entry
            named = {str(keys[at]): _Named(str(smiles[at]), True, np.nan) for at in hits[::-1].tolist()}
            record_hits = of_library.at(slice_of(library_starts, row))
            for at, score in zip(record_hits.entry.tolist(), record_hits.score.tolist(), strict=True):
                key = str(records.inchikey14[at])
                old = named.get(key, _Named(str(records.smiles[at]), False, np.nan))
                named[key] = old._replace(library=float(np.nanmax([old.library, score])))
            key = str(asked.inchikey14[row])
            named[key] = named.get(key, _Named(str(asked.smiles[row]), True, np.nan))._replace(listed=True)
            proposed.append(named)
        found += _pairs_of_block(asked, block, proposed, reranker, settings.shortlist)
    return found


class _Named(NamedTuple):
    """A candidate: its structure, whether the list names it, and its best score in a measured library."""

    smiles: str
    listed: bool
    library: float


def slice_of(starts: NDArray[np.int64], row: int) -> NDArray[np.int64]:
    """Return the positions of a group, given where each begins, (n_groups + 1,)."""
    return np.arange(starts[row], starts[row + 1])


def _pairs_of_block(
    asked: Records, block: Sequence[int], proposed: Sequence[dict[str, _Named]], reranker: Reranker, shortlist: int
) -> list[QueryPairs]:
    distinct = sorted({one.smiles for named in proposed for one in named.values()})
    place = {text: row for row, text in enumerate(distinct)}
    structures = reranker.describe(distinct)
    measured = dense([asked.mz[row] for row in block], [asked.intensity[row] for row in block], reranker.bins)
    rows = [np.array([place[one.smiles] for one in named.values()], np.int64) for named in proposed]
    evidence = [
        Evidence.of_list(len(named))._replace(
            library=np.array([one.library for one in named.values()]),
            listed=np.array([one.listed for one in named.values()], bool),
        )
        for named in proposed
    ]
    features = reranker.features(measured, structures, rows, evidence)
    found = []
    for at, (row, named, of_query) in enumerate(zip(block, proposed, features, strict=True)):
        key = str(asked.inchikey14[row])
        right = np.array([name == key for name in named])
        above = (of_query[:, 0] > of_query[right, 0].max()) & np.array([one.listed for one in named.values()])
        found.append(
            QueryPairs(
                measured[at], [one.smiles for one in named.values()], of_query, right, bool(above.sum() < shortlist),
                str(asked.smiles[row]), key, str(asked.laboratory[row]),
            )
        )  # fmt: skip
    return found


def _search(asked: Records, mz: pa.ChunkedArray, intensity: pa.ChunkedArray, top: int) -> Hits:
    lists = pa.list_(pa.float64())
    query = weighted_matrix(pa.array(asked.mz, lists), pa.array(asked.intensity, lists), **PREDICTED._asdict())
    return cosine_top(query, weighted_matrix(mz, intensity, **PREDICTED._asdict()), top)


def _search_records(records: Records, queries: NDArray[np.int64], top: int) -> Hits:
    """Search the records of other laboratories."""
    lists = pa.list_(pa.float64())
    matrix = weighted_matrix(pa.array(records.mz, lists), pa.array(records.intensity, lists), **MEASURED._asdict())
    _, laboratory = np.unique(records.laboratory, return_inverse=True)
    of_query = laboratory[queries]

    def other(query: NDArray[np.int64], entry: NDArray[np.int64]) -> NDArray[np.float64]:
        different: NDArray[np.bool_] = of_query[query] != laboratory[entry]
        return different.astype(np.float64)

    return cosine_top(matrix[queries], matrix, top, min_score=_LEAST_LIBRARY, factor=other)


def _shares(number: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Return how many of each laboratory are taken: in proportion to the square root of its number, at most all."""
    taken = np.zeros(len(number), np.int64)
    open_ = np.ones(len(number), bool)
    while open_.any() and taken.sum() < min(total, int(number.sum())):
        left = min(total, int(number.sum())) - int(taken.sum())
        weight = np.sqrt(number) * open_
        taken = np.minimum(number, taken + np.ceil(left * weight / weight.sum()).astype(np.int64))
        open_ = taken < number
    return taken
