"""The axis on which runs are compared: retention index, or retention time where there is none."""

from dataclasses import dataclass

import numpy as np

from spectus.types import Floats, Ints

_FEWEST_INDICES = 2
"""Fewest indexed components of a run between which its other components are interpolated: a line needs two points."""


@dataclass(frozen=True)
class Axis:
    """Retention of every component, in index units if any run has indices, else in s.

    A component without an index, in a campaign where others have one, gets the index at its time in its own run. If its
    run has none, it gets that of the reference, the run with the most indexed components.

    Attributes
    ----------
    x
        (n,) retention of the components.
    per_s
        (n,) units of `x` per second at the component.
    max_shift
        (n_runs,) widest shift of each run, in the unit of `x`.
    """

    x: Floats
    per_s: Floats
    max_shift: Floats
    _reference: tuple[Floats, Floats]
    _offsets: list[tuple[Floats, Floats]]

    @classmethod
    def of(cls, rt_s: Floats, ri: Floats, run: Ints, n_runs: int, max_rt_shift_s: float, max_ri_shift: float) -> "Axis":
        """Build the axis of a campaign.

        Parameters
        ----------
        rt_s
            (n,) apexes of the components, s.
        ri
            (n,) retention indices; NaN for none.
        run
            (n,) run numbers.
        n_runs
            Number of runs.
        max_rt_shift_s
            Widest shift of a run without indices, s.
        max_ri_shift
            Widest shift of a run with indices, index units.

        Returns
        -------
        Axis
            The axis.
        """
        indexed = np.isfinite(ri)
        if not indexed.any():
            ri, indexed = rt_s, np.ones(len(rt_s), dtype=bool)
            max_ri_shift = max_rt_shift_s
        reference = int(np.argmax(np.bincount(run[indexed], minlength=n_runs))) if len(run) else 0
        rows = np.flatnonzero((run == reference) & indexed)
        rows = rows[np.argsort(rt_s[rows], kind="stable")]
        times, values = rt_s[rows], ri[rows]
        x = np.where(indexed, ri, extrapolate(rt_s, times, values))
        for number in np.unique(run[~indexed]):
            own = np.flatnonzero((run == number) & indexed)
            if len(own) >= _FEWEST_INDICES:
                own = own[np.argsort(rt_s[own], kind="stable")]
                gaps = (run == number) & ~indexed
                x[gaps] = extrapolate(rt_s[gaps], rt_s[own], ri[own])
        per_s = (extrapolate(rt_s + 1.0, times, values) - extrapolate(rt_s - 1.0, times, values)) / 2
        max_shift = np.full(n_runs, max_ri_shift)
        for number in np.setdiff1d(run, run[indexed]):
            max_shift[number] = max_rt_shift_s * np.median(per_s[run == number])
        offsets = []
        for number in range(n_runs):
            own = np.flatnonzero(run == number)
            own = own[np.argsort(x[own], kind="stable")]
            offsets.append((x[own], rt_s[own] - extrapolate(x[own], values, times)))
        return cls(x, per_s, max_shift, (values, times), offsets)

    def time(self, run: int, x: Floats) -> Floats:
        """Return the times at which a run shows what lies at `x`.

        The time is that of the reference, corrected by the difference that the run's own components show nearby.

        Parameters
        ----------
        run
            Run number.
        x
            (n,) retention on this axis.

        Returns
        -------
        Floats
            (n,) times, s.
        """
        values, times = self._reference
        places, offset = self._offsets[run]
        return extrapolate(x, values, times) + (np.interp(x, places, offset) if len(places) else 0.0)


def extrapolate(x: Floats, places: Floats, values: Floats) -> Floats:
    """Interpolate linearly, and extrapolate with the mean slope (1 for a single point).

    Parameters
    ----------
    x
        (n,) where values are wanted.
    places, values
        (n_points,) ascending positions and their values.

    Returns
    -------
    Floats
        (n,) values; `x` itself without points.
    """
    if not len(places):
        return x
    span = places[-1] - places[0]
    slope = (values[-1] - values[0]) / span if span > 0 else 1.0
    beyond = np.minimum(x - places[0], 0) + np.maximum(x - places[-1], 0)
    return np.asarray(np.interp(x, places, values) + slope * beyond)
