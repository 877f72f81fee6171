"""Judging the hits of a search in predicted spectra: the best by cosine are looked at again with all witnesses."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from spectus.forward.data import dense
from spectus.forward.features import describe
from spectus.forward.model import ForwardModel
from spectus.library.similarity import Hits, rank_within

SHORTLIST = 300
"""Hits by cosine of each query that are judged."""


def judged(queries: pa.Table, library: pa.Table, hits: Hits, forward: Path, top: int, min_score: float) -> Hits:
    """The `top` best hits of each query as the judge sees it.

    The score becomes the probability that the hit is right, if one of the query's hits is: it says which hit to prefer,
    not that any of them is right. The cosine stays, and a hit below `min_score` by cosine is left out.

    Parameters
    ----------
    queries, library: tables of schema SPECTRA; the library's spectra are predicted.
    hits: from a search of the library, grouped by query.
    """
    model = ForwardModel.load(forward)
    bins = model.neims.config.bins
    used, candidate = np.unique(hits.entry, return_inverse=True)
    asked, query = np.unique(hits.query, return_inverse=True)
    records, spectra = library.take(pa.array(used)), queries.take(pa.array(asked))
    smiles = records["smiles"].to_pylist()
    blocks = [key[:14] if key else None for key in records["inchikey"].to_pylist()]
    pairs = model.pairs(
        dense(spectra["mz"].to_pylist(), spectra["intensity"].to_pylist(), bins),
        describe(smiles, len(smiles)),
        blocks,
        dense(records["mz"].to_pylist(), records["intensity"].to_pylist(), bins),
        query,
        candidate,
    )
    shares = np.round(model.judge.shares(pairs), 9)
    order = np.lexsort((hits.entry, -shares, hits.query))
    ranked = hits._replace(score=shares).at(order)
    kept = ranked.at(ranked.cosine >= min_score)
    return kept.at(rank_within(kept.query) < top)
