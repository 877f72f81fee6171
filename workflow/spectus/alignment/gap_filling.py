"""Areas of features in runs where no component was perceived, read from the raw scans at the expected time.

Each scan near the expected time is the non-negative sum of the feature's spectrum and those of the components that were
perceived there. The feature's contribution over time, less a straight baseline through its flanks, is integrated over
the width of its peak.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from spectus.deconvolution.ion_traces import IonTraces
from spectus.types import Flags, Floats, Ints

_IONS = 20
"""Strongest ions of the feature that are fitted. Chosen: weaker ones add noise."""

_NEIGHBOR_IONS = 8
"""Strongest ions of each neighbor that are fitted. Chosen."""

_NEIGHBORS = 4
"""Nearest perceived components that are fitted with the feature. Chosen."""

_WINDOW = 1.5
"""Half the window, in widths of the peak at 1 %: a third of the window is the peak, the rest its flanks. Chosen."""

_BACKGROUND_QUANTILE = 0.2
"""Quantile of an ion's flank that is its baseline. Chosen: neighbors raise the flank, noise lowers it little."""

_SWEEPS = 20
"""Sweeps of the coordinate descent. Chosen: five spectra converge in fewer."""

_AT_ONCE = 256
"""Features that are read together. Chosen: it bounds the memory."""

_RIDGE = 1e-6
"""Ridge relative to the largest diagonal entry: it keeps equal spectra from making the matrix singular."""


@dataclass(frozen=True)
class FeatureSpectra:
    """What is sought in a run.

    Attributes
    ----------
    spectra
        (n_features, n_masses) intensities by nominal mass, base peak 1.0.
    width_s
        (n_features,) width of the peak at 1 % of its height, s.
    """

    spectra: csr_array
    width_s: Floats

    @cached_property
    def strongest(self) -> Ints:
        """(n_features, 20) nominal masses by falling intensity; 0 where a spectrum has fewer."""
        n_peaks = np.diff(self.spectra.indptr)
        row = np.repeat(np.arange(len(n_peaks)), n_peaks)
        order = np.lexsort((-self.spectra.data, row))
        rank = np.arange(len(row)) - np.repeat(self.spectra.indptr[:-1], n_peaks)
        masses = np.zeros((len(n_peaks), _IONS), dtype=np.int64)
        few = rank < _IONS
        masses[row[few], rank[few]] = self.spectra.indices[order][few]
        return masses


def fill_gaps(run: IonTraces, features: FeatureSpectra, expected_s: Floats, perceived: Flags) -> Floats:
    """Read the areas of the features that were not perceived in a run.

    Parameters
    ----------
    run
        Ion traces of the run, by nominal mass.
    features
        What is sought.
    expected_s
        (n_features,) where each feature lies, or should lie, in this run, s.
    perceived
        (n_features,) whether it was perceived. A perceived one is a neighbor of others and is not read.

    Returns
    -------
    Floats
        (n_features,) areas of all ions of the spectrum, counts x s; NaN where perceived, or not measured at that time.
    """
    areas = np.full(len(expected_s), np.nan)
    if run.n_scans < 2:
        return areas
    inside = (expected_s >= run.rt_s[0]) & (expected_s <= run.rt_s[-1])
    missing = np.flatnonzero(~perceived & inside)
    known = np.flatnonzero(perceived)
    known = known[np.argsort(expected_s[known], kind="stable")]
    for first in range(0, len(missing), _AT_ONCE):
        some = missing[first : first + _AT_ONCE]
        areas[some] = _areas(run, features, expected_s, some, known)
    return areas


def _areas(run: IonTraces, features: FeatureSpectra, expected_s: Floats, some: Ints, known: Ints) -> Floats:
    """Return the areas of the features `some` (n,); NaN where no scan is near."""
    center, width = expected_s[some], features.width_s[some]
    scans, used = _scans(run.rt_s, center, _WINDOW * width)
    time = run.rt_s[scans] - center[:, None]
    before, after = used & (time < -width[:, None] / 2), used & (time > width[:, None] / 2)
    mass, basis = _basis(features, expected_s, some, known)
    signal = _without_baseline(_traces(run, mass, scans), time, before, after, _BACKGROUND_QUANTILE)
    signal *= used[:, None]
    weight = 1 / np.sqrt(signal.clip(0).mean(axis=2) + run.threshold)
    share = _non_negative(basis * weight[:, None], signal * weight[:, :, None])[:, :1]
    current = _without_baseline(share, time, before, after, 0.5)[:, 0]
    duration = np.gradient(run.rt_s)[scans]
    peak = used & (np.abs(time) <= width[:, None] / 2)
    total = features.spectra.sum(axis=1)[some]
    areas = (np.where(peak, current * duration, 0.0).sum(axis=1) * total).clip(0)
    return np.where(peak.any(axis=1), areas, np.nan)


