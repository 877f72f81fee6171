"""Queries with their candidates as a Parquet file, between the training of a reranker and its evaluation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spectus.errors import InputError
from spectus.files import replacing, require_file
from spectus.rerank.pair_features import PAIR_FEATURES
from spectus.rerank.query_lists import QueryPairs

QUERIES = "queries.parquet"
"""Name of the file in the folder of a reranker's training."""

_FEATURES = b"pair_features"


def write_pairs(pairs: Sequence[QueryPairs], path: Path) -> None:
    """Write queries with the pair features of their candidates."""
    columns = {
        "laboratory": [one.laboratory for one in pairs],
        "inchikey14": [one.inchikey14 for one in pairs],
        "truth": [one.truth for one in pairs],
        "found": [one.found for one in pairs],
        "measured": pa.array([one.measured for one in pairs], pa.list_(pa.float32())),
        "smiles": [one.smiles for one in pairs],
        "right": [one.right.tolist() for one in pairs],
        "features": pa.array([one.features.ravel() for one in pairs], pa.list_(pa.float32())),
    }
    table = pa.table(columns).replace_schema_metadata({_FEATURES: ",".join(PAIR_FEATURES).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_pairs(path: Path) -> list[QueryPairs]:
    """Read what `write_pairs` wrote.

    Raises
    ------
    InputError
        No such file, or one of another version.
    """
    table = pq.read_table(require_file(path))
    if (table.schema.metadata or {}).get(_FEATURES, b"").decode() != ",".join(PAIR_FEATURES):
        raise InputError(path, "has pair features of another version", "train the reranker again")
    return [
        QueryPairs(
            np.array(row["measured"], np.float32), row["smiles"],
            np.array(row["features"], np.float64).reshape(-1, len(PAIR_FEATURES)), np.array(row["right"], bool),
            row["found"], row["truth"], row["inchikey14"], row["laboratory"],
        )
        for row in table.to_pylist()
    ]  # fmt: skip
