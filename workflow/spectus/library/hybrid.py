"""Hybrid similarity search: peaks may match at their own m/z or shifted by the difference of the molecular masses.

The score is the modified cosine of Watrous et al. (PNAS 2012, 109, E1743) on nominal masses, with the greedy assignment
of matchms (`ModifiedCosineGreedy`, m/z power 0, intensity power 1): of all pairs of peaks that match either way, the
largest product of intensities is taken first, and each peak is used once. On integers the tolerance of 0.1 means
equality.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from tqdm import tqdm

from spectus.library.similarity import (
    QUERIES_AT_ONCE,
    SLACK,
    Best,
    Hits,
    blocks,
    dense_rows,
    joined,
    rank_within,
    row_blocks,
)
from spectus.types import Flags, Floats, Ints, Singles

_PART = 32_768
"""Library rows that are prepared together; chosen: some 60 MB."""

_PENDING = 2**18
"""Pairs of a block of queries that wait for their scores; chosen: 5 MB."""

_PAIRS_AT_ONCE = 4096
"""Pairs whose peaks are matched together; chosen: arrays of some 2 MB."""

_BINS = 192
"""Bins of nominal masses, and of neutral losses; chosen: fewer make the products faster, but rule out fewer pairs."""

_FIRST = 2
"""Pairs of a query, in multiples of the hits wanted, that are scored before the others of a part; chosen."""

Float = TypeVar("Float", np.float32, np.float64)


class MassSpectra(NamedTuple):
    """Spectra with the masses of their molecules.

    Attributes
    ----------
    peaks : csr_array of float32, (n, n_masses)
        Spectra over nominal masses, rows of length 1, column indices ascending.
    mass : ndarray of int64, (n,)
        Nominal masses of the molecules, Da.
    """

    peaks: csr_array
    mass: Ints


def hybrid_top(queries: MassSpectra, library: MassSpectra | Iterable[MassSpectra], k: int) -> Hits:
    """Find the `k` best library rows of each query by modified cosine; pairs of score 0 are no hits.

    The result is exact, although few pairs are scored. Two bounds that no score exceeds rule out the others. The first
    is the sum of the cosine and of the cosine of the neutral losses (mass of the molecule minus m/z, which a shifted
    match compares); where the masses are equal, it is the cosine. It comes from dense float32 products of blocks, over
    bins of masses. The second is the sum of the better product of each peak of the library. Equal scores are ranked by
    library row.

    Parameters
    ----------
    queries
        Spectra with the masses of their molecules.
    library
        The same; or its parts, in order, so that it need not be in memory at once.
    k
        Hits of each query.

    Returns
    -------
    Hits
        By query, then by descending score; `score` and `cosine` are both the modified cosine.
    """
    order = np.argsort(queries.mass, kind="stable")
    bins = _Bins.of(queries)
    best = [_BestModified(queries, order[at], k, bins) for at in blocks(len(order), QUERIES_AT_ONCE)]
    first = 0
    with tqdm(desc="hybrid search", unit=" spectra", disable=None, leave=False, delay=1) as bar:
        for part in _parts(library):
            binned = bins.sort(part)
            for number, rows in enumerate(row_blocks(part.mass)):
                block = binned.block(rows)
                for of_block in best:
                    of_block.compare(block, rows)
                    if of_block.n_pending > _PENDING or (first == 0 and number == 0):
                        of_block.settle(part, first)
                bar.update(len(rows))
            for of_block in best:
                of_block.settle(part, first)
            first += len(part.mass)
    hits = joined([of_block.hits for of_block in best])
    return hits.at(np.argsort(hits.query, kind="stable"))


def _parts(library: MassSpectra | Iterable[MassSpectra]) -> Iterator[MassSpectra]:
    """Yield the library in parts that are small enough to be prepared."""
    for part in [library] if isinstance(library, MassSpectra) else library:
        for at in blocks(len(part.mass), _PART):
            peaks = part.peaks
            ends = peaks.indptr[at.start : at.stop + 1]
            of_rows = slice(ends[0], ends[-1])
            some = (peaks.data[of_rows], peaks.indices[of_rows], ends - ends[0])
            yield MassSpectra(csr_array(some, shape=(len(ends) - 1, peaks.shape[1])), part.mass[at])


def _losses(spectra: MassSpectra) -> Ints:
    """Return the neutral loss of each peak, (n_peaks,); negative: isotope peaks."""
    losses: Ints = np.repeat(spectra.mass, np.diff(spectra.peaks.indptr)) - spectra.peaks.indices
    return losses


class _Block(NamedTuple):
    """Some spectra over bins.

    Attributes
    ----------
    mass : ndarray of int64, (n,)
        Of the molecules, Da.
    plain, loss : ndarray of float32, (n, up to n_bins)
        Lengths of the parts of the spectra in the bins of nominal masses and of neutral losses, up to the last bin that
        is filled.
    """

    mass: Ints
    plain: Singles
    loss: Singles


class _Binned(NamedTuple):
    """Spectra whose peaks are sorted into bins.

    Attributes
    ----------
    mass : ndarray of int64, (n,)
        Of the molecules, Da.
    plain, loss : csr_array of float32, (n, n_bins + 1)
        Squares of the intensities in the bins of nominal masses and of neutral losses, where one bin may occur several
        times; column 0 is no bin.
    """

    mass: Ints
    plain: csr_array
    loss: csr_array

    def block(self, rows: Ints) -> _Block:
        """Make some rows dense."""
        return _Block(self.mass[rows], _lengths(self.plain[rows]), _lengths(self.loss[rows]))


def _lengths(squares: csr_array) -> Singles:
    last = int(squares.indices.max(initial=0))
    lengths: Singles = np.sqrt(squares.toarray()[:, 1 : last + 1])
    return lengths


class _Binning(NamedTuple):
    """Bins of consecutive nominal masses or losses.

    The product of the lengths of two spectra's parts in a bin is never below the sum of their products there (Cauchy
    and Schwarz). So sums of such products are bounds, from matrices of fewer columns.

    Attributes
    ----------
    first : int
        Lowest nominal mass or loss of a query.
    bin : ndarray of int32, (n,)
        Bin of each mass from `first` - 1, from 1; 0: no query has a peak there, as at both ends.
    """

    first: int
    bin: NDArray[np.int32]

    @classmethod
    def of(cls, at: Ints, intensity: Singles) -> "_Binning":
        """Make bins of about equal intensity from the masses or losses of all peaks of the queries, (n_peaks,)."""
        first = int(at.min(initial=0))
        total = np.bincount(at - first, weights=intensity)
        share = (np.cumsum(total) - total / 2) / max(total.sum(), 1.0)
        used = total > 0
        _, number = np.unique((share[used] * _BINS).astype(np.int64), return_inverse=True)
        of_mass = np.zeros(len(total) + 2, np.int32)
        of_mass[1:-1][used] = number + 1
        return cls(first, of_mass)

    def sort(self, at: Ints, square: Singles, starts: Ints) -> csr_array:
        """Sort the squares of all peaks of spectra, (n_peaks,), at masses or losses, into the bins."""
        column = self.bin.take(at - (self.first - 1), mode="clip")
        return csr_array((square, column, starts), shape=(len(starts) - 1, int(self.bin.max(initial=0)) + 1))


class _Bins(NamedTuple):
    """Bins of nominal masses and of neutral losses."""

    plain: _Binning
    loss: _Binning

    @classmethod
    def of(cls, queries: MassSpectra) -> "_Bins":
        """Make bins for queries."""
        intensity = queries.peaks.data
        return cls(_Binning.of(queries.peaks.indices, intensity), _Binning.of(_losses(queries), intensity))

    def sort(self, spectra: MassSpectra) -> _Binned:
        """Sort the peaks of spectra into the bins."""
        peaks, square = spectra.peaks, spectra.peaks.data**2
        plain = self.plain.sort(peaks.indices, square, peaks.indptr)
        return _Binned(spectra.mass, plain, self.loss.sort(_losses(spectra), square, peaks.indptr))


class _Pairs(NamedTuple):
    """Pairs of a query and a library row.

    Attributes
    ----------
    row, entry : ndarray of int64, (n_pairs,)
        Rows of the block of queries and of the part of the library.
    bound : ndarray of float32, (n_pairs,)
        No score exceeds it by more than rounding errors.
    """

    row: Ints
    entry: Ints
    bound: Singles

    def at(self, which: Ints | Flags | slice) -> "_Pairs":
        """Return the pairs at these positions, or where a mask is true."""
        return _Pairs(self.row[which], self.entry[which], self.bound[which])


class _BestModified(Best):
    """The best pairs by modified cosine for a block of queries.

    Parameters
    ----------
    queries
        All queries.
    rows
        Those of the block.
    k
        As of `hybrid_top`.
    bins
        Of all queries.
    """

    def __init__(self, queries: MassSpectra, rows: Ints, k: int, bins: _Bins) -> None:
        super().__init__(rows, k)
        mine = MassSpectra(queries.peaks[rows], queries.mass[rows])
        self._block, self._queries = bins.sort(mine).block(np.arange(len(rows))), mine
        self.n_pending = 0
        self._pending: list[_Pairs] = []

    def compare(self, library: _Block, entries: Ints) -> None:
        """Note the pairs with rows of a part of the library, its rows `entries`, that may be among the best."""
        bounds = _products(self._block.plain, library.plain)
        bounds += _products(self._block.loss, library.loss)
        lowest = np.maximum(self.limit - SLACK, 0).astype(np.float32)
        row, column = np.divmod(np.flatnonzero(bounds > lowest[:, None]), bounds.shape[1])
        bound = bounds[row, column]
        bound[self._block.mass[row] == library.mass[column]] /= 2  # a plain match is a shifted one, too
        pairs = _Pairs(row, entries[column], bound).at(bound > lowest[row])
        self._pending.append(pairs)
        self.n_pending += len(pairs.row)

    def settle(self, library: MassSpectra, first: int) -> None:
        """Score the pairs that were noted with a part of the library whose first row is its row `first`.

        The pairs of the highest bounds come first: they raise the limits, so that fewer of the others are scored.
        """
        if not self._pending:
            return
        pairs = _Pairs(*(np.concatenate(column) for column in zip(*self._pending, strict=True)))
        self.n_pending, self._pending = 0, []
        pairs = pairs.at(np.argsort(pairs.row * 4.0 - pairs.bound))  # by row, then bound, which is 2 at most
        is_first = rank_within(pairs.row) < _FIRST * self.k
        width = max(self._queries.peaks.shape[1], library.peaks.shape[1])
        queries = _Padded.of(self._queries, width)
        for some in (pairs.at(is_first), pairs.at(~is_first)):
            likely = some.at(some.bound > self.limit[some.row] - SLACK)
            parts = [likely.at(at) for at in blocks(len(likely.row), _PAIRS_AT_ONCE)]
            found = joined([self._scored(queries, part, library) for part in parts])
            self.keep(found._replace(entry=found.entry + first))

    def _scored(self, queries: "_Padded", pairs: _Pairs, library: MassSpectra) -> Hits:
        """Score the pairs that reach the limits by the better products of the library's peaks."""
        bounds = _better_products(queries, pairs, library)
        pairs = pairs.at((bounds > self.limit[pairs.row] - SLACK) & (bounds > 0))
        scores = _Matches.of(queries, pairs, library).matching().assigned()
        score = np.minimum(np.round(scores, 9), 1.0)
        return Hits(self.rows[pairs.row], pairs.entry, score, score)


