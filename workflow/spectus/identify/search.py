"""Search of spectral libraries: the best records for each query, by spectrum and retention index."""

import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectus import tables
from spectus.errors import InputError
from spectus.identify.ri_comparison import RiComparison
from spectus.identify.settings import SearchSettings
from spectus.library.parquet import predicted_by
from spectus.library.records import not_electron_ionization, read_spectra, reason_counts
from spectus.library.similarity import (
    MEASURED,
    PREDICTED,
    Hits,
    Powers,
    cosine_top,
    joined,
    rank_within,
    weighted_matrix,
)
from spectus.molecules.exclusions import Exclusions, leave_out_records
from spectus.molecules.measured_form import excluded_by_ions, with_measured_forms
from spectus.tables import LIBRARY_HITS, SPECTRA

_LOG = logging.getLogger("spectus")
_SUFFIXES = re.compile(r"(?:\.(?:msp|msl|mgf|jdx|dx|jcamp|sdf|cdf|txt|parquet))?(?:\.(?:gz|xz))?$", re.IGNORECASE)


def search_libraries(
    queries: Path, libraries: Sequence[Path], out: Path, settings: SearchSettings | None = None,
    reranker: str | Path | None = None, exclude: Sequence[Path] = (),
) -> None:  # fmt: skip
    """Search all libraries for each query and write the table LIBRARY_HITS.

    The score is the weighted cosine (`similarity.weighted_matrix`) times `ri_factor` where the retention indices of
    query and record can be compared (`ri_comparison`). Libraries of predicted spectra have weights of their own. A
    query without hits gets one row, rank 1, with the reason.

    Parameters
    ----------
    queries, libraries
        Files that `records.read_spectra` reads. A library is called by its file name without suffixes.
    out
        Table to write.
    settings
        How the libraries are searched; None takes the defaults.
    reranker
        `open` or the folder of a reranker. It orders the hits of predicted spectra by its posterior probability.
    exclude
        Files that name compounds whose measured records are left out, for a blind test.

    Raises
    ------
    InputError
        A file cannot be read, a library has no usable record or its name twice, a setting is out of range.
    """
    settings = settings or SearchSettings()
    _check(libraries, settings)
    asked, searched = _queries(queries, settings.any_ionization)
    ordered = sorted(libraries, key=lambda path: predicted_by(path) is not None)  # measured ones first
    parts = [_read_library(path, settings.any_ionization) for path in ordered]
    for path, part in zip(ordered, parts, strict=True):
        for note in RiComparison.of(asked, part).notes(library_name(path)):
            _LOG.warning("%s", note)
    if exclude:
        measured = [predicted_by(library) is None for library in ordered]
        parts = leave_out_records(parts, measured, Exclusions.read(exclude))
    records = pa.concat_tables(parts)
    names = pa.chunked_array(
        [pa.repeat(library_name(path), len(part)) for path, part in zip(ordered, parts, strict=True)]
    )
    of_measured = [part for path, part in zip(ordered, parts, strict=True) if predicted_by(path) is None]
    n_measured = sum(map(len, of_measured))
    hits, posteriors = list[Hits](), list[NDArray[np.float64]]()
    for first, of_kind, powers in ((0, of_measured, MEASURED), (n_measured, parts[len(of_measured) :], PREDICTED)):
        if of_kind:
            found, posterior = _search_kind(asked, pa.concat_tables(of_kind), settings, powers, reranker)
            hits.append(found._replace(entry=found.entry + first))
            posteriors.append(posterior)
    both, posterior = joined(hits), np.concatenate(posteriors)
    key = np.where(np.isnan(posterior), both.score, posterior)
    order = np.lexsort((both.entry, -key, both.query))
    order = order[searched[both.query[order]]]
    rows = _hit_rows(
        asked, records.append_column("library", names), n_measured, both.at(order), posterior[order], settings.min_score
    )
    said = {name: str(value) for name, value in asdict(settings).items()}
    tables.write(rows, out, LIBRARY_HITS, {"libraries": " ".join(map(str, libraries)), **said})


