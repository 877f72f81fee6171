"""Scan times: their unit, their order, and whether a gas chromatograph can have given them."""

import math
import re
from functools import lru_cache
from pathlib import Path

import numpy as np

from spectus.errors import InputError
from spectus.raw.remarks import Remarks
from spectus.raw.scans import Scans
from spectus.types import Flags, Floats

_EXPORT = "export the run again from the instrument's software"

LONGEST_S = 1e6
"""Longest scan time, s. Chosen: no gas chromatogram lasts eleven days; larger numbers are damage or another unit."""

MOST_LEFT_OUT = 0.1
"""Largest share of scans, or of points, that may be dropped as bad. Chosen: above it the file as a whole is doubtful,
for example after a background subtraction that made every second intensity negative."""

_FASTEST_HZ, _SHORTEST_S = 25.0, 120.0
"""Scans per second above which a run shorter than `_SHORTEST_S` is doubted. Chosen: quadrupoles make at most about 20
full scans a second, and faster time-of-flight detectors record runs of many minutes."""

_SLOWEST_S = 20.0
"""Time between scans, s, above which times are doubted. Chosen: a chromatographic peak lasts a few seconds, so that
no method scans so slowly; full scans take 0.01-2 s."""

_FULL_POINTS = 10
"""Points from which a scan is full. Chosen: its neighbor cannot be empty by chance."""

_USUAL_S = 0.3
"""Usual time between scans, s. Chosen: quadrupoles make 2 to 10 full scans a second."""

_TOO_LARGE = {"milliseconds": 1000.0, "seconds that were taken for minutes": 60.0}
"""Factors by which times in seconds come out too large when a unit is stated wrongly."""

_FEWEST_SCANS = 20
"""Scans needed to judge the scan rate. Chosen: fewer are a fragment of a run."""

# Accessions of the unit ontology, and of PSI-MS before 2007, with the unit in s.
_ACCESSIONS = {
    "UO:0000010": 1.0, "UO:0000031": 60.0, "UO:0000032": 3600.0, "UO:0000028": 1e-3, "UO:0000029": 1e-6,
    "UO:0000150": 1e-9, "MS:1000039": 1.0, "MS:1000038": 60.0,
}  # fmt: skip
_NAMES = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "ms": 1e-3, "msec": 1e-3, "msecs": 1e-3, "millisec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "nanosecond": 1e-9, "nanoseconds": 1e-9,
}  # fmt: skip


def seconds_in_unit(name: str | None, accession: str | None = None) -> float | None:
    """Return how many seconds a unit of time has; None if it is not known.

    Parameters
    ----------
    name
        Name of the unit, such as "minute", "min" or "Milliseconds".
    accession
        Accession of the unit in the unit ontology or PSI-MS. It goes before the name.
    """
    if accession and accession.strip().upper() in _ACCESSIONS:
        return _ACCESSIONS[accession.strip().upper()]
    return _NAMES.get(name.strip().strip(".()[]").casefold()) if name else None


@lru_cache(maxsize=64)
def stated_unit(name: str | None, accession: str | None = None) -> tuple[float, str | None]:
    """Return the seconds of a unit that a file states, and a line if the unit is missing, not known or contradictory.

    Parameters
    ----------
    name, accession
        As `seconds_in_unit` takes them. Without a known unit, seconds are assumed.
    """
    seconds = seconds_in_unit(name, accession)
    if seconds is None:
        return 1.0, unit_note(name or accession)
    by_name = seconds_in_unit(name)
    if by_name is not None and by_name != seconds:
        return seconds, (
            f"the unit of the scan times is {name!r} by its name and {accession} by its accession; "
            "the accession is used"
        )
    return seconds, None


_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d*)?)")


def clock_seconds(text: str) -> float | None:
    """Return the seconds of a time written as h:mm:ss.s or m:ss.s; None for another text."""
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        return None
    return 3600.0 * int(found[1] or 0) + 60.0 * int(found[2]) + decimal(found[3])


def decimal(text: str) -> float:
    """Return the number of a text with a decimal point or a decimal comma; NaN where it is no number.

    A file states one time in a field, so that a single comma separates decimals.
    """
    try:
        return float(text if "." in text else text.replace(",", ".", 1))
    except ValueError:
        return math.nan


def unit_note(unit: str | None) -> str:
    """Return the line about a file whose unit of time is missing or not known."""
    what = f"the unit of the scan times, {unit!r}, is not known" if unit else "the file gives no unit of the scan times"
    return f"{what}; seconds are assumed"


