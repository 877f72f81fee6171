"""Grouping the components of many runs into features, at most one component of a run in each.

Components are processed in order of quality. Each that is still free becomes the seed of a feature. From every other
run the feature takes the free component that agrees best with the seed in spectrum and retention. Two kinds may not
join. One agrees better with another free component of the seed's own run, so that two isomers in the seed's run stay
apart. The other is a fragment that deconvolution split off a much better component, as long as that one is free itself.

The spectrum of a weak component is mostly noise, so that it may resemble its feature too little. Components that are
left alone therefore join the nearest feature that lacks their run, if they elute with it and resemble it at least
somewhat.
"""

import numpy as np

from spectus.alignment.campaign_components import PlacedComponents
from spectus.types import Flags, Floats, Ints

_FRAGMENT_WIDTHS = 0.3
"""Largest distance of a fragment from its whole, in widths of the peak at 1 %. Chosen."""

_FRAGMENT_QUALITY = 0.1
"""Largest quality of a fragment, as a fraction of its whole's. Chosen."""

_ALONE_SIMILARITY = 0.65
"""Least cosine of a component that was left alone with the best one of its feature, as a fraction of the usual least
cosine. Chosen on simulated campaigns of other seeds than the benchmark's: most lost components have 0.45 to 0.69.
"""

_ALONE_DISTANCE = 0.5
"""Largest distance of such a component from its feature, as a fraction of the usual tolerance. Chosen."""

_ALONE_QUALITY = 0.3
"""Largest quality of such a component, as a fraction of that of its feature's best one. Chosen: a strong component
resembles its feature.
"""

_NEIGHBORS = 6
"""Nearest components of a run, on either side, among which a whole is sought. Chosen."""


def group_components(components: PlacedComponents, tolerance: Floats, min_similarity: float) -> Ints:
    """Assign components to features.

    Parameters
    ----------
    components
        Components of all runs, on the axis common to all runs.
    tolerance
        (n,) how far a component may lie from where it is expected, in the unit of `x`.
    min_similarity
        Lowest cosine with the seed.

    Returns
    -------
    Ints
        (n,) feature numbers from 0, in the order of their seeds. A component alone is a feature of its own.
    """
    order = np.argsort(components.x, kind="stable")
    ordered = PlacedComponents(
        components.x[order],
        components.run[order],
        components.width[order],
        components.quality[order],
        components.spectra[order],
    )
    rank_of_seed = np.argsort(-ordered.quality, kind="stable")
    window = _Window(ordered, _wholes(ordered, min_similarity), tolerance[order])
    label, free = np.full(len(order), -1), np.ones(len(order), dtype=bool)
    n_features = 0
    for seed in rank_of_seed:
        if free[seed]:
            members = np.append(window.members(int(seed), free, min_similarity), seed)
            label[members], free[members] = n_features, False
            n_features += 1
    _adopt_alone(label, rank_of_seed, ordered, window, min_similarity)
    labels = np.empty(len(order), dtype=np.int64)
    labels[order] = label
    return labels


def _adopt_alone(
    label: Ints, by_quality: Ints, components: PlacedComponents, window: "_Window", min_similarity: float
) -> None:
    """Let components that are a feature of their own join another one; `label` (n,) is changed and numbered anew."""
    size = np.bincount(label, minlength=len(label))
    first = np.unique(label[by_quality], return_index=True)[1]
    host = np.zeros(len(label), dtype=bool)
    host[by_quality[first]] = True
    host &= size[label] > 1
    alone = by_quality[size[label[by_quality]] == 1]
    taken = set(zip(label.tolist(), components.run.tolist(), strict=True))
    for number in alone.tolist():
        joined = window.host(number, host, _ALONE_SIMILARITY * min_similarity)
        weak = components.quality[number] <= _ALONE_QUALITY * components.quality[joined]
        if joined >= 0 and weak and (label[joined], components.run[number]) not in taken:
            label[number] = label[joined]
            taken.add((label[joined], components.run[number]))
    label[:] = np.unique(label, return_inverse=True)[1]


def _wholes(components: PlacedComponents, min_similarity: float) -> Ints:
    """Return (n,) the component of which each is a fragment, or -1: at least ten times better, alike, and near.

    `x` is ascending. Only the nearest components of a run are examined.
    """
    x, run, quality, spectra = components.x, components.run, components.quality, components.spectra
    whole = np.full(len(x), -1)
    order = np.lexsort((x, run))
    for lag in range(1, _NEIGHBORS + 1):
        for lesser, better in ((order[:-lag], order[lag:]), (order[lag:], order[:-lag])):
            near = np.abs(x[lesser] - x[better]) <= _FRAGMENT_WIDTHS * components.width[better]
            pair = np.flatnonzero(
                near & (run[lesser] == run[better]) & (quality[lesser] <= _FRAGMENT_QUALITY * quality[better])
            )
            lesser, better = lesser[pair], better[pair]
            alike = (spectra[lesser] * spectra[better]).sum(axis=1) >= min_similarity
            whole[lesser[alike]] = better[alike]
    return whole


class _Window:
    """Components in order of retention, with the products of one spectrum and those near it."""

    def __init__(self, components: PlacedComponents, whole: Ints, tolerance: Floats) -> None:
        spectra = components.spectra
        self.x, self.run, self.whole, self.tolerance = components.x, components.run, whole, tolerance
        self.widest = float(tolerance.max(initial=0.0))
        self.start, self.mass, self.weight = spectra.indptr, spectra.indices, spectra.data
        self.one = np.zeros(spectra.shape[1])

    def members(self, seed: int, free: Flags, min_similarity: float) -> Ints:
        """Return the components that join the seed's feature; `free` (n,) says which may."""
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

    def host(self, alone: int, host: Flags, min_similarity: float) -> int:
        """Return the component among `host` (n,) that agrees best with one left alone, -1 if none agrees enough."""
        reach = _ALONE_DISTANCE * self.widest
        low = int(np.searchsorted(self.x, self.x[alone] - reach, side="left"))
        high = int(np.searchsorted(self.x, self.x[alone] + reach, side="right"))
        candidates = np.flatnonzero(host[low:high])
        if not len(candidates):
            return -1
        cosine, score = self._agreement(alone, low, high)
        near = np.abs(self.x[low:high] - self.x[alone]) <= _ALONE_DISTANCE * self.tolerance[low:high]
        agreeing = candidates[near[candidates] & (cosine[candidates] >= min_similarity)]
        return low + int(agreeing[np.argmax(score[agreeing])]) if len(agreeing) else -1

    def _agreement(self, one: int, low: int, high: int) -> tuple[Floats, Floats]:
        """Return the cosines of component `one` with those in [low, high), and the same damped by distance."""
        own = slice(self.start[one], self.start[one + 1])
        self.one[self.mass[own]] = self.weight[own]
        span = slice(self.start[low], self.start[high])
        running = np.concatenate([[0.0], np.cumsum(self.weight[span] * self.one[self.mass[span]], dtype=np.float64)])
        cosine = np.diff(running[self.start[low : high + 1] - self.start[low]])
        self.one[self.mass[own]] = 0.0
        tolerance = np.maximum(self.tolerance[low:high], self.tolerance[one])
        distance = np.abs(self.x[low:high] - self.x[one]) / tolerance
        return cosine, np.where(distance <= 1, cosine * np.exp(-0.5 * distance**2), 0.0)
