"""MassHunter folders through rainbow-api: through a package of its name that the test writes, and the real one."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.raw import masshunter, vendors
from spectus.raw.read import read_run

from .files import assert_same_scans, run_of

FAKE = """
import os, sys

class File:
    name = "MSPeak.bin"
    scans = [(305.582 / 60, [41.05, 57.1], [120, 2048]), (305.958 / 60, [43.1], [88]), (306.334 / 60, [], []),
             (306.71 / 60, [44.0], [16383])]
    xlabels = [time for time, _, _ in scans]

    def scan(self, number):
        return [self.scans[number][1], self.scans[number][2]]

class Folder:
    datafiles = [File()]

def read(path, centroid, format):
    assert centroid and format == "agilent" and os.path.isdir(path)
    how = os.environ["FAKE_RAINBOW"]
    if how == "error":
        raise Exception("cannot parse\\nthis")
    if how == "crash":
        os.kill(os.getpid(), 11)
    if how == "nothing":
        Folder.datafiles = []
    return Folder()
"""
FAKE_SCANS = """
import os

def count_scans(path): return 4
def parse_scan_xsd(path): return {}
def read_scan_records(path, types, number):
    if os.environ["FAKE_RAINBOW"] == "no kinds":
        raise TypeError("changed")
    sim = 2 if os.environ["FAKE_RAINBOW"] == "sim" else 1
    level = 2 if os.environ["FAKE_RAINBOW"] == "fragments" else 1
    first = {"MSLevel": level, "ScanType": sim, "IonPolarity": 0, "IonMode": 2}
    return [first] + [{"MSLevel": 1, "ScanType": 1, "IonPolarity": 0, "IonMode": 2}] * 3
"""
KEPT = [
    (305.582, [(41.05, 120.0), (57.1, 2048.0)]), (305.958, [(43.1, 88.0)]), (306.334, []), (306.71, [(44.0, 16383.0)]),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A MassHunter folder, and a package of rainbow-api's name."""
    package = tmp_path / "package" / "rainbow"
    (package / "agilent").mkdir(parents=True)
    (package / "__init__.py").write_text(FAKE)
    (package / "agilent" / "__init__.py").touch()
    (package / "agilent" / "masshunter.py").write_text(FAKE_SCANS)
    monkeypatch.syspath_prepend(tmp_path / "package")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "package"))
    monkeypatch.setenv("FAKE_RAINBOW", "read")
    made = tmp_path / "Probe 7 µg.D"
    (made / "AcqData").mkdir(parents=True)
    for name in ("MSScan.bin", "MSPeak.bin"):
        (made / "AcqData" / name).write_bytes(b"1234")
    return made


def test_the_scans_are_read(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = read_run(folder)
    assert_same_scans(run, run_of(KEPT))
    assert (run.format, run.ionization, run.polarity) == ("Agilent MassHunter .D", "EI", "positive")
    assert caplog.messages == []


@pytest.mark.parametrize(("how", "said"), [("sim", "SIM scans"), ("fragments", "MS/MS scans"), ("no kinds", None)])
def test_kinds_of_scans(
    how: str, said: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FAKE_RAINBOW", how)
    run = read_run(folder)
    assert_same_scans(run, run_of(KEPT[1:] if said else KEPT))
    assert (f"left out: 1 of 4 scans, which are {said}" in caplog.text) == bool(said)


@pytest.mark.parametrize(
    ("how", "said"), [("error", "cannot parse this"), ("crash", "crashes"), ("nothing", "finds no centroids")]
)
def test_failures_of_the_package(how: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_RAINBOW", how)
    with pytest.raises(InputError, match=f"this Agilent MassHunter .D cannot be read .*{said}.*msconvert") as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


def test_without_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masshunter, "_PACKAGE", "no_such_package_is_installed")
    monkeypatch.setattr(vendors, "_PACKAGE", "no_such_package_is_installed")
    with pytest.raises(InputError, match=r"pip install 'spectus-workflow.vendors.'"):
        read_run(folder)


@pytest.mark.skipif(importlib.util.find_spec("rainbow") is None, reason="needs the extra `vendors`")
def test_the_real_package_agrees_with_data_ms(shared: Path, tmp_path: Path) -> None:
    source = shared / "runs" / "rainbow_yellow.D"
    shutil.copytree(source, tmp_path / "run.D", ignore=shutil.ignore_patterns("*.ms"))
    run, expected = read_run(tmp_path / "run.D"), read_run(source)
    np.testing.assert_array_equal(run.offsets, expected.offsets)
    np.testing.assert_allclose(run.rt_s, expected.rt_s, rtol=0, atol=1e-6)
    np.testing.assert_allclose(run.mz, expected.mz, rtol=0, atol=0.025)
    np.testing.assert_allclose(run.intensity, expected.intensity, rtol=1e-3, atol=1.01)
