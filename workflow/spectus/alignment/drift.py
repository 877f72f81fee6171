"""Retention shifts between runs: one smooth, monotone curve per run, onto an axis common to all.

The strongest components of each run are landmarks. A run's landmarks are matched by spectrum with those of the runs
already placed, and a smooth curve is fitted to the shifts of the matches. The curve is a linear spline with a Gaussian
prior on its bends and slopes (P. H. C. Eilers, B. D. Marx, Stat. Sci. 11 (1996) 89), robust by Tukey's biweight. The
prior also gives the uncertainty of the curve where matches are few. The common axis is the median over the runs, so
that no run is special.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from spectus.alignment.campaign_components import PlacedComponents
from spectus.types import Flags, Floats, Ints, Singles

_LANDMARKS = 150
"""Most landmarks of a run. Chosen: about two per knot."""

_POOL = 4000
"""Most landmarks of all runs together. Chosen: it bounds the memory of the dense spectra."""

_SATELLITE_SIMILARITY = 0.5
"""Cosine with a better component nearby from which a component is its tail or fragment. Chosen."""

_CLEAR_LEAD = 0.05
"""Least lead of the best match over the second best, cosine. Chosen: homologues differ by less."""

_HALF_TRUST = 5.0
"""Quality (signal-to-noise ratio times purity) of a component that counts half. Chosen."""

_SURE = 0.1
"""Deviation of the curve, as a fraction of the widest shift, up to which a run adds landmarks to the pool. Chosen."""

_MEDIAN_MATCHES = 11
"""Matches in the running median that starts the robust fit. Chosen."""

_FITS = 10
"""Reweighted fits. Chosen: the weights no longer change."""

_DRIFT_KNOTS = 60
"""Knots of a curve. Chosen: drift curves bend over minutes."""

_DRIFT_GRID = 4 * _DRIFT_KNOTS - 3
"""Points at which a curve is tabulated: four per interval of the knots."""

_BIWEIGHT = 4.685
"""Residual, in standard deviations, from which a match has no weight: 95 % efficiency for normal errors (Tukey)."""

_MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

_LEVEL = 0.5
"""Prior standard deviation of a curve's level, as a fraction of the widest shift. Chosen."""

_SLOPE = 0.1
"""Prior standard deviation of its slope from one knot to the next, in the same unit. Chosen."""

_BEND = 0.02
"""Prior standard deviation of its bend at a knot, in the same unit. Chosen: drift curves are smooth."""

_SCATTER = 0.03
"""Prior standard deviation of a component about the curve, in the same unit. Chosen."""

_PRIOR_WEIGHT = 5
"""Matches that count as much as the prior scatter. Chosen."""


@dataclass(frozen=True)
class Drift:
    """The curves of all runs on one grid, in the axis's unit (s or index units).

    Attributes
    ----------
    grid
        (n_grid,) retention in a run.
    common
        (n_runs, n_grid) retention on the common axis, ascending in each run.
    deviation
        (n_runs, n_grid) standard deviation of a component about the curve, including that of the curve itself.
    """

    grid: Floats
    common: Floats
    deviation: Floats

    def to_common(self, run: int, x: Floats) -> Floats:
        """Return the retention on the common axis of what run number `run` shows at `x`."""
        return _shifted(x, self.grid, self.common[run])

    def to_run(self, run: int, x: Floats) -> Floats:
        """Return the retention in run number `run` of what lies at `x` on the common axis."""
        return _shifted(x, self.common[run], self.grid)

    def deviation_at(self, run: int, x: Floats) -> Floats:
        """Return the standard deviation of a component that run number `run` shows at `x`."""
        return np.asarray(np.interp(x, self.grid, self.deviation[run]))


@dataclass(frozen=True)
class _Landmarks:
    """Components that place a run.

    Attributes
    ----------
    x
        (n,) retention.
    spectra
        (n, n_masses) spectra of length 1.
    """

    x: Floats
    spectra: Singles


