"""When and how wide compounds elute: peak shapes, groups at chosen overlaps, time from index, drift between runs."""

from functools import cache

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import log_ndtr

from spectus.simulation.presets import SimulationSettings
from spectus.types import Floats, Ints

_FIRST_MARGIN_FWHM = 3.0
"""Least time from the solvent to the first compound, in widths. Chosen."""

_LAST_MARGIN_FWHM = 5.0
"""Least time from the last compound to the end of the run, in widths. Chosen: the tail is inside."""

_STRAIGHT = 1e-6
"""Curvature below which time is linear in the index, to avoid dividing by zero."""


def emg(times: Floats, apex: Floats, fwhm: Floats, tau_fwhm: Floats) -> Floats:
    """Compute exponentially modified Gaussian peaks (Foley and Dorsey 1983) of height 1.

    Parameters
    ----------
    times
        (..., n) times, s.
    apex
        (n,) or scalar, position of the maximum, s.
    fwhm
        (n,) or scalar, width of the whole peak at half of its height, s.
    tau_fwhm
        (n,) or scalar, time constant of the tail, in units of `fwhm`, 0.02 to 1.2.

    Returns
    -------
    Floats
        Heights, of the shape of `times` broadcast with the others.
    """
    sigma, mode, log_height = _shape(tau_fwhm)
    return np.asarray(np.exp(_log_emg((times - apex) / fwhm + mode, sigma, tau_fwhm) - log_height))


def emg_area(fwhm: Floats, tau_fwhm: Floats) -> Floats:
    """Return the area under peaks of height 1, in the unit of `fwhm`.

    Parameters
    ----------
    fwhm
        (n,) full width at half maximum.
    tau_fwhm
        (n,) time constant of the tail, in units of `fwhm`.

    Returns
    -------
    Floats
        (n,) areas.
    """
    _, _, log_height = _shape(tau_fwhm)
    return np.asarray(fwhm * np.exp(-log_height))


