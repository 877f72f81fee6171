"""What every run must satisfy, and what is put in order rather than refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.raw.checks import checked_peaks, require_current, time_order
from spectus.raw.run import Run
from spectus.raw.scans import taken

from .files import SCANS, assert_same_scans, run_of

PATH = Path("some run.cdf")


def checked(run: Run, path: Path) -> Run:
    """All checks, as reading makes them of a run of one block."""
    run = checked_peaks(taken(run, time_order(run.rt_s, path)), path)
    require_current(bool(run.intensity.any()), path)
    return run


def test_numbers_that_no_chromatograph_gives() -> None:
    """One bit turned in an exponent makes such."""
    run = run_of()
    with pytest.raises(InputError, match=r"a scan time of 3\.07e\+12 s"):
        checked(replace(run, rt_s=run.rt_s * [1, 1, 1, 1, 1e10]), PATH)
    with pytest.raises(InputError, match="1 m/z above 100,000, first in scan 5"):
        checked(replace(run, mz=np.append(run.mz[:-1], 2.0**1000)), PATH)


def test_a_sound_run_stays_as_it_is() -> None:
    assert_same_scans(checked(run_of(), PATH), run_of())


def test_scans_and_peaks_out_of_order_are_sorted() -> None:
    shuffled = [(time, list(reversed(peaks))) for time, peaks in [SCANS[index] for index in (3, 0, 2, 4, 1)]]
    assert_same_scans(checked(run_of(shuffled), PATH), run_of())


def test_last_peak_above_first_of_next_scan_is_in_order() -> None:
    scans = [(1.0, [(50.0, 1.0), (600.0, 2.0)]), (2.0, []), (3.0, [(40.0, 3.0)]), (4.0, [])]
    assert_same_scans(checked(run_of(scans), PATH), run_of(scans))


def test_intensities_are_what_mzml_keeps() -> None:
    run = replace(run_of(), intensity=run_of().intensity + 1e-9)
    kept = checked(run, PATH).intensity
    np.testing.assert_array_equal(kept, kept.astype(np.float32))
    np.testing.assert_allclose(kept, run.intensity, rtol=6e-8)


def test_padding_of_empty_scans_is_dropped() -> None:
    padded = [(time, peaks or [(0.0, 0.0)]) for time, peaks in SCANS]
    assert_same_scans(checked(run_of(padded), PATH), run_of())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rt_s": [1.0, 2.0, np.nan, 4.0, 5.0]}, "scan 3 has no scan time"),
        ({"rt_s": [1.0, 1.0, 2.0, 3.0, 4.0]}, "2 scans share their time with another, first at 1 s"),
        ({"rt_s": [1.0, 2.0, 3.0, -1.0, 5.0]}, "scan 4 has no scan time"),
        ({"rt_s": [7.0] * 5}, "all scans have the same time"),
        ({"mz": [0.0] + [50.0] * 10}, "1 m/z that are no positive number, first in scan 1"),
        ({"mz": [50.0] * 10 + [np.nan]}, "1 m/z that are no positive number, first in scan 5"),
        ({"intensity": [1.0] * 6 + [-1.0] * 5}, "5 negative intensities, first in scan 4"),
        ({"intensity": [1.0] * 10 + [np.inf]}, "no finite number, first in scan 5"),
        ({"intensity": [1e300] + [1.0] * 10}, "no finite number, first in scan 1"),
        ({"intensity": [0.0] * 11}, "all intensities are zero"),
    ],
)
def test_refused(changes: dict[str, list[float]], said: str) -> None:
    run = replace(run_of(), **{name: np.array(values) for name, values in changes.items()})
    with pytest.raises(InputError, match=f"^some run.cdf: .*{said}.*; .+"):
        checked(run, PATH)


@pytest.mark.parametrize(
    ("n_scans", "said"), [(0, "no MS1 scans"), (1, "one scan only"), (2, "all intensities are zero")]
)
def test_too_little(n_scans: int, said: str) -> None:
    nothing = Run(
        np.arange(float(n_scans)), np.zeros(n_scans + 1, np.int64), np.empty(0), np.empty(0), "made for a test"
    )
    with pytest.raises(InputError, match=said):
        checked(nothing, PATH)
