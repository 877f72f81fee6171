"""Weighted unit-mass spectra and their cosine: which library spectra are nearest to a query.

A spectrum becomes a vector over nominal masses with entries intensity^0.53 * mass^1.3, scaled to length 1. Stein and
Scott (J. Am. Soc. Mass Spectrom. 1994, 5, 859) found that such weights matter more than the measure. These exponents
rank replicate EI spectra best (measured with benchmarks/library_search.py). Predicted spectra have the right peaks, but
often wrong intensities. Intensities therefore count for less: intensity^0.35 * mass^0.5 (measured with
benchmarks/insilico.py).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array
from tqdm import tqdm

from spectus.nominal_mass import to_nominal_mass
from spectus.types import Ints

INTENSITY_POWER = 0.53
MASS_POWER = 1.3


class Powers(NamedTuple):
    """Exponents of the weight of a peak: intensity^intensity_power * mass^mass_power."""

    intensity_power: float
    mass_power: float


MEASURED = Powers(INTENSITY_POWER, MASS_POWER)
PREDICTED = Powers(0.35, 0.5)

QUERIES_AT_ONCE = 256
LIBRARY_AT_ONCE = 4096
_PAIRS_AT_ONCE = 16384
"""Rows and pairs of a block; chosen: dense blocks of some 10 MB, which stay in a processor's cache."""

_SAMPLE = 512
"""Rows of a part of the library that are compared first; chosen: they raise the limits, so that few pairs of the other
rows are computed again."""

SLACK = 1e-4
"""More than the rounding error of float32 products of unit vectors: pairs this near to a limit are computed again."""

Factor = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


