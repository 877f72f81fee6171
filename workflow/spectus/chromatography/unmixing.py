"""Unmixing: the spectra that, with given elution profiles, add up to what was measured.

For every mass m of a window the model is

    trace_m(t) = sum_k S[k, m] * profile_k(t) + baseline_m(t),    S >= 0,

with a piecewise linear baseline that is fitted too. It is solved by weighted least squares: each point counts by the
inverse of its variance, so every mass has normal equations of its own. Points at the detector's ceiling have weight
zero. The constraint is kept by block principal pivoting (Portugal, Judice and Vicente, Math. Comput. 1994, 63, 625;
Kim and Park, SIAM J. Sci. Comput. 2011, 33, 3261), here for all masses at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TINY = 1e-30
_UNMEASURED = 1e-12
_RIDGE = 1e-6
"""Keeps profiles that are nearly the same from making the matrix singular; relative to a diagonal of ones."""


@dataclass(frozen=True)
class Solution:
    """Solution of one window.

    Attributes
    ----------
    spectra: (n_components, n_masses), counts at the apex, not negative.
    sd: the same shape, their standard deviation given the noise and the overlap with the other components.
    base: (n_masses, n_scans), the baseline fitted, counts.
    """

    spectra: Array
    sd: Array
    base: Array


def hat_functions(n_points: int, spacing: float) -> Array:
    """Baseline columns, (n_knots, n_points): triangles between knots at about `spacing` points; they add up to one."""
    n_knots = max(2, round((n_points - 1) / max(spacing, 1.0)) + 1)
    knots = np.linspace(0, n_points - 1, n_knots)
    gap = max(knots[1] - knots[0], 1e-9)
    return np.maximum(0, 1 - np.abs(np.arange(n_points) - knots[:, None]) / gap)


def unmix(
    traces: Array, weights: Array, profiles: Array, hats: Array, likely: NDArray[np.bool_] | None = None
) -> Solution:
    """Solve one window.

    Parameters
    ----------
    traces, weights: (n_masses, n_scans), counts above the rough baseline, and inverse variances (zero: left out).
    profiles: (n_components, n_scans), apex 1. hats: (n_knots, n_scans).
    likely: (n_components, n_masses), intensities that are probably above zero, e.g. from an earlier solution; it only
        saves time.
    """
    columns = np.concatenate([profiles, hats])
    gram = normal_matrices(weights, columns)
    scale = np.sqrt(np.maximum(np.einsum("mii->mi", gram), _TINY))
    gram /= scale[:, :, None] * scale[:, None, :]
    inverse = np.asarray(np.linalg.inv(gram + _RIDGE * np.eye(len(columns))), dtype=np.float64)
    n = len(profiles)
    rhs = (traces * weights) @ columns.T / scale
    passive = np.einsum("mij,mj->mi", inverse, rhs) > 0
    if likely is not None:
        passive[:, :n] = likely.T
    solved = solve_nonnegative(gram, rhs, passive) / scale
    variance = np.einsum("mii->mi", inverse)[:, :n] / scale[:, :n] ** 2
    return Solution(
        spectra=solved[:, :n].T,
        sd=np.sqrt(np.where(scale[:, :n] > _UNMEASURED, np.maximum(variance, 0), np.inf)).T,
        base=solved[:, n:] @ hats,
    )


def normal_matrices(weights: Array, columns: Array) -> Array:
    """(n_rows, n, n): columns @ diag(weights[row]) @ columns.T for every row."""
    n = len(columns)
    first, second = np.triu_indices(n)
    packed = weights @ (columns[first] * columns[second]).T
    gram = np.empty((len(weights), n, n))
    gram[:, first, second] = packed
    gram[:, second, first] = packed
    return gram


def solve_nonnegative(
    gram: Array, rhs: Array, passive: NDArray[np.bool_] | None = None, max_exchanges: int = 60
) -> Array:
    """Minimise x @ gram @ x / 2 - rhs @ x over x >= 0, for many rows at once.

    Parameters
    ----------
    gram: (n_rows, n, n), symmetric, positive semi-definite, ones on the diagonal. rhs: (n_rows, n).
    passive: (n_rows, n), variables to start with above zero; all if not given. The solution does not depend on it.
    """
    n_rows, n = rhs.shape
    solution = np.zeros((n_rows, n))
    passive = np.ones((n_rows, n), dtype=bool) if passive is None else passive.copy()
    open_rows = np.arange(n_rows)
    fewest, chances = np.full(n_rows, n + 1), np.full(n_rows, 3)
    tolerance = 1e-8 * np.abs(rhs).max(axis=1, keepdims=True, initial=0)
    for _ in range(max_exchanges):
        if not len(open_rows):
            break
        inside = passive[open_rows]
        x, gradient = _solve_passive(gram[open_rows], rhs[open_rows], inside)
        solution[open_rows] = np.where(inside, np.maximum(x, 0), 0)
        wrong = (inside & (x < 0)) | (~inside & (gradient < -tolerance[open_rows]))
        unsolved = wrong.any(axis=1)
        open_rows, wrong = open_rows[unsolved], wrong[unsolved]
        count = wrong.sum(axis=1)
        chances[open_rows] = np.where(count < fewest[open_rows], 3, chances[open_rows] - 1)
        fewest[open_rows] = np.minimum(fewest[open_rows], count)
        single = chances[open_rows] < 0
        last = n - 1 - np.argmax(wrong[:, ::-1], axis=1)
        wrong[single] &= np.arange(n) == last[single, None]
        passive[open_rows] ^= wrong
    return solution


def _solve_passive(gram: Array, rhs: Array, inside: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Solution of the variables inside, zero for the others, and the gradient of all."""
    weight = inside.astype(np.float64)
    reduced = gram * weight[:, :, None] * weight[:, None, :]
    diagonal = np.arange(gram.shape[1])
    reduced[:, diagonal, diagonal] = 1 + 1e-9
    x = np.asarray(np.linalg.solve(reduced, (rhs * weight)[:, :, None]), dtype=np.float64)
    return x[:, :, 0], (gram @ x)[:, :, 0] - rhs
