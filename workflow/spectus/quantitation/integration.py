"""Integration of one ion's peak: where it begins and ends, its baseline and its area."""

from dataclasses import dataclass

import numpy as np

from spectus.types import Flags, Floats, Ints

_END_HEIGHT = 0.002
"""Height above the baseline at which a peak ends, as a fraction f of its apex. Chosen: what lies beyond and below the
baseline is f (1 + ln(1/f) / 2) of an exponential tail, 0.8 %."""

_NOISE_MULTIPLE = 1.0
"""Height above the baseline at which a peak ends, in standard deviations of the noise. Chosen: a scan of a tail that is
lost in noise adds nothing but noise."""

_VALLEY_RISE = 0.05
"""Rise after a valley, as a fraction of the apex, that shows another peak. Chosen."""

_VALLEY_NOISE = 5.0
"""The same in standard deviations of the noise. Chosen."""

_BASELINE_QUANTILE = 0.1
"""Quantile of a third of a window that is its lowest level. Chosen: neighboring peaks raise the rest of it."""

_FLANK_SCANS = 5
"""Scans beside the peak whose median is the baseline there. Chosen."""

_MAD_TO_SD = 1.4826
"""Standard deviation of normal noise over its median absolute deviation."""

_FEWEST_SCANS = 4
"""Fewest neighboring scans above the noise that make a peak. Chosen: spikes have one or two."""

_DETECTION = 3.0
"""Signal-to-noise ratio from which a peak is detected (ICH Q2(R2), 2023, 3.2.3.2)."""


@dataclass(frozen=True)
class Peak:
    """One ion's peak.

    Attributes
    ----------
    area
        Area above the baseline, counts x s.
    height
        Height above the baseline, counts.
    rt_s, start_s, end_s
        Apex, begin and end, s.
    noise
        Standard deviation of the trace beside the peak, counts.
    detected
        The peak rises above the noise in enough neighboring scans.
    saturated
        A scan of the peak reached the detector's ceiling.
    valleys
        It begins, and it ends, in a valley before another peak.
    """

    area: float
    height: float
    rt_s: float
    start_s: float
    end_s: float
    noise: float
    detected: bool
    saturated: bool
    valleys: tuple[bool, bool] = (False, False)

    @property
    def snr(self) -> float:
        """Height over the noise."""
        return self.height / self.noise


def find_peak(rt_s: Floats, trace: Floats, search_s: tuple[float, float], threshold: float, ceiling: float) -> Peak:
    """Find the peak of a trace near a time, and integrate all of it, the tail too.

    Of several maxima the one is taken whose height counts most, times a Gaussian of its distance from the expected time
    with half the tolerance as its standard deviation. The peak ends on either side where the trace falls to 0.2 % of
    the apex or into the noise, or in a valley before another peak.

    Parameters
    ----------
    rt_s, trace
        (n_scans,) scan times, s, and counts; some peak widths longer than the search on either side.
    search_s
        Expected time of the apex, and its largest distance from it, s.
    threshold
        Counts at which the instrument begins to record.
    ceiling
        Largest intensity of the detector, counts.

    Returns
    -------
    Peak
        With area 0 and not detected where the trace has no scan in the search window.
    """
    expected, tolerance = search_s
    inside = np.flatnonzero(np.abs(rt_s - expected) <= tolerance)
    if len(inside) == 0 or len(rt_s) < _FEWEST_SCANS:
        return Peak(0.0, 0.0, expected, expected, expected, max(threshold, 1.0), False, False)
    smooth = _smoothed(trace)
    apex = _apex(smooth, inside, (rt_s[inside] - expected) / tolerance)
    noise = _noise(trace, threshold)
    above = smooth - _lowest_line(rt_s, smooth)
    floor = max(_END_HEIGHT * above[apex], _NOISE_MULTIPLE * noise)
    rise = max(_VALLEY_RISE * above[apex], _VALLEY_NOISE * noise)
    before, valley_before = _descent(above[apex::-1], floor, rise)
    after, valley_after = _descent(above[apex:], floor, rise)
    places = (apex - before, apex, apex + after)
    return _integrated(rt_s, trace, places, (valley_before, valley_after), (noise, ceiling))


def integrate_between(rt_s: Floats, trace: Floats, bounds: Peak, threshold: float, ceiling: float) -> Peak:
    """Integrate another ion's trace between the begin and the end of a peak (see `find_peak` for the parameters)."""
    inside = np.flatnonzero((rt_s >= bounds.start_s) & (rt_s <= bounds.end_s))
    if len(inside) == 0:
        return Peak(0.0, 0.0, bounds.rt_s, bounds.start_s, bounds.end_s, max(threshold, 1.0), False, False)
    apex = int(inside[np.argmax(_smoothed(trace)[inside])])
    places = (int(inside[0]), apex, int(inside[-1]))
    return _integrated(rt_s, trace, places, bounds.valleys, (_noise(trace, threshold), ceiling))


