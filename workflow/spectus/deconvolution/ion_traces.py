"""Folding a run onto nominal masses: the matrix every step of the deconvolution works on.

A quadrupole reads m/z to about 0.1 Th, and the mass defect of organic ions grows with mass: hydrocarbons lie above
their nominal mass, halogenated and silylated ones below it. The window -0.3 to +0.7 around the nominal mass holds
both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectus.nominal_mass import to_nominal_mass
from spectus.raw.mass_accuracy import MassAccuracy, nominal_mass
from spectus.raw.run import Run

Traces = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AGILENT_CEILING = 16383 * 8.0**3
"""Largest value of the packed intensity in ChemStation's data.ms, counts."""

_TIES_AT_CEILING = 3


@dataclass(frozen=True)
class AccurateIons:
    """The centroids of an accurate-mass run, by row and scan.

    Attributes
    ----------
    accuracy: of the run.
    n_scans: of the run.
    cell: (n,) ascending, row * n_scans + scan.
    mz, intensity: (n,), m/z without the drift of the calibration, Th, and counts.
    """

    accuracy: MassAccuracy
    n_scans: int
    cell: Ints
    mz: Floats
    intensity: Floats

    def measured(self, rows: Ints, start: int, profile: Floats) -> Floats:
        """m/z (n_rows,) of the ions in `rows` under a peak whose first point is scan `start`; NaN where none is seen.

        The mean of the centroids, weighted by intensity and by the peak's profile (n,).
        """
        first = np.searchsorted(self.cell, rows * self.n_scans + start)
        counts = np.searchsorted(self.cell, rows * self.n_scans + start + len(profile)) - first
        owner = np.repeat(np.arange(len(rows)), counts)
        index = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        weight = self.intensity[index] * profile[self.cell[index] - rows[owner] * self.n_scans - start]
        total = np.bincount(owner, weight, len(rows))
        summed = np.bincount(owner, weight * self.mz[index], len(rows))
        return np.where(total > 0, summed / np.where(total > 0, total, 1), np.nan)

    def named(self, spectrum: Floats, start: int, profile: Floats) -> tuple[Floats, Ints, dict[str, object]]:
        """The ions of a component, of which each row's counts (n_rows,) and the profile from scan `start` are known.

        Returns the counts of the rows whose ion is seen there, the nominal masses of the rows, and the columns of
        COMPONENTS that only accurate masses have.
        """
        rows = np.flatnonzero(spectrum)
        mz = self.measured(rows, start, profile)
        rows, mz = rows[np.isfinite(mz)], mz[np.isfinite(mz)]
        counts, mass = np.zeros_like(spectrum), np.zeros(len(spectrum), dtype=np.int64)
        counts[rows], mass[rows] = spectrum[rows], nominal_mass(mz)
        order = np.argsort(mz)
        accurate = counts[rows][order]
        return counts, mass, {
            "accurate_mz": mz[order],
            "accurate_intensity": (accurate / accurate.max(initial=1e-30)).astype(np.float32),
            "mass_error_ppm": self.accuracy.error_ppm,
        }  # fmt: skip


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
    accurate: AccurateIons | None = None

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
    run: Run, saturation: float = 0.98, nominal: Callable[[NDArray[np.float64]], NDArray[np.int64]] = to_nominal_mass
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
