"""Agilent data.ms against its own directory of ion currents."""

from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.raw.chemstation import read_chemstation
from spectus.raw.read import raw_file, read_run
from spectus.raw.run import Run

from .files import chemstation

CEILING = 0x3FFF * 8.0**3


def read(content: bytes) -> Run:
    scans = read_chemstation(content, Path("run.D"))
    return scans.read(np.arange(scans.n_scans))


def test_header() -> None:
    scans = read_chemstation(chemstation(), Path("run.D"))
    run = scans.read(np.arange(scans.n_scans))
    assert (run.format, run.instrument, run.acquired_at) == ("Agilent ChemStation", "GCMSD_2", "2020-03-17T16:46:00")
    assert scans.facts.profile is False


def test_wide_instrument_name_is_fuller() -> None:
    content = bytearray(chemstation(instrument="Demo 7890"))
    wide = "Demo 7890-7975C\0".encode("utf-16-le")
    content[0x1C0 : 0x1C0 + len(wide)] = wide
    assert read(bytes(content)).instrument == "Demo 7890-7975C"


def test_header_without_names() -> None:
    run = read(chemstation(instrument="", date=""))
    assert run.instrument is None and run.acquired_at is None


@pytest.mark.parametrize("counts", [0.0, 1.0, 16383.0, 16384.0, 131064.0, 131072.0, 1048512.0, 1048576.0, CEILING])
def test_intensities_over_the_whole_range(counts: float) -> None:
    run = read(chemstation([(1.0, [(50.0, counts)]), (2.0, [(51.0, 1.0)])]))
    assert run.intensity[0] == counts


def test_numbers_of_another_meaning_are_refused() -> None:
    content = bytearray(chemstation())
    directory = int.from_bytes(content[0x104:0x108], "big") * 2 - 2
    for scan in range(5):
        content[directory + 12 * scan + 8 : directory + 12 * scan + 12] = (10**9).to_bytes(4, "big")
    with pytest.raises(InputError, match="a variant not known here; export"):
        read_chemstation(bytes(content), Path("run.D"))


def test_real_runs_agree_with_their_directory(shared: Path) -> None:
    """The stated ion current is the sum of the peaks before each was cut to 14 bits, and to the ceiling."""
    folders = sorted((shared / "runs").glob("*/*.D"))
    assert len(folders) >= 19
    for folder in folders:
        run = read_run(folder)
        content = raw_file(folder).read_bytes()
        start = int.from_bytes(content[0x104:0x108], "big") * 2 - 2
        stated = np.frombuffer(content, ">u4", 3 * run.n_scans, start).reshape(-1, 3)[:, 2]
        saturated = np.bincount(run.scan, run.intensity >= CEILING, run.n_scans) > 0
        assert (run.tic <= stated).all()
        assert (run.tic[~saturated] >= 0.997 * stated[~saturated] - 8).all(), folder


def test_real_older_run(shared: Path) -> None:
    run = read_run(shared / "runs" / "chemplexity" / "gcms_alkanes.D")
    assert (run.n_scans, run.acquired_at) == (1531, "2004-09-17T10:28:00")
    assert run.rt_s[[0, -1]] == pytest.approx([600.433, 1209.334])
