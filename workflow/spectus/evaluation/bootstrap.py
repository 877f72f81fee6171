"""Means over queries with intervals from a bootstrap over compounds: spectra of one compound are not independent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RESAMPLES = 1000  # draws; chosen: the bounds of an interval then vary by about 2 % of its width between seeds
_QUANTILES = (0.025, 0.975)  # of the draws: the 95 % interval


@dataclass(frozen=True)
class Interval:
    """A mean with the 95 % interval of its bootstrap.

    Attributes
    ----------
    value
        The mean.
    low, high
        Bounds of the interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate(Interval):
    """A mean over spectra with its interval.

    Attributes
    ----------
    per_compound
        The mean over compounds, each counted by the mean of its spectra.
    """

    per_compound: Interval


class Bootstrap:
    """Draws compounds with replacement, each with all its spectra; all measures are resampled by the same draws.

    Parameters
    ----------
    compounds
        The compound of each query, (n_queries,); at least one.
    seed
        The same seed gives the same draws.
    """

    def __init__(self, compounds: Sequence[str], seed: int = 0) -> None:
        _, self._member = np.unique(np.array(compounds), return_inverse=True)
        self._spectra = np.bincount(self._member).astype(float)
        random, n = np.random.default_rng(seed), len(self._spectra)
        draws = (np.bincount(random.integers(0, n, n), minlength=n) for _ in range(_RESAMPLES))
        self._times = np.array([draw.astype(np.float32) for draw in draws])
        """(n_resamples, n_compounds): how often each compound was drawn."""

    def estimate(self, values: ArrayLike) -> Estimate:
        """Estimate a mean, per spectrum and per compound.

        Parameters
        ----------
        values
            (n_queries,).

        Returns
        -------
        Estimate
            The means with their intervals.
        """
        sums = np.bincount(self._member, weights=np.asarray(values, dtype=float))
        by_spectrum = self._interval(sums, self._spectra)
        by_compound = self._interval(sums / self._spectra, np.ones(len(sums)))
        return Estimate(by_spectrum.value, by_spectrum.low, by_spectrum.high, by_compound)

    def _interval(self, sums: NDArray[Any], counts: NDArray[Any]) -> Interval:
        low, high = np.quantile((self._times @ sums) / (self._times @ counts), _QUANTILES)
        return Interval(float(sums.sum() / counts.sum()), float(low), float(high))
