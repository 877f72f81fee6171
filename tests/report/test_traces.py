from pathlib import Path

import numpy as np
import pytest

from spectus.raw.read import read_run
from spectus.raw.run import Run
from spectus.report.traces import (
    TraceRequest,
    ion_traces,
    most_intense_ions,
    read_chromatograms,
    total_ion_current,
    traced_runs,
    window_of,
)

from .conftest import Made


def test_a_chromatogram_can_be_rebuilt(made: Made) -> None:
    run = read_run(Path(made.rows.runs[1]["mzml"]))
    thin = total_ion_current(run, 300)
    at = np.cumsum(thin["t"]) / 100
    height = np.array(thin["y"]) / 9999 * thin["top"]
    assert thin["scans"] == run.n_scans and len(at) <= 300
    assert at[0] == pytest.approx(run.rt_s[0], abs=2.0) and at[-1] == pytest.approx(run.rt_s[-1], abs=4.0)
    assert height.max() == pytest.approx(run.tic.max(), rel=1e-3)
    assert at[height.argmax()] == pytest.approx(run.rt_s[run.tic.argmax()], abs=0.01)


def test_a_chromatogram_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    gone, broken = tmp_path / "gone.mzML", tmp_path / "broken.mzML"
    broken.write_text("<mzML>")
    found = read_chromatograms({"none": None, "gone": str(gone), "broken": str(broken)}, {}).tic
    assert found["none"] == {"missing": "no mzML was made of this run"}
    assert str(gone) in found["gone"]["missing"] and str(broken) in found["broken"]["missing"]


def two_ions() -> Run:
    """Eleven scans of m/z 73.05 and 147.07; the first has its apex in scan 5, the second is constant."""
    apex = 1000.0 * np.exp(-0.5 * (np.arange(11) - 5.0) ** 2)
    intensity = np.stack([apex, np.full(11, 20.0)], axis=1).ravel()
    return Run(np.arange(11) * 0.5, np.arange(0, 23, 2), np.tile([73.05, 147.07], 11), intensity, "mzML")


def test_traces_are_those_of_the_ions_in_the_window() -> None:
    trace, outside = ion_traces(
        two_ions(), [TraceRequest(0, 1.0, 4.1, (73, 147, 200)), TraceRequest(1, 50.0, 60.0, (73,))]
    )
    ions, times, top, heights = trace
    assert outside is None
    assert ions == [73, 147, 200] and top == 1000
    assert (np.cumsum(times) / 100).tolist() == pytest.approx([1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0])
    assert heights[0][3] == 999 and heights[1] == [20] * 7 and heights[2] == [0] * 7


def test_a_window_follows_the_profile() -> None:
    assert window_of(None, 100.0) == (94.0, 106.0)
    assert window_of([[10_000, 100, 100], [0, 1000, 0]], 101.0) == pytest.approx((99.0, 103.0))


def test_the_best_run_and_a_blank_come_first() -> None:
    areas = np.array([5.0, np.nan, 50.0, 1.0, 20.0])
    assert traced_runs(areas, 4, [3, 1]) == [4, 3, 2, 0]
    assert traced_runs(areas, None, []) == [2, 4, 0, 3]
    assert len(traced_runs(np.arange(1.0, 30.0), 0, [])) == 6


def test_ions_are_nominal_and_named_once() -> None:
    assert most_intense_ions([73.05, 73.9, 147.07, 50.0], [1.0, 0.9, 0.5, 0.1], 3) == (73, 74, 147)
    assert most_intense_ions([], []) == ()
