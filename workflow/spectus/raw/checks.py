"""What every run must satisfy before any stage may see it, whichever reader made it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.raw.run import Run

_EXPORT = "export the run again from the instrument's software"


def checked(run: Run, path: Path) -> Run:
    """The run with its scans in order of time and its peaks in order of m/z, if its numbers can be trusted.

    Scans that are merely out of order are sorted, and so are peaks. Intensities are rounded to float32, which
    mzML as pyOpenMS writes it keeps exactly (whole counts up to 16,777,216), so that a run means the same before and
    after conversion.

    Raises
    ------
    InputError: no scans, one scan, no ion current at all; a time, m/z or intensity that is not a number; an m/z of
    zero or less; a negative intensity; two scans at one time. Names `path` and the remedy.
    """
    _require_scans(run, path)
    run = _in_time_order(run, path)
    run = replace(run, intensity=_float32_values(run.intensity))
    run = _without_padding(run)
    _require_sound_peaks(run, path)
    return _in_mass_order(run)


def _require_scans(run: Run, path: Path) -> None:
    if run.n_scans == 0:
        raise InputError(path, "has no MS1 scans", "export the full-scan mass spectra, not only chromatograms")
    if run.n_scans == 1:
        raise InputError(
            path,
            "has one scan only, a spectrum and not a run",
            "give single spectra to `spectus search` as .msp or .jdx",
        )
    without_time = ~np.isfinite(run.rt_s) | (run.rt_s < 0)  # OpenMS gives -1 s where the file gives nothing
    if without_time.any():
        number = int(without_time.argmax()) + 1
        raise InputError(path, f"scan {number} has no scan time, or a negative one", _EXPORT)


def _in_time_order(run: Run, path: Path) -> Run:
    if (np.diff(run.rt_s) < 0).any():
        order = np.argsort(run.rt_s, kind="stable")
        counts = np.diff(run.offsets)[order]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        peaks = np.repeat(run.offsets[:-1][order] - offsets[:-1], counts) + np.arange(offsets[-1])
        run = replace(
            run, rt_s=run.rt_s[order], offsets=offsets, mz=run.mz[peaks], intensity=run.intensity[peaks]
        )  # fmt: skip
    same = np.diff(run.rt_s) == 0
    if same.all():
        raise InputError(
            path, f"all scans have the same time ({run.rt_s[0]:g} s)", "export the run with its scan times"
        )
    if same.any():
        raise InputError(
            path, f"{same.sum() + 1} scans share their time with another, first at {run.rt_s[same.argmax()]:g} s",
            "export the run with scan times to the millisecond and each scan once",
        )  # fmt: skip
    return run


def _float32_values(intensity: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        return intensity.astype(np.float32).astype(np.float64)


def _without_padding(run: Run) -> Run:
    """Some mzXML writers put one peak of m/z 0 and intensity 0 into a scan without peaks."""
    padding = (run.mz == 0) & (run.intensity == 0)
    return run.with_peaks(~padding) if padding.any() else run


def _require_sound_peaks(run: Run, path: Path) -> None:
    for wrong, problem, remedy in (
        (~np.isfinite(run.mz) | (run.mz <= 0), "m/z that are no positive number", _EXPORT),
        (~np.isfinite(run.intensity), "intensities that are no finite number", _EXPORT),
        (run.intensity < 0, "negative intensities", "export the run without background subtraction or smoothing"),
    ):
        if wrong.any():
            scan = int(np.searchsorted(run.offsets, wrong.argmax(), side="right"))
            raise InputError(path, f"{wrong.sum()} {problem}, first in scan {scan}", remedy)
    if not run.intensity.any():
        raise InputError(path, "all intensities are zero", "check that the detector was on, and export the run again")


def _in_mass_order(run: Run) -> Run:
    descends = np.diff(run.mz) < 0
    inner = run.offsets[1:-1]
    descends[inner[(inner > 0) & (inner < len(run.mz))] - 1] = False
    if not descends.any():
        return run
    order = np.lexsort((run.mz, run.scan))
    return replace(run, mz=run.mz[order], intensity=run.intensity[order])
