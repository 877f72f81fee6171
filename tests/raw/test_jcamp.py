"""JCAMP-DX in the forms that are met."""

import re
from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.raw.jcamp import read_jcamp
from spectus.raw.run import Run

from .files import SCANS, assert_same_scans, jcamp, run_of


def read(text: str) -> Run:
    scans = read_jcamp(text.encode(), Path("run.jdx"))
    return scans.read(np.arange(scans.n_scans))


@pytest.mark.parametrize("separator", [", ", ",", " ", "\t", ";"])
@pytest.mark.parametrize("per_line", [1, 3])
@pytest.mark.parametrize("table", ["XYDATA", "PEAK TABLE", "DATA_TABLE", "XYPOINTS"])
def test_tables(separator: str, per_line: int, table: str) -> None:
    assert_same_scans(read(jcamp(separator=separator, per_line=per_line, table=table)), run_of())


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends(end: str) -> None:
    assert_same_scans(read(jcamp().replace("\n", end)), run_of())


def test_retention_time_goes_before_page() -> None:
    text = jcamp()
    for number, (time, _) in enumerate(SCANS, 1):
        text = text.replace(f"##PAGE=   T={time}", f"##PAGE= {number}\n##RETENTION TIME= {time}")
    assert_same_scans(read(text), run_of())


def test_minutes() -> None:
    ntuples = "##NTUPLES= MASS SPECTRUM\n##UNITS= M/Z, RELATIVE ABUNDANCE, MINUTES\n"
    minutes = [(time / 60, peaks) for time, peaks in SCANS]
    assert_same_scans(read(jcamp(minutes).replace("##SCAN", ntuples + "##SCAN", 1)), run_of())
    assert_same_scans(read(jcamp(minutes).replace("\n##NPOINTS", " min\n##NPOINTS")), run_of())


def test_factors() -> None:
    tenths = [(time, [(mz * 10, counts / 4) for mz, counts in peaks]) for time, peaks in SCANS]
    text = jcamp(tenths).replace("##SCAN", "##XFACTOR= 0.1\n##YFACTOR= 4\n##SCAN", 1)
    assert_same_scans(read(text), run_of())


def test_about() -> None:
    run = read(jcamp())
    assert (run.instrument, run.acquired_at) == ("GCMSD", "2019-03-06T13:43:00")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("(XY..XY)", "(X++(Y..Y))", r"scan 1 is a table .* not \(XY..XY\)"),
        ("73.0, 1000.0", "73.0, 1o00.0", "scan 2 has an entry that is no number"),
        ("73.0, 1000.0", "73.0", "scan 2 ends within a pair"),
        ("##NPOINTS= 4", "##NPOINTS= 5", "scan 5 states 5 points and has 4"),
        ("##XYDATA", "##OTHER", "within a page"),
    ],
)
def test_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(jcamp().replace(old, new))


def test_no_table() -> None:
    with pytest.raises(InputError, match="holds no table of peaks"):
        read("##TITLE= nothing\n##END=\n")


def test_real_run(shared: Path) -> None:
    content = (shared / "runs" / "eley" / "ELEY_2_SUBTRACT.JDX").read_bytes()
    run = read(content.decode("latin-1"))
    assert (run.n_scans, len(run.mz), run.acquired_at) == (2103, 142305, "2019-03-06T13:43:00")
    # The header states the last time in minutes: 37.0127.
    assert run.rt_s[[0, -1]] == pytest.approx([1.052, 37.0127334595 * 60], abs=1e-3)


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("separator", [" ", "; ", "\t"])
def test_decimal_commas(stated: bool, separator: str) -> None:
    scans = [(time, peaks) for time, peaks in SCANS if len(peaks) > 1]
    text = jcamp(scans, separator=separator)
    tables = re.sub(r"(?m)^\d.*$", lambda line: line[0].replace(".", ","), text)
    assert "41,05" in tables
    assert_same_scans(read(tables if stated else re.sub("##NPOINTS=.*\n", "", tables)), run_of(scans))


def test_commas_between_numbers_stay_separators() -> None:
    scans = [(10.0, [(41.0, 120.0), (57.0, 2048.0), (73.0, 8.0), (80.0, 1.0)]), (11.0, [(41.0, 5.0), (42.0, 6.0)])]
    pairs = "##TITLE= x\n##PAGE= T=10\n##XYDATA= (XY..XY)\n41,120 57,2048\n73,8 80,1\n"
    assert_same_scans(read(pairs + "##PAGE= T=11\n##XYDATA= (XY..XY)\n41,5 42,6\n##END=\n"), run_of(scans))