def estimate_drift(components: PlacedComponents, max_shift: Floats, min_similarity: float) -> Drift:
    """Estimate the shift curve of every run.

    Parameters
    ----------
    components
        Components of all runs.
    max_shift
        (n_runs,) largest expected shift of a run from the common axis, in the unit of `x`. Matches of two runs are
        sought within twice that.
    min_similarity
        Lowest cosine of a match.

    Returns
    -------
    Drift
        The curves.
    """
    x, quality, spectra = components.x, components.quality, components.spectra
    grid = np.linspace(x.min(initial=0.0), x.max(initial=1.0), _DRIFT_GRID)
    n_runs = len(max_shift)
    common, deviation = np.empty((n_runs, _DRIFT_GRID)), np.empty((n_runs, _DRIFT_GRID))
    chosen = [_landmark_rows(np.flatnonzero(components.run == number), components) for number in range(n_runs)]
    pool = _Landmarks(np.empty(0), np.empty((0, spectra.shape[1]), dtype=np.float32))
    for number in sorted(range(n_runs), key=lambda number: -len(chosen[number])):
        own = _Landmarks(x[chosen[number]], _dense(spectra, chosen[number]))
        mine, theirs, new = _match(own, pool, 2 * max_shift[number], min_similarity)
        shift = pool.x[theirs] - own.x[mine]
        if len(pool.x):
            worth = quality[chosen[number][mine]]
            trust = worth / (worth + _HALF_TRUST)
            common[number], deviation[number] = _curve(own.x[mine], shift, trust, grid, max_shift[number])
        else:
            common[number], deviation[number] = grid, _SCATTER * max_shift[number]
        sure = np.interp(own.x, grid, deviation[number]) < _SURE * max_shift[number]
        pool = _grown(pool, own, np.flatnonzero(new & sure), _shifted(own.x, grid, common[number]))
    return _centered(Drift(grid, common, deviation))


def _landmark_rows(rows: Ints, components: PlacedComponents) -> Ints:
    """Return the best components of a run, without tails and fragments, which resemble a better one beside them."""
    best = rows[np.argsort(-components.quality[rows], kind="stable")[:_LANDMARKS]]
    dense = _dense(components.spectra, best)
    near = np.abs(components.x[best][:, None] - components.x[best]) <= components.width[best]
    alike = np.round(dense @ dense.T, 5) >= _SATELLITE_SIMILARITY
    return np.asarray(best[~np.tril(near & alike, -1).any(axis=1)])


def _dense(spectra: csr_array, rows: Ints) -> Singles:
    """Return rows of a sparse matrix as a dense one."""
    return np.asarray(spectra[rows].toarray(), dtype=np.float32)


def _match(own: _Landmarks, pool: _Landmarks, window: float, min_similarity: float) -> tuple[Ints, Ints, Flags]:
    """Match landmarks that are each other's best within `window`, with a clear lead over the second best.

    Returns
    -------
    own, pool : Ints
        (n_matches,) rows of the matches.
    new : Flags
        (n_own,) which landmarks resemble nothing in the pool.
    """
    if not len(own.x) or not len(pool.x):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.ones(len(own.x), dtype=bool)
    cosine = np.round(own.spectra @ pool.spectra.T, 5)  # what the order of summation cannot change
    cosine[np.abs(own.x[:, None] - pool.x[None, :]) > window] = 0.0
    forth, back = cosine.argmax(axis=1), cosine.argmax(axis=0)
    rows = np.arange(len(own.x))
    best = cosine[rows, forth]
    cosine[rows, forth] = 0.0
    clear = (best >= min_similarity) & (best - cosine.max(axis=1) >= _CLEAR_LEAD) & (back[forth] == rows)
    return rows[clear], forth[clear], best < min_similarity


def _grown(pool: _Landmarks, own: _Landmarks, new: Ints, common: Floats) -> _Landmarks:
    """Return the pool with the landmarks of a run that are new to it, so that runs of unlike samples can be matched."""
    new = new[: max(0, _POOL - len(pool.x))]
    return _Landmarks(np.append(pool.x, common[new]), np.vstack([pool.spectra, own.spectra[new]]))


