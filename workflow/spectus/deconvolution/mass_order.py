"""Join the parts of one compound whose heavy ions elute later than its light ions.

The heavy ions of an overloaded or strongly retained compound may elute later by a fraction of its width, unlike the
skew of the whole run. Where peaks are wide, this delay exceeds the error of the apexes, and perception splits the
compound into a light and a heavy part. Two compounds also give two groups of apexes, but at two distinct times,
whatever the mass. The apexes of one compound lie along a line of apex time over mass. The likelier model is taken.
"""

import numpy as np

from spectus.deconvolution.peaks import Apexes
from spectus.types import Floats, Ints

_NEAR_FWHM = 0.75
"""Components further apart than this, in local peak widths, are two compounds. Chosen: delays of one compound are
shorter.
"""

_MARGIN = 15.0
"""Least difference of the log likelihoods (natural logarithm) of the line and of two times. Measured on simulated runs
of the presets dense and crowded: two compounds reach 13 by chance among thousands of neighbors; one compound of
fifty ions, 1 s late over 200 Th, has 25 to 100.
"""

_EM_ROUNDS = 10
"""Rounds of expectation maximization. Chosen: the likelihood no longer changes."""

_MIN_LINE_IONS = 6
"""Fewest apexes for the comparison. Chosen: a line through fewer always fits well."""


def join_ordered(
    apexes: Apexes,
    spreads: Floats,
    positions: Floats,
    member: Ints,
    fwhm: Floats,
) -> tuple[Floats, Ints]:
    """Join neighboring components that are one compound.

    Parameters
    ----------
    apexes
        Apexes of a stretch; their rows ascend with mass.
    spreads
        (n_apexes,) uncertainty of each apex, scans.
    positions
        (n_components,) apex of each component, scans, ascending.
    member
        (n_apexes,) component that each apex supports, or -1.
    fwhm
        (n_scans,) local peak width, scans.

    Returns
    -------
    positions : Floats
        (n_joined,) apex of each component after joining, scans, ascending.
    member : Ints
        (n_apexes,) component that each apex supports after joining, or -1.
    """
    order = np.argsort(member, kind="stable")
    bounds = np.searchsorted(member[order], np.arange(len(positions) + 1))
    kept: list[Ints] = []
    for number, position in enumerate(positions):
        own = order[bounds[number] : bounds[number + 1]]
        if kept:
            before = np.sort(apexes.position[kept[-1]])
            middle = (before[len(before) // 2] + before[(len(before) - 1) // 2]) / 2
            near = position - middle < _NEAR_FWHM * fwhm[min(max(round(position), 0), len(fwhm) - 1)]
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
    centers = [np.average(apexes.position[own], weights=w) for own, w in zip(kept, weight, strict=True)]
    return np.array(centers), joined


def _ordered(apexes: Apexes, spreads: Floats, first: Ints, second: Ints) -> bool:
    """Return whether a line of apex over mass is likelier than two times, one for each group of apexes."""
    both = np.concatenate([first, second])
    if len(both) < _MIN_LINE_IONS:
        return False
    position, spread = apexes.position[both] - apexes.position[first[0]], spreads[both]
    line = _line(position, apexes.row[both] / 100.0, spread)
    share = np.arange(len(both)) < len(first)
    return line > _two_times(position, spread, share.astype(np.float64), line - _MARGIN) + _MARGIN


def _line(position: Floats, mass: Floats, spread: Floats) -> float:
    """Return the log likelihood of apexes along a line, without the terms of the spreads alone."""
    weight = 1 / spread**2
    total = weight.sum()
    x, y = mass - (weight @ mass) / total, position - (weight @ position) / total
    information = weight @ x**2
    slope = (weight * x) @ y / information if information > 0 else 0.0
    return -0.5 * float(weight @ (y - slope * x) ** 2)


def _two_times(position: Floats, spread: Floats, share: Floats, enough: float = np.inf) -> float:
    """Return the log likelihood of apexes at two times, by expectation maximization.

    Parameters
    ----------
    position
        (n_apexes,) scans.
    spread
        (n_apexes,) uncertainty, scans.
    share
        (n_apexes,) initial probability that the apex is at the first time.
    enough
        Log likelihood from which its exact value does not matter. It rises with every round.

    Returns
    -------
    float
        Natural logarithm, without the terms of the spreads alone.
    """
    weight = 1 / spread**2
    for _ in range(_EM_ROUNDS):
        logs = np.empty((2, len(position)))
        for row, part in enumerate((share, 1 - share)):
            total = max(float(part @ weight), 1e-12)
            center = float((part * weight) @ position) / total
            logs[row] = np.log(max(part.mean(), 1e-12)) - 0.5 * weight * (position - center) ** 2
        both = np.logaddexp(logs[0], logs[1])
        if both.sum() > enough:
            break
        share = np.exp(logs[0] - both)
    return float(both.sum())
