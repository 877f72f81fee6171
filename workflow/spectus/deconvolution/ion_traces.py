"""Folding a run onto nominal masses: the matrix on which every step of the deconvolution works.

A quadrupole measures m/z to about 0.1 Th, and the mass defect of organic ions grows with mass. Hydrocarbons lie above
their nominal mass, halogenated and silylated ions below it. The window from -0.3 to +0.7 Th around the nominal mass
holds both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spectus.nominal_mass import to_nominal_mass
from spectus.raw.mass_accuracy import MassAccuracy, nominal_mass
from spectus.raw.run import Run
from spectus.types import Flags, Floats, Ints, Singles

AGILENT_CEILING = 16383 * 8.0**3
"""Largest value of the packed intensity in ChemStation's data.ms, counts: 14 bits of mantissa, a power of 8 up to 3."""

SATURATION = 0.98
"""Fraction of the detector's ceiling from which a point counts as clipped. Chosen: noise is clipped too."""

_TIES_AT_CEILING = 3
"""Peaks of the largest intensity that show a ceiling. Chosen: unclipped counts rarely repeat at the very top."""

_TIE = 1e-6
"""Relative difference below which two intensities are the same: the resolution of float32 is 6e-8."""

_CLIPPED_OVER_MEDIAN = 10.0
"""A ceiling lies at least this many times above the median intensity. Chosen: it excludes runs of a few equal counts.
"""

THRESHOLD_QUANTILE = 0.05
"""Quantile of the recorded intensities that estimates the recording threshold. Chosen: a few outliers lie below it."""


@dataclass(frozen=True)
class AccurateIons:
    """The centroids of an accurate-mass run, by row and scan.

    Attributes
    ----------
    accuracy
        Mass accuracy of the run.
    n_scans
        Scans of the run.
    cell
        (n,) row * n_scans + scan of each centroid, ascending.
    mz
        (n,) m/z after removal of the calibration drift, Th.
    intensity
        (n,) counts.
    """

    accuracy: MassAccuracy
    n_scans: int
    cell: Ints
    mz: Floats
    intensity: Floats

    def measured(self, rows: Ints, start: int, profile: Floats) -> Floats:
        """Measure the m/z of ions under a peak: the mean of the centroids, weighted by intensity and by the profile.

        Parameters
        ----------
        rows
            (n_rows,) rows of the ions.
        start
            Scan of the first point of the profile.
        profile
            (n,) elution profile.

        Returns
        -------
        Floats
            (n_rows,) m/z, Th; NaN where an ion has no centroid under the peak.
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
        """Name the ions of a component.

        Parameters
        ----------
        spectrum
            (n_rows,) intensity of each row, counts.
        start
            Scan of the first point of the profile.
        profile
            (n,) elution profile.

        Returns
        -------
        spectrum : Floats
            (n_rows,) intensity of the rows whose ion is seen under the peak, counts; 0 in the others.
        mass : Ints
            (n_rows,) nominal masses.
        columns : dict
            The columns of COMPONENTS that only accurate-mass runs have.
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
class IonTraces:
    """A run as ion traces, one per nominal mass, or one per mass trace in an accurate-mass run.

    Attributes
    ----------
    mass
        (n_masses,) nominal masses present in the run, ascending. In an accurate-mass run a row holds one ion, or
        several ions that never overlap in time; `mass` is then that of the row's most frequent ion, in no order.
    rt_s
        (n_scans,) scan times, s.
    traces
        (n_masses, n_scans) counts; peaks of one scan that share a nominal mass are summed.
    saturated
        (n_masses, n_scans) points at the detector's ceiling: lower bounds, not measurements.
    threshold
        Counts at which the instrument begins to record: the lowest twentieth of the recorded intensities.
    accurate
        Measured m/z of an accurate-mass run; None at unit mass.
    """

    mass: Ints
    rt_s: Floats
    traces: Singles
    saturated: Flags
    threshold: float
    accurate: AccurateIons | None = None

    @property
    def n_scans(self) -> int:
        """Number of scans."""
        return len(self.rt_s)


def detector_ceiling(intensity: Floats) -> float:
    """Return the largest intensity that the detector can report.

    The ceiling of ChemStation files is known. In other files several peaks of exactly the largest intensity show it,
    because unclipped counts do not repeat at the very top.

    Parameters
    ----------
    intensity
        (n,) all intensities of a run, counts.

    Returns
    -------
    float
        Counts; infinity if no peak reached the ceiling.
    """
    if not intensity.size:
        return np.inf
    largest = float(intensity.max())
    if largest == AGILENT_CEILING:
        return largest
    ties = np.count_nonzero(intensity >= largest * (1 - _TIE))
    clipped = ties >= _TIES_AT_CEILING and largest > np.median(intensity) * _CLIPPED_OVER_MEDIAN
    return largest if clipped else np.inf


def fold_to_nominal_mass(
    run: Run, saturation: float = SATURATION, nominal: Callable[[Floats], Ints] = to_nominal_mass
) -> IonTraces:
    """Fold a run onto nominal masses.

    Parameters
    ----------
    run
        Centroided run.
    saturation
        Fraction of the detector's ceiling from which a peak counts as clipped.
    nominal
        Function that rounds m/z to nominal masses.

    Returns
    -------
    IonTraces
        One trace per nominal mass.
    """
    present = run.intensity > 0
    mass, row = _distinct(nominal(run.mz[present]))
    intensity = run.intensity[present]
    return traces_from_cells(mass, row * run.n_scans + run.scan[present], intensity, run, saturation)


def _distinct(mass: Ints) -> tuple[Ints, Ints]:
    """Return the distinct masses, ascending, and the place of each mass among them; masses are small numbers."""
    seen = np.bincount(mass) > 0
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[mass]


def traces_from_cells(mass: Ints, cell: Ints, intensity: Floats, run: Run, saturation: float = SATURATION) -> IonTraces:
    """Build the ion traces of centroids whose row and scan are known.

    Parameters
    ----------
    mass
        (n_rows,) nominal mass of each row.
    cell
        (n,) row * n_scans + scan of each centroid.
    intensity
        (n,) counts.
    run
        The run of the centroids.
    saturation
        Fraction of the detector's ceiling from which a peak counts as clipped.

    Returns
    -------
    IonTraces
        Traces without accurate masses.
    """
    shape = (len(mass), run.n_scans)
    traces = np.zeros(shape, dtype=np.float32)
    np.add.at(traces.reshape(-1), cell, intensity.astype(np.float32))
    saturated = np.zeros(shape, dtype=bool)
    saturated.flat[cell[intensity >= saturation * detector_ceiling(run.intensity)]] = True
    present = run.intensity[run.intensity > 0]
    threshold = float(np.quantile(present, THRESHOLD_QUANTILE)) if present.size else 1.0
    return IonTraces(mass, run.rt_s, traces, saturated, threshold)