def search_spectra(queries: pa.Table, library: pa.Table, settings: SearchSettings, powers: Powers = MEASURED) -> Hits:
    """Search one library in memory.

    Parameters
    ----------
    queries, library
        Tables of schema SPECTRA.
    settings
        How the library is searched.
    powers
        Powers of intensity and m/z in the weighted cosine.

    Returns
    -------
    Hits
        Row numbers of the two tables, with scores; grouped by query, best first.
    """
    weights = powers._asdict()
    return cosine_top(
        weighted_matrix(queries["mz"], queries["intensity"], **weights),
        weighted_matrix(library["mz"], library["intensity"], **weights),
        settings.top,
        min_score=settings.min_score,
        factor=RiComparison.of(queries, library).factor(settings.ri_tolerance),
    )


def _search_kind(
    queries: pa.Table, library: pa.Table, settings: SearchSettings, powers: Powers, reranker: str | Path | None
) -> tuple[Hits, NDArray[np.float64]]:
    """Return the hits of one kind of spectra and their posterior probabilities, NaN where no reranker gives them."""
    if powers is MEASURED or reranker is None:
        found = search_spectra(queries, library, settings, powers)
        return found, np.full(len(found.query), np.nan)
    from spectus.rerank.reranker import load_reranker
    from spectus.rerank.scoring import SHORTLIST, rerank_hits

    wide = replace(settings, top=max(settings.top, SHORTLIST), min_score=0.0)
    shortlist = search_spectra(queries, library, wide, powers)
    reranked = rerank_hits(queries, library, shortlist, load_reranker(reranker), settings.top, settings.min_score)
    return reranked.hits, reranked.posterior


def library_name(path: Path) -> str:
    """Return the file name without the suffixes of its format and compression."""
    return _SUFFIXES.sub("", path.name) or path.name


