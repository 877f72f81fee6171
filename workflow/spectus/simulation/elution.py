"""When and how wide compounds elute: peak shapes, groups at chosen overlaps, time from index, drift between runs."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import log_ndtr

from spectus.simulation.presets import Settings

Floats = NDArray[np.float64]


def emg(times: Floats, apex: Floats, fwhm: Floats, tau_fwhm: Floats) -> Floats:
    """Exponentially modified Gaussian peaks (Foley and Dorsey 1983) of height 1 with their maximum at `apex`.

    Parameters
    ----------
    times: (..., n) s.
    apex, fwhm: (n,) or scalar, s; the width is that of the whole peak at half of its height.
    tau_fwhm: (n,) or scalar, time constant of the tail in units of `fwhm`, 0.02 to 1.2.

    Returns
    -------
    Of the shape of `times` broadcast with the others.
    """
    sigma, mode, log_height = _shape(tau_fwhm)
    return np.exp(_log_emg((times - apex) / fwhm + mode, sigma, tau_fwhm) - log_height)


def emg_area(fwhm: Floats, tau_fwhm: Floats) -> Floats:
    """Area under a peak of height 1, in the unit of `fwhm`."""
    _, _, log_height = _shape(tau_fwhm)
    return np.asarray(fwhm * np.exp(-log_height))


def place_in_groups(n: int, settings: Settings, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """Apex times (n,), s, in groups at the settings' separations, the groups at random; and each one's group (n,)."""
    group = _group_numbers(n, settings, rng)
    fwhm = (settings.fwhm_low_s + settings.fwhm_high_s) / 2
    steps = rng.choice(np.asarray(settings.separations_fwhm), size=n) * fwhm
    first = np.flatnonzero(np.diff(group, prepend=-1))
    steps[first] = 0.0
    offset = np.cumsum(steps)
    within = offset - offset[first][group]
    width = np.array([within[group == number].max() for number in range(len(first))])
    return _group_starts(width, fwhm, settings, rng)[group] + within, group


def index_times(index: Floats, settings: Settings) -> Floats:
    """Apex times, s, of retention indices: smooth, rising, flattening as on a temperature programme."""
    place = (index - settings.index_low) / (settings.index_high - settings.index_low)
    bend = settings.index_curvature
    share = place if abs(bend) < 1e-6 else np.expm1(-bend * place) / np.expm1(-bend)
    return settings.solvent_s + share * (settings.run_s - settings.solvent_s)


def drifted(times: Floats, settings: Settings, rng: np.random.Generator) -> Floats:
    """Times as another run has them: shifted, stretched and bent, each by about `drift_s`."""
    place = times / settings.run_s
    shift, stretch, bend = rng.normal(0.0, settings.drift_s, size=3)
    return times + shift + stretch * (place - 0.5) + bend * np.sin(np.pi * place)


def grouped(times: Floats, within_s: float) -> NDArray[np.int64]:
    """Numbers (n,), from 0 in order of time, that neighbours closer than `within_s` share."""
    order = np.argsort(times, kind="stable")
    number = np.cumsum(np.diff(times[order], prepend=times[order[:1]]) >= within_s)
    result = np.empty(len(times), dtype=np.int64)
    result[order] = number
    return result


def nearest(times: Floats) -> Floats:
    """Distance (n,) of each time to the nearest other; infinite where there is none."""
    order = np.argsort(times, kind="stable")
    gaps = np.concatenate([[np.inf], np.diff(times[order]), [np.inf]])
    result = np.empty(len(times))
    result[order] = np.minimum(gaps[:-1], gaps[1:])[: len(times)]
    return result


def _log_emg(times: Floats, sigma: Floats, tau: Floats) -> Floats:
    """Logarithm of the density of a normal(0, sigma) plus an exponential(tau); stable far out on both sides."""
    ratio = sigma / tau
    return np.asarray(ratio**2 / 2 - times / tau + log_ndtr(times / sigma - ratio) - np.log(tau))


@cache
def _tabulated() -> tuple[PchipInterpolator, PchipInterpolator, PchipInterpolator]:
    """For peaks of FWHM 1, over tau: sigma, the mode, and the logarithm of the height of a peak of unit area.

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


def _crossing(times: Floats, above: Floats, point: NDArray[np.int64]) -> Floats:
    """Where the curves (points, n) cross zero between `point - 1` and `point` (n,), by a straight line."""
    columns = np.arange(above.shape[1])
    before, after = above[point - 1, columns], above[point, columns]
    start, end = times[point - 1, columns], times[point, columns]
    return start + (end - start) * before / (before - after)


def _shape(tau: Floats) -> tuple[Floats, Floats, Floats]:
    """Sigma, mode and logarithm of the height of peaks of unit area and FWHM 1."""
    sigma, mode, log_height = _tabulated()
    return sigma(tau), mode(tau), log_height(tau)


def _group_numbers(n: int, settings: Settings, rng: np.random.Generator) -> NDArray[np.int64]:
    shares = np.asarray(settings.group_shares) / sum(settings.group_shares)
    sizes = 1 + rng.choice(len(shares), size=n, p=shares)
    return np.repeat(np.arange(n), sizes)[:n]


def _group_starts(width: Floats, fwhm: float, settings: Settings, rng: np.random.Generator) -> Floats:
    """Random starts of groups of the given widths that keep their distance as far as the run has room for it."""
    first, last = settings.solvent_s + 3 * fwhm, settings.run_s - 5 * fwhm
    room = last - first - width.sum()
    if room <= 0:
        return rng.uniform(first, last, size=len(width))
    gap = min(settings.group_gap_fwhm * fwhm, room / 2 / max(len(width), 1))
    free = np.sort(rng.uniform(0.0, room - gap * len(width), size=len(width)))
    return first + free + np.cumsum(width + gap) - (width + gap)