class Hits(NamedTuple):
    """Pairs of a query and a library spectrum, by query, then rank.

    Attributes
    ----------
    query, entry : ndarray of int64, (n_hits,)
        Rows of the two matrices.
    score : ndarray of float64, (n_hits,)
        The cosine times the factor, 0-1.
    cosine : ndarray of float64, (n_hits,)
        0-1.
    """

    query: NDArray[np.int64]
    entry: NDArray[np.int64]
    score: NDArray[np.float64]
    cosine: NDArray[np.float64]

    def at(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "Hits":
        """Return the pairs at these positions, or where a mask is true."""
        return Hits(self.query[which], self.entry[which], self.score[which], self.cosine[which])


def weighted_matrix(
    mz: pa.ListArray | pa.ChunkedArray,
    intensity: pa.ListArray | pa.ChunkedArray,
    *,
    intensity_power: float = INTENSITY_POWER,
    mass_power: float = MASS_POWER,
    n_masses: int | None = None,
) -> csr_array:
    """Return spectra as rows of length 1 over nominal masses, floor(m/z + 0.3).

    Peaks that share a nominal mass are summed before they are weighted. A row without peaks stays empty.

    Parameters
    ----------
    mz, intensity
        List columns, n_spectra long; m/z in Th, intensities not negative.
    intensity_power, mass_power
        Exponents of the weights (Stein and Scott 1994).
    n_masses
        Columns of the matrix; None: up to the highest nominal mass.

    Returns
    -------
    csr_array of float32, (n_spectra, n_masses)
        Column indices ascend in each row.

    Raises
    ------
    ValueError
        A peak lies beyond `n_masses`.
    """
    lengths = pc.fill_null(pc.list_value_length(mz), 0).to_numpy()
    mass = to_nominal_mass(pc.list_flatten(mz).to_numpy()).astype(np.int32)
    width = int(mass.max(initial=-1)) + 1
    if n_masses is not None and width > n_masses:
        raise ValueError(f"nominal mass {width - 1} does not fit into {n_masses} columns")
    matrix = csr_array(
        (pc.list_flatten(intensity).to_numpy().astype(np.float32), mass, np.concatenate([[0], np.cumsum(lengths)])),
        shape=(len(lengths), n_masses or max(width, 1)),
    )
    matrix.sum_duplicates()
    matrix.data = matrix.data**intensity_power * matrix.indices.astype(np.float32) ** mass_power
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    norm = np.sqrt(np.bincount(row, weights=matrix.data.astype(np.float64) ** 2, minlength=matrix.shape[0]))
    matrix.data = (matrix.data / np.where(norm > 0, norm, 1.0)[row]).astype(np.float32)
    return matrix


def cosine_top(
    queries: csr_array,
    library: csr_array | Iterable[csr_array],
    k: int,
    *,
    min_score: float = 0.0,
    factor: Factor | None = None,
) -> Hits:
    """Find the `k` best library rows of each query by cosine, or by cosine times a factor.

    The search works on blocks, in bounded memory beyond the two matrices. Queries and library rows of about the same
    highest mass are compared together, over the masses that both can have. A query is not compared with a block in
    which its peaks up to the block's highest mass are too small to reach the limit. The result depends neither on the
    blocks nor on the number of threads: dense float32 products only choose the pairs that can be among the best, whose
    cosines are then summed in one fixed order in float64. Equal scores are ranked by library row.

    Parameters
    ----------
    queries
        From `weighted_matrix`.
    library
        The same, with any number of columns; or its parts, in order, so that it need not be in memory at once.
    k
        Hits of each query.
    min_score
        Pairs below are no hits; neither are pairs of cosine 0.
    factor
        Called with query rows and library rows (n_pairs,) of pairs, it gives a number of 0-1 for each.

    Returns
    -------
    Hits
        By query, then by descending score.
    """
    highest = _highest_masses(queries)
    order = np.argsort(highest, kind="stable")
    best = [_BestCosines(queries, order[at], k, min_score) for at in blocks(queries.shape[0], QUERIES_AT_ONCE)]
    first = 0
    with tqdm(desc="search", unit=" spectra", disable=None, leave=False, delay=1) as bar:
        for part in [library] if isinstance(library, csr_array) else library:
            masses = _highest_masses(part)
            for rows in row_blocks(masses):
                block = dense_rows(part, rows, int(masses[rows].max(initial=0)) + 1)
                for of_block in best:
                    of_block.add(block, rows + first, factor)
                bar.update(len(rows))
            first += part.shape[0]
    hits = joined([of_block.hits for of_block in best])
    return hits.at(np.argsort(hits.query, kind="stable"))


class Best:
    """The best pairs so far for a block of queries, and the score that a new pair of each must reach.

    Parameters
    ----------
    rows
        The queries of the block.
    k, min_score
        As of `cosine_top`.
    """

    def __init__(self, rows: Ints, k: int, min_score: float = 0.0) -> None:
        self.rows, self.k, self.min_score = rows, k, min_score
        self.limit = np.full(len(rows), min_score)
        self.hits = joined([])
        self._place = np.zeros(int(rows.max(initial=-1)) + 1, np.int64)
        self._place[rows] = np.arange(len(rows))

    def keep(self, found: Hits) -> None:
        """Keep the best of the pairs so far and of `found`, in any order."""
        found = joined([self.hits, found])
        ranked = found.at(np.lexsort((found.entry, -found.score, found.query)))
        rank = rank_within(ranked.query)
        self.hits = ranked.at((rank < self.k) & (ranked.score >= self.min_score) & (ranked.score > 0))
        last = rank == self.k - 1
        self.limit[self._place[ranked.query[last]]] = np.maximum(ranked.score[last], self.min_score)


class _BestCosines(Best):
    """The best pairs by cosine for a block of queries.

    Parameters
    ----------
    queries
        All queries.
    rows
        Those of the block, by ascending highest mass.
    k, min_score
        As of `cosine_top`.
    """

    def __init__(self, queries: csr_array, rows: Ints, k: int, min_score: float) -> None:
        super().__init__(rows, k, min_score)
        self.spectra = dense_rows(queries, rows, int(_highest_masses(queries)[rows].max(initial=0)) + 1)
        self._length = np.sqrt(np.cumsum(self.spectra.astype(np.float64) ** 2, axis=1)).astype(np.float32)

    def add(self, library: NDArray[np.float32], entries: Ints, factor: Factor | None) -> None:
        """Compare the queries with rows of the library, (n_rows, n_masses), which are its rows `entries`."""
        width = min(library.shape[1], self.spectra.shape[1])
        compared = np.flatnonzero(self._length[:, width - 1] >= self.limit - SLACK)
        if not len(compared):
            return
        queries, held = self.spectra[compared, :width], library[:, :width]
        row, column, cosine = _above(queries @ held.T, self.limit[compared])
        query, entry = self.rows[compared[row]], entries[column]
        weight = np.ones(len(query)) if factor is None else factor(query, entry)
        likely = _likely(row, cosine * weight, self.k)
        exact = _exact(queries, held, row[likely], column[likely])
        self.keep(Hits(query[likely], entry[likely], exact * weight[likely], exact))


def joined(parts: Sequence[Hits]) -> Hits:
    """Join the pairs of all parts, in their order."""
    none = np.zeros(0, np.int64)
    parts = [Hits(none, none, np.zeros(0), np.zeros(0)), *parts]
    return Hits(
        np.concatenate([part.query for part in parts]),
        np.concatenate([part.entry for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.cosine for part in parts]),
    )


def blocks(n: int, size: int) -> Iterator[slice]:
    """Yield slices of `size`, the last of fewer, of `n` rows."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def row_blocks(highest: Ints) -> Iterator[Ints]:
    """Yield the rows of a part of the library in blocks: a sample, then the others by ascending highest mass."""
    order = np.argsort(highest, kind="stable")
    is_sample = np.zeros(len(order), bool)
    is_sample[:: max(1, len(order) // _SAMPLE)] = True
    for rows in (order[is_sample], order[~is_sample]):
        for at in blocks(len(rows), LIBRARY_AT_ONCE):
            yield rows[at]


def _highest_masses(matrix: csr_array) -> Ints:
    """Return the highest nominal mass of each row, (n_rows,); 0 where it is empty."""
    filled = np.diff(matrix.indptr) > 0
    highest = np.zeros(matrix.shape[0], np.int64)
    highest[filled] = matrix.indices[matrix.indptr[1:][filled] - 1]  # indices ascend
    return highest


def dense_rows(matrix: csr_array, rows: Ints, width: int) -> NDArray[np.float32]:
    """Return some rows of a matrix, the masses below `width`: (n_rows, width) float32."""
    start, lengths = matrix.indptr[rows].astype(np.int64), np.diff(matrix.indptr)[rows]
    first = np.concatenate([[0], np.cumsum(lengths)])
    peaks = np.repeat(start - first[:-1], lengths) + np.arange(first[-1])
    dense = np.zeros((len(rows), width), np.float32)
    dense[np.repeat(np.arange(len(rows)), lengths), matrix.indices[peaks]] = matrix.data[peaks]
    return dense


def _above(
    cosine: NDArray[np.float32], limit: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return row, column and value of the entries that may reach their row's limit."""
    lowest = np.maximum(limit - SLACK, 0).astype(np.float32)[:, None]
    at = np.flatnonzero(cosine > lowest)
    row, column = np.divmod(at, cosine.shape[1])
    return row, column, cosine.ravel()[at]


def _likely(row: NDArray[np.int64], score: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Return positions of the pairs that may be among the `k` best of their row; ties with the last all stay."""
    order = np.lexsort((-score, row))
    row, score = row[order], score[order]
    last = np.flatnonzero(rank_within(row) == k - 1)
    limit = np.full(int(row.max(initial=-1)) + 1, -np.inf)
    limit[row[last]] = score[last]
    return order[score >= limit[row] - 2 * SLACK]


def _exact(
    queries: NDArray[np.float32], library: NDArray[np.float32], row: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute the cosines of pairs in float64, rounded to what no order of summation changes."""
    cosine = np.empty(len(row))
    for at in blocks(len(row), _PAIRS_AT_ONCE):
        cosine[at] = np.einsum("ij,ij->i", queries[row[at]], library[column[at]], dtype=np.float64)
    return np.minimum(np.round(cosine, 9), 1.0)


def rank_within(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position within its group, from 0, of each element of a grouped array (n,)."""
    start = np.ones(len(group), dtype=bool)
    start[1:] = np.diff(group) != 0
    rank: Ints = np.arange(len(group)) - np.flatnonzero(start)[np.cumsum(start) - 1]
    return rank
