"""Means over queries with intervals that respect that spectra of one compound succeed or fail together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_RESAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """A mean with the 95 % interval of its bootstrap."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate(Interval):
    """A mean over spectra with its interval, and the mean over compounds, each the mean of its spectra."""

    per_compound: Interval


class Bootstrap:
    """Draws compounds with replacement, each with all its spectra; every measure is seen on the same draws.

    Parameters
    ----------
    compounds: (n_queries,) what each query is a spectrum of; at least one.
    seed: the same seed gives the same draws.
    """

    def __init__(self, compounds: Sequence[str], seed: int = 0) -> None:
        _, self._member = np.unique(np.array(compounds), return_inverse=True)
        self._spectra = np.bincount(self._member).astype(float)
        random, n = np.random.default_rng(seed), len(self._spectra)
        draws = (np.bincount(random.integers(0, n, n), minlength=n) for _ in range(_RESAMPLES))
        self._times = np.array([draw.astype(np.float32) for draw in draws])
        """(n_resamples, n_compounds): how often each compound was drawn."""

    def estimate(self, values: ArrayLike) -> Estimate:
        """Mean of values (n_queries,), per spectrum and per compound, each with its interval."""
        sums = np.bincount(self._member, weights=np.asarray(values, dtype=float))
        by_spectrum = self._interval(sums, self._spectra)
        by_compound = self._interval(sums / self._spectra, np.ones(len(sums)))
        return Estimate(by_spectrum.value, by_spectrum.low, by_spectrum.high, by_compound)

    def _interval(self, sums: np.ndarray, counts: np.ndarray) -> Interval:
        low, high = np.quantile((self._times @ sums) / (self._times @ counts), [0.025, 0.975])
        return Interval(float(sums.sum() / counts.sum()), float(low), float(high))