def in_time_order(scans: Scans, path: Path, remarks: Remarks) -> Scans:
    """Return the scans sorted by time. A few scans without a time, or with that of another, are left out.

    Parameters
    ----------
    scans
        Scans in the file's order.
    path
        Path that the user gave, for errors.
    remarks
        Gets a line for what is left out.

    Raises
    ------
    InputError
        No scans or one scan; many scans without a usable time; many scans that share their time.
    """
    _require_several(scans.n_scans, path)
    usable = _usable(scans.rt_s, path, scans.facts.time_note)
    if without := int(np.count_nonzero(~usable)):
        remarks.leave_out_scans(without, f"left out: {without:,} of {scans.n_scans:,} scans, without a usable time")
        scans = scans.subset(np.flatnonzero(usable))
        _require_several(scans.n_scans, path)
    order = np.argsort(scans.rt_s, kind="stable")
    repeated = np.diff(scans.rt_s[order], prepend=-1.0) == 0
    if repeated.any():
        _require_few_repeated(scans.rt_s[order], repeated, path)
        number = int(repeated.sum())
        remarks.leave_out_scans(number, f"left out: {number:,} of {scans.n_scans:,} scans, with the time of another")
    return scans.subset(order[~repeated])


def without_dropouts(scans: Scans, remarks: Remarks) -> Scans:
    """Leave out scans without any point between two scans with many: the detector or the export failed there.

    As zeros they would cut every peak in two.

    Parameters
    ----------
    scans
        Scans by time.
    remarks
        Gets a line for what is left out.
    """
    full = scans.n_points >= _FULL_POINTS
    lost = np.zeros(scans.n_scans, dtype=bool)
    lost[1:-1] = (scans.n_points[1:-1] == 0) & full[:-2] & full[2:]
    number = int(lost.sum())
    if not number:
        return scans
    note = f"left out: {number:,} of {scans.n_scans:,} scans, which are empty and lie between full ones"
    remarks.leave_out_scans(number, note)
    return scans.subset(np.flatnonzero(~lost))


def _require_several(n_scans: int, path: Path) -> None:
    if n_scans == 0:
        raise InputError(path, "has no MS1 scans", "export the full-scan mass spectra, not only chromatograms")
    if n_scans == 1:
        raise InputError(
            path,
            "has one scan only, a spectrum and not a run",
            "give single spectra to `spectus search` as .msp or .jdx",
        )


def _usable(rt_s: Floats, path: Path, time_note: str | None) -> Flags:
    """Find the scans whose time is a number, not negative and not absurd."""
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(rt_s) & (rt_s >= 0) & (rt_s <= LONGEST_S)
    wrong = np.flatnonzero(~usable)
    if len(wrong) <= max(1.0, MOST_LEFT_OUT * len(rt_s)):
        return np.asarray(usable)
    first = float(rt_s[wrong[0]])
    if np.isfinite(first) and first > LONGEST_S:
        raise InputError(
            path, f"has a scan time of {first:.3g} s" + (f" ({time_note})" if time_note else ""),
            "export the run again, with scan times in seconds or minutes",
        )  # fmt: skip
    raise InputError(path, f"scan {wrong[0] + 1} has no scan time, or a negative one", _EXPORT)


def _require_few_repeated(rt_s: Floats, repeated: Flags, path: Path) -> None:
    number = int(repeated.sum())
    if number == len(rt_s) - 1:
        raise InputError(path, f"all scans have the same time ({rt_s[0]:g} s)", "export the run with its scan times")
    if number > max(1.0, MOST_LEFT_OUT * len(rt_s)):
        raise InputError(
            path, f"{number + 1} scans share their time with another, first at {rt_s[repeated.argmax()]:g} s",
            "export the run with scan times to the millisecond and each scan once",
        )  # fmt: skip


def rate_note(rt_s: Floats) -> str | None:
    """Return a line about a scan rate that no gas chromatograph has; None for a usual one.

    Parameters
    ----------
    rt_s
        (n_scans,) times, s, ascending.
    """
    if len(rt_s) < _FEWEST_SCANS:
        return None
    duration, step = float(rt_s[-1] - rt_s[0]), float(np.median(np.diff(rt_s)))
    if step > _SLOWEST_S:
        guessed = min(_TOO_LARGE, key=lambda unit: abs(math.log(step / _TOO_LARGE[unit] / _USUAL_S)))
        return (
            f"{step:.3g} s from scan to scan is no rate of a GC run: the times are perhaps {guessed}; "
            "export the run with the right unit"
        )
    if step < 1 / _FASTEST_HZ and duration < _SHORTEST_S:
        return (
            f"{len(rt_s):,} scans in {duration:.3g} s ({1 / step:.3g} a second) are unusual for a GC run: "
            "the times are perhaps minutes; if so, export the run with the right unit"
        )
    return None