def _curve(x: Floats, shift: Floats, trust: Floats, grid: Floats, max_shift: float) -> tuple[Floats, Floats]:
    """Fit a smooth curve to the points (x, shift).

    Parameters
    ----------
    x, shift, trust
        (n,) retention, shift and weight (0-1) of the matches.
    grid
        (n_grid,) retention at which the curve is tabulated.
    max_shift
        Largest expected shift.

    Returns
    -------
    common, deviation : Floats
        (n_grid,) retention on the common axis, and its standard deviation.
    """
    order = np.argsort(x, kind="stable")
    x, shift, trust = x[order], shift[order], trust[order]
    knots = grid[:: (len(grid) - 1) // (_DRIFT_KNOTS - 1)]
    basis, on_grid = _hats(x, knots), _hats(grid, knots)
    bend, slope = np.diff(np.eye(_DRIFT_KNOTS), 2, axis=0), np.diff(np.eye(_DRIFT_KNOTS), axis=0)
    prior = np.eye(_DRIFT_KNOTS) / _DRIFT_KNOTS / _LEVEL**2 + bend.T @ bend / _BEND**2 + slope.T @ slope / _SLOPE**2
    prior /= max_shift**2
    fitted, leeway = _running_median(shift, _MEDIAN_MATCHES), np.zeros(len(x))
    for _ in range(_FITS):
        scatter = _scatter(shift - fitted, max_shift)
        weight = trust * _biweight((shift - fitted) / np.hypot(scatter, leeway)) / scatter**2
        covariance = np.linalg.inv((basis.T * weight) @ basis + prior)
        values = covariance @ (basis.T @ (weight * shift))
        fitted, leeway = basis @ values, _deviation(basis, covariance)
    common = np.maximum.accumulate(grid + on_grid @ values)
    return common, np.hypot(_deviation(on_grid, covariance), scatter)


def _hats(x: Floats, knots: Floats) -> Floats:
    """Return (n, n_knots) linear B-splines: the weights of linear interpolation between the knots."""
    place = np.clip((x - knots[0]) / (knots[1] - knots[0]), 0, len(knots) - 1)
    return np.asarray(np.clip(1 - np.abs(place[:, None] - np.arange(len(knots))), 0, None))


def _deviation(basis: Floats, covariance: NDArray[np.floating]) -> Floats:
    """Return the standard deviation of the curve at the rows of `basis`."""
    return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", basis, covariance, basis, optimize=True).clip(0)))


def _scatter(residual: Floats, max_shift: float) -> float:
    """Return the standard deviation of the points, from their median deviation and the prior."""
    own = _MAD_TO_SD * np.median(np.abs(residual)) if len(residual) else 0.0
    known = _SCATTER * max_shift
    return float(np.sqrt((len(residual) * own**2 + _PRIOR_WEIGHT * known**2) / (len(residual) + _PRIOR_WEIGHT)))


def _biweight(residual: Floats) -> Floats:
    """Return Tukey's biweight of residuals in standard deviations."""
    return np.asarray(np.where(np.abs(residual) < _BIWEIGHT, (1 - (residual / _BIWEIGHT) ** 2) ** 2, 0.0))


def _running_median(values: Floats, width: int) -> Floats:
    """Return the running median of `width` values, reflected at the ends."""
    width = min(width, len(values) - 1 + len(values) % 2)
    if width < 3:
        return values
    padded = np.pad(values, width // 2, mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1))


def _centered(drift: Drift) -> Drift:
    """Return the drift with the median of the runs as the common axis."""
    if not len(drift.common):
        return drift
    shown = np.array([drift.to_run(number, drift.grid) for number in range(len(drift.common))])
    center = np.maximum.accumulate(np.median(shown, axis=0))
    moved = np.array([_shifted(curve, drift.grid, center) for curve in drift.common])
    return Drift(drift.grid, np.maximum.accumulate(moved, axis=1), drift.deviation)


def _shifted(x: Floats, grid: Floats, values: Floats) -> Floats:
    """Interpolate linearly, with the shift at the end (values - grid) beyond the grid."""
    return x + np.interp(x, grid, values - grid)
