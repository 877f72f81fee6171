"""Unmixing: the spectra that, with given elution profiles, add up to the measured traces.

For every mass m of a window the model is

    trace_m(t) = sum_k S[k, m] * profile_k(t) + baseline_m(t),    S >= 0,

with a piecewise linear baseline that is fitted too. It is solved by weighted least squares. Each point is weighted by
its inverse variance, so every mass has its own normal equations. Points at the detector's ceiling have weight zero.
The constraint is enforced by principal pivoting, for all masses at once: from the unconstrained solution single
variables are exchanged (Murty, Linear Algebra Appl. 1972, 5, 65), or, where that does not end, single variables enter
one after another (Keller, Math. Program. 1973, 5, 170).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spectus.types import Floats, Ints

_TINY = 1e-30
"""Least diagonal of the normal equations, counts^-2: it prevents division by zero where nothing was measured."""

_UNMEASURED = 1e-12
"""Scale of a column below which nothing was measured, counts^-1."""

_RIDGE = 1e-6
"""Ridge relative to a diagonal of ones. It keeps nearly equal profiles from making the matrix singular."""

_SLACK = 1e-8
"""Gradients up to this fraction of the largest entry on the right-hand side count as zero: rounding errors."""

_MOST_EXCHANGES = 3
"""Most exchanges per variable before Keller's pivoting takes over. Measured on a run of 491 components: one of 44,825
rows needs more."""

_MOST_PIVOTS = 30
"""Most pivots per variable. Usually there are a few for each variable that ends above zero."""


@dataclass(frozen=True)
class Solution:
    """Solution of one window.

    Attributes
    ----------
    spectra
        (n_components, n_masses) intensities at the apex, counts, not negative.
    sd
        (n_components, n_masses) standard deviations of these, counts, from the noise and the overlap of components.
    knots
        (n_knots, n_masses) heights of the baseline at its knots, counts, not negative.
    """

    spectra: Floats
    sd: Floats
    knots: Floats


def hat_functions(n_points: int, spacing: float) -> Floats:
    """Return the columns of the baseline: triangular functions that add up to one.

    Parameters
    ----------
    n_points
        Scans of the window.
    spacing
        Approximate distance of the knots, scans.

    Returns
    -------
    Floats
        (n_knots, n_points) values.
    """
    n_knots = max(2, round((n_points - 1) / max(spacing, 1.0)) + 1)
    knots = np.linspace(0, n_points - 1, n_knots)
    gap = max(knots[1] - knots[0], 1e-9)
    return np.asarray(np.maximum(0, 1 - np.abs(np.arange(n_points) - knots[:, None]) / gap))


@dataclass(frozen=True)
class Equations:
    """Normal equations of one window, scaled to ones on the diagonal.

    Attributes
    ----------
    gram
        (n_masses, n, n) normal matrices, n = n_components + n_knots.
    rhs
        (n_masses, n) right-hand sides.
    scale
        (n_masses, n) factors by which the unknowns were multiplied, counts^-1.
    n_components
        The first unknowns are intensities of components, the others are knots of the baseline.
    known
        (n_masses, n) heights of masses whose solution is known, counts; NaN for the others.
    """

    gram: Floats
    rhs: Floats
    scale: Floats
    n_components: int
    known: Floats | None = None


def equations(
    traces: Floats, weights: Floats, profiles: Floats, hats: Floats, known: Floats | None = None
) -> Equations:
    """Set up one window.

    Parameters
    ----------
    traces
        (n_masses, n_scans) counts above the rough baseline.
    weights
        (n_masses, n_scans) inverse variances, counts^-2; zero leaves a point out.
    profiles
        (n_components, n_scans) elution profiles, apex 1.
    hats
        (n_knots, n_scans) columns of the baseline.
    known
        (n_masses, n_components + n_knots) heights of masses whose solution is known; NaN for the others.

    Returns
    -------
    Equations
        Equations whose solution is that of the window.
    """
    columns = np.concatenate([profiles, hats])
    gram = normal_matrices(weights, columns)
    scale = np.sqrt(np.maximum(np.einsum("mii->mi", gram), _TINY))
    gram /= scale[:, :, None]
    gram /= scale[:, None, :]
    return Equations(gram, (traces * weights) @ columns.T / scale, scale, len(profiles), known)


def solve_windows(windows: Sequence[Equations]) -> list[Solution]:
    """Solve windows; those with the same number of unknowns together, because every step of the solver costs time.

    Parameters
    ----------
    windows
        Normal equations of each window.

    Returns
    -------
    list of Solution
        Spectra, their standard deviations and the baseline of each window.
    """
    solutions: dict[int, Solution] = {}
    sizes = [window.rhs.shape[1] for window in windows]
    for size in set(sizes):
        numbers = [number for number, own in enumerate(sizes) if own == size]
        some = [windows[number] for number in numbers]
        gram, rhs = (np.concatenate([getattr(window, name) for window in some]) for name in ("gram", "rhs"))
        known = np.concatenate([_scaled_known(window) for window in some])
        solved, variance = solve_nonnegative(gram, rhs, known)
        ends = np.cumsum([len(window.rhs) for window in some])[:-1]
        parts = zip(numbers, some, np.split(solved, ends), np.split(variance, ends), strict=True)
        solutions |= {number: _solution(window, heights, of_it) for number, window, heights, of_it in parts}
    return [solutions[number] for number in range(len(windows))]


def _scaled_known(window: Equations) -> Floats:
    """Return the known heights in the units of the equations."""
    return np.full_like(window.rhs, np.nan) if window.known is None else window.known * window.scale


def _solution(window: Equations, solved: Floats, variance: Floats) -> Solution:
    """Return the solution of a window in counts."""
    n, scale = window.n_components, window.scale
    heights = solved / scale
    measured = scale[:, :n] > _UNMEASURED
    return Solution(
        spectra=heights[:, :n].T,
        sd=np.sqrt(np.where(measured, variance[:, :n] / scale[:, :n] ** 2, np.inf)).T,
        knots=heights[:, n:].T,
    )


def normal_matrices(weights: Floats, columns: Floats) -> Floats:
    """Return the normal matrix of every row: columns @ diag(weights[row]) @ columns.T.

    Parameters
    ----------
    weights
        (n_rows, n_scans) weights.
    columns
        (n, n_scans) columns.

    Returns
    -------
    Floats
        (n_rows, n, n) matrices.
    """
    n = len(columns)
    products = (columns[:, None] * columns).reshape(n * n, -1)
    return (weights @ products.T).reshape(-1, n, n)


def solve_nonnegative(gram: Floats, rhs: Floats, known: Floats | None = None) -> tuple[Floats, Floats]:
    """Minimize x @ gram @ x / 2 - rhs @ x over x >= 0, for many rows at once.

    Rows whose unconstrained solution is nowhere negative keep it. In the others variables are exchanged.

    Parameters
    ----------
    gram
        (n_rows, n, n) symmetric, positive semi-definite matrices with ones on the diagonal.
    rhs
        (n_rows, n) right-hand sides.
    known
        (n_rows, n) solutions known beforehand; NaN in the other rows.

    Returns
    -------
    solution : Floats
        (n_rows, n) solutions.
    variance : Floats
        (n_rows, n) variances of the unconstrained solutions, in units of the residual variance.
    """
    inverse = np.linalg.inv(gram + _RIDGE * np.eye(gram.shape[1]))
    solution = np.matvec(inverse, rhs)
    pivoted = (solution < 0).any(axis=1)
    if known is not None:
        given = ~np.isnan(known[:, 0])
        solution[given] = known[given]
        pivoted &= ~given
    if pivoted.any():
        solution[pivoted] = _without_negatives(gram[pivoted], rhs[pivoted], inverse[pivoted], solution[pivoted])
    return solution, np.einsum("mii->mi", inverse)


def _without_negatives(gram: Floats, rhs: Floats, inverse: Floats, solution: Floats) -> Floats:
    """Return (n_rows, n) solutions, from the unconstrained solutions and the inverses of the matrices.

    The quantity that violates its condition most (a variable below zero, or one at zero whose gradient is positive) is
    exchanged until none does. Few variables end at zero, so that this takes fewer exchanges than a start with all
    variables at zero. It may not end; rows that are left after some exchanges are solved by `_pivoted`.
    """
    n = gram.shape[1]
    solved, rows = np.zeros_like(rhs), np.arange(len(gram))
    rates, level, sign = inverse, solution, np.full(rhs.shape, -1.0)  # -1: inside
    least = _SLACK * np.abs(rhs).max(axis=1)
    for _ in range(_MOST_EXCHANGES * n):
        at = np.arange(len(rows))
        wrong = sign * level
        pivot = wrong.argmax(axis=1)
        done = wrong[at, pivot] <= least
        if done.any():
            solved[rows[done]] = np.where(sign[done] < 0, np.maximum(level[done], 0), 0)
            state = rows, rates, level, sign, least, pivot
            rows, rates, level, sign, least, pivot = (part[~done] for part in state)
            if not len(rows):
                return solved
        _exchange_one(rates, level, pivot)
        sign[np.arange(len(rows)), pivot] *= -1
    solved[rows] = _pivoted(gram[rows], rhs[rows])
    return solved


def _pivoted(gram: Floats, rhs: Floats) -> Floats:
    """Return (n_rows, n) solutions by Keller's principal pivoting, starting with all variables at zero.

    Each row has a tableau. `rates` holds how fast each dependent quantity (a variable inside, the gradient of one at
    zero) falls with each independent one (a variable at zero, the gradient of one inside); `level` holds its value. The
    variable of the steepest descent is raised until its gradient is zero. If another variable falls to zero on the way,
    that one leaves first.
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


def _exchange_one(rates: Floats, level: Floats, pivot: Ints) -> None:
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
