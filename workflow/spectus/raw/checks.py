"""What every run must satisfy before any stage may see it, whichever reader made it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.raw.run import Run

_EXPORT = "export the run again from the instrument's software"
# No gas chromatogram lasts eleven days, and no ion that flies through a column is as heavy: such numbers are damage.
_LONGEST_S, _HEAVIEST_TH = 1e6, 1e5


def time_order(rt_s: NDArray[np.float64], path: Path) -> NDArray[np.int64]:
    """(n_scans,) the numbers of the scans in order of time: scans that are merely out of order are sorted.

    Raises
    ------
    InputError: no scans, one scan; a time that is no number, negative or of many days; two scans at one time.
    """
    _require_scans(rt_s, path)
    order = np.argsort(rt_s, kind="stable")
    same = np.diff(rt_s[order]) == 0
    if same.all():
        raise InputError(path, f"all scans have the same time ({rt_s[0]:g} s)", "export the run with its scan times")
    if same.any():
        raise InputError(
            path, f"{same.sum() + 1} scans share their time with another, first at {rt_s[order][same.argmax()]:g} s",
            "export the run with scan times to the millisecond and each scan once",
        )  # fmt: skip
    return order


def checked_peaks(run: Run, path: Path, first_scan: int = 0) -> Run:
    """A stretch of a run, its peaks in order of m/z.

    Intensities are rounded to float32, which mzML as pyOpenMS writes it keeps exactly (whole counts up to 16,777,216),
    so that a run means the same before and after conversion.

    Parameters
    ----------
    first_scan: number of its first scan within the whole run, from 0, for errors.

    Raises
    ------
    InputError: an m/z or intensity that is no number; an m/z of zero or less, or absurd; a negative intensity.
    """
    run = replace(run, intensity=_float32_values(run.intensity))
    run = _without_padding(run)
    _require_sound_peaks(run, path, first_scan)
    return _in_mass_order(run)


def require_current(any_ions: bool, path: Path) -> None:
    """Refuse a run all of whose intensities are zero."""
    if not any_ions:
        raise InputError(path, "all intensities are zero", "check that the detector was on, and export the run again")


def _require_scans(rt_s: NDArray[np.float64], path: Path) -> None:
    if len(rt_s) == 0:
        raise InputError(path, "has no MS1 scans", "export the full-scan mass spectra, not only chromatograms")
    if len(rt_s) == 1:
        raise InputError(
            path,
            "has one scan only, a spectrum and not a run",
            "give single spectra to `spectus search` as .msp or .jdx",
        )
    if (rt_s[np.isfinite(rt_s)] > _LONGEST_S).any():
        raise InputError(path, f"has a scan time of {np.nanmax(rt_s):.3g} s", _EXPORT)
    without_time = ~np.isfinite(rt_s) | (rt_s < 0)
    if without_time.any():
        number = int(without_time.argmax()) + 1
        raise InputError(path, f"scan {number} has no scan time, or a negative one", _EXPORT)


def _float32_values(intensity: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        return intensity.astype(np.float32).astype(np.float64)


def _without_padding(run: Run) -> Run:
    """Some mzXML writers put one peak of m/z 0 and intensity 0 into a scan without peaks."""
    padding = (run.mz == 0) & (run.intensity == 0)
    return run.with_peaks(~padding) if padding.any() else run


def _require_sound_peaks(run: Run, path: Path, first_scan: int) -> None:
    for wrong, problem, remedy in (
        (~np.isfinite(run.mz) | (run.mz <= 0), "m/z that are no positive number", _EXPORT),
        (run.mz > _HEAVIEST_TH, f"m/z above {_HEAVIEST_TH:,.0f}", _EXPORT),
        (~np.isfinite(run.intensity), "intensities that are no finite number", _EXPORT),
        (run.intensity < 0, "negative intensities", "export the run without background subtraction or smoothing"),
    ):
        if wrong.any():
            scan = first_scan + int(np.searchsorted(run.offsets, wrong.argmax(), side="right"))
            raise InputError(path, f"{wrong.sum()} {problem}, first in scan {scan}", remedy)


def _in_mass_order(run: Run) -> Run:
    descends = np.diff(run.mz) < 0
    inner = run.offsets[1:-1]
    descends[inner[(inner > 0) & (inner < len(run.mz))] - 1] = False
    if not descends.any():
        return run
    order = np.lexsort((run.mz, run.scan))
    return replace(run, mz=run.mz[order], intensity=run.intensity[order])
