"""Other vendors' formats: recognized by content, read through a package if it is installed, or refused with what can.

No file of these vendors is small and free enough to be here. So the way to the package and back is tested with one of
the same name and functions, and the package itself, where it is installed, with files that only begin as theirs do.
"""

import importlib.util
import re
from pathlib import Path

import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.raw import vendors
from spectus.raw.convert import convert_runs
from spectus.raw.read import raw_file, read_run

from .files import assert_same_scans, run_of, write_mzml

FINNIGAN = b"\x01\xa1F\0i\0n\0n\0i\0g\0a\0n\0" + bytes(2000)


def compound(*storages: str) -> bytes:
    """A compound document ([MS-CFB]) as far as the names in its directory, in its second sector."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    header[30:32] = (9).to_bytes(2, "little")
    header[48:52] = (1).to_bytes(4, "little")
    entries = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *storages))
    return bytes(header) + bytes(512) + entries.ljust(1024, b"\0")


FILES = {
    "Thermo .raw": FINNIGAN,
    "Shimadzu .qgd": compound("GCMS Raw Data", "Sample"),
    "SCIEX .wiff": compound("SummaryInformation", "Subtree"),
    "compound document": compound("WordDocument"),
}
FOLDERS = {
    "Waters .raw": "_FUNC001.DAT",
    "Agilent MassHunter .D": "AcqData/MSScan.bin",
    "Bruker TDF .d": "analysis.tdf",
    "Bruker .d": "analysis.baf",
}
READ = ["Thermo .raw", "SCIEX .wiff", "Waters .raw", "Agilent MassHunter .D", "Bruker TDF .d"]

# The package's two properties that matter: it goes by names, and it may fail in any way.
FAKE = """
import os, pathlib, shutil, sys

def to_mzml(source, target, indexed=True, skip_unreadable=True):
    assert not skip_unreadable
    told = os.environ["FAKE_NAMES"]
    path = pathlib.Path(source)
    with open(told, "a") as file:
        file.write(",".join(sorted(name.name for name in path.parent.iterdir())) + "\\n")
    how = os.environ["FAKE_HOW"]
    if how == "error":
        raise RuntimeError("thermo reader: unsupported\\n version: 0")
    if how == "crash":
        os.kill(os.getpid(), 11)
    if how == "memory":
        bytearray(2**40)
    if how == "part":
        pathlib.Path(target).write_text("<mzML><run>")
    if how == "read":
        shutil.copy(os.environ["FAKE_RUN"], target)
"""


def made(name: str, folder: Path) -> Path:
    """A file or folder of this vendor, under a name that says nothing."""
    path = folder / "Probe 7 µg"
    if name in FILES:
        path.write_bytes(FILES[name])
    else:
        (path / FOLDERS[name]).parent.mkdir(parents=True)
        (path / FOLDERS[name]).write_bytes(b"1234")
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of openmassspec-io's name; the file to which it writes the names it was given."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "openmassspec_io.py").write_text(FAKE)
    monkeypatch.syspath_prepend(tmp_path / "package")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "package"))
    monkeypatch.setenv("FAKE_NAMES", str(tmp_path / "names"))
    monkeypatch.setenv("FAKE_RUN", str(write_mzml(tmp_path / "inside.mzML")))
    monkeypatch.setenv("FAKE_HOW", "read")
    return tmp_path / "names"


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_without_the_package_the_converter_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendors, "_PACKAGE", "no_such_package_is_installed")
    with pytest.raises(InputError) as caught:
        read_run(made(name, tmp_path))
    message = str(caught.value)
    assert re.search(rf"is an? {re.escape(name)}", message) and "\n" not in message
    converter = "GCMSsolution" if name in ("Shimadzu .qgd", "compound document") else "msconvert --mzML 'Probe 7 µg'"
    assert converter in message
    assert ("pip install 'spectus-workflow[vendors]'" in message) == (name in READ)
    assert ("ThermoRawFileParser -i 'Probe 7 µg'" in message) == (name == "Thermo .raw")


@pytest.mark.parametrize("name", READ)
def test_read_through_the_package(name: str, package: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = made(name, tmp_path)
    run = read_run(path)
    assert_same_scans(run, run_of())
    assert run.format == name
    suffix = "." + name.split(".")[1].lower()
    assert package.read_text().split() == [f"run{suffix}"]
    convert_runs([path], ["run"], tmp_path / "out", tmp_path / "runs.parquet", "fail")
    row = tables.read(tmp_path / "runs.parquet", tables.RUNS).to_pylist()[0]
    assert (row["format"], row["status"]) == (name, "ok") and row["sha256"]
    assert "compare one run of this instrument with what msconvert makes" in caplog.text
    assert_same_scans(read_run(tmp_path / "out" / "run.mzML"), run_of())


def test_the_second_file_of_a_wiff(package: Path, tmp_path: Path) -> None:
    path = made("SCIEX .wiff", tmp_path).rename(tmp_path / "Probe 7.wiff")
    (tmp_path / "Probe 7.wiff.scan").write_bytes(b"scans")
    read_run(path)
    assert package.read_text().split() == ["run.wiff,run.wiff.scan"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("error", "thermo reader: unsupported version: 0"),
        ("crash", "crashes"),
        ("memory", "MemoryError"),
        ("part", "cut short"),
        ("nothing", "mzML"),
    ],
)
def test_failures_of_the_package(how: str, said: str, package: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FAKE_HOW", how)
    path = made("Thermo .raw", tmp_path)
    with pytest.raises(InputError, match=said) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "watched"), FOLDERS.items())
def test_the_file_that_is_watched(name: str, watched: str, tmp_path: Path) -> None:
    path = made(name, tmp_path)
    assert raw_file(path) == path / watched


@pytest.mark.skipif(importlib.util.find_spec("openmassspec_io") is None, reason="needs the extra `vendors`")
@pytest.mark.parametrize("name", READ)
def test_the_real_package_refuses_what_only_begins_well(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_run(made(name, tmp_path))
