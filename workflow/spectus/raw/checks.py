"""What the peaks of every run must satisfy before any stage may see them, whichever reader made the run."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from spectus.errors import InputError
from spectus.raw.remarks import Remarks
from spectus.raw.run import Run
from spectus.raw.scan_times import MOST_LEFT_OUT
from spectus.types import Flags, Floats

_HEAVIEST_TH = 1e5
"""Largest m/z, Th. Chosen: no ion of gas chromatography is as heavy; larger numbers are damage or fill values."""

_HIGHEST = 1e15
"""Largest intensity, counts. Chosen: detectors give at most about 1e12; netCDF's fill value is 9.97e36."""

HEAVY_TH = 1200.0
"""m/z, Th, that ions of gas chromatography hardly exceed. Chosen: quadrupoles of GC-MS instruments scan to 1,050 or
1,200."""

_MANY_HEAVY = 0.1
"""Fraction of points above `HEAVY_TH` from which the m/z of a run are doubted. Chosen: time-of-flight detectors record
some noise up there."""

_FEWEST_SCANS = 20
"""Scans needed to tell that intensities are relative to each scan. Chosen: fewer can be alike by chance."""

_EXPORT = "export the run again from the instrument's software"
_SUBTRACTED = "export the run without background subtraction or smoothing"


def checked_peaks(run: Run, path: Path, first_scan: int, remarks: Remarks) -> Run:
    """Return a block of a run without bad points, its peaks in order of m/z.

    Intensities are rounded to float32, which mzML as pyOpenMS writes it keeps exactly (whole counts up to 16,777,216),
    so that a run means the same before and after conversion.

    Parameters
    ----------
    run
        Block of the run, as read.
    path
        Path that the user gave, for errors.
    first_scan
        Number of the block's first scan within the whole run, from 0, for errors.
    remarks
        Gets the number of the points that are dropped.

    Raises
    ------
    InputError
        More than a tenth of the points have an m/z that is no number, not positive or absurd, or an intensity that is
        no number, negative or absurd.
    """
    run = replace(run, intensity=_float32_values(run.intensity))
    run = _without_padding(run)
    return _in_mass_order(_without_bad_points(run, path, first_scan, remarks))


def require_current(any_ions: bool, path: Path) -> None:
    """Refuse a run all of whose intensities are zero."""
    if not any_ions:
        raise InputError(path, "all intensities are zero", "check that the detector was on, and export the run again")


def require_absolute(base_peaks: Floats, tic: Floats, path: Path) -> None:
    """Refuse a run whose intensities are relative to the highest one of each scan: it has no chromatographic peaks.

    Parameters
    ----------
    base_peaks, tic
        (n_scans,) highest intensity and total ion current of each scan, counts.
    path
        Path that the user gave, for errors.

    Raises
    ------
    InputError
        All scans with ions have the same highest intensity, and their total ion currents differ.
    """
    filled = base_peaks > 0
    highest = base_peaks[filled]
    if len(highest) >= _FEWEST_SCANS and np.ptp(highest) <= 1e-6 * highest[0] and np.ptp(tic[filled]) > 0:
        raise InputError(
            path, f"the highest intensity of every scan is {highest[0]:g}: the intensities are relative to each scan",
            "export the run with absolute intensities (counts)",
        )  # fmt: skip


def heavy_note(n_heavy: int, n_points: int) -> str | None:
    """Return the line about a run with m/z that no GC instrument measures; None for a usual one.

    Parameters
    ----------
    n_heavy, n_points
        Points above `HEAVY_TH`, and all points of the run.
    """
    if n_heavy <= _MANY_HEAVY * n_points:
        return None
    return (
        f"{n_heavy / n_points:.0%} of the ions lie above m/z {HEAVY_TH:,.0f}, where GC instruments hardly measure: "
        "the m/z are perhaps stored times a factor; if so, export the run again"
    )


def dropped_points_note(number: int) -> str | None:
    """Return the line about points that were dropped; None if there were none."""
    if not number:
        return None
    points = "1 point" if number == 1 else f"{number:,} points"
    return f"left out: {points} whose m/z or intensity is negative, no number or a fill value"


def _float32_values(intensity: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        return intensity.astype(np.float32).astype(np.float64)


def _without_padding(run: Run) -> Run:
    """Drop the peak of m/z 0 and intensity 0 that some mzXML writers put into a scan without peaks."""
    padding = (run.mz == 0) & (run.intensity == 0)
    return run.with_peaks(~padding) if padding.any() else run


def _without_bad_points(run: Run, path: Path, first_scan: int, remarks: Remarks) -> Run:
    with np.errstate(invalid="ignore"):
        faults: list[tuple[Flags, str, str]] = [
            (~(run.mz > 0), "m/z that are no positive number", _EXPORT),
            (run.mz > _HEAVIEST_TH, f"m/z above {_HEAVIEST_TH:,.0f}", _EXPORT),
            (~np.isfinite(run.intensity), "intensities that are no finite number", _EXPORT),
            (run.intensity < 0, "negative intensities", _SUBTRACTED),
            (run.intensity > _HIGHEST, f"intensities above {_HIGHEST:g}", _EXPORT),
        ]
    bad = np.logical_or.reduce([fault for fault, _, _ in faults])
    number = int(bad.sum())
    if not number:
        return run
    if number > max(1.0, MOST_LEFT_OUT * len(bad)):
        wrong, problem, remedy = max(faults, key=lambda fault: int(fault[0].sum()))
        scan = first_scan + int(np.searchsorted(run.offsets, wrong.argmax(), side="right"))
        raise InputError(path, f"{wrong.sum()} {problem}, first in scan {scan}", remedy)
    remarks.n_points_left_out += number
    return run.with_peaks(~bad)


def _in_mass_order(run: Run) -> Run:
    descends = np.diff(run.mz) < 0
    inner = run.offsets[1:-1]
    descends[inner[(inner > 0) & (inner < len(run.mz))] - 1] = False
    if not descends.any():
        return run
    order = np.lexsort((run.mz, run.scan))
    return replace(run, mz=run.mz[order], intensity=run.intensity[order])
