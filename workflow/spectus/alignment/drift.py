"""Retention shifts between runs: one smooth, monotone curve a run, onto an axis common to all.

The strongest components of each run are landmarks. A run's landmarks are matched by spectrum with those of
the runs already placed, and a smooth curve is fitted through the shifts of the matches: a linear spline
with a Gaussian prior on its bends and slopes (P. H. C. Eilers, B. D. Marx, Stat. Sci. 11 (1996) 89), robust
by Tukey's biweight. The prior also says how uncertain the curve is where matches are few. The common axis
is the median over the runs, so that no run is special.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LANDMARKS = 150
_POOL = 4000
_SATELLITE_SIMILARITY = 0.5
_CLEAR_LEAD = 0.05
_HALF_TRUST = 5.0
_KNOTS = 60
_GRID = 4 * _KNOTS - 3
_BIWEIGHT = 4.685

# The prior of a curve, in units of the widest shift: its level, its slope and bend from one knot to the next, and
# the scatter of a component about it, which counts as much as _PRIOR_WEIGHT matches.
_LEVEL, _SLOPE, _BEND, _SCATTER, _PRIOR_WEIGHT = 0.5, 0.1, 0.02, 0.03, 5


@dataclass(frozen=True)
class Drift:
    """The curves of all runs on one grid, in the axis's unit (s, or index units).

    Attributes
    ----------
    grid: (n_grid,) retention in a run.
    common: (n_runs, n_grid) retention on the common axis, ascending in each run.
    deviation: (n_runs, n_grid) standard deviation of a component about the curve, with that of the curve
        itself.
    """

    grid: Floats
    common: Floats
    deviation: Floats

    def to_common(self, run: int, x: Floats) -> Floats:
        """Retention on the common axis of what run number `run` shows at `x`."""
        return _interpolate(x, self.grid, self.common[run])

    def to_run(self, run: int, x: Floats) -> Floats:
        """Retention in run number `run` of what lies at `x` on the common axis."""
        return _interpolate(x, self.common[run], self.grid)

    def deviation_at(self, run: int, x: Floats) -> Floats:
        """Standard deviation of a component of run number `run` that it shows at `x`."""
        return np.interp(x, self.grid, self.deviation[run])


@dataclass(frozen=True)
class _Landmarks:
    """Components that place a run: retention, and unit-norm spectra as dense rows."""

    x: Floats
    spectra: NDArray[np.float32]


def estimate_drift(
    x: Floats,
    run: Ints,
    width: Floats,
    max_shift: Floats,
    quality: Floats,
    spectra: csr_array,
    min_similarity: float,
) -> Drift:
    """The shift curve of every run.

    Parameters
    ----------
    x, run, width, quality: (n,) retention, run number, width of the peak and confidence of each component.
    max_shift: (n_runs,) shift of a run from the common axis that is to be expected, in the unit of `x`;
        matches of two runs are sought within twice that.
    spectra: (n, n_masses) unit-norm rows.
    min_similarity: lowest cosine of a match.
    """
    grid = np.linspace(x.min(initial=0.0), x.max(initial=1.0), _GRID)
    n_runs = len(max_shift)
    common, deviation = np.empty((n_runs, _GRID)), np.empty((n_runs, _GRID))
    chosen = [_landmark_rows(np.flatnonzero(run == number), x, width, quality, spectra) for number in range(n_runs)]
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
        sure = np.interp(own.x, grid, deviation[number]) < 0.1 * max_shift[number]
        pool = _grown(pool, own, np.flatnonzero(new & sure), _interpolate(own.x, grid, common[number]))
    return _centred(Drift(grid, common, deviation))


def _landmark_rows(rows: Ints, x: Floats, width: Floats, quality: Floats, spectra: csr_array) -> Ints:
    """The best components of a run, without those that look like a better one beside them: tails and fragments."""
    best = rows[np.argsort(-quality[rows], kind="stable")[:_LANDMARKS]]
    dense = _dense(spectra, best)
    near = np.abs(x[best][:, None] - x[best]) <= width[best]
    alike = np.round(dense @ dense.T, 5) >= _SATELLITE_SIMILARITY
    return best[~np.tril(near & alike, -1).any(axis=1)]


def _dense(spectra: csr_array, rows: Ints) -> NDArray[np.float32]:
    return spectra[rows].toarray().astype(np.float32)


def _match(
    own: _Landmarks, pool: _Landmarks, window: float, min_similarity: float
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Rows of both that are each other's best within `window`, with a clear lead over the second best.

    The third array (n_own,) says which landmarks resemble nothing in the pool.
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
    """The pool with landmarks of a run that are new to it, so that runs of unlike samples find each other."""
    new = new[: max(0, _POOL - len(pool.x))]
    return _Landmarks(np.append(pool.x, common[new]), np.vstack([pool.spectra, own.spectra[new]]))


def _curve(x: Floats, shift: Floats, trust: Floats, grid: Floats, max_shift: float) -> tuple[Floats, Floats]:
    """Retention on the common axis along `grid`, and its deviation, by a smooth curve through the points (x, shift).

    `trust` is the weight of each point, 0-1.
    """
    order = np.argsort(x, kind="stable")
    x, shift, trust = x[order], shift[order], trust[order]
    knots = grid[:: (len(grid) - 1) // (_KNOTS - 1)]
    basis, on_grid = _hats(x, knots), _hats(grid, knots)
    bend, slope = np.diff(np.eye(_KNOTS), 2, axis=0), np.diff(np.eye(_KNOTS), axis=0)
    prior = np.eye(_KNOTS) / _KNOTS / _LEVEL**2 + bend.T @ bend / _BEND**2 + slope.T @ slope / _SLOPE**2
    prior /= max_shift**2
    fitted, leeway = _running_median(shift, 11), np.zeros(len(x))
    for _ in range(10):
        scatter = _scatter(shift - fitted, max_shift)
        weight = trust * _biweight((shift - fitted) / np.hypot(scatter, leeway)) / scatter**2
        covariance = np.linalg.inv((basis.T * weight) @ basis + prior)
        values = covariance @ (basis.T @ (weight * shift))
        fitted, leeway = basis @ values, _deviation(basis, covariance)
    common = np.maximum.accumulate(grid + on_grid @ values)
    return common, np.hypot(_deviation(on_grid, covariance), scatter)


def _hats(x: Floats, knots: Floats) -> Floats:
    """(n, n_knots) linear B-splines: the weights of linear interpolation between the knots."""
    place = np.clip((x - knots[0]) / (knots[1] - knots[0]), 0, len(knots) - 1)
    return np.clip(1 - np.abs(place[:, None] - np.arange(len(knots))), 0, None)


def _deviation(basis: Floats, covariance: NDArray[np.floating]) -> Floats:
    return np.sqrt(np.einsum("ij,jk,ik->i", basis, covariance, basis, optimize=True).clip(0))


def _scatter(residual: Floats, max_shift: float) -> float:
    """Standard deviation of the points, from their median deviation and what is known beforehand."""
    own = 1.4826 * np.median(np.abs(residual)) if len(residual) else 0.0
    known = _SCATTER * max_shift
    return float(np.sqrt((len(residual) * own**2 + _PRIOR_WEIGHT * known**2) / (len(residual) + _PRIOR_WEIGHT)))


def _biweight(residual: Floats) -> Floats:
    return np.where(np.abs(residual) < _BIWEIGHT, (1 - (residual / _BIWEIGHT) ** 2) ** 2, 0.0)


def _running_median(values: Floats, width: int) -> Floats:
    width = min(width, len(values) - 1 + len(values) % 2)
    if width < 3:
        return values
    padded = np.pad(values, width // 2, mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)


def _centred(drift: Drift) -> Drift:
    """The drift with the median of the runs as the common axis."""
    if not len(drift.common):
        return drift
    shown = np.array([drift.to_run(number, drift.grid) for number in range(len(drift.common))])
    centre = np.maximum.accumulate(np.median(shown, axis=0))
    moved = np.array([_interpolate(curve, drift.grid, centre) for curve in drift.common])
    return Drift(drift.grid, np.maximum.accumulate(moved, axis=1), drift.deviation)


def _interpolate(x: Floats, grid: Floats, values: Floats) -> Floats:
    """Linear interpolation, with the shift at the end (values - grid) beyond the grid."""
    return x + np.interp(x, grid, values - grid)