def _integrated(
    rt_s: Floats,
    trace: Floats,
    places: tuple[int, int, int],
    valleys: tuple[bool, bool],
    limits: tuple[float, float],
) -> Peak:
    """Integrate a trace between two scans, above the line through the medians beside them.

    Beside a valley lies another peak. There the line goes on level from the other side, or is the lowest line of the
    trace if both sides are valleys: the usual perpendicular drop.
    """
    (start, apex, end), (noise, ceiling) = places, limits
    flanks = trace[max(0, start - _FLANK_SCANS) : start + 1], trace[end : end + 1 + _FLANK_SCANS]
    levels = [float(np.median(flank)) for flank, valley in zip(flanks, valleys, strict=True) if not valley]
    if not levels:
        line = _lowest_line(rt_s, _smoothed(trace))
    elif end > start:
        line = np.interp(rt_s, [rt_s[start], rt_s[end]], [levels[0], levels[-1]])
    else:
        line = np.full(len(rt_s), levels[0])
    span = slice(start, end + 1)
    above = trace - line
    area = float(np.trapezoid(above[span], rt_s[span]))
    # The filter widens a spike to four scans, but leaves its own scans two.
    high = _longest_run(_smoothed(above)[span] > _DETECTION * noise) >= _FEWEST_SCANS
    detected = high and int((above[span] > _DETECTION / 2 * noise).sum()) >= _FEWEST_SCANS
    return Peak(
        max(area, 0.0), max(float(above[apex]), 0.0), float(rt_s[apex]), float(rt_s[start]), float(rt_s[end]), noise,
        detected, bool((trace[span] >= ceiling).any()), valleys,
    )  # fmt: skip


def _apex(smooth: Floats, inside: Ints, distance: Floats) -> int:
    """Return the scan of the maximum that counts most; of the largest value where no maximum lies inside.

    Parameters
    ----------
    smooth
        (n_scans,) smoothed trace.
    inside
        (n,) scans to search in.
    distance
        (n,) their distance from the expected time, in tolerances.
    """
    padded = np.concatenate([[-np.inf], smooth, [-np.inf]])
    maxima = (smooth >= padded[:-2]) & (smooth >= padded[2:]) & (smooth > 0)
    value = smooth[inside] * np.exp(-0.5 * (distance / 0.5) ** 2)
    value = np.where(maxima[inside], value, -1.0) if maxima[inside].any() else smooth[inside]
    return int(inside[np.argmax(value)])


def _lowest_line(rt_s: Floats, smooth: Floats) -> Floats:
    """Return the line through the lowest levels of the first and the last third of a window, (n_scans,)."""
    third = max(len(smooth) // 3, 1)
    times = float(rt_s[:third].mean()), float(rt_s[-third:].mean())
    levels = [float(np.quantile(part, _BASELINE_QUANTILE)) for part in (smooth[:third], smooth[-third:])]
    if times[1] <= times[0]:
        return np.full(len(smooth), min(levels))
    return levels[0] + (levels[1] - levels[0]) / (times[1] - times[0]) * (rt_s - times[0])


def _smoothed(trace: Floats) -> Floats:
    """Return the trace after a binomial filter of three points, whose ends are kept."""
    if len(trace) < 3:
        return trace
    return np.concatenate([trace[:1], (trace[:-2] + 2 * trace[1:-1] + trace[2:]) / 4, trace[-1:]])


def _noise(trace: Floats, threshold: float) -> float:
    """Return the standard deviation of the noise, from differences of neighbors, which peaks raise little.

    An instrument that does not record what is below a threshold hides the noise; half the threshold is its least.
    """
    differences = np.diff(trace)
    deviation = float(np.median(np.abs(differences))) * _MAD_TO_SD / np.sqrt(2) if len(differences) else 0.0
    return max(deviation, threshold / 2, 1e-12)


def _descent(values: Floats, floor: float, rise: float) -> tuple[int, bool]:
    """Return how many scans a peak goes on from its apex, to the floor or to a valley, and whether it is a valley."""
    lowest = np.minimum.accumulate(values)
    ended = np.flatnonzero((values <= floor) | (values > lowest + rise))
    if not len(ended):
        return len(values) - 1, False
    last = int(ended[0])
    return (last, False) if values[last] <= floor else (int(np.argmin(values[: last + 1])), True)


def _longest_run(flags: Flags) -> int:
    """Return the largest number of neighboring true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
