"""Folding a run onto nominal masses: the matrix every step of the deconvolution works on.

A quadrupole reads m/z to about 0.1 Th, and the mass defect of organic ions grows with mass: hydrocarbons lie above
their nominal mass, halogenated and silylated ones below it. The window -0.3 to +0.7 around the nominal mass holds
both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectus.raw.run import Run

if TYPE_CHECKING:
    from spectus.chromatography.mass_traces import AccurateIons

Traces = NDArray[np.float32]

MASS_DEFECT = 0.3
"""A peak at m/z belongs to the nominal mass floor(m/z + MASS_DEFECT)."""

AGILENT_CEILING = 16383 * 8.0**3
"""Largest value of the packed intensity in ChemStation's data.ms, counts."""

_TIES_AT_CEILING = 3


def to_unit_mass(mz: ArrayLike) -> NDArray[np.int64]:
    """Nominal masses, floor(m/z + 0.3), of m/z values in Th."""
    return np.floor(np.asarray(mz, dtype=np.float64) + MASS_DEFECT).astype(np.int64)


@dataclass(frozen=True)
class UnitMassRun:
    """A run as ion traces, one a nominal mass.

    Attributes
    ----------
    mass: (n_masses,) int64, nominal masses present in the run, ascending.
    rt_s: (n_scans,) float64, scan times, s.
    traces: (n_masses, n_scans) float32, counts; peaks of one scan that share a nominal mass are summed.
    saturated: (n_masses, n_scans) bool, points at the detector's ceiling: lower bounds, not measurements.
    threshold: counts at which the instrument begins to record: the lowest twentieth of what it recorded.
    accurate: the measured m/z of an accurate-mass run, else None. There a row is an ion's, or that of several which
        never meet, and `mass` that of the ion most often in it, in no order.
    """

    mass: NDArray[np.int64]
    rt_s: NDArray[np.float64]
    traces: Traces
    saturated: NDArray[np.bool_]
    threshold: float
    accurate: "AccurateIons | None" = None

    @property
    def n_scans(self) -> int:
        return len(self.rt_s)


def detector_ceiling(intensity: NDArray[np.float64]) -> float:
    """The largest intensity the detector can report, counts; infinity if no peak of the run reached it.

    It is known for ChemStation files. Elsewhere several peaks with exactly the largest intensity betray it: counts of
    unclipped peaks do not repeat at the very top.
    """
    if not intensity.size:
        return np.inf
    largest = float(intensity.max())
    if largest == AGILENT_CEILING:
        return largest
    ties = np.count_nonzero(intensity >= largest * (1 - 1e-6))
    return largest if ties >= _TIES_AT_CEILING and largest > np.median(intensity) * 10 else np.inf


def fold(
    run: Run, saturation: float = 0.98, nominal: Callable[[NDArray[np.float64]], NDArray[np.int64]] = to_unit_mass
) -> UnitMassRun:
    """Fold a run onto nominal masses.

    Parameters
    ----------
    nominal: gives the nominal masses of m/z.
    saturation: share of the detector's ceiling from which a peak counts as clipped.
    """
    present = run.intensity > 0
    mass, row = np.unique(nominal(run.mz[present]), return_inverse=True)
    intensity = run.intensity[present]
    return laid(mass, row * run.n_scans + run.scan[present], intensity, run, saturation)


def laid(
    mass: NDArray[np.int64], cell: NDArray[np.int64], intensity: NDArray[np.float64], run: Run, saturation: float
) -> UnitMassRun:
    """The traces of centroids in known cells, row * n_scans + scan; `mass` (n_rows,) is that of the rows."""
    shape = (len(mass), run.n_scans)
    traces = np.bincount(cell, weights=intensity, minlength=shape[0] * shape[1]).astype(np.float32).reshape(shape)
    saturated = np.zeros(shape, dtype=bool)
    saturated.flat[cell[intensity >= saturation * detector_ceiling(run.intensity)]] = True
    present = run.intensity[run.intensity > 0]
    threshold = float(np.quantile(present, 0.05)) if present.size else 1.0
    return UnitMassRun(mass, run.rt_s, traces, saturated, threshold)