def _scans(rt_s: Floats, center: Floats, half: Floats) -> tuple[Ints, Flags]:
    """Return the scans of each window, (n, longest), and which of them lie within it."""
    low, high = np.searchsorted(rt_s, center - half), np.searchsorted(rt_s, center + half, side="right")
    scans = low[:, None] + np.arange(max(1, int((high - low).max(initial=1))))
    return np.minimum(scans, len(rt_s) - 1), scans < high[:, None]


def _basis(features: FeatureSpectra, expected_s: Floats, some: Ints, known: Ints) -> tuple[Ints, Floats]:
    """Return the strongest ions of features and neighbors, (n, n_ions), and the spectra of both at these ions.

    The spectra are (n, n_spectra, n_ions), the feature first; zeros where a neighbor is not near.
    """
    spectra, masses = [features.spectra[some].toarray()], [features.strongest[some]]
    reach = (_WINDOW + 0.5) * features.width_s[some]
    for neighbor, distance in _nearest(expected_s, some, known):
        spectra.append(features.spectra[neighbor].toarray() * (distance <= reach)[:, None])
        masses.append(features.strongest[neighbor][:, :_NEIGHBOR_IONS])
    mass = np.concatenate(masses, axis=1)
    return mass, np.stack([np.take_along_axis(rows, mass, axis=1) for rows in spectra], axis=1)


def _nearest(expected_s: Floats, some: Ints, known: Ints) -> list[tuple[Ints, Floats]]:
    """Return the features among `known` (by time) nearest to each of `some`, and their distances in s: (n,) pairs."""
    if not len(known):
        return []
    place = np.searchsorted(expected_s[known], expected_s[some])
    near = np.clip(place[:, None] + np.arange(-_NEIGHBORS, _NEIGHBORS), 0, len(known) - 1)
    distance = np.abs(expected_s[known[near]] - expected_s[some, None])
    distance[:, 1:][near[:, 1:] == near[:, :-1]] = np.inf
    order = np.argsort(distance, axis=1, kind="stable")[:, :_NEIGHBORS]
    near, distance = np.take_along_axis(near, order, axis=1), np.take_along_axis(distance, order, axis=1)
    return [(known[near[:, slot]], distance[:, slot]) for slot in range(_NEIGHBORS)]


def _traces(run: IonTraces, mass: Ints, scans: Ints) -> Floats:
    """Return (n, n_ions, n_scans) counts; 0 for masses that the run does not have."""
    row = np.searchsorted(run.mass, mass).clip(0, len(run.mass) - 1)
    has = run.mass[row] == mass
    return np.where(has[:, :, None], run.traces[row[:, :, None], scans[:, None, :]], 0.0).astype(np.float64)


def _non_negative(basis: Floats, signal: Floats) -> Floats:
    """Solve many small non-negative least squares problems at once, by coordinate descent.

    Parameters
    ----------
    basis
        (n, k, n_ions) spectra; rows of zeros where there are fewer.
    signal
        (n, n_ions, n_scans) counts.

    Returns
    -------
    Floats
        (n, k, n_scans) amounts.
    """
    gram = basis @ basis.transpose(0, 2, 1)
    target = basis @ signal
    norm = np.einsum("nkk->nk", gram)
    ridge = (_RIDGE * norm.max(axis=1, keepdims=True) + 1e-30)[:, :, None] * np.eye(basis.shape[1])
    amount = np.linalg.solve(gram + ridge, target).clip(0)
    for _ in range(_SWEEPS):
        for k in range(basis.shape[1]):
            rest = target[:, k] - np.einsum("nj,njt->nt", gram[:, k], amount) + norm[:, k, None] * amount[:, k]
            amount[:, k] = np.where(norm[:, k, None] > 0, rest / np.maximum(norm[:, k, None], 1e-30), 0.0).clip(0)
    return amount


def _without_baseline(values: Floats, time: Floats, before: Flags, after: Flags, share: float) -> Floats:
    """Subtract the line through a quantile of each flank; one flank alone gives a level.

    Parameters
    ----------
    values
        (n, k, n_scans) values.
    time, before, after
        (n, n_scans) time from the center, s, and which scans are flanks.
    share
        The quantile, 0-1.

    Returns
    -------
    Floats
        (n, k, n_scans) values.
    """
    left, right = _quantile(values, before[:, None], share), _quantile(values, after[:, None], share)
    left, right = np.where(np.isnan(left), right, left), np.where(np.isnan(right), left, right)
    start, end = _quantile(time, before, 0.5), _quantile(time, after, 0.5)
    slope = np.nan_to_num((right - left) / (end - start)[:, None])[:, :, None]
    return values - np.nan_to_num(left)[:, :, None] - slope * (time - np.nan_to_num(start)[:, None])[:, None]


def _quantile(values: Floats, used: Flags, share: float) -> Floats:
    """Return the quantile over the last axis of the values in use; NaN where there are none."""
    used = np.broadcast_to(used, values.shape)
    count = used.sum(axis=-1, keepdims=True)
    ordered = np.sort(np.where(used, values, np.inf), axis=-1)
    at = (share * np.maximum(count - 1, 0)).astype(np.int64)
    return np.where(count > 0, np.take_along_axis(ordered, at, axis=-1), np.nan)[..., 0]
