"""What speaks for the candidates of queries besides their spectra.

It is their sources, library scores, retention indices and CAS numbers, and whether they survive a silylation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import norm, t

from spectus.identify.cas_numbers import registered
from spectus.identify.merging import Candidate
from spectus.identify.ri_comparison import CONVERTED, EXTRAPOLATED, EXTRAPOLATED_TOLERANCE
from spectus.library.ri_scales import CONVERSION_ERROR, RiScale, to_alkane
from spectus.molecules.silylation import free_groups, look_silylated
from spectus.rerank.pair_features import Evidence
from spectus.retention.ri_prediction import load_ri_model


class QueryEvidence(NamedTuple):
    """Evidence for the n candidates of one query.

    Attributes
    ----------
    evidence : Evidence
        What the reranker reads.
    ri_predicted : ndarray of float64, (n,)
        Predicted retention index on the n-alkane scale; NaN without one.
    """

    evidence: Evidence
    ri_predicted: NDArray[np.float64]


_DEGREES_OF_FREEDOM = 3
"""Of Student's t, by which errors of predicted indices are distributed. Chosen: a few are far off."""

_SPREAD = 250.0
"""Standard deviation, index units, of the differences between the indices of wrong candidates and of the query. Chosen:
compounds of one mass elute over some 800 units."""

_MEASURED_ERROR = 10.0
"""Error, index units, of the index of a library record on the same scale. Chosen: the spread between laboratories on
similar columns is 5 to 10."""

_EXTRAPOLATED_ERROR = EXTRAPOLATED_TOLERANCE * _MEASURED_ERROR
"""The same outside the ladder; Chosen: as much wider as the tolerance of the search."""

_MOST_FOR, _MOST_AGAINST = 2.0, -4.0
"""Bounds of the evidence of an index, logarithms of odds. Chosen: a wrong index does not hide a spectrum that fits."""


_MEASURED_ERRORS: dict[str | None, float] = {
    CONVERTED: float(np.hypot(_MEASURED_ERROR, CONVERSION_ERROR)), EXTRAPOLATED: _EXTRAPOLATED_ERROR,
}  # fmt: skip


def evidence_of(merged: Sequence[Sequence[Candidate]], spectra: pa.Table) -> list[QueryEvidence]:
    """Collect the evidence for the candidates of queries.

    A candidate with a measured index is judged by it, else by a predicted one. Indices are predicted for queries that
    have one. Outside the ladder of the run, a predicted index says nothing. If most of the queries look silylated, the
    groups of a candidate that silylation would have changed count against it.

    Parameters
    ----------
    merged
        The candidates of each query.
    spectra
        The queries, a table of schema SPECTRA.

    Returns
    -------
    list of QueryEvidence, (n_queries,)
    """
    index = _alkane_index(spectra)
    wanted = {
        one.measured_smiles for at, candidates in enumerate(merged) for one in candidates if np.isfinite(index[at])
    }
    smiles = sorted(text for text in wanted if text is not None)
    known: dict[str | None, tuple[float, float]] = {}
    if smiles:
        found = load_ri_model().predict(smiles)
        known = {text: (float(ri), float(error)) for text, ri, error in zip(smiles, *found, strict=True)}
    silylated = look_silylated(spectra["mz"].to_pylist(), spectra["intensity"].to_pylist())
    return [_of_query(candidates, float(own), known, silylated) for candidates, own in zip(merged, index, strict=True)]


def retention_evidence(delta: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much more probable differences of indices are for the right structure than for a wrong one.

    Parameters
    ----------
    delta
        (n,) query's index minus the predicted one, index units; NaN: not known.
    error
        (n,) error that two thirds of predictions do not exceed, index units.

    Returns
    -------
    ndarray of float64, (n,)
        Logarithms of ratios; 0 where the difference is not known.
    """
    known = np.isfinite(delta) & np.isfinite(error)
    scale = np.where(known, np.maximum(error, 1.0), 1.0)
    difference = np.where(known, delta, 0.0)
    right = t.logpdf(difference / scale, _DEGREES_OF_FREEDOM) - np.log(scale)
    ratio = right - norm.logpdf(difference, scale=_SPREAD)
    return np.where(known, np.clip(ratio, _MOST_AGAINST, _MOST_FOR), 0.0)


def _alkane_index(spectra: pa.Table) -> NDArray[np.float64]:
    """Return the queries' indices on the n-alkane scale; NaN without one, or if it is extrapolated."""
    ri = pc.fill_null(spectra["ri"], np.nan).to_numpy().astype(np.float64)
    is_fame = pc.fill_null(pc.equal(spectra["ri_scale"], RiScale.FAME.value), False).to_numpy(zero_copy_only=False)
    outside = pc.fill_null(spectra["ri_extrapolated"], False).to_numpy(zero_copy_only=False)
    index = np.where(is_fame, to_alkane(np.nan_to_num(ri)), ri)
    return np.where(np.isnan(ri) | outside, np.nan, index)


def _of_query(
    candidates: Sequence[Candidate], index: float, known: dict[str | None, tuple[float, float]], silylated: bool
) -> QueryEvidence:
    def numbers(name: str) -> NDArray[np.float64]:
        values = [getattr(one, name) for one in candidates]
        return np.array([np.nan if value is None else value for value in values], np.float64)

    def named_by(source: str) -> NDArray[np.bool_]:
        return np.array([source in one.named_by for one in candidates], bool)

    unknown = (float("nan"), float("nan"))
    predicted, error = np.array([known.get(one.measured_smiles, unknown) for one in candidates]).reshape(-1, 2).T
    measured = np.where(named_by("library"), numbers("ri_delta"), np.nan)
    delta = np.where(np.isnan(measured), index - predicted, measured)
    error = np.where(
        np.isnan(measured), error, [_MEASURED_ERRORS.get(one.ri_basis, _MEASURED_ERROR) for one in candidates]
    )
    structures = [one.measured_smiles if silylated else None for one in candidates]
    free = np.array([free_groups(smiles) if smiles else 0 for smiles in structures], np.float64)
    evidence = Evidence(
        numbers("library_score"), named_by("predicted"), named_by("model"), named_by("edit"), numbers("log_prob"),
        retention_evidence(delta, error), registered(candidates), free,
    )  # fmt: skip
    return QueryEvidence(evidence, predicted)
