"""Hybrid similarity search: peaks may match at their own m/z or shifted by the difference of the molecular masses.

The score is the modified cosine of Watrous et al. (PNAS 2012, 109, E1743) on nominal masses, with the greedy assignment
of matchms (`ModifiedCosineGreedy`, m/z power 0, intensity power 1): of all pairs of peaks that match either way, the
largest product of intensities is taken first, and each peak is used once. On integers the tolerance of 0.1 means
equality.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from tqdm import tqdm

from spectus.library.similarity import Hits

_BOUNDS_AT_ONCE = 2**23
"""Pairs of a query and a library row whose bounds are held at once; chosen: 64 MB."""

_CELLS_AT_ONCE = 2**22
"""Cells of the dense library rows that are assigned together; chosen: 32 MB."""

_FIRST = 64
"""Library rows that are assigned first, to set the score that the others must reach; chosen."""

_SLACK = 1e-4
"""More than the rounding error of a sum of float32 products of unit vectors."""

Number = TypeVar("Number", bound=np.generic)


class MassSpectra(NamedTuple):
    """Spectra with the masses of their molecules.

    Attributes
    ----------
    peaks : csr_array, (n, n_masses)
        Spectra over nominal masses, rows of length 1.
    mass : ndarray of int64, (n,)
        Nominal masses of the molecules, Da.
    """

    peaks: csr_array
    mass: NDArray[np.int64]


def hybrid_top(queries: MassSpectra, library: MassSpectra, k: int) -> Hits:
    """Find the `k` best library rows of each query by modified cosine; pairs of score 0 are no hits.

    The result is exact, although few pairs are assigned. The sum of the cosine and of the cosine of the neutral losses
    (mass of the molecule minus m/z, which a shifted match compares) is never below the score, and rules out most pairs.
    Equal scores are ranked by library row.

    Parameters
    ----------
    queries, library
        Spectra with the masses of their molecules.
    k
        Hits of each query.

    Returns
    -------
    Hits
        `score` and `cosine` are both the modified cosine.
    """
    width = max(queries.peaks.shape[1], library.peaks.shape[1])
    queries, library = (MassSpectra(_widened(part.peaks, width), part.mass) for part in (queries, library))
    lowest_mass, highest_mass = (
        int(f(np.concatenate([queries.mass, library.mass]), initial=0)) for f in (np.min, np.max)
    )
    lowest_loss = lowest_mass - width + 1
    asked, held = (_losses(part, lowest_loss, highest_mass - lowest_loss + 1) for part in (queries, library))
    found = []
    size = max(1, _BOUNDS_AT_ONCE // max(1, library.peaks.shape[0]))
    with tqdm(
        total=len(queries.mass), desc="hybrid search", unit=" spectra", disable=None, leave=False, delay=1
    ) as bar:
        for start in range(0, len(queries.mass), size):
            at = slice(start, min(start + size, len(queries.mass)))
            bounds = library.peaks @ queries.peaks[at].toarray().T
            by_loss = held @ asked[at].toarray().T
            bounds += np.where(library.mass[:, None] == queries.mass[None, at], 0, by_loss)
            for query in range(at.start, at.stop):
                found.append(_best(queries, query, library, bounds[:, query - at.start], k))
                bar.update()
    number = np.repeat(np.arange(len(found)), [len(entry) for entry, _ in found])
    entry = np.concatenate([np.zeros(0, np.int64), *(entry for entry, _ in found)])
    score = np.concatenate([np.zeros(0), *(score for _, score in found)])
    return Hits(number, entry, score, score)


def modified_cosines(
    mz: NDArray[np.int64], intensity: NDArray[np.float64], mass: int, library: MassSpectra, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute the modified cosine of one spectrum with library rows.

    A peak at m matches the library's peak at m, and the one at m - shift, where the shift is the difference of the
    masses. So each peak has at most two matches. The greedy assignment is then the same as repeatedly taking all
    matches whose product is above that of every match that shares a peak with them. Where products tie, the shifted
    match goes first, as in matchms.

    Parameters
    ----------
    mz, intensity
        The spectrum, (n_peaks,): different nominal masses, intensities of length 1.
    mass
        Nominal mass of its molecule, Da.
    library
        The library.
    rows
        Rows of the library, (n_rows,).

    Returns
    -------
    ndarray of float64, (n_rows,)
        Modified cosines, 0-1.
    """
    width, n_peaks = library.peaks.shape[1], len(mz)
    place = np.full(width, n_peaks)
    place[mz] = np.arange(n_peaks)
    score = np.empty(len(rows))
    size = max(1, _CELLS_AT_ONCE // max(width, n_peaks))
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        heights = library.peaks[some].toarray()
        shift = (mass - library.mass[some])[:, None]
        plain = heights[:, mz] * intensity
        shifted = _at(heights, mz - shift, 0) * intensity
        places = np.broadcast_to(place, heights.shape)
        # A shifted match of peak i uses the library's peak that a plain match of the peak at m - shift would use.
        score[start : start + size] = _assigned(
            plain, shifted, _at(places, mz - shift, n_peaks), _at(places, mz + shift, n_peaks)
        )
    return score


def _assigned(
    plain: NDArray[np.float64],
    shifted: NDArray[np.float64],
    rival_plain: NDArray[np.int64],
    rival_shifted: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the sum of the products that a greedy assignment takes, (n_rows,).

    Parameters
    ----------
    plain, shifted
        Products of the two matches of each query peak, (n_rows, n_peaks), 0 where there is none.
    rival_plain
        The peak whose plain match shares the library's peak with the shifted match; n_peaks: none.
    rival_shifted
        The peak whose shifted match shares the library's peak with the plain match; n_peaks: none.
    """
    total = np.zeros(len(plain))
    left = np.arange(len(plain))
    while len(left):
        take_shifted = (shifted > 0) & (shifted >= plain) & (shifted >= _rivals(plain, rival_plain))
        take_plain = (plain > 0) & (plain > shifted) & (plain > _rivals(shifted, rival_shifted))
        total[left] += (plain * take_plain + shifted * take_shifted).sum(1)
        taken = take_plain | take_shifted
        plain = np.where(taken | _rivals(take_shifted, rival_shifted), 0, plain)
        shifted = np.where(taken | _rivals(take_plain, rival_plain), 0, shifted)
        on = plain.any(1) | shifted.any(1)
        left, plain, shifted = left[on], plain[on], shifted[on]
        rival_plain, rival_shifted = rival_plain[on], rival_shifted[on]
    return total


def _rivals(values: NDArray[Number], which: NDArray[np.int64]) -> NDArray[Number]:
    """Return the values at the rivals; 0 where there is none."""
    padded = np.concatenate([values, np.zeros((len(values), 1), values.dtype)], axis=1)
    return np.take_along_axis(padded, which, axis=1)


def _at(values: NDArray[Number], mz: NDArray[np.int64], otherwise: int) -> NDArray[Number]:
    """Return values (n_rows, n_masses) at masses (n_rows, n_peaks), some of which may lie outside."""
    inside = (mz >= 0) & (mz < values.shape[1])
    found = np.take_along_axis(values, np.where(inside, mz, 0), axis=1)
    found[~inside] = otherwise
    return found


def _best(
    queries: MassSpectra, query: int, library: MassSpectra, bounds: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows and scores of the `k` best of one query, given what no score exceeds."""
    peaks = slice(queries.peaks.indptr[query], queries.peaks.indptr[query + 1])
    mz, intensity = queries.peaks.indices[peaks].astype(np.int64), queries.peaks.data[peaks].astype(np.float64)
    mass = int(queries.mass[query])
    n_first = min(len(bounds), max(_FIRST, 4 * k))
    first = np.argpartition(-bounds, n_first)[:n_first] if n_first < len(bounds) else np.arange(n_first)
    scores = modified_cosines(mz, intensity, mass, library, first)
    reached = np.partition(scores, n_first - k)[n_first - k] if n_first > k else 0.0
    likely = bounds > max(reached - _SLACK, 0)
    likely[first] = False
    others = np.flatnonzero(likely)
    entry = np.concatenate([first, others])
    score = np.concatenate([scores, modified_cosines(mz, intensity, mass, library, others)])
    score = np.minimum(np.round(score, 9), 1.0)
    order = np.lexsort((entry, -score))[:k]
    order = order[score[order] > 0]
    return entry[order], score[order]


def _losses(spectra: MassSpectra, lowest: int, width: int) -> csr_array:
    """Return the spectra over neutral losses, molecular mass minus m/z, from `lowest` (negative: isotope peaks)."""
    peaks = spectra.peaks
    loss = np.repeat(spectra.mass, np.diff(peaks.indptr)) - peaks.indices - lowest
    return csr_array((peaks.data, loss, peaks.indptr), shape=(peaks.shape[0], width))


def _widened(peaks: csr_array, width: int) -> csr_array:
    return csr_array((peaks.data, peaks.indices, peaks.indptr), shape=(peaks.shape[0], width))
