"""Training a model of retention indices, and its errors on sources that it did not learn from."""

import csv
import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky
from scipy.linalg.lapack import dpotri

from spectus.errors import InputError
from spectus.files import require_file
from spectus.library.fields import index_of_field
from spectus.library.ri_scales import HIGHEST_RI, LOWEST_RI, RiScale, scale_named, to_alkane
from spectus.molecules.exclusions import Exclusions
from spectus.retention.ri_prediction import RiModel, described, encoded
from spectus.structures import flat_smiles, inchikey14, quiet_rdkit
from spectus.types import Flags, Floats

_LOG = logging.getLogger("spectus")

# Variances of the parts of the kernel, squared index units, and of the measurements. Chosen leave one source out.
_OF_DESCRIPTORS, _OF_COUNTS, _OF_SIMILARITY = 300_000.0, 30_000.0, 100_000.0
_OF_MEASUREMENT = 1600.0

_LEAST_COMPOUNDS = 3
"""Compounds that have an environment of the vocabulary. Chosen: rarer ones cannot be fitted."""

_MOST_LEVELS = 16
"""As `ri_prediction` cuts counts."""

_ODD = 2.5
"""Standard errors. An index that differs by more from what the others tell counts for less (Huber's weights, squared);
chosen."""

_MANY_SHARED, _FAR_APART = 10, 30.0
"""A source that shares so many compounds with the others and differs from them by more index units in the median is
left out: its column or scale is another. Chosen: sources on semi-standard non-polar columns differ by 2 to 16."""

_LEAST_OF_SOURCE = 20
"""Compounds of a source that is left out in turn; chosen."""

_POLAR = re.compile(r"mid-?polar|(?<!non-)(?<!non)polar|wax|db-?(?:17|225|624|1701)|rtx-?200|peg", re.IGNORECASE)
_FLOOR = 5.0
"""Index units added to a residual before its logarithm is taken, so that a chance agreement does not count."""

_WITHIN = 0.683
"""Share of the molecules whose error is within the predicted one: that of one standard deviation of a normal
distribution."""


class RiRecord(NamedTuple):
    """A measured index: structure without stereochemistry, its inchikey14, index on the n-alkane scale, source."""

    smiles: str
    key: str
    ri: float
    source: str


class SourceErrors(NamedTuple):
    """Errors on the compounds of one source, of a model that learned from none of them.

    Attributes
    ----------
    source : str
        Its name.
    n : int
        Compounds.
    median, p90 : float
        Of the absolute errors, index units.
    within : float
        Share of the compounds whose error is within the predicted one.
    """

    source: str
    n: int
    median: float
    p90: float
    within: float


class _Compounds(NamedTuple):
    """Compounds with the median of their indices, and how many records each has."""

    smiles: list[str]
    keys: list[str]
    ri: Floats


def train_ri_model(tables: Sequence[Path], out: Path, exclude: Sequence[Path | str] = ()) -> list[SourceErrors]:
    """Train a model of retention indices, and print its errors leave one source out.

    Parameters
    ----------
    tables
        CSV or Parquet with columns `smiles` (of the molecule measured) and `ri` or `retention_index`, index units;
        optionally `source` or `contributor`, `column_class` or `column`, and `ri_scale`. Indices of polar columns are
        left out, those of the FAME scale converted. A source that contradicts the others is left out.
    out
        Folder to write.
    exclude
        Files that name compounds to leave out, as `Exclusions.read` takes them.

    Raises
    ------
    InputError
        A table cannot be read, or lacks a column, or too few indices remain.
    """
    records = _without_odd_sources(read_indices(tables, Exclusions.read(exclude)))
    errors, error_weights = leave_one_source_out(records)
    model = fit_ri_model(_compounds(records), error_weights)
    model.save(
        out,
        {
            "n_compounds": len({record.key for record in records}),
            "sources": dict(Counter(record.source for record in records)),
            "exclude": [Path(path).name for path in exclude],
            "leave_one_source_out": [source._asdict() for source in errors],
        },
    )
    for source in errors:
        print(
            f"{source.source}: {source.n} compounds, median error {source.median:.0f}, 90 % {source.p90:.0f}, "
            f"{source.within:.0%} within the predicted error"
        )
    return errors


def read_indices(tables: Sequence[Path], exclusions: Exclusions) -> list[RiRecord]:
    """Read measured indices, on the n-alkane scale of non-polar columns; what is left out is logged.

    Raises
    ------
    InputError
        A table cannot be read or lacks the columns `smiles` and `ri`.
    """
    records, left_out = list[RiRecord](), Counter[str]()
    with quiet_rdkit():
        for table in tables:
            for row in _rows(table):
                found = _record(row, table.stem, exclusions)
                if isinstance(found, RiRecord):
                    records.append(found)
                else:
                    left_out[found] += 1
    for reason, n in left_out.most_common():
        _LOG.info("%s indices left out: %s", f"{n:,}", reason)
    if len({record.key for record in records}) < _LEAST_OF_SOURCE:
        raise InputError(", ".join(map(str, tables)), f"hold only {len(records)} usable indices", "give more")
    return records


