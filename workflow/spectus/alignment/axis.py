"""The axis on which runs are compared: retention index, or retention time where there is none."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Axis:
    """Retention of every component, in index units if any run has indices, else in s.

    A run without indices, in a campaign where others have them, gets those that the run with the most
    components (the reference) shows at the same times.

    Attributes
    ----------
    x: (n,) retention of the components.
    per_s: (n,) units of `x` in one second, there.
    max_shift: (n_runs,) widest shift of each run, in the unit of `x`.
    """

    x: Floats
    per_s: Floats
    max_shift: Floats
    _reference: tuple[Floats, Floats]
    _offsets: list[tuple[Floats, Floats]]

    @classmethod
    def of(cls, rt_s: Floats, ri: Floats, run: Ints, n_runs: int, max_rt_shift_s: float, max_ri_shift: float) -> "Axis":
        """The axis of components with apexes `rt_s`, indices `ri` (NaN: none) and run numbers `run`, all (n,)."""
        indexed = np.isfinite(ri)
        if not indexed.any():
            ri, indexed = rt_s, np.ones(len(rt_s), dtype=bool)
            max_ri_shift = max_rt_shift_s
        reference = int(np.argmax(np.bincount(run[indexed], minlength=n_runs))) if len(run) else 0
        rows = np.flatnonzero((run == reference) & indexed)
        rows = rows[np.argsort(rt_s[rows], kind="stable")]
        times, values = rt_s[rows], ri[rows]
        x = np.where(indexed, ri, extended(rt_s, times, values))
        per_s = (extended(rt_s + 1.0, times, values) - extended(rt_s - 1.0, times, values)) / 2
        max_shift = np.full(n_runs, max_ri_shift)
        for number in np.unique(run[~indexed]):
            max_shift[number] = max_rt_shift_s * np.median(per_s[run == number])
        offsets = []
        for number in range(n_runs):
            own = np.flatnonzero(run == number)
            own = own[np.argsort(x[own], kind="stable")]
            offsets.append((x[own], rt_s[own] - extended(x[own], values, times)))
        return cls(x, per_s, max_shift, (values, times), offsets)

    def time(self, run: int, x: Floats) -> Floats:
        """Time in s at which run number `run` shows what lies at `x`.

        It is the reference's time there, corrected by the difference that the run's own components show
        nearby.
        """
        values, times = self._reference
        places, offset = self._offsets[run]
        return extended(x, values, times) + (np.interp(x, places, offset) if len(places) else 0.0)


def extended(x: Floats, places: Floats, values: Floats) -> Floats:
    """Linear interpolation that goes on beyond the ends with the mean slope (1 for a single point)."""
    if not len(places):
        return x
    span = places[-1] - places[0]
    slope = (values[-1] - values[0]) / span if span > 0 else 1.0
    beyond = np.minimum(x - places[0], 0) + np.maximum(x - places[-1], 0)
    return np.interp(x, places, values) + slope * beyond
