"""Units of the scan times in every format, and scan rates that no gas chromatograph has."""

import re
from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.raw.read import read_run
from spectus.raw.scan_times import rate_note, seconds_in_unit

from .files import (
    SCANS,
    assert_same_scans,
    chromatogram,
    jcamp,
    run_of,
    write_andi,
    write_labeled_mzml,
    write_mzxml,
)

UNITS = {
    "millisecond": (1000.0, 'unitCvRef="UO" unitAccession="UO:0000028" unitName="millisecond"'),
    "second": (1.0, 'unitCvRef="UO" unitAccession="UO:0000010" unitName="second"'),
    "minute": (1 / 60, 'unitCvRef="UO" unitAccession="UO:0000031" unitName="minute"'),
    "hour": (1 / 3600, 'unitCvRef="UO" unitAccession="UO:0000032" unitName="hour"'),
    "minute, accession only": (1 / 60, 'unitAccession="UO:0000031"'),
    "minute, old term": (1 / 60, 'unitAccession="MS:1000038" unitName="minute"'),
    "second, old term": (1.0, 'unitAccession="MS:1000039"'),
    "minute, name only": (1 / 60, 'unitName="minute"'),
    "minutes, name only": (1 / 60, 'unitName="Minutes"'),
    "min": (1 / 60, 'unitName="min"'),
    "ms": (1000.0, 'unitName="ms"'),
    "microsecond": (1e6, 'unitAccession="UO:0000029" unitName="microsecond"'),
}