def _rows(table: Path) -> list[dict[str, str]]:
    """Read the columns of a table that are used, as text."""
    if require_file(table).suffix == ".parquet":
        names = [name for name in pq.read_schema(table).names if name.lower() in _USED]
        rows = [
            {k: "" if v is None else str(v) for k, v in row.items()}
            for row in pq.read_table(table, columns=names).to_pylist()
        ]
    else:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [dict(row) for row in csv.DictReader(file)]
    rows = [{key.lower(): value or "" for key, value in row.items() if key} for row in rows]
    if not rows or "smiles" not in rows[0] or not {"ri", "retention_index"} & rows[0].keys():
        raise InputError(table, "has no rows with the columns smiles and ri", "give a table of measured indices")
    return rows


_USED = {
    "smiles", "ri", "retention_index", "source", "contributor", "column_class", "column", "ri_scale",
}  # fmt: skip


def _record(row: dict[str, str], table: str, exclusions: Exclusions) -> RiRecord | str:
    """Return a row's index, or why it is left out."""
    column = " ".join(row.get(name, "") for name in ("column_class", "column", "ri_scale"))
    value, named, _ = index_of_field(row.get("ri") or row.get("retention_index") or "")
    scale = named or scale_named(column)
    smiles = flat_smiles(row["smiles"]) if row["smiles"] else None
    if value is None or not LOWEST_RI <= value <= HIGHEST_RI:
        return "no index"
    if smiles is None or "." in smiles:
        return "no molecule"
    if _POLAR.search(column):
        return "a polar column"
    if reason := exclusions.reason(smiles):
        return reason
    index = float(to_alkane(value)) if scale is RiScale.FAME else value
    return RiRecord(smiles, inchikey14(smiles), index, _source(row) or table)


def _source(row: dict[str, str]) -> str:
    """Name the laboratory of a row: the contributor where the source is a collection."""
    source, contributor = row.get("source", ""), row.get("contributor", "")
    return contributor if source in ("", "MassBank") and contributor else source


def _without_odd_sources(records: list[RiRecord]) -> list[RiRecord]:
    """Leave out sources whose indices contradict those of the others; each is logged."""
    while True:
        worst, distance = "", 0.0
        for source in {record.source for record in records}:
            own, others = (_by_key(records, source, same) for same in (True, False))
            apart = [abs(own[key] - others[key]) for key in own.keys() & others.keys()]
            if len(apart) >= _MANY_SHARED and (median := float(np.median(apart))) > max(distance, _FAR_APART):
                worst, distance = source, median
        if not worst:
            return records
        _LOG.warning(
            "%s is left out: its indices differ by %.0f from those of the others in the median", worst, distance
        )
        records = [record for record in records if record.source != worst]


def _by_key(records: Sequence[RiRecord], source: str, same: bool) -> dict[str, float]:
    chosen = [record for record in records if (record.source == source) == same]
    return dict(zip((found := _compounds(chosen)).keys, found.ri.tolist(), strict=True))


def _compounds(records: Sequence[RiRecord]) -> _Compounds:
    """Return each compound once, with the median of its indices."""
    indices: dict[str, list[float]] = {}
    smiles: dict[str, str] = {}
    for record in records:
        indices.setdefault(record.key, []).append(record.ri)
        smiles.setdefault(record.key, record.smiles)
    keys = sorted(indices)
    return _Compounds([smiles[key] for key in keys], keys, np.array([np.median(indices[key]) for key in keys]))


def leave_one_source_out(records: Sequence[RiRecord]) -> tuple[list[SourceErrors], Floats]:
    """Predict the compounds of each source by a model of the others, and fit how the error depends on the molecule.

    Returns
    -------
    errors : list of SourceErrors
        Of the sources with at least 20 compounds.
    error_weights : ndarray of float64, (4,)
        Of `ri_prediction.error_features`.
    """
    left_out, features, residuals = list[tuple[str, Flags]](), list[Floats](), list[Floats]()
    for source in sorted({record.source for record in records}):
        test = _compounds([record for record in records if record.source == source])
        if len(test.keys) < _LEAST_OF_SOURCE:
            continue
        hidden = set(test.keys)
        model = fit_ri_model(_compounds([record for record in records if record.key not in hidden]), np.zeros(4))
        features.append(model.error_features(test.smiles))
        residuals.append(np.abs(model.predict(test.smiles).ri - test.ri))
        left_out.append((source, ~np.isnan(residuals[-1])))
    if not residuals:
        raise InputError(
            "the indices", f"no source has {_LEAST_OF_SOURCE} compounds", "give tables with a column source"
        )
    weights = _error_weights(np.concatenate(features), np.concatenate(residuals))
    errors = []
    for (source, usable), spread, residual in zip(left_out, features, residuals, strict=True):
        found = residual[usable]
        within = float((found <= np.exp(spread[usable] @ weights)).mean())
        errors.append(SourceErrors(source, len(found), float(np.median(found)), float(np.quantile(found, 0.9)), within))
    return errors, weights


