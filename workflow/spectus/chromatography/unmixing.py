"""Unmixing: the spectra that, with given elution profiles, add up to what was measured.

For every mass m of a window the model is

    trace_m(t) = sum_k S[k, m] * profile_k(t) + baseline_m(t),    S >= 0,

with a piecewise linear baseline that is fitted too. It is solved by weighted least squares: each point counts by the
inverse of its variance, so every mass has normal equations of its own. Points at the detector's ceiling have weight
zero. The constraint is kept by block principal pivoting (Portugal, Judice and Vicente, Math. Comput. 1994, 63, 625;
Kim and Park, SIAM J. Sci. Comput. 2011, 33, 3261), for all masses at once. Where that goes round in circles, as it
does in crowded windows, the active set method of Lawson and Hanson (1974) goes on from where it stopped (Bro and de
Jong, J. Chemometrics 1997, 11, 393), for all masses at once too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TINY = 1e-30
_UNMEASURED = 1e-12
_RIDGE = 1e-6
"""Keeps profiles that are nearly the same from making the matrix singular; relative to a diagonal of ones."""

_EXCHANGES = 8
_SETTLING = 0.2
"""Exchanges go on as long as each settles this share of the rows still open."""

_MOST_STEPS = 30
"""Steps of the active set method, in numbers of variables."""


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

    The sets above and at zero are exchanged in blocks, for all rows at once, which settles most of them in a few
    exchanges. The rows where many variables are much alike, so that exchanges go in circles, are left to active sets.
    """
    lower = np.linalg.cholesky(gram + _RIDGE * np.eye(gram.shape[1]))
    inverse = np.linalg.inv(lower)
    target = np.matvec(inverse, rhs)
    unconstrained = np.matvec(inverse.mT, target)
    open_rows = np.flatnonzero((unconstrained < 0).any(axis=1))
    solution = unconstrained
    if known is not None:
        given = ~np.isnan(known[:, 0])
        solution[given] = known[given]
        open_rows = open_rows[~given[open_rows]]
    open_rows = _exchange(gram, rhs, solution, open_rows)
    if len(open_rows):
        solution[open_rows] = _active_set(gram[open_rows], rhs[open_rows], solution[open_rows] > 0)
    return solution, np.einsum("mij,mij->mj", inverse, inverse)


def _exchange(gram: Array, rhs: Array, solution: Array, open_rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Solve the open rows of `solution`, which hold a guess, in place; the rows that do not settle come back."""
    passive = solution > 0
    tolerance = _tolerance(rhs)
    for _ in range(_EXCHANGES):
        if not len(open_rows):
            break
        inside = passive[open_rows]
        x, gradient = _solve_passive(gram[open_rows], rhs[open_rows], inside)
        wrong = (inside & (x < 0)) | (~inside & (gradient < -tolerance[open_rows]))
        settled = ~wrong.any(axis=1)
        solution[open_rows[settled]] = np.where(inside[settled], x[settled], 0)
        passive[open_rows] ^= wrong
        open_rows = open_rows[~settled]
        if settled.mean() < _SETTLING:
            break
    return open_rows


def _active_set(gram: Array, rhs: Array, passive: NDArray[np.bool_]) -> Array:
    """(n_rows, n) solutions, begun with the variables of `passive` above zero."""
    x = _feasible(gram, rhs, passive)
    barred, tolerance = np.zeros(x.shape, dtype=bool), _tolerance(rhs)
    rows = np.arange(len(gram))
    for _ in range(_MOST_STEPS * gram.shape[1]):
        inside = x[rows] > 0
        descent = np.where(inside | barred[rows], 0.0, rhs[rows] - np.matvec(gram[rows], x[rows]))
        steepest = np.argmax(descent, axis=1)
        more = descent[np.arange(len(rows)), steepest] > tolerance[rows, 0]
        rows, inside, steepest = rows[more], inside[more], steepest[more]
        if not len(rows):
            break
        inside[np.arange(len(rows)), steepest] = True
        x[rows] = _stepped(gram[rows], rhs[rows], x[rows], inside)
        barred[rows, steepest] = x[rows, steepest] == 0  # its gradient was rounding
    return x


def _feasible(gram: Array, rhs: Array, passive: NDArray[np.bool_]) -> Array:
    """Solutions of the variables in `passive`, from which those that come out negative are left out until none does."""
    passive, x = passive.copy(), np.zeros_like(rhs)
    rows = np.arange(len(gram))
    while len(rows):
        found, _ = _solve_passive(gram[rows], rhs[rows], passive[rows])
        wrong = passive[rows] & (found <= 0)
        whole = ~wrong.any(axis=1)
        x[rows[whole]] = np.where(passive[rows[whole]], found[whole], 0)
        passive[rows] &= ~wrong
        rows = rows[~whole]
    return x


def _stepped(gram: Array, rhs: Array, x: Array, inside: NDArray[np.bool_]) -> Array:
    """From `x`, not negative, towards the solution of the variables inside; those that reach zero on the way leave."""
    x, rows = x.copy(), np.arange(len(gram))
    while len(rows):
        target, _ = _solve_passive(gram[rows], rhs[rows], inside[rows])
        target = np.where(inside[rows], target, 0)
        crossing = inside[rows] & (target <= 0)
        whole = ~crossing.any(axis=1)
        x[rows[whole]] = target[whole]
        rows, target, crossing = rows[~whole], target[~whole], crossing[~whole]
        fall = np.where(crossing, x[rows] - target, 1.0)
        share = np.where(crossing, x[rows] / np.where(fall > 0, fall, 1.0), np.inf)
        step = share.min(axis=1, keepdims=True)
        x[rows] = np.where(share <= step, 0.0, np.maximum(x[rows] + step * (target - x[rows]), 0.0))
        inside[rows] &= share > step
    return x


def _tolerance(rhs: Array) -> Array:
    """(n_rows, 1): what a gradient may be below zero and still count as zero."""
    return np.asarray(1e-8 * np.abs(rhs).max(axis=1, keepdims=True, initial=0))


def _solve_passive(gram: Array, rhs: Array, inside: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Solution of the variables inside, zero for the others, and the gradient of all."""
    weight = inside.astype(np.float64)
    reduced = gram * weight[:, :, None] * weight[:, None, :]
    diagonal = np.arange(gram.shape[1])
    reduced[:, diagonal, diagonal] = 1 + _RIDGE
    x = np.asarray(np.linalg.solve(reduced, (rhs * weight)[:, :, None])[:, :, 0], dtype=np.float64)
    return x, np.matvec(gram, x) - rhs
