"""`spectus convert`, from the command line as users run it."""

import hashlib
import shutil
from pathlib import Path

import pytest

from spectus import tables
from spectus.cli import main
from spectus.errors import InputError
from spectus.raw.convert import convert_runs
from spectus.raw.read import named_runs, read_run

from .files import SCANS, assert_same_scans, run_of, write_andi, write_chemstation, write_mzml


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good run in each of two formats and a bad one, which is also the working folder."""
    monkeypatch.chdir(tmp_path)
    write_chemstation(tmp_path / "raw" / "Probe 1 µg.D")
    write_andi(tmp_path / "raw" / "std.cdf")
    (tmp_path / "raw" / "bad.cdf").write_bytes((tmp_path / "raw" / "std.cdf").read_bytes()[:400])
    return tmp_path


def test_mzml_and_table(raw: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runs = ["raw/Probe 1 µg.D", "raw/std.cdf"]
    assert main(["convert", *runs, "--out", "mzml", "--runs-table", "tables/runs.parquet"]) == 0
    said = capfd.readouterr()
    assert said.out == "" and all(line.startswith("wrote ") for line in said.err.splitlines())
    first, second = tables.read(Path("tables/runs.parquet"), tables.RUNS).to_pylist()
    assert (first["run"], first["path"], first["mzml"]) == ("Probe 1 µg", runs[0], "mzml/Probe 1 µg.mzML")
    assert first["sha256"] == hashlib.sha256((raw / runs[0] / "DATA.MS").read_bytes()).hexdigest()
    assert (first["format"], first["instrument"]) == ("Agilent ChemStation", "GCMSD_2")
    assert (first["acquired_at"], first["n_scans"], first["status"]) == ("2020-03-17T16:46:00", 5, "ok")
    assert (first["rt_min_s"], first["rt_max_s"]) == (305.582, 307.086)
    assert (first["mz_min"], first["mz_max"], first["error"]) == (41.05, 599.9, None)
    assert (first["n_scans_left_out"], first["n_points_left_out"], first["note"]) == (0, 0, None)
    assert first["ionization"] is first["polarity"] is None
    assert second["sha256"] == hashlib.sha256((raw / runs[1]).read_bytes()).hexdigest()
    for run in named_runs([Path("tables/runs.parquet")]):
        assert_same_scans(read_run(run.path), run_of())


def test_names(raw: Path) -> None:
    convert_runs([Path("raw/std.cdf"), Path("raw/std.cdf")], ["a", "b c"], Path("mzml"), Path("runs.parquet"), "fail")
    assert sorted(path.name for path in Path("mzml").iterdir()) == ["a.mzML", "b c.mzML"]


def test_skip_records_why_and_goes_on(raw: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runs = ["raw/bad.cdf", "raw/absent.D", "raw/std.cdf"]
    arguments = ["convert", *runs, "--out", "mzml", "--runs-table", "runs.parquet", "--on-bad-run", "skip"]
    assert main(arguments) == 0
    bad, absent, good = tables.read(Path("runs.parquet"), tables.RUNS).to_pylist()
    assert bad["status"] == absent["status"] == "failed" and good["status"] == "ok"
    assert bad["error"].startswith("raw/bad.cdf: ") and "copy or export it again" in bad["error"]
    assert bad["sha256"] == hashlib.sha256((raw / "raw" / "bad.cdf").read_bytes()).hexdigest()
    assert "no such file" in absent["error"] and absent["sha256"] is None and absent["mzml"] is None
    assert [path.name for path in Path("mzml").iterdir()] == ["std.mzML"]


def test_fail_stops_and_keeps_what_is_done(raw: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("runs.parquet").write_text("from an earlier call")
    runs = ["raw/std.cdf", "raw/bad.cdf", "raw/Probe 1 µg.D"]
    assert main(["convert", *runs, "--out", "mzml", "--runs-table", "runs.parquet"]) == 2
    error = capfd.readouterr().err
    assert error.startswith("spectus convert: raw/bad.cdf: ") and error.count("\n") == 1
    assert [path.name for path in Path("mzml").iterdir()] == ["std.mzML"]
    assert Path("runs.parquet").read_text() == "from an earlier call"


def test_only_files_named_are_touched(raw: Path) -> None:
    Path("mzml").mkdir()
    Path("mzml/other.mzML").write_text("other")
    Path("mzml/bad.mzML").write_text("from when it could be read")
    convert_runs([Path("raw/bad.cdf"), Path("raw/std.cdf")], None, Path("mzml"), Path("runs.parquet"), "skip")
    assert Path("mzml/other.mzML").read_text() == "other"
    assert Path("mzml/bad.mzML").read_text() == "from when it could be read"


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "tab\there", " blank", "x" * 250, 'q"', "a:b"])
def test_names_that_cannot_name_a_file(raw: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a file"):
        convert_runs([Path("raw/std.cdf")], [name], Path("mzml"), Path("runs.parquet"), "skip")
    assert not Path("mzml").exists()


def test_names_that_differ_in_case_only(raw: Path) -> None:
    with pytest.raises(InputError, match="in case only"):
        convert_runs([Path("raw/std.cdf")] * 2, ["a", "A"], Path("mzml"), Path("runs.parquet"), "skip")


def test_duplicate_names(raw: Path) -> None:
    shutil.copy("raw/std.cdf", "std.nc")
    with pytest.raises(InputError, match="has the name 'std'"):
        convert_runs([Path("raw/std.cdf"), Path("std.nc")], None, Path("mzml"), Path("runs.parquet"), "skip")


def test_no_input_is_overwritten(raw: Path) -> None:
    write_mzml(Path("raw/own.mzML"), SCANS)
    before = Path("raw/own.mzML").read_bytes()
    with pytest.raises(InputError, match="would be overwritten"):
        convert_runs([Path("raw/own.mzML")], None, Path("mzml") / ".." / "raw", Path("runs.parquet"), "skip")
    with pytest.raises(InputError, match="would be overwritten"):
        convert_runs([Path("raw/own.mzML")], None, Path("mzml"), Path("raw/own.mzML"), "skip")
    assert Path("raw/own.mzML").read_bytes() == before


def test_folder_that_cannot_be_made(raw: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        convert_runs([Path("raw/std.cdf")], None, Path("raw/bad.cdf"), Path("runs.parquet"), "skip")