def place_in_groups(n: int, settings: SimulationSettings, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Draw apex times in groups at the settings' separations, the groups at random.

    Parameters
    ----------
    n
        Number of compounds.
    settings
        Settings of the simulation.
    rng
        Random numbers.

    Returns
    -------
    times : Floats
        (n,) apexes, s.
    group : Ints
        (n,) group of each.
    """
    group = _group_numbers(n, settings, rng)
    fwhm = (settings.fwhm_low_s + settings.fwhm_high_s) / 2
    steps = rng.choice(np.asarray(settings.separations_fwhm), size=n) * fwhm
    first = np.flatnonzero(np.diff(group, prepend=-1))
    steps[first] = 0.0
    offset = np.cumsum(steps)
    within = offset - offset[first][group]
    width = np.array([within[group == number].max() for number in range(len(first))])
    return _group_starts(width, fwhm, settings, rng)[group] + within, group


def index_times(index: Floats, settings: SimulationSettings) -> Floats:
    """Convert retention indices to apex times, s: smooth, rising, flattening as in a temperature program.

    Parameters
    ----------
    index
        (n,) retention indices.
    settings
        Settings of the simulation.

    Returns
    -------
    Floats
        (n,) s.
    """
    place = (index - settings.index_low) / (settings.index_high - settings.index_low)
    bend = settings.index_curvature
    share = place if abs(bend) < _STRAIGHT else np.expm1(-bend * place) / np.expm1(-bend)
    return settings.solvent_s + share * (settings.run_s - settings.solvent_s)


def drifted(times: Floats, settings: SimulationSettings, rng: np.random.Generator) -> Floats:
    """Return times as another run has them: shifted, stretched and bent, each by about `drift_s`.

    Parameters
    ----------
    times
        (n,) s.
    settings
        Settings of the simulation.
    rng
        Random numbers.

    Returns
    -------
    Floats
        (n,) s.
    """
    place = times / settings.run_s
    shift, stretch, bend = rng.normal(0.0, settings.drift_s, size=3)
    return np.asarray(times + shift + stretch * (place - 0.5) + bend * np.sin(np.pi * place))


def grouped(times: Floats, within_s: float) -> Ints:
    """Assign times to groups whose neighbors are closer than a limit.

    Parameters
    ----------
    times
        (n,) s.
    within_s
        The limit, s.

    Returns
    -------
    Ints
        (n,) group numbers from 0, in order of time.
    """
    order = np.argsort(times, kind="stable")
    number = np.cumsum(np.diff(times[order], prepend=times[order[:1]]) >= within_s)
    result = np.empty(len(times), dtype=np.int64)
    result[order] = number
    return result


def nearest_distance(times: Floats) -> Floats:
    """Return the distance of each time to the nearest other.

    Parameters
    ----------
    times
        (n,) s.

    Returns
    -------
    Floats
        (n,) s; infinite for a single time.
    """
    order = np.argsort(times, kind="stable")
    gaps = np.concatenate([[np.inf], np.diff(times[order]), [np.inf]])
    result = np.empty(len(times))
    result[order] = np.minimum(gaps[:-1], gaps[1:])[: len(times)]
    return result


def _log_emg(times: Floats, sigma: Floats, tau: Floats) -> Floats:
    """Return the log density of a normal(0, sigma) plus an exponential(tau); stable far out on both sides."""
    ratio = sigma / tau
    return np.asarray(ratio**2 / 2 - times / tau + log_ndtr(times / sigma - ratio) - np.log(tau))


@cache
def _tabulated() -> tuple[PchipInterpolator, PchipInterpolator, PchipInterpolator]:
    """Tabulate sigma, the mode and the log height of a peak of unit area over tau, for peaks of FWHM 1.

    The curves of sigma = 1 are measured for a grid of tau and scaled to a width of 1 afterwards.
    """
    tau = np.geomspace(0.01, 20.0, 120)
    times = np.linspace(-4.0, 4.0 + 2.0 * tau, 8001)
    curve = _log_emg(times, np.ones_like(tau), tau)
    columns = np.arange(len(tau))
    top = curve.argmax(axis=0)
    above = curve - curve[top, columns] + np.log(2.0)
    left = _crossing(times, above, (above > 0).argmax(axis=0))
    right = _crossing(times, above, len(times) - (above > 0)[::-1].argmax(axis=0))
    width = right - left
    values = (1.0 / width, times[top, columns] / width, curve[top, columns] + np.log(width))
    sigma, mode, log_height = (PchipInterpolator(tau / width, value) for value in values)
    return sigma, mode, log_height


def _crossing(times: Floats, above: Floats, point: Ints) -> Floats:
    """Return where the curves (points, n) cross zero between `point - 1` and `point` (n,), by linear interpolation."""
    columns = np.arange(above.shape[1])
    before, after = above[point - 1, columns], above[point, columns]
    start, end = times[point - 1, columns], times[point, columns]
    return np.asarray(start + (end - start) * before / (before - after))


def _shape(tau: Floats) -> tuple[Floats, Floats, Floats]:
    """Return sigma, mode and log height of peaks of unit area and FWHM 1."""
    sigma, mode, log_height = _tabulated()
    return sigma(tau), mode(tau), log_height(tau)


def _group_numbers(n: int, settings: SimulationSettings, rng: np.random.Generator) -> Ints:
    """Draw the sizes of groups and return the group of each compound."""
    shares = np.asarray(settings.group_shares) / sum(settings.group_shares)
    sizes = 1 + rng.choice(len(shares), size=n, p=shares)
    return np.repeat(np.arange(n), sizes)[:n]


def _group_starts(width: Floats, fwhm: float, settings: SimulationSettings, rng: np.random.Generator) -> Floats:
    """Draw starts of groups of the given widths that keep their distance as far as the run has room for it."""
    first, last = settings.solvent_s + _FIRST_MARGIN_FWHM * fwhm, settings.run_s - _LAST_MARGIN_FWHM * fwhm
    room = last - first - width.sum()
    if room <= 0:
        return rng.uniform(first, last, size=len(width))
    gap = min(settings.group_gap_fwhm * fwhm, room / 2 / max(len(width), 1))
    free = np.sort(rng.uniform(0.0, room - gap * len(width), size=len(width)))
    return np.asarray(first + free + np.cumsum(width + gap) - (width + gap))
