"""Search of spectral libraries: the best records for each query, by spectrum and retention index."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array

from spectus import tables
from spectus.errors import InputError
from spectus.identify.ri_comparison import RiComparison
from spectus.identify.settings import SearchSettings
from spectus.library.parquet import predicted_by, predicted_with
from spectus.library.records import not_electron_ionization, read_spectra, reason_counts
from spectus.library.similarity import MEASURED, PREDICTED, Hits, cosine_top, joined, rank_within, weighted_matrix
from spectus.library.stored import StoredLibrary
from spectus.molecules.exclusions import Exclusions, leave_out_records
from spectus.molecules.measured_form import excluded_by_ions, peak_arrays, with_measured_forms
from spectus.tables import LIBRARY_HITS, SPECTRA
from spectus.types import Floats, Ints

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
    n_measured_libraries = sum(predicted_by(path) is None for path in ordered)
    if reranker is not None and n_measured_libraries == len(ordered):
        _LOG.warning("--reranker has no effect: no library is of predicted spectra")
    parts = [_opened(path, settings.any_ionization) for path in ordered]
    for part in parts:
        for note in RiComparison.of(asked, part.records).notes(library_name(part.path)):
            _LOG.warning("%s", note)
    if exclude:
        measured = [settings.exclude_predicted or place < n_measured_libraries for place in range(len(parts))]
        kept = leave_out_records([part.records for part in parts], measured, Exclusions.read(exclude))
        parts = [part.filter(records) for part, records in zip(parts, kept, strict=True)]
    held = _Held(parts, n_measured_libraries)
    hits, posterior = _search_held(asked, held, settings, reranker)
    key = np.where(np.isnan(posterior), hits.score, posterior)
    order = np.lexsort((hits.entry, -key, hits.query))
    order = order[searched[hits.query[order]]]
    rows = _hit_rows(asked, held, hits.at(order), posterior[order], settings.min_score)
    said = {name: str(value) for name, value in asdict(settings).items()}
    tables.write(rows, out, LIBRARY_HITS, {"libraries": " ".join(map(str, libraries)), **said})


class _Held:
    """The records of all libraries, one after another, measured ones first."""

    def __init__(self, libraries: Sequence[StoredLibrary], n_measured_libraries: int) -> None:
        self.libraries, self._n_libraries = libraries, n_measured_libraries
        self.starts = np.cumsum([0, *map(len, libraries)])
        self.n_measured = int(self.starts[n_measured_libraries])
        self.records = pa.concat_tables([library.records for library in libraries])
        names = [library_name(library.path) for library in libraries]
        self.names = pa.array(names).take(pa.array(np.repeat(np.arange(len(names)), np.diff(self.starts))))

    def matrices(self, *, predicted: bool) -> Iterator[csr_array]:
        """Yield the weighted spectra of the measured or of the predicted records, in parts."""
        chosen = self.libraries[self._n_libraries :] if predicted else self.libraries[: self._n_libraries]
        for library in chosen:
            yield from library.matrices(PREDICTED if predicted else MEASURED)

    def spectra(self, entries: Ints) -> pa.Table:
        """Return records with their peaks (schema SPECTRA); `entries` ascend, each once."""
        parts = [SPECTRA.empty_table()]
        for library, start, stop in zip(self.libraries, self.starts, self.starts[1:], strict=False):
            of_library = entries[(entries >= start) & (entries < stop)] - start
            if len(of_library):
                parts.append(library.spectra(of_library))
        return pa.concat_tables(parts)


def _search_held(
    queries: pa.Table, held: _Held, settings: SearchSettings, reranker: str | Path | None
) -> tuple[Hits, Floats]:
    """Return the hits in measured and in predicted libraries, with the reranker's probabilities, or NaN."""
    found = [_search_kind(queries, held, settings, predicted=False)]
    posterior = [np.full(len(found[0].query), np.nan)]
    if held.n_measured < len(held.records):
        predicted = _search_kind(queries, held, settings, predicted=True)
        of_predicted = np.full(len(predicted.query), np.nan)
        if reranker is not None:
            predicted, of_predicted = _reranked(queries, held, predicted, reranker, settings)
        found.append(predicted)
        posterior.append(of_predicted)
    return joined(found), np.concatenate(posterior)


def _search_kind(queries: pa.Table, held: _Held, settings: SearchSettings, *, predicted: bool) -> Hits:
    """Search the measured or the predicted records; `entry` counts all records that are held."""
    first = held.n_measured if predicted else 0
    factor = RiComparison.of(queries, held.records).factor(settings.ri_tolerance)
    weights = PREDICTED if predicted else MEASURED
    hits = cosine_top(
        weighted_matrix(queries["mz"], queries["intensity"], **weights._asdict()),
        held.matrices(predicted=predicted),
        settings.top_predicted if predicted else settings.top,
        min_score=0.0 if predicted else settings.min_score,
        factor=lambda query, entry: factor(query, entry + first),
    )
    return hits._replace(entry=hits.entry + first)


def _reranked(
    queries: pa.Table, held: _Held, hits: Hits, name: str | Path, settings: SearchSettings
) -> tuple[Hits, Floats]:
    """Return the hits in predicted libraries in the order of a reranker, and their probabilities."""
    from spectus.rerank.reranker import load_reranker
    from spectus.rerank.scoring import rerank_hits

    reranker = load_reranker(name)
    for library in held.libraries:
        made = predicted_with(library.path)
        if made is not None and made != reranker.prediction_model.sha256:
            _LOG.warning(
                "%s: its spectra were predicted by %s, the reranker %s was trained with %s; predict the library with "
                "that model, or its probabilities cannot be trusted",
                library.path, predicted_by(library.path), name, reranker.prediction_model.name,
            )  # fmt: skip
    used, place = np.unique(hits.entry, return_inverse=True)
    shortlist = hits._replace(entry=place)
    reranked = rerank_hits(queries, held.spectra(used), shortlist, reranker, settings.top_predicted, 0.0)
    return reranked.hits._replace(entry=used[reranked.hits.entry]), reranked.posterior


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


