"""One compound whose ions come in the order of their mass, perceived as several.

The heavy ions of an overloaded or a sticking compound may come late by a share of its width, as no skew of the whole
run does. Where peaks are wide, that share is more than the apexes' errors, and the compound falls apart into a light
and a heavy part. Two compounds do so as well, but their apexes lie at two times, whatever the mass; those of one lie
along a line. The likelier of both is taken.
"""

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.peaks import Apexes

Array = NDArray[np.float64]

_NEAR_FWHM = 0.75
"""Neighbours further apart than this, in local peak widths, are two compounds."""

_MARGIN = 15.0
"""By how much the line must be likelier than two times, natural logarithm. Among the thousands of neighbours of crowded
simulated runs two compounds reach 13 by chance; one compound of fifty ions, 1 s late over 200 Th, has 25 to 100."""

_ROUNDS = 10
_MIN_IONS = 6


def join_ordered(
    apexes: Apexes,
    spreads: NDArray[np.float64],
    positions: NDArray[np.float64],
    member: NDArray[np.int64],
    fwhm: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Positions and members (as `perception.perceive` returns them) with the parts of one compound joined.

    Parameters
    ----------
    apexes: their rows ascend with mass. spreads: (n_apexes,), uncertainty of each, scans.
    fwhm: (n_scans,), local peak width, scans.
    """
    order = np.argsort(member, kind="stable")
    bounds = np.searchsorted(member[order], np.arange(len(positions) + 1))
    kept: list[NDArray[np.int64]] = []
    for number, position in enumerate(positions):
        own = order[bounds[number] : bounds[number + 1]]
        if kept:
            before = apexes.position[kept[-1]]
            near = position - np.median(before) < _NEAR_FWHM * fwhm[min(max(round(position), 0), len(fwhm) - 1)]
            if near and _ordered(apexes, spreads, kept[-1], own):
                kept[-1] = np.concatenate([kept[-1], own])
                continue
        kept.append(own)
    if len(kept) == len(positions):
        return positions, member
    joined = np.full_like(member, -1)
    for number, own in enumerate(kept):
        joined[own] = number
    weight = [1 / spreads[own] ** 2 for own in kept]
    centres = [np.average(apexes.position[own], weights=w) for own, w in zip(kept, weight, strict=True)]
    return np.array(centres), joined


def _ordered(apexes: Apexes, spreads: NDArray[np.float64], first: NDArray[np.int64], second: NDArray[np.int64]) -> bool:
    """Whether a line of apex over mass is likelier than two times, each apex of either."""
    both = np.concatenate([first, second])
    if len(both) < _MIN_IONS:
        return False
    position, spread = apexes.position[both] - apexes.position[first[0]], spreads[both]
    line = _line(position, apexes.row[both] / 100.0, spread)
    share = np.arange(len(both)) < len(first)
    return line > _two_times(position, spread, share.astype(np.float64)) + _MARGIN


def _line(position: Array, mass: Array, spread: Array) -> float:
    """Log likelihood of apexes along a line, but for the terms of the spreads."""
    columns = np.vander(mass, 2) / spread[:, None]
    solution = np.linalg.lstsq(columns, position / spread)[0]
    return -0.5 * float(np.sum((columns @ solution - position / spread) ** 2))


def _two_times(position: Array, spread: Array, share: Array) -> float:
    """The same for apexes of which a share is at one time and the rest at another (expectation maximisation).

    `share`: (n_apexes,), probability of each to be of the first time, to begin with.
    """
    weight = 1 / spread**2
    for _ in range(_ROUNDS):
        logs = np.empty((2, len(position)))
        for row, part in enumerate((share, 1 - share)):
            total = max(float(part @ weight), 1e-12)
            centre = float((part * weight) @ position) / total
            logs[row] = np.log(max(part.mean(), 1e-12)) - 0.5 * weight * (position - centre) ** 2
        both = np.logaddexp(logs[0], logs[1])
        share = np.exp(logs[0] - both)
    return float(both.sum())