@pytest.mark.parametrize("unit", UNITS)
def test_units_of_mzml(unit: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    factor, attributes = UNITS[unit]
    path = write_labeled_mzml(tmp_path / "run.mzML", SCANS, unit=attributes, per_second=factor)
    assert_same_scans(read_run(path), run_of())
    assert caplog.messages == []


def test_times_of_mzml_with_a_decimal_comma(tmp_path: Path) -> None:
    path = write_labeled_mzml(tmp_path / "run.mzML", SCANS)
    text = re.sub(r'(MS:1000016" name="" value="\d+)\.', r"\1,", path.read_text())
    assert ",582" in text
    path.write_text(text)
    assert_same_scans(read_run(path), run_of())


def test_name_and_accession_of_a_unit_contradict(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_labeled_mzml(tmp_path / "run.mzML", SCANS, unit='unitAccession="UO:0000010" unitName="minute"')
    assert_same_scans(read_run(path), run_of())
    assert "'minute' by its name and UO:0000010 by its accession" in caplog.text


@pytest.mark.parametrize("term", ["MS:1000894", "MS:1000895", "MS:1000826"])
def test_times_under_other_terms(term: str, tmp_path: Path) -> None:
    assert_same_scans(read_run(write_labeled_mzml(tmp_path / "run.mzML", SCANS, time=term)), run_of())


@pytest.mark.parametrize(
    ("unit", "said"),
    [("", "gives no unit of the scan times"), ('unitName="fortnight"', "'fortnight', is not known")],
)
def test_no_unit_is_taken_for_seconds_and_said(
    unit: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_labeled_mzml(tmp_path / "run.mzML", SCANS, unit=unit)
    assert_same_scans(read_run(path), run_of())
    (message,) = caplog.messages
    assert message.startswith(f"{path}: ") and said in message and message.endswith("; seconds are assumed")


def test_a_run_of_minutes_without_a_unit_is_doubted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_labeled_mzml(tmp_path / "run.mzML", chromatogram(), unit="", per_second=1 / 60)
    assert read_run(path).rt_s[0] == pytest.approx(100 / 60)
    assert len(caplog.messages) == 2
    assert "60 scans in 0.492 s (120 a second) are unusual for a GC run" in caplog.messages[1]
    assert "perhaps minutes" in caplog.messages[1]


def test_a_wrong_unit_is_doubted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_run(write_labeled_mzml(tmp_path / "run.mzML", chromatogram(), per_second=1000))
    assert "500 s from scan to scan" in caplog.text and "perhaps milliseconds" in caplog.text
    path = write_labeled_mzml(tmp_path / "long.mzML", chromatogram(), per_second=100_000, unit="")
    with pytest.raises(InputError, match=r"scan time of 1e\+07 s .the file gives no unit.*in seconds or minutes"):
        read_run(path)


@pytest.mark.parametrize(("step", "n_scans"), [(0.05, 3000), (0.2, 9000), (1.8, 100), (0.01, 20_000), (5.0, 30)])
def test_usual_scan_rates_are_not_doubted(step: float, n_scans: int) -> None:
    assert rate_note(step * np.arange(n_scans)) is None


@pytest.mark.parametrize(("factor", "guess"), [(1000.0, "milliseconds"), (60.0, "seconds that were taken for minutes")])
@pytest.mark.parametrize("step", [0.4, 0.5, 1.0])
def test_a_slow_rate_names_the_likelier_unit(factor: float, guess: str, step: float) -> None:
    assert f"perhaps {guess};" in str(rate_note(np.arange(100) * step * factor))


def test_too_few_scans_to_doubt() -> None:
    assert rate_note(0.001 * np.arange(19)) is None


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("Minutes", 1 / 60), ("min", 1 / 60), ("ms", 1000.0), ("milliseconds", 1000.0), ("sec.", 1.0), ("SECONDS", 1.0)],
)
def test_units_of_andi(unit: str, factor: float, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    times = {"scan_acquisition_time": run_of().rt_s * factor}
    assert_same_scans(read_run(write_andi(tmp_path / "run.cdf", variables=times, units=unit)), run_of())
    assert caplog.messages == []


def test_the_unit_of_the_whole_andi_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    minutes = {"scan_acquisition_time": run_of().rt_s / 60}
    path = write_andi(tmp_path / "run.cdf", variables=minutes, units=" ", attributes={"units": "Minutes"})
    assert_same_scans(read_run(path), run_of())
    # The standard's unit is the second; a writer need not repeat it.
    assert_same_scans(read_run(write_andi(tmp_path / "none.cdf", units=" ")), run_of())
    assert caplog.messages == []
    assert_same_scans(read_run(write_andi(tmp_path / "odd.cdf", units="ticks")), run_of())
    assert "'ticks', is not known; seconds are assumed" in caplog.text


@pytest.mark.parametrize(
    ("written", "noted"),
    [
        ("PT{s}S", False), ("PT{m}M", False), ("P0Y0M0DT0H0M{s}S", False), ("{s}", True), ("{m} min", False),
        ("{ms} ms", False), ("pt{s}s", False), ("PT{c}S", False), ("{c} s", False), ("{clock}", False),
    ],
)  # fmt: skip
def test_times_of_mzxml(written: str, noted: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def other(found: re.Match[str]) -> str:
        seconds = float(found[1])
        clock = f"{seconds // 60:.0f}:{seconds % 60:06.3f}"
        comma = str(seconds).replace(".", ",")
        values = written.format(s=seconds, m=seconds / 60, ms=seconds * 1000, c=comma, clock=clock)
        return f'retentionTime="{values}"'

    path = write_mzxml(tmp_path / "run.mzXML")
    text = path.read_text()
    assert text.count('retentionTime="PT') == len(SCANS)
    path.write_text(re.sub(r'retentionTime="PT([\d.]+)S"', other, text))
    assert_same_scans(read_run(path), run_of())
    assert ("seconds are assumed" in caplog.text) == noted


@pytest.mark.parametrize(
    ("unit", "factor"), [(" min", 1 / 60), (" minutes", 1 / 60), (" s", 1.0), (" ms", 1000.0), (" sec", 1.0)]
)
def test_units_of_jcamp(unit: str, factor: float, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = jcamp([(time * factor, peaks) for time, peaks in SCANS])
    (tmp_path / "run.jdx").write_text(re.sub(r"(##PAGE=.*)", rf"\1{unit}", text))
    assert_same_scans(read_run(tmp_path / "run.jdx"), run_of())
    assert caplog.messages == []


@pytest.mark.parametrize(
    "written", ["##PAGE= T={c} s", "##RETENTION_TIME= 0:{clock}", "##RETENTION_TIME= {clock}", "##PAGE= T=PT{s}S",
                "##PAGE= N=7, T={s} s"],
)  # fmt: skip
def test_times_of_jcamp_to_their_end(written: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def other(found: re.Match[str]) -> str:
        clock = f"{float(found[1]) // 60:02.0f}:{float(found[1]) % 60:06.3f}"
        return written.format(s=found[1], c=found[1].replace(".", ","), clock=clock)

    (tmp_path / "run.jdx").write_text(re.sub(r"##PAGE=   T=(\S+)", other, jcamp()))
    assert_same_scans(read_run(tmp_path / "run.jdx"), run_of())
    assert caplog.messages == []


@pytest.mark.parametrize("written", ["##PAGE= N={n}", "##PAGE= T=1,234.{n}"])
def test_a_number_of_a_page_is_no_time(written: str, tmp_path: Path) -> None:
    numbers = iter(range(1, 9))
    text = re.sub(r"##PAGE=.*", lambda _: written.format(n=next(numbers)), jcamp())
    (tmp_path / "run.jdx").write_text(text)
    with pytest.raises(InputError, match="no retention time"):
        read_run(tmp_path / "run.jdx")


def test_jcamp_without_a_unit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "run.jdx").write_text(jcamp())
    assert_same_scans(read_run(tmp_path / "run.jdx"), run_of())
    assert caplog.messages == [f"{tmp_path / 'run.jdx'}: the file gives no unit of the scan times; seconds are assumed"]


def test_jcamp_scan_without_a_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "run.jdx").write_text(jcamp().replace("##PAGE=   T=305.958", "##COMMENT= x"))
    assert read_run(tmp_path / "run.jdx").n_scans == 4
    assert "left out: 1 of 5 scans, without a usable time" in caplog.text
    (tmp_path / "run.jdx").write_text(re.sub("##PAGE=.*", "##COMMENT= x", jcamp()))
    with pytest.raises(InputError, match="no retention time"):
        read_run(tmp_path / "run.jdx")


def test_unit_names() -> None:
    assert seconds_in_unit("minute", "UO:0000010") == 1.0  # the accession is the more exact
    assert seconds_in_unit(None) is seconds_in_unit("") is seconds_in_unit("m/z", "MS:1000040") is None


def test_a_last_scan_with_the_null_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scans = chromatogram()
    times = np.array([time for time, _ in scans])
    times[-1] = -9999.0
    run = read_run(write_andi(tmp_path / "run.cdf", scans, variables={"scan_acquisition_time": times}))
    assert_same_scans(run, run_of(scans[:-1]))
    assert "left out: 1 of 60 scans, without a usable time" in caplog.text


def test_empty_scans_between_full_ones_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scans = chromatogram()
    holed = [(time, [] if number % 3 == 1 else peaks) for number, (time, peaks) in enumerate(scans)]
    kept = [scan for scan in holed if scan[1]]
    assert_same_scans(read_run(write_andi(tmp_path / "run.cdf", holed)), run_of(kept))
    assert "left out: 20 of 60 scans, which are empty and lie between full ones" in caplog.text
    caplog.clear()
    quiet = [(time, [] if 20 <= number < 30 else peaks) for number, (time, peaks) in enumerate(scans)]
    assert_same_scans(read_run(write_andi(tmp_path / "quiet.cdf", quiet)), run_of(quiet))
    assert caplog.messages == []