def _opened(path: Path, any_ionization: bool) -> StoredLibrary:
    """Open a library with at least one usable record, without records that are not from electron ionization."""
    library = StoredLibrary.open(path)
    records = library.records
    if records["reason"].null_count == 0:
        why = (
            f"none of its {len(records)} records can be used ({reason_counts(records)})"
            if len(records)
            else "holds no record"
        )
        raise InputError(path, why, "give a library with spectra, or leave it out")
    foreign, line = not_electron_ionization(records)
    if line is None or any_ionization:
        return library
    remaining = records.filter(pc.invert(foreign))
    if remaining["reason"].null_count == 0:
        raise InputError(path, line, "give an EI library, or search it all the same with --any-ionization")
    _LOG.warning("%s: %s; they are not searched", path, line)
    return library.filter(remaining)


def _hit_rows(queries: pa.Table, held: _Held, hits: Hits, posterior: Floats, min_score: float) -> pa.Table:
    """Make one row for each hit and each query without hits, in the order of the queries."""
    without = np.setdiff1d(np.arange(len(queries)), hits.query)
    query = np.concatenate([hits.query, without])
    is_hit = np.arange(len(query)) < len(hits.query)
    asked = queries.select(["name", "reason"]).take(pa.array(query))
    reasons = pc.fill_null(asked["reason"], f"no record with a score of {min_score:g} or more")

    def of_hits(values: NDArray[np.generic]) -> pa.Array:
        return pa.array(np.concatenate([values, np.zeros(len(without), values.dtype)]), mask=~is_hit)

    found = _with_forms(held, hits).take(of_hits(np.arange(len(hits.entry))))
    comparison = RiComparison.of(queries, held.records)
    none = [None] * len(without)
    deltas = np.concatenate([comparison.deltas(hits.query, hits.entry), np.full(len(without), np.nan)])
    bases = [*comparison.bases(hits.query, hits.entry), *none]
    columns = {
        "query": asked["name"],
        "rank": rank_within(query) + 1,
        "library": held.names.take(of_hits(hits.entry)),
        **{name: found[name] for name in ("entry", "name", "smiles", "inchikey", "formula", "cas")},
        "score": of_hits(hits.score),
        "cosine": of_hits(hits.cosine),
        "ri_delta": pa.array(deltas, from_pandas=True),
        "ri_basis": pa.array(bases, pa.string()),
        "contradiction": found["contradiction"],
        "derivative": found["derivative"],
        "smiles_measured": found["smiles_measured"],
        "excluded": pc.coalesce(found["excluded"], _excluded(queries, query, found)),
        "source": found["source"],
        "license": found["license"],
        "posterior": pa.array([*posterior, *[np.nan] * len(without)], pa.float64(), from_pandas=True),
        "predicted": of_hits(hits.entry >= held.n_measured),
        "reason": pc.if_else(is_hit, pa.scalar(None, pa.string()), reasons),
    }
    return pa.table(columns).take(np.argsort(query, kind="stable"))


def _with_forms(held: _Held, hits: Hits) -> pa.Table:
    """Return the record of each hit, (n_hits,), with what it was measured of where the record is measured."""
    used, place = np.unique(hits.entry, return_inverse=True)
    measured = with_measured_forms(held.spectra(used[used < held.n_measured])).drop_columns(["mz", "intensity"])
    predicted = held.records.take(pa.array(used[used >= held.n_measured])).select(measured.column_names)
    return pa.concat_tables([measured, predicted]).take(pa.array(place))


def _excluded(queries: pa.Table, query: Ints, records: pa.Table) -> pa.Array:
    """Tell why the ions of a query exclude the molecule that each record was measured of, (n_rows,); null where not.

    Parameters
    ----------
    queries
        All queries.
    query
        Row of the query of each record.
    records
        The records, (n_rows,).
    """
    molecules = pc.coalesce(records["smiles_measured"], records["smiles"]).to_pylist()
    is_known = pc.or_(pc.is_null(records["derivative"]), pc.is_valid(records["smiles_measured"])).to_pylist()
    peaks = peak_arrays(queries)
    return pa.array(
        [
            excluded_by_ions(molecule, *peaks[row]) if molecule and known else None
            for molecule, known, row in zip(molecules, is_known, query.tolist(), strict=True)
        ],
        pa.string(),
    )


def _check(libraries: Sequence[Path], settings: SearchSettings) -> None:
    for option, value in (("--top", settings.top), ("--top-predicted", settings.top_predicted)):
        if value < 1:
            raise InputError(f"{option} {value}", "is not a number of hits", "give 1 or more")
    if not 0 <= settings.min_score <= 1:
        raise InputError(f"--min-score {settings.min_score:g}", "is not between 0 and 1", "give a score such as 0.5")
    if not 0 < settings.ri_tolerance < np.inf:
        raise InputError(f"--ri-tolerance {settings.ri_tolerance:g}", "is not above 0", "give index units such as 20")
    seen: dict[str, Path] = {}
    for path in libraries:
        twin = seen.setdefault(library_name(path), path)
        if twin is not path:
            raise InputError(path, f"has the same name as the library {twin}", "rename one of them, or give it once")
