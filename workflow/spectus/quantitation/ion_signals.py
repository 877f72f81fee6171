"""Extracted ion traces of single ions in short windows of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spectus.nominal_mass import MASS_DEFECT
from spectus.raw.mass_accuracy import mass_accuracy
from spectus.raw.run import Run
from spectus.types import Floats

_LEAST_PPM = 10.0
"""Least half width of an accurate-mass window, ppm. Chosen: calibration drifts by a few ppm in a run."""

_DEVIATIONS = 5.0
"""Half width of the window in standard deviations of an ion's m/z from scan to scan. Chosen: weak ions scatter more."""

_PPM = 1e-6

_THRESHOLD_QUANTILE = 0.05
"""Quantile of the recorded intensities that estimates the recording threshold. Chosen: as in the deconvolution."""


@dataclass(frozen=True)
class Window:
    """Traces of some ions between two times.

    Attributes
    ----------
    rt_s
        (n_scans,) scan times, s.
    traces
        (n_ions, n_scans) counts.
    threshold
        Counts at which the instrument begins to record.
    ceiling
        Largest intensity that the detector can report, counts; infinity if no peak of the run reached it.
    """

    rt_s: Floats
    traces: Floats
    threshold: float
    ceiling: float


@dataclass(frozen=True)
class OpenedRun:
    """A run from which windows are cut.

    Attributes
    ----------
    run
        The centroided run.
    threshold, ceiling
        As in `Window`.
    half_width_ppm
        Half width of the window of an ion that is given with decimals, ppm; None in a run of unit mass.
    """

    run: Run
    threshold: float
    ceiling: float
    half_width_ppm: float | None

    @classmethod
    def of(cls, run: Run, ceiling: float) -> "OpenedRun":
        """Measure what windows need of a run."""
        present = run.intensity[run.intensity > 0]
        threshold = float(np.quantile(present, _THRESHOLD_QUANTILE)) if present.size else 1.0
        accuracy = mass_accuracy(run)
        width = max(_LEAST_PPM, _DEVIATIONS * accuracy.error_ppm) if accuracy else None
        return cls(run, threshold, ceiling, width)

    def window(self, start_s: float, end_s: float, ions: Sequence[float]) -> Window:
        """Cut the traces of ions between two times.

        Parameters
        ----------
        start_s, end_s
            First and last time, s.
        ions
            m/z, Th. A whole number stands for the nominal mass (-0.3 to +0.7 Th); a number with decimals for that m/z,
            if the run has accurate masses.
        """
        run = self.run
        first, last = np.searchsorted(run.rt_s, start_s), np.searchsorted(run.rt_s, end_s, side="right")
        points = slice(int(run.offsets[first]), int(run.offsets[last]))
        mz, intensity = run.mz[points], run.intensity[points]
        scan = np.repeat(np.arange(last - first), np.diff(run.offsets[first : last + 1]))
        traces = np.zeros((len(ions), last - first))
        for row, ion in enumerate(ions):
            low, high = self._limits(ion)
            of_ion = (mz >= low) & (mz < high)
            traces[row] = np.bincount(scan[of_ion], weights=intensity[of_ion], minlength=last - first)
        return Window(run.rt_s[first:last], traces, self.threshold, self.ceiling)

    def _limits(self, ion: float) -> tuple[float, float]:
        if self.half_width_ppm is None or float(ion).is_integer():
            nominal = np.floor(ion + MASS_DEFECT)
            return nominal - MASS_DEFECT, nominal + 1 - MASS_DEFECT
        return ion * (1 - self.half_width_ppm * _PPM), ion * (1 + self.half_width_ppm * _PPM)
