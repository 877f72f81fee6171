"""Unmixing: the spectra that, with given elution profiles, add up to what was measured.

For every mass m of a window the model is

    trace_m(t) = sum_k S[k, m] * profile_k(t) + baseline_m(t),    S >= 0,

with a piecewise linear baseline that is fitted too. It is solved by weighted least squares: each point counts by the
inverse of its variance, so every mass has normal equations of its own. Points at the detector's ceiling have weight
zero. The constraint is kept by principal pivoting: single variables enter one after another (Keller, Math. Program.
1973, 5, 170), for all masses at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TINY = 1e-30
_UNMEASURED = 1e-12
_RIDGE = 1e-6
"""Keeps profiles that are nearly the same from making the matrix singular; relative to a diagonal of ones."""

_SLACK = 1e-8
"""Share of the largest entry on the right up to which a gradient counts as zero."""

_MOST_PIVOTS = 30
"""For each variable; a few for each that ends above zero are the rule."""


@dataclass(frozen=True)
class Solution:
    """Solution of one window.

    Attributes
    ----------
    spectra: (n_components, n_masses), counts at the apex, not negative.
    sd: the same shape, their standard deviation given the noise and the overlap with the other components.
    knots: (n_knots, n_masses), heights of the baseline at its knots, counts, not negative.
    """

    spectra: Array
    sd: Array
    knots: Array


def hat_functions(n_points: int, spacing: float) -> Array:
    """Baseline columns, (n_knots, n_points): triangles between knots at about `spacing` points; they add up to one."""
    n_knots = max(2, round((n_points - 1) / max(spacing, 1.0)) + 1)
    knots = np.linspace(0, n_points - 1, n_knots)
    gap = max(knots[1] - knots[0], 1e-9)
    return np.maximum(0, 1 - np.abs(np.arange(n_points) - knots[:, None]) / gap)


def unmix(traces: Array, weights: Array, profiles: Array, hats: Array, known: Array | None = None) -> Solution:
    """Solve one window.

    Parameters
    ----------
    traces, weights: (n_masses, n_scans), counts above the rough baseline, and inverse variances (zero: left out).
    profiles: (n_components, n_scans), apex 1. hats: (n_knots, n_scans).
    known: (n_masses, n_components + n_knots), heights of those masses whose solution is known; NaN for the others.
    """
    columns = np.concatenate([profiles, hats])
    gram = normal_matrices(weights, columns)
    scale = np.sqrt(np.maximum(np.einsum("mii->mi", gram), _TINY))
    gram /= scale[:, :, None] * scale[:, None, :]
    n = len(profiles)
    solved, variance = solve_nonnegative(
        gram, (traces * weights) @ columns.T / scale, None if known is None else known * scale
    )
    solved, variance = solved / scale, variance[:, :n] / scale[:, :n] ** 2
    return Solution(
        spectra=solved[:, :n].T,
        sd=np.sqrt(np.where(scale[:, :n] > _UNMEASURED, variance, np.inf)).T,
        knots=solved[:, n:].T,
    )


def normal_matrices(weights: Array, columns: Array) -> Array:
    """(n_rows, n, n): columns @ diag(weights[row]) @ columns.T for every row."""
    n = len(columns)
    products = (columns[:, None] * columns).reshape(n * n, -1)
    return (weights @ products.T).reshape(-1, n, n)


def solve_nonnegative(gram: Array, rhs: Array, known: Array | None = None) -> tuple[Array, Array]:
    """Minimise x @ gram @ x / 2 - rhs @ x over x >= 0, for many rows at once.

    Parameters
    ----------
    gram: (n_rows, n, n), symmetric, positive semi-definite, ones on the diagonal. rhs: (n_rows, n).
    known: (n_rows, n), solutions known beforehand, NaN in the other rows.

    Returns
    -------
    (n_rows, n) solutions, and (n_rows, n) variances of the unconstrained ones, in units of the residual variance.

    Rows whose unconstrained solution is nowhere negative have it; the others are pivoted.
    """
    inverse = np.linalg.inv(gram + _RIDGE * np.eye(gram.shape[1]))
    solution = np.matvec(inverse, rhs)
    pivoted = (solution < 0).any(axis=1)
    if known is not None:
        given = ~np.isnan(known[:, 0])
        solution[given] = known[given]
        pivoted &= ~given
    if pivoted.any():
        solution[pivoted] = _pivoted(gram[pivoted], rhs[pivoted])
    return solution, np.einsum("mii->mi", inverse)


def _pivoted(gram: Array, rhs: Array) -> Array:
    """(n_rows, n) solutions by Keller's principal pivoting, from all variables at zero.

    Of each row a tableau is kept: `rates` says how fast each dependent quantity (a variable inside, the gradient of one
    at zero) falls with each independent one (a variable at zero, the gradient of one inside), `level` where it stands.
    The variable of the steepest descent is raised until its gradient is zero; if another falls to zero on the way, that
    one leaves first.
    """
    n = gram.shape[1]
    solution, rows = np.zeros_like(rhs), np.arange(len(gram))
    rates, level = gram + _RIDGE * np.eye(n), rhs.copy()
    inside = np.zeros(rhs.shape, dtype=bool)
    entering, raised = np.full(len(gram), -1), np.zeros(len(gram))
    least = _SLACK * np.abs(rhs).max(axis=1)
    for _ in range(_MOST_PIVOTS * n):
        at = np.arange(len(rows))
        gradient = np.where(inside, -np.inf, level)
        entering = np.where(entering < 0, gradient.argmax(axis=1), entering)
        done = (raised == 0) & (gradient[at, entering] <= least)
        if done.any():
            solution[rows[done]] = np.where(inside[done], np.maximum(level[done], 0), 0)
            state = rows, rates, level, inside, entering, raised, least
            rows, rates, level, inside, entering, raised, least = (part[~done] for part in state)
            at = np.arange(len(rows))
        if not len(rows):
            return solution
        fall = rates[at, :, entering]
        ratio = np.where(inside & (fall > 0), level / np.where(fall > 0, fall, 1.0), np.inf)
        enough = level[at, entering] / fall[at, entering]
        leaving = ratio.argmin(axis=1)
        blocked = ratio[at, leaving] < enough
        step = np.where(blocked, ratio[at, leaving], 0.0)
        level -= fall * step[:, None]
        raised += step
        pivot = np.where(blocked, leaving, entering)
        level[at[blocked], leaving[blocked]] = 0.0
        _exchange_one(rates, level, pivot)
        inside[at, pivot] = ~blocked
        level[at, pivot] += np.where(blocked, 0.0, raised)
        raised[~blocked], entering[~blocked] = 0.0, -1
    solution[rows] = np.where(inside, np.maximum(level, 0), 0)
    return solution


def _exchange_one(rates: Array, level: Array, pivot: NDArray[np.int64]) -> None:
    """Exchange the dependent and the independent quantity `pivot` (n_rows,) of each tableau, in place."""
    at = np.arange(len(pivot))
    column = rates[at, :, pivot]
    row = rates[at, pivot] / column[at, pivot][:, None]
    height = level[at, pivot] / column[at, pivot]
    level -= column * height[:, None]
    level[at, pivot] = height
    inverse = 1 / column[at, pivot]
    rates -= column[:, :, None] * row[:, None, :]
    rates[at, :, pivot] = -column * inverse[:, None]
    rates[at, pivot] = row
    rates[at, pivot, pivot] = inverse
