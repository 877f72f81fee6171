"""Linear retention indices for temperature programs.

H. van den Dool, P. D. Kratz, J. Chromatogr. 11 (1963) 463. An n-alkane of n carbons has the index 100 n. On the scale
of the PNNL metabolite library a fatty acid methyl ester has 100 times the carbon number of its acid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spectus.errors import InputError
from spectus.types import Flags, Floats

MOST_EXTRAPOLATED = 100.0
"""Largest extrapolation beyond the ladder, index units. Chosen: one carbon number."""

MOST_EXTRAPOLATION_ERROR = 20.0
"""Largest estimated error of an extrapolated index, index units. Chosen: the usual tolerance of a library search."""


@dataclass(frozen=True)
class RetentionScale:
    """The RI standards of a ladder: the points between which indices are interpolated.

    Attributes
    ----------
    rt_s
        (n_standards,) apex times of the RI standards, s, ascending.
    ri
        (n_standards,) their retention indices, ascending; not necessarily consecutive carbon numbers.
    source
        The ladder run, for error messages.
    series
        'alkane' or 'fame', the scale of the indices; None if unknown.

    Raises
    ------
    InputError
        There are fewer than two RI standards, or times and indices do not both ascend.
    """

    rt_s: Floats
    ri: Floats
    source: str = "ladder"
    series: str | None = None

    def __post_init__(self) -> None:
        """Check the RI standards."""
        if len(self.rt_s) < 2:
            problem = f"{len(self.rt_s)} RI standards where a retention index needs two"
            raise InputError(self.source, problem, "give a ladder run with at least two RI standards")
        if not (np.all(np.diff(self.rt_s) > 0) and np.all(np.diff(self.ri) > 0)):
            problem = "its RI standards do not elute in the order of their indices"
            raise InputError(self.source, problem, "check which runs are ladders")

    def index(self, rt_s: ArrayLike) -> tuple[Floats, Flags]:
        """Compute the retention index of each time.

        Between two RI standards the index is linear in time. Beyond the ladder the line through the two RI standards at
        that end continues. That line is wrong where the spacing of the RI standards changes, as it does most in an
        isothermal stretch, where the spacing grows by a constant factor per carbon. The error after d carbon numbers is
        estimated as 100 d (d + 1) / 2 times the logarithmic change of the spacing per carbon number at that end.

        Parameters
        ----------
        rt_s
            Times of any shape, s.

        Returns
        -------
        ri : Floats
            Indices of the shape of `rt_s`. NaN further beyond the ladder than `MOST_EXTRAPOLATED`, or where the
            estimated error exceeds `MOST_EXTRAPOLATION_ERROR`.
        extrapolated : Flags
            Whether the time lies outside the ladder.
        """
        times = np.asarray(rt_s, dtype=np.float64)
        left = np.clip(np.searchsorted(self.rt_s, times, side="right") - 1, 0, len(self.rt_s) - 2)
        share = (times - self.rt_s[left]) / (self.rt_s[left + 1] - self.rt_s[left])
        index = self.ri[left] + share * (self.ri[left + 1] - self.ri[left])
        beyond = np.maximum(self.ri[0] - index, 0) + np.maximum(index - self.ri[-1], 0)
        carbons = beyond / 100.0
        change = np.where(index < self.ri[0], self._spacing_change(0), self._spacing_change(-1))
        error = 50.0 * carbons * (carbons + 1) * change
        index = np.where((beyond > MOST_EXTRAPOLATED) | (error > MOST_EXTRAPOLATION_ERROR), np.nan, index)
        return index, np.asarray(beyond > 0)

    def _spacing_change(self, end: int) -> float:
        """Return the logarithmic change of the time per index unit at one end (0 or -1), per carbon number."""
        if len(self.ri) < 3:
            return 0.0
        pace = np.log(np.diff(self.rt_s) / np.diff(self.ri))
        middle = (self.ri[1:] + self.ri[:-1]) / 2
        change = np.abs(np.diff(pace) / np.diff(middle) * 100.0)
        return float(change[end])
