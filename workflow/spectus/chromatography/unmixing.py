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


@dataclass(frozen=True)
class Solution:
    """Solution of one window.

    Attributes
    ----------
    spectra: (n_components, n_masses), counts at the apex, not negative.
    sd: the same shape, their standard deviation given the noise and the overlap with the other components.
    fitted: (n_masses, n_scans), the components' share of the traces, without the baseline, counts.
    base: (n_masses, n_scans), the baseline fitted, counts.
    """

    spectra: Array
    sd: Array
    fitted: Array
    base: Array


def hat_functions(n_points: int, spacing: float) -> Array:
    """Baseline columns, (n_knots, n_points): triangles between knots at about `spacing` points; they add up to one."""
    n_knots = max(2, round((n_points - 1) / max(spacing, 1.0)) + 1)
    knots = np.linspace(0, n_points - 1, n_knots)
    gap = max(knots[1] - knots[0], 1e-9)
    return np.maximum(0, 1 - np.abs(np.arange(n_points) - knots[:, None]) / gap)


def unmix(traces: Array, weights: Array, profiles: Array, hats: Array) -> Solution:
    """Solve one window.

    Parameters
    ----------
    traces, weights: (n_masses, n_scans), counts above the rough baseline, and inverse variances (zero: left out).
    profiles: (n_components, n_scans), apex 1. hats: (n_knots, n_scans).
    """
    columns = np.concatenate([profiles, hats])
    gram = normal_matrices(weights, columns)
    solved = solve_nonnegative(gram, (traces * weights) @ columns.T)
    n = len(profiles)
    return Solution(
        spectra=solved[:, :n].T, sd=_standard_deviations(gram, n).T,
        fitted=solved[:, :n] @ profiles, base=solved[:, n:] @ hats,
    )  # fmt: skip


def normal_matrices(weights: Array, columns: Array) -> Array:
    """(n_rows, n, n): columns @ diag(weights[row]) @ columns.T for every row."""
    n = len(columns)
    first, second = np.triu_indices(n)
    packed = weights @ (columns[first] * columns[second]).T
    gram = np.empty((len(weights), n, n))
    gram[:, first, second] = packed
    gram[:, second, first] = packed
    return gram


def _standard_deviations(gram: Array, n: int) -> Array:
    """Square roots of the diagonal of the inverse; infinity where nothing was measured."""
    scale = np.sqrt(np.maximum(np.einsum("mii->mi", gram), 1e-30))
    normalised = gram / scale[:, :, None] / scale[:, None, :]
    inverse = np.linalg.inv(normalised + 1e-6 * np.eye(gram.shape[1]))
    variance = np.einsum("mii->mi", inverse)[:, :n] / scale[:, :n] ** 2
    return np.sqrt(np.where(scale[:, :n] > 1e-12, np.maximum(variance, 0), np.inf))


def solve_nonnegative(gram: Array, rhs: Array, max_exchanges: int = 60) -> Array:
    """Minimise x @ gram @ x / 2 - rhs @ x over x >= 0, for many rows at once.

    Parameters
    ----------
    gram: (n_rows, n, n), symmetric, positive semi-definite. rhs: (n_rows, n).
    """
    n_rows, n = rhs.shape
    scale = 1 / np.sqrt(np.maximum(np.einsum("mii->mi", gram), 1e-30))
    normalised = gram * scale[:, :, None] * scale[:, None, :] + 1e-9 * np.eye(n)
    target = rhs * scale
    solution = np.zeros((n_rows, n))
    passive = np.ones((n_rows, n), dtype=bool)
    fewest = np.full(n_rows, n + 1)
    chances = np.full(n_rows, 3)
    open_rows = np.arange(n_rows)
    for _ in range(max_exchanges):
        inside = passive[open_rows]
        x, dual = _solve_passive(normalised[open_rows], target[open_rows], inside)
        tolerance = 1e-8 * np.abs(target[open_rows]).max(axis=1, keepdims=True)
        wrong = (inside & (x < 0)) | (~inside & (dual < -tolerance))
        solution[open_rows] = np.where(inside, np.maximum(x, 0), 0)
        unsolved = wrong.any(axis=1)
        open_rows, wrong = open_rows[unsolved], wrong[unsolved]
        if not len(open_rows):
            break
        count = wrong.sum(axis=1)
        better = count < fewest[open_rows]
        chances[open_rows] = np.where(better, 3, chances[open_rows] - 1)
        fewest[open_rows] = np.minimum(fewest[open_rows], count)
        single = chances[open_rows] < 0
        last = n - 1 - np.argmax(wrong[:, ::-1], axis=1)
        wrong[single] &= np.arange(n) == last[single, None]
        passive[open_rows] ^= wrong
    return solution * scale


def _solve_passive(gram: Array, target: Array, inside: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Unconstrained solution of the passive variables, zero for the others, and the gradient."""
    both = inside[:, :, None] & inside[:, None, :]
    reduced = np.where(both, gram, 0) + np.eye(gram.shape[1]) * ~inside[:, :, None]
    x = np.linalg.solve(reduced, np.where(inside, target, 0)[:, :, None])[:, :, 0]
    return np.asarray(x, dtype=np.float64), np.einsum("mij,mj->mi", gram, x) - target
