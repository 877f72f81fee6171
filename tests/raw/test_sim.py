"""Runs of selected ions are refused, runs in full scan are not, however poor."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from spectus import tables
from spectus.cli import main
from spectus.errors import InputError
from spectus.raw.read import read_run
from spectus.raw.sim import require_full_scans, selected_ions, sim_phase

from .files import Scans, assert_same_scans, experiment, run_of, write_andi, write_chemstation, write_mzml

GROUPS = [[57.0, 71.1, 85.1], [128.05, 102.0], [178.1, 176.05, 152.0, 89.0]]


def sim(
    n_scans: int = 240, groups: Sequence[Sequence[float]] = GROUPS, missing: float = 0.0, start: float = 0.0
) -> Scans:
    """Groups of ions one after another, as a method sets them; `missing` is the share of ions not stored."""
    chance = np.random.default_rng(7)
    scans = []
    for number in range(n_scans):
        group = groups[number * len(groups) // n_scans]
        kept = [mz for mz in group if chance.random() >= missing]
        scans.append((start + 0.5 * number, [(mz, float(chance.integers(50, 5000))) for mz in kept]))
    return scans


def full(n_scans: int = 240, ions: int = 40, step: float = 0.05, lowest: int = 40, highest: int = 400) -> Scans:
    """Noise at `ions` of the masses in each scan, centroids at multiples of `step`, as a quadrupole gives them."""
    chance = np.random.default_rng(8)
    scans = []
    for number in range(n_scans):
        masses = (
            np.sort(chance.choice(np.arange(lowest, highest), ions, replace=False))
            + chance.integers(-2, 4, ions) * step
        )
        scans.append((0.25 + 0.5 * number, [(round(float(mz), 2), float(chance.integers(50, 5000))) for mz in masses]))
    return scans


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("groups", [GROUPS, [[91.0]], [[float(mz) for mz in range(50, 350, 10)]]])
def test_sim_is_recognized(missing: float, groups: list[list[float]]) -> None:
    run = run_of(sim(missing=missing, groups=groups))
    assert selected_ions(run) == max(map(len, groups))
    with pytest.raises(InputError, match="selected ions"):
        require_full_scans(run, Path("run.D"))


@pytest.mark.parametrize("write", [write_chemstation, write_andi, write_mzml])
def test_every_reader_refuses_it(write, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\(SIM\).*; acquire or export the run in full scan"):
        read_run(write(tmp_path / "run.D", sim()))


@pytest.mark.parametrize(
    "scans",
    [
        full(),
        full(ions=3),
        full(step=0.0, ions=10),
        full(ions=30, step=0.0, lowest=35, highest=66),
        full(ions=31, step=0.0, lowest=35, highest=66),
        full(n_scans=30),
    ],
    ids=["usual", "nearly nothing", "whole numbers", "narrow", "narrow, every mass in every scan", "short"],
)
def test_full_scans_are_not(scans: Scans) -> None:
    require_full_scans(run_of(scans), Path("run.D"))


def test_scans_too_few_to_tell() -> None:
    assert selected_ions(run_of(sim(n_scans=49))) == 0
    assert selected_ions(run_of([(float(time), []) for time in range(100)])) == 0


def test_no_real_run_is_near(shared: Path) -> None:
    for name in ("etizolam/220223001.D", "chemplexity/gcms_alkanes.D", "pygecko/FKB-FA-060-A1.mzML.gz"):
        require_full_scans(read_run(shared / "runs" / name), Path(name))


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("sim_first", [True, False])
def test_sim_scans_in_turn_with_full_scans_are_left_out(
    sim_first: bool, missing: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = zip(sim(missing=missing), full(), strict=True)
    mixed = [(0.25 * number, peaks) for number, (_, peaks) in enumerate(scan for pair in pairs for scan in pair)]
    if not sim_first:
        mixed = mixed[1:]
    run = read_run(write_andi(tmp_path / "run.cdf", mixed))
    assert_same_scans(run, run_of([mixed[number] for number in range(sim_first, len(mixed), 2)]))
    assert f"left out: {len(mixed) - 240} of {len(mixed)} scans" in caplog.messages[0] and "(SIM)" in caplog.messages[0]
    assert sim_phase(run_of(full())) is sim_phase(run_of(sim())) is None


def declared(path: Path, is_sim: Sequence[bool], scans: Scans) -> Path:
    """mzML whose spectra say of themselves that they are SIM."""
    import pyopenms as oms

    made = experiment(scans)
    for number, spectrum in enumerate(made.getSpectra()):
        mode = oms.InstrumentSettings()
        modes = oms.InstrumentSettings.ScanMode
        mode.setScanMode(modes.SIM if is_sim[number] else modes.MS1SPECTRUM)
        spectrum.setInstrumentSettings(mode)
        made[number] = spectrum
    oms.MzMLFile().store(str(path), made)
    assert (b"MS:1000582" in path.read_bytes()) == any(is_sim)
    return path


def test_declared_sim_scans_are_left_out_and_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mixed = [scan for pair in zip(sim(20), full(20), strict=True) for scan in pair]
    path = declared(tmp_path / "run.mzML", [True, False] * 20, mixed)
    assert main(["convert", str(path), "--out", str(tmp_path / "o"), "--runs-table", str(tmp_path / "r.parquet")]) == 0
    said = capfd.readouterr().err
    assert said.count("left out: 20 of 40 scans, which are SIM scans") == 1
    row = tables.read(tmp_path / "r.parquet", tables.RUNS).to_pylist()[0]
    assert (row["n_scans"], row["n_scans_left_out"]) == (20, 20)
    assert row["note"].startswith("left out: 20 of 40 scans, which are SIM scans; the full scans are used")
    np.testing.assert_array_equal(read_run(path).rt_s, [time for time, _ in full(20)])


def test_declared_sim_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="all its scans are of selected ions"):
        read_run(declared(tmp_path / "run.mzML", [True] * 10, full(10)))
    path = write_andi(tmp_path / "run.cdf", full(10), attributes={"test_scan_function": "Selected Ion Detection"})
    with pytest.raises(InputError, match="all its scans are of selected ions"):
        read_run(path)
    path = write_andi(tmp_path / "scan.cdf", full(10), attributes={"test_scan_function": "Mass Scan"})
    assert read_run(path).n_scans == 10