class _Padded(NamedTuple):
    """Spectra over nominal masses, with columns of zeros below and above.

    Attributes
    ----------
    mass : ndarray of int64, (n,)
        Of the molecules, Da.
    width : int
        Nominal masses of all spectra, the library's too, are below.
    dense : ndarray of float32, (n, 3 x width)
        Column m + width is nominal mass m.
    """

    mass: Ints
    width: int
    dense: Singles

    @classmethod
    def of(cls, spectra: MassSpectra, width: int) -> "_Padded":
        """Make spectra dense."""
        dense = dense_rows(spectra.peaks, np.arange(len(spectra.mass)), width)
        return cls(spectra.mass, width, np.pad(dense, ((0, 0), (width, width))))

    def places(self, pairs: _Pairs, library: MassSpectra, peaks: csr_array) -> tuple[Ints, Ints]:
        """Return the places in `dense` that the peaks (n_pairs, n_masses) of the pairs' library rows match.

        Plain matches, and how many columns the shifted ones are beyond, (n_peaks,) each.
        """
        lengths = np.diff(peaks.indptr)
        place = np.repeat(pairs.row * self.dense.shape[1] + self.width, lengths) + peaks.indices
        shift = np.clip(self.mass[pairs.row] - library.mass[pairs.entry], -self.width, self.width)
        return place, np.repeat(shift, lengths)  # shifted by more than the width, no peak matches


