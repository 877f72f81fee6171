"""Grouping the components of many runs into features, at most one component of a run in each.

The components are taken in the order of their quality. Each that is still free becomes the seed of a feature and takes
from every other run the free component that agrees best with it in spectrum and retention. Two kinds may not join: one
that agrees better with another free component of the seed's own run, so that two isomers in the seed's run stay apart;
and a fragment, which deconvolution split off a much better component, as long as that one is free itself.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NEAR = 0.3
_LESSER = 0.1
_NEIGHBOURS = 6


def link(
    x: Floats,
    run: Ints,
    width: Floats,
    quality: Floats,
    spectra: csr_array,
    tolerance: Floats,
    min_similarity: float,
) -> Ints:
    """Number the features.

    Parameters
    ----------
    x: (n,) retention on the axis common to all runs.
    run: (n,) run number.
    width: (n,) width of the peak at 1 % of its height, in the unit of `x`.
    quality: (n,) confidence in the component.
    spectra: (n, n_masses) unit-norm rows.
    tolerance: (n,) how far a component may lie from where it is expected, in the unit of `x`.
    min_similarity: lowest cosine with the seed.

    Returns
    -------
    (n,) feature numbers from 0, in the order of their seeds. A component alone is a feature of its own.
    """
    order = np.argsort(x, kind="stable")
    rank_of_seed = np.argsort(-quality[order], kind="stable")
    whole = _wholes(x[order], run[order], width[order], quality[order], spectra[order], min_similarity)
    window = _Window(x[order], run[order], whole, spectra[order], tolerance[order])
    label, free = np.full(len(x), -1), np.ones(len(x), dtype=bool)
    n_features = 0
    for seed in rank_of_seed:
        if free[seed]:
            members = np.append(window.members(int(seed), free, min_similarity), seed)
            label[members], free[members] = n_features, False
            n_features += 1
    labels = np.empty(len(x), dtype=np.int64)
    labels[order] = label
    return labels


def _wholes(x: Floats, run: Ints, width: Floats, quality: Floats, spectra: csr_array, min_similarity: float) -> Ints:
    """(n,) the component each is a fragment of, or -1: at least ten times better, alike, and within 0.3 widths.

    `x` is ascending; only the nearest few components of a run are looked at.
    """
    whole = np.full(len(x), -1)
    order = np.lexsort((x, run))
    for lag in range(1, _NEIGHBOURS + 1):
        for lesser, better in ((order[:-lag], order[lag:]), (order[lag:], order[:-lag])):
            near = np.abs(x[lesser] - x[better]) <= _NEAR * width[better]
            pair = np.flatnonzero(near & (run[lesser] == run[better]) & (quality[lesser] <= _LESSER * quality[better]))
            lesser, better = lesser[pair], better[pair]
            alike = (spectra[lesser] * spectra[better]).sum(axis=1) >= min_similarity
            whole[lesser[alike]] = better[alike]
    return whole


class _Window:
    """Components in order of retention, with the products of one spectrum and those near it."""

    def __init__(self, x: Floats, run: Ints, whole: Ints, spectra: csr_array, tolerance: Floats) -> None:
        self.x, self.run, self.whole, self.tolerance = x, run, whole, tolerance
        self.widest = float(tolerance.max(initial=0.0))
        self.start, self.mass, self.weight = spectra.indptr, spectra.indices, spectra.data
        self.one = np.zeros(spectra.shape[1])

    def members(self, seed: int, free: NDArray[np.bool_], min_similarity: float) -> Ints:
        """The components that join the seed's feature; `free` (n,) tells which may."""
        low = int(np.searchsorted(self.x, self.x[seed] - self.widest, side="left"))
        high = int(np.searchsorted(self.x, self.x[seed] + self.widest, side="right"))
        open_ = free[low:high].copy()
        open_[seed - low] = False
        if not open_.any():
            return np.empty(0, dtype=np.int64)
        cosine, score = self._agreement(seed, low, high)
        own = self.run[low:high] == self.run[seed]
        whole = self.whole[low:high]
        joins = open_ & ~own & ~((whole >= 0) & free[whole]) & (cosine >= min_similarity) & (score > 0)
        for rival in np.flatnonzero(open_ & own):
            if joins.any():
                joins &= self._agreement(low + int(rival), low, high)[1] <= score
        candidates = np.flatnonzero(joins)
        candidates = candidates[np.argsort(-score[candidates], kind="stable")]
        _, first = np.unique(self.run[low:high][candidates], return_index=True)
        return low + candidates[first]

    def _agreement(self, one: int, low: int, high: int) -> tuple[Floats, Floats]:
        """Cosine of component `one` with those in [low, high), and the same damped by distance."""
        own = slice(self.start[one], self.start[one + 1])
        self.one[self.mass[own]] = self.weight[own]
        span = slice(self.start[low], self.start[high])
        running = np.concatenate([[0.0], np.cumsum(self.weight[span] * self.one[self.mass[span]], dtype=np.float64)])
        cosine = np.diff(running[self.start[low : high + 1] - self.start[low]])
        self.one[self.mass[own]] = 0.0
        tolerance = np.maximum(self.tolerance[low:high], self.tolerance[one])
        distance = np.abs(self.x[low:high] - self.x[one]) / tolerance
        return cosine, np.where(distance <= 1, cosine * np.exp(-0.5 * distance**2), 0.0)
