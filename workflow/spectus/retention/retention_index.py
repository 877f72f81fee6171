"""Linear retention indices for temperature programmes, after van den Dool and Kratz (1963).

H. van den Dool, P. D. Kratz, J. Chromatogr. 11 (1963) 463. An n-alkane of n carbons has the index 100 n. A
fatty acid methyl ester stands, on the scale of the PNNL metabolite library, for 100 times the carbons of
its acid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectus.errors import InputError


@dataclass(frozen=True)
class RetentionScale:
    """The RI standards of a ladder: the points between which indices are interpolated.

    Attributes
    ----------
    rt_s: (n_rungs,) apex times of the RI standards, s, ascending.
    ri: (n_rungs,) their retention indices, ascending. RI standards need not be neighbours in carbon number.
    source: the ladder run, named in errors.
    series: 'alkane' or 'fame', which the indices are counted by; None: not known.

    Raises
    ------
    InputError: fewer than two RI standards, or times and indices that do not both ascend.
    """

    rt_s: NDArray[np.float64]
    ri: NDArray[np.float64]
    source: str = "ladder"
    series: str | None = None

    def __post_init__(self) -> None:
        if len(self.rt_s) < 2:
            problem = f"{len(self.rt_s)} RI standards where a retention index needs two"
            raise InputError(self.source, problem, "give a ladder run with at least two RI standards")
        if not (np.all(np.diff(self.rt_s) > 0) and np.all(np.diff(self.ri) > 0)):
            problem = "its RI standards do not elute in the order of their indices"
            raise InputError(self.source, problem, "check which runs are ladders")

    def index(self, rt_s: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Retention index of each time, and whether it lies outside the ladder.

        Between two RI standards the index is linear in time; outside, the line through the two RI standards at that end
        goes on.

        Parameters
        ----------
        rt_s: any shape, s.

        Returns
        -------
        ri, extrapolated: of the shape of `rt_s`.
        """
        times = np.asarray(rt_s, dtype=np.float64)
        left = np.clip(np.searchsorted(self.rt_s, times, side="right") - 1, 0, len(self.rt_s) - 2)
        share = (times - self.rt_s[left]) / (self.rt_s[left + 1] - self.rt_s[left])
        index = self.ri[left] + share * (self.ri[left + 1] - self.ri[left])
        return index, (times < self.rt_s[0]) | (times > self.rt_s[-1])