def _better_products(queries: _Padded, pairs: _Pairs, library: MassSpectra) -> Singles:
    """Return the sum of the better product of each peak of the library, (n_pairs,): no score exceeds it."""
    peaks = library.peaks[pairs.entry]
    place, shift = queries.places(pairs, library, peaks)
    products = np.maximum(queries.dense.take(place), queries.dense.take(place + shift))
    products *= peaks.data
    return _sums(products, peaks.indptr)


def _sums(values: NDArray[Float], starts: Ints) -> NDArray[Float]:
    """Add up values of the peaks of each pair, which has at least one, (n_pairs,)."""
    return np.add.reduceat(values, starts[:-1]) if len(starts) > 1 else np.zeros(0, values.dtype)


class _Matches(NamedTuple):
    """The matches of the library's peaks in pairs of spectra, each with at least one peak.

    A peak at m of the library matches the query's peak at m, and the one at m + shift, where the shift is the query's
    molecular mass minus the library's.

    Attributes
    ----------
    starts : ndarray of int64, (n_pairs + 1,)
        Where the peaks of each pair begin.
    mz, shift : ndarray of int64, (n_peaks,)
        Nominal mass of each of the library's peaks, one pair after another, and shift of its pair, Da.
    plain, shifted : ndarray of float64, (n_peaks,)
        Products of the intensities of the two matches; 0: there is no such match.
    """

    starts: Ints
    mz: Ints
    shift: Ints
    plain: Floats
    shifted: Floats

    @classmethod
    def of(cls, queries: _Padded, pairs: _Pairs, library: MassSpectra) -> "_Matches":
        """Match the peaks of pairs."""
        peaks = library.peaks[pairs.entry]
        place, shift = queries.places(pairs, library, peaks)
        plain, shifted = (queries.dense.take(at) * peaks.data.astype(np.float64) for at in (place, place + shift))
        return cls(peaks.indptr, peaks.indices, shift, plain, shifted)

    def matching(self) -> "_Matches":
        """Return the peaks that match."""
        matches = (self.plain > 0) | (self.shifted > 0)
        starts = np.concatenate([[0], np.cumsum(matches)])[self.starts]
        return _Matches(starts, self.mz[matches], self.shift[matches], self.plain[matches], self.shifted[matches])

    def assigned(self) -> Floats:
        """Return the sum of the products that a greedy assignment takes, (n_pairs,).

        The peak of the query that matches a peak at m plainly may match the one at m - shift instead, and the one that
        matches it shifted may match the one at m + shift plainly. So each peak has at most two matches, and the greedy
        assignment is the same as repeatedly taking all matches whose product is above that of every match that shares a
        peak with them. Where products tie, the shifted match goes first, as in matchms.
        """
        of_plain, of_shifted = self._rivals()
        plain, shifted = (np.append(products, 0) for products in (self.plain, self.shifted))
        taken = np.zeros_like(self.plain)
        left = np.arange(len(self.mz))
        while len(left):
            a, b = plain[left], shifted[left]
            take_plain = left[(a > b) & (a > shifted[of_plain[left]])]
            take_shifted = left[(b > 0) & (b >= a) & (b >= plain[of_shifted[left]])]
            taken[take_plain], taken[take_shifted] = plain[take_plain], shifted[take_shifted]
            for used in (take_plain, take_shifted, of_plain[take_plain]):
                shifted[used] = 0
            for used in (take_plain, take_shifted, of_shifted[take_shifted]):
                plain[used] = 0
            left = left[(plain[left] > 0) | (shifted[left] > 0)]
        return _sums(taken, self.starts)

    def _rivals(self) -> tuple[Ints, Ints]:
        """Return the peak whose shifted match shares the query's peak with each plain match, and the reverse.

        Where there is none, n_peaks.
        """
        n_pairs, width = len(self.starts) - 1, int(self.mz.max(initial=0)) + 3
        pair = np.repeat(np.arange(n_pairs), np.diff(self.starts))
        place = np.full((n_pairs, width), len(self.mz), np.int32)
        place[pair, self.mz + 1] = np.arange(len(self.mz))
        columns = (np.clip(self.mz + 1 + by, 0, width - 1) for by in (-self.shift, self.shift))
        of_plain, of_shifted = (place.take(pair * width + column).astype(np.int64) for column in columns)
        return of_plain, of_shifted


def _products(queries: Singles, library: Singles) -> Singles:
    """Return the sum of products of each row with each row, over the columns that both have, (n_queries, n_library)."""
    width = min(queries.shape[1], library.shape[1])
    return queries[:, :width] @ library[:, :width].T
