"""Accurate masses come through every format and through conversion as they were measured."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spectus import tables
from spectus.raw.convert import convert_runs
from spectus.raw.mass_accuracy import mass_accuracy
from spectus.raw.read import read_run

from .files import Scans, run_of, write_andi, write_jcamp, write_mzml, write_mzxml

IONS = np.array(
    [41.03858, 43.01784, 43.05423, 57.03349, 57.06988, 73.04680, 147.06560, 207.03235, 249.76229, 281.05114]
)


def accurate_scans(n_scans: int = 80, jitter_ppm: float = 3.0) -> Scans:
    """Scans that hold each ion and each of many others or not, by chance: the same few in all would look like SIM."""
    chance = np.random.default_rng(2)
    ions = np.sort(np.concatenate([IONS, 1.37 * IONS, 1.71 * IONS]))
    mz = ions * (1 + 1e-6 * jitter_ppm * chance.standard_normal((n_scans, len(ions))))
    counts = np.rint(chance.uniform(1e3, 1e5, mz.shape))
    there = chance.random(mz.shape) < 0.05 + 0.9 * (np.arange(n_scans)[:, None] // 10 % 2)
    return [
        (100 + 0.2 * scan, list(zip(mz[scan, there[scan]].tolist(), counts[scan, there[scan]].tolist(), strict=True)))
        for scan in range(n_scans)
    ]


WRITERS = {
    "mzML": write_mzml,
    "mzXML": write_mzxml,
    "ANDI, 64 bit": lambda path, scans: write_andi(path, scans, types={"mass_values": "f8"}),
    "ANDI, 32 bit": lambda path, scans: write_andi(path, scans, types={"mass_values": "f4"}),
    "JCAMP-DX": write_jcamp,
}


@pytest.mark.parametrize("format_", WRITERS)
def test_every_format_keeps_them(format_: str, tmp_path: Path) -> None:
    scans = accurate_scans()
    write: Callable[[Path, Scans], Path] = WRITERS[format_]
    source = write(tmp_path / "run", scans)
    read, expected = read_run(source), run_of(scans)
    np.testing.assert_array_equal(read.offsets, expected.offsets)
    np.testing.assert_allclose(read.mz, expected.mz, rtol=2e-7)  # what 32 bits hold
    accuracy = mass_accuracy(read)
    assert accuracy is not None
    assert accuracy.error_ppm == pytest.approx(3.0, rel=0.3)

    convert_runs([source], ["run"], tmp_path / "mzml", tmp_path / "runs.parquet", "fail")
    (row,) = tables.read(tmp_path / "runs.parquet", tables.RUNS).to_pylist()
    assert row["mass_error_ppm"] == accuracy.error_ppm
    assert row["resolving_power"] == accuracy.resolving_power > 500
    np.testing.assert_array_equal(read_run(Path(row["mzml"])).mz, read.mz)


def test_a_run_of_unit_mass_has_no_mass_error(tmp_path: Path) -> None:
    convert_runs([write_andi(tmp_path / "run.cdf")], ["run"], tmp_path / "mzml", tmp_path / "runs.parquet", "fail")
    (row,) = tables.read(tmp_path / "runs.parquet", tables.RUNS).to_pylist()
    assert row["mass_error_ppm"] is None and row["resolving_power"] is None