def _error_weights(features: Floats, residuals: Floats) -> Floats:
    """Fit the logarithm of the error, and scale it so that two thirds of the residuals are within it."""
    usable = np.isfinite(residuals) & np.isfinite(features).all(axis=1)
    features, residuals = features[usable], residuals[usable]
    weights = np.linalg.lstsq(features, np.log(residuals + _FLOOR), rcond=None)[0]
    weights[0] += np.log(np.quantile(residuals / np.exp(features @ weights), _WITHIN))
    return np.asarray(weights, np.float64)


def fit_ri_model(compounds: _Compounds, error_weights: Floats) -> RiModel:
    """Fit the model to compounds.

    Parameters
    ----------
    compounds
        Structures and indices.
    error_weights
        Of `ri_prediction.error_features`, (4,).
    """
    molecules = described(compounds.smiles)
    usable = ~np.isnan(molecules.descriptors[:, 0])
    environments = [found for found, use in zip(molecules.environments, usable.tolist(), strict=True) if use]
    ri, descriptors = compounds.ri[usable], molecules.descriptors[usable]
    vocabulary, levels = _vocabulary(environments)
    starts = np.concatenate([[0], np.cumsum(levels)])
    counts, columns, sizes = encoded(environments, vocabulary, starts)
    mean, scale = descriptors.mean(axis=0), descriptors.std(axis=0) + 1e-6
    scaled = (descriptors - mean) / scale
    dense = counts.toarray()
    centers, spreads = dense.mean(axis=0), np.sqrt(dense.var(axis=0) + _SPREAD)
    relative = (dense - centers) / spreads
    shared = (columns @ columns.T).toarray()
    similarity = shared / (sizes[:, None] + sizes[None] - shared)
    kernel = (
        _OF_DESCRIPTORS / scaled.shape[1] * scaled @ scaled.T
        + _OF_COUNTS / relative.shape[1] * relative @ relative.T
        + _OF_SIMILARITY * similarity
    )
    constant = float(ri.mean())
    weights = _robust_weights(kernel, ri - constant)
    count_weights = _OF_COUNTS / relative.shape[1] * (weights @ relative) / spreads
    return RiModel(
        {
            "vocabulary": vocabulary.astype(np.int64),
            "levels": levels.astype(np.uint8),
            "count_weights": count_weights.astype(np.float32),
            "descriptor_mean": mean,
            "descriptor_scale": scale,
            "descriptor_weights": _OF_DESCRIPTORS / scaled.shape[1] * (weights @ scaled),
            "known_indices": columns.indices.astype(np.uint16),
            "known_indptr": columns.indptr.astype(np.int32),
            "known_sizes": sizes.astype(np.uint16),
            "known_weights": (_OF_SIMILARITY * weights).astype(np.float32),
            "constant": np.array([constant - float(centers @ count_weights)]),
            "error_weights": error_weights,
        }
    )


_SPREAD = 0.02
"""Variance added to that of an environment's counts, so that rare environments do not get large values; chosen."""


def _vocabulary(environments: Sequence[dict[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the environments that enough molecules have, ascending, and the highest count of each."""
    n_molecules = Counter(key for found in environments for key in found)
    vocabulary = sorted(key for key, n in n_molecules.items() if n >= _LEAST_COMPOUNDS)
    highest = Counter[int]()
    for found in environments:
        for key, n in found.items():
            highest[key] = max(highest[key], min(n, _MOST_LEVELS))
    return np.array(vocabulary, np.int64), np.array([highest[key] for key in vocabulary], np.int64)


def _robust_weights(kernel: Floats, target: Floats) -> Floats:
    """Solve for the weights of the compounds; indices that the others contradict count for less."""
    factor = cholesky(kernel + _OF_MEASUREMENT * np.eye(len(target)), lower=True)
    weights: Floats = cho_solve((factor, True), target)
    inverse, _ = dpotri(factor, lower=True)
    odd = np.abs(weights) / np.sqrt(np.diag(inverse))  # residual of leaving the compound out, in standard errors
    trust = np.minimum(1.0, (_ODD / np.maximum(odd, 1e-9)) ** 2)
    factor = cholesky(kernel + np.diag(_OF_MEASUREMENT / trust), lower=True)
    return np.asarray(cho_solve((factor, True), target), np.float64)