def _queries(path: Path, any_ionization: bool) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Return the queries (schema SPECTRA), and which of them are searched: those from electron ionization, or all."""
    asked = read_spectra(path)
    foreign, _ = not_electron_ionization(asked)
    if any_ionization or not pc.any(foreign).as_py():
        return asked, np.ones(len(asked), dtype=bool)
    said = pc.binary_join_element_wise("not from electron ionization: ", pc.fill_null(asked["ionization"], ""), "")
    reasons = pc.coalesce(asked["reason"], pc.if_else(foreign, said, pa.scalar(None, pa.string())))
    place = SPECTRA.get_field_index("reason")
    return asked.set_column(place, SPECTRA.field(place), reasons), ~foreign.to_numpy(zero_copy_only=False)


def _read_library(path: Path, any_ionization: bool) -> pa.Table:
    """Read a library with at least one usable record, without records that are not from electron ionization."""
    spectra = read_spectra(path)
    if spectra["reason"].null_count == 0:
        why = (
            f"none of its {len(spectra)} records can be used ({reason_counts(spectra)})"
            if len(spectra)
            else "holds no record"
        )
        raise InputError(path, why, "give a library with spectra, or leave it out")
    foreign, line = not_electron_ionization(spectra)
    if line is None or any_ionization:
        return spectra
    remaining = spectra.filter(pc.invert(foreign))
    if remaining["reason"].null_count == 0:
        raise InputError(path, line, "give an EI library, or search it all the same with --any-ionization")
    _LOG.warning("%s: %s; they are not searched", path, line)
    return remaining


def _hit_rows(
    queries: pa.Table, records: pa.Table, n_measured: int, hits: Hits, posterior: NDArray[np.float64], min_score: float
) -> pa.Table:
    """Make one row for each hit and each query without hits, in the order of the queries.

    `records` has the column `library`, the name of each record's library. The first `n_measured` records are measured.
    """
    without = np.setdiff1d(np.arange(len(queries)), hits.query)
    query = np.concatenate([hits.query, without])
    is_hit = np.arange(len(query)) < len(hits.query)
    asked = queries.take(pa.array(query))
    reasons = pc.fill_null(asked["reason"], f"no record with a score of {min_score:g} or more")

    def of_hits(values: NDArray[np.generic]) -> pa.Array:
        return pa.array(np.concatenate([values, np.zeros(len(without), values.dtype)]), mask=~is_hit)

    found = _with_forms(records, hits, n_measured).take(of_hits(np.arange(len(hits.entry))))
    comparison = RiComparison.of(queries, records)
    none = [None] * len(without)
    deltas = np.concatenate([comparison.deltas(hits.query, hits.entry), np.full(len(without), np.nan)])
    bases = [*comparison.bases(hits.query, hits.entry), *none]
    columns = {
        "query": asked["name"],
        "rank": rank_within(query) + 1,
        "library": found["library"],
        **{name: found[name] for name in ("entry", "name", "smiles", "inchikey", "formula", "cas")},
        "score": of_hits(hits.score),
        "cosine": of_hits(hits.cosine),
        "ri_delta": pa.array(deltas, from_pandas=True),
        "ri_basis": pa.array(bases, pa.string()),
        "contradiction": found["contradiction"],
        "derivative": found["derivative"],
        "smiles_measured": found["smiles_measured"],
        "excluded": pc.coalesce(found["excluded"], _excluded(asked, found)),
        "source": found["source"],
        "license": found["license"],
        "posterior": pa.array([*posterior, *[np.nan] * len(without)], pa.float64(), from_pandas=True),
        "predicted": of_hits(hits.entry >= n_measured),
        "reason": pc.if_else(is_hit, pa.scalar(None, pa.string()), reasons),
    }
    return pa.table(columns).take(np.argsort(query, kind="stable"))


def _with_forms(records: pa.Table, hits: Hits, n_measured: int) -> pa.Table:
    """Return the record of each hit, (n_hits,), with what it was measured of where the record is measured."""
    used, place = np.unique(hits.entry, return_inverse=True)
    is_measured = used < n_measured
    told = [
        with_measured_forms(records.take(pa.array(used[is_measured]))),
        records.take(pa.array(used[~is_measured])),
    ]
    return pa.concat_tables(told).drop_columns(["mz", "intensity"]).take(pa.array(place))


def _excluded(queries: pa.Table, records: pa.Table) -> pa.Array:
    """Tell why the query's ions exclude the molecule that each record was measured of, (n_rows,); null where not."""
    molecules = pc.coalesce(records["smiles_measured"], records["smiles"]).to_pylist()
    is_known = pc.or_(pc.is_null(records["derivative"]), pc.is_valid(records["smiles_measured"])).to_pylist()
    reasons = []
    for molecule, known, mz, intensity in zip(
        molecules, is_known, queries["mz"].to_pylist(), queries["intensity"].to_pylist(), strict=True
    ):
        reasons.append(excluded_by_ions(molecule, mz, intensity) if molecule and known and mz else None)
    return pa.array(reasons, pa.string())


def _check(libraries: Sequence[Path], settings: SearchSettings) -> None:
    if settings.top < 1:
        raise InputError(f"--top {settings.top}", "is not a number of hits", "give 1 or more")
    if not 0 <= settings.min_score <= 1:
        raise InputError(f"--min-score {settings.min_score:g}", "is not between 0 and 1", "give a score such as 0.5")
    if not 0 < settings.ri_tolerance < np.inf:
        raise InputError(f"--ri-tolerance {settings.ri_tolerance:g}", "is not above 0", "give index units such as 20")
    seen: dict[str, Path] = {}
    for path in libraries:
        twin = seen.setdefault(library_name(path), path)
        if twin is not path:
            raise InputError(path, f"has the same name as the library {twin}", "rename one of them, or give it once")
