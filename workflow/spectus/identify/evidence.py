"""What speaks for the candidates of queries besides their spectra: sources, library scores and retention indices."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectus.identify.merging import Candidate
from spectus.rerank.pair_features import Evidence


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


def evidence_of(merged: Sequence[Sequence[Candidate]], spectra: pa.Table) -> list[QueryEvidence]:
    """Collect the evidence for the candidates of queries.

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
    assert len(merged) == len(spectra)
    return [_of_query(candidates) for candidates in merged]


def _of_query(candidates: Sequence[Candidate]) -> QueryEvidence:
    n = len(candidates)

    def numbers(name: str) -> NDArray[np.float64]:
        values = [getattr(one, name) for one in candidates]
        return np.array([np.nan if value is None else value for value in values], np.float64)

    def named_by(source: str) -> NDArray[np.bool_]:
        return np.array([source in one.named_by for one in candidates], bool)

    evidence = Evidence(
        numbers("library_score"), named_by("predicted"), named_by("model"), named_by("edit"), numbers("log_prob"),
        np.zeros(n),
    )  # fmt: skip
    return QueryEvidence(evidence, np.full(n, np.nan))
