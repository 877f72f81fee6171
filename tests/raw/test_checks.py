"""What every run must satisfy, and what is put in order rather than refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.raw.checks import checked_peaks, dropped_points_note, heavy_note, require_absolute, require_current
from spectus.raw.remarks import Remarks
from spectus.raw.run import Run
from spectus.raw.scan_times import in_time_order
from spectus.raw.scans import FileFacts, scans_of

from .files import SCANS, assert_same_scans, run_of

PATH = Path("some run.cdf")


def checked(run: Run, path: Path, remarks: Remarks | None = None) -> Run:
    """All checks, as reading makes them of a run of one block."""
    remarks = remarks or Remarks()
    scans = in_time_order(scans_of(run, FileFacts()), path, remarks)
    run = checked_peaks(scans.read(np.arange(scans.n_scans)), path, 0, remarks)
    require_current(bool(run.intensity.any()), path)
    return run


def long_run(n_scans: int = 20) -> Run:
    return run_of([(1.0 + number, [(50.0, 5.0), (60.0, 7.0), (70.0, 9.0)]) for number in range(n_scans)])


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("mz", 0.0), ("mz", -1.0), ("mz", np.nan), ("mz", 2.0**1000), ("mz", np.inf),
        ("intensity", -5.0), ("intensity", np.nan), ("intensity", np.inf), ("intensity", 9.96921e36),
        ("intensity", 1e300),
    ],
)  # fmt: skip
def test_a_few_bad_points_are_dropped_and_counted(name: str, wrong: float) -> None:
    run = long_run()
    values = getattr(run, name).copy()
    values[[10, 11]] = wrong
    remarks = Remarks()
    found = checked(replace(run, **{name: values}), PATH, remarks)
    assert remarks.n_points_left_out == 2
    keep = ~np.isin(np.arange(len(run.mz)), [10, 11])
    assert_same_scans(found, run.with_peaks(keep))
    assert "2 points" in dropped_points_note(2) and "1 point " in dropped_points_note(1)
    assert dropped_points_note(0) is None


@pytest.mark.parametrize("wrong", [np.nan, -1.0, -9999.0, 9.96921e36, 1e9])
def test_a_scan_without_a_time_is_left_out_and_counted(wrong: float) -> None:
    run, remarks = long_run(), Remarks()
    found = checked(replace(run, rt_s=np.append(run.rt_s[:-1], wrong)), PATH, remarks)
    np.testing.assert_array_equal(found.rt_s, run.rt_s[:-1])
    assert remarks.n_scans_left_out == 1
    assert remarks.notes == ["left out: 1 of 20 scans, without a usable time"]


def test_a_scan_with_the_time_of_another_is_left_out_and_counted() -> None:
    run, remarks = long_run(), Remarks()
    found = checked(replace(run, rt_s=np.append(run.rt_s[:-1], run.rt_s[-2])), PATH, remarks)
    np.testing.assert_array_equal(found.rt_s, run.rt_s[:-1])
    assert remarks.n_scans_left_out == 1 and "with the time of another" in remarks.notes[0]


def test_many_numbers_that_no_chromatograph_gives() -> None:
    run = run_of()
    with pytest.raises(InputError, match=r"a scan time of 3\.06e\+12 s"):
        checked(replace(run, rt_s=run.rt_s * [1, 1e10, 1, 1, 1e10]), PATH)
    with pytest.raises(InputError, match="11 m/z above 100,000, first in scan 1"):
        checked(replace(run, mz=run.mz + 2.0**1000), PATH)


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
        ({"rt_s": [1.0, 2.0, np.nan, np.nan, 5.0]}, "scan 3 has no scan time"),
        ({"rt_s": [1.0, 1.0, 2.0, 2.0, 5.0]}, "3 scans share their time with another, first at 1 s"),
        ({"rt_s": [1.0, 2.0, -3.0, -1.0, 5.0]}, "scan 3 has no scan time"),
        ({"rt_s": [7.0] * 5}, "all scans have the same time"),
        ({"mz": [0.0] * 2 + [50.0] * 9}, "2 m/z that are no positive number, first in scan 1"),
        ({"mz": [50.0] * 9 + [np.nan] * 2}, "2 m/z that are no positive number, first in scan 5"),
        ({"intensity": [1.0] * 6 + [-1.0] * 5}, "5 negative intensities, first in scan 4"),
        ({"intensity": [1.0] * 9 + [np.inf] * 2}, "no finite number, first in scan 5"),
        ({"intensity": [1e300] * 2 + [1.0] * 9}, "no finite number, first in scan 1"),
        ({"intensity": [9.97e36] * 2 + [1.0] * 9}, r"intensities above 1e\+15, first in scan 1"),
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


def test_intensities_relative_to_each_scan_are_refused() -> None:
    base_peaks, tic = np.full(25, 100.0), np.linspace(150, 300, 25)
    base_peaks[3] = tic[3] = 0.0
    with pytest.raises(InputError, match="highest intensity of every scan is 100: the intensities are relative"):
        require_absolute(base_peaks, tic, PATH)
    base_peaks[7] = 101.0
    require_absolute(base_peaks, tic, PATH)
    require_absolute(np.full(19, 100.0), tic[:19], PATH)
    require_absolute(np.full(25, 100.0), np.full(25, 100.0), PATH)


def test_masses_that_no_gas_chromatograph_has_are_doubted() -> None:
    assert heavy_note(10, 100) is None
    assert "12% of the ions lie above m/z 1,200" in str(heavy_note(12, 100))


def test_base_peaks_of_scans_with_and_without_ions() -> None:
    assert run_of().base_peaks.tolist() == [8388096.0, 40000.0, 0.0, 16383.0, 262144.0]
    assert run_of([(1.0, []), (2.0, [])]).base_peaks.tolist() == [0.0, 0.0]
