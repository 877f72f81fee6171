"""ANDI/netCDF as different writers make it."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import netcdf_file

from spectus.errors import InputError
from spectus.raw.read import read_run

from .files import SCANS, assert_same_scans, run_of, write_andi


def test_with_and_without_point_count_and_scan_index(tmp_path: Path) -> None:
    for number, without in enumerate(([], ["point_count"], ["scan_index"])):
        assert_same_scans(read_run(write_andi(tmp_path / f"{number}.cdf", without=without)), run_of())
    with pytest.raises(InputError, match="neither scan_index nor point_count"):
        read_run(write_andi(tmp_path / "none.cdf", without=["scan_index", "point_count"]))


def test_index_of_an_empty_scan_means_nothing(tmp_path: Path) -> None:
    index = np.array([0, 3, -1, 6, 7], np.int32)
    assert_same_scans(read_run(write_andi(tmp_path / "run.cdf", variables={"scan_index": index})), run_of())


def test_unlimited_dimension(tmp_path: Path) -> None:
    """Values that are interleaved record by record, as some instruments write them."""
    run, path = run_of(), tmp_path / "run.cdf"
    with netcdf_file(path, "w") as file:
        file.createDimension("point_number", None)
        file.createDimension("scan_number", run.n_scans)
        for name, values, kind, dimension in (
            ("scan_acquisition_time", run.rt_s, "d", "scan_number"),
            ("scan_index", run.offsets[:-1], "i", "scan_number"),
            ("mass_values", run.mz, "f", "point_number"),
            ("intensity_values", run.intensity, "f", "point_number"),
        ):
            file.createVariable(name, kind, (dimension,))[:] = values
    assert_same_scans(read_run(path), run)


@pytest.mark.parametrize("netcdf4", [False, True])
def test_scale_factors_and_what_the_file_says_of_itself(netcdf4: bool, tmp_path: Path) -> None:
    path = write_andi(tmp_path / "run.cdf", netcdf4=netcdf4, scale={"mass_values": 0.05, "intensity_values": 8.0})
    run = read_run(path)
    assert_same_scans(run, run_of())
    assert (run.instrument, run.acquired_at) == ("Gas Chromatograph", "2007-09-23T04:08:00+02:00")


def test_minutes_where_the_file_says_so(tmp_path: Path) -> None:
    minutes = run_of().rt_s / 60
    path = write_andi(tmp_path / "run.cdf", variables={"scan_acquisition_time": minutes}, units="Minutes")
    assert_same_scans(read_run(path), run_of())


def test_declared_continuum_is_picked(tmp_path: Path) -> None:
    grid = np.arange(70.0, 76.0, 0.1)
    profile = [(mz, round(5e4 * np.exp(-8 * (mz - 73.03) ** 2))) for mz in grid]
    path = write_andi(tmp_path / "run.cdf", [(1.0, profile), (2.0, profile)], kind="Continuum Mass Spectrum")
    run = read_run(path)
    np.testing.assert_allclose(run.mz, [73.03, 73.03], atol=0.01)


def test_netcdf_that_is_no_mass_spectra(tmp_path: Path) -> None:
    with netcdf_file(tmp_path / "fid.cdf", "w") as file:
        file.createDimension("point_number", 5)
        file.createVariable("ordinate_values", "f", ("point_number",))[:] = np.arange(5)
    with pytest.raises(InputError, match="chromatogram without masses"):
        read_run(tmp_path / "fid.cdf")
    with pytest.raises(InputError, match="lacks intensity_values of ANDI/MS"):
        read_run(write_andi(tmp_path / "odd.cdf", SCANS, without=["intensity_values"]))


# What the exports of different software leave out, or write in a form of their own.
VARIANTS = {
    "Agilent ChemStation": {
        "types": {"mass_values": "f4", "intensity_values": "f4"},
        "attributes": {"raw_data_mass_format": "Float", "raw_data_intensity_format": "Float"},
        "variables": {"actual_scan_number": np.arange(1, 6, dtype=np.int32), "flag_count": np.zeros(5, np.int32)},
    },
    "Thermo Xcalibur": {
        "kind": "Centroided Mass Spectrum",
        "variables": {"total_intensity": np.array([8390264.0, 41088.0, 0.0, 16383.0, 262475.0])},
        "without": ["point_count"],
    },
    "Shimadzu GCMSsolution": {"types": {"intensity_values": "i4"}, "units": "seconds"},
    "LECO ChromaTOF": {
        "variables": {"scan_index": np.array([0, 3, -1, 6, 7], np.int32)},
        "types": {"mass_values": "i2", "intensity_values": "i4"},
        "scale": {"mass_values": 0.05},
    },
    "whole numbers with offset": {
        "types": {"mass_values": "i2", "intensity_values": "i4"},
        "scale": {"mass_values": 0.05, "intensity_values": 1.0},
        "offset": {"mass_values": 300.0, "intensity_values": 1000.0},
    },
    "minutes": {"variables": {"scan_acquisition_time": run_of().rt_s / 60}, "units": "Minutes"},
    "index only, at the end of the data for an empty scan": {
        "variables": {"scan_index": np.array([0, 3, 6, 6, 7], np.int32)}, "without": ["point_count"],
    },
    "index of long integers": {"variables": {"scan_index": np.array([0.0, 3.0, 6.0, 6.0, 7.0])}},
    "times as float32": {"types": {"scan_acquisition_time": "f4"}},
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_as_different_software_writes_it(variant: str, tmp_path: Path) -> None:
    assert_same_scans(read_run(write_andi(tmp_path / "run.cdf", **VARIANTS[variant])), run_of())


def test_variants_in_netcdf4(tmp_path: Path) -> None:
    path = write_andi(tmp_path / "run.cdf", netcdf4=True, **VARIANTS["whole numbers with offset"])
    assert_same_scans(read_run(path), run_of())


def test_index_of_minus_one_without_counts(tmp_path: Path) -> None:
    """Where the next scan begins then says how long each is."""
    index = np.array([0, 3, -1, 6, 7], np.int32)
    path = write_andi(tmp_path / "run.cdf", variables={"scan_index": index}, without=["point_count"])
    assert_same_scans(read_run(path), run_of())


def test_flag_values_stand_for_nothing(tmp_path: Path) -> None:
    """-9999 is the standard's null: a point of it is left out, a time of it is no time."""
    scans = [(time, [*peaks, (-9999.0, 50.0), (99.0, -9999.0)]) for time, peaks in SCANS]
    assert_same_scans(read_run(write_andi(tmp_path / "run.cdf", scans)), run_of())
    times = np.array([305.582, -9999.0, 306.334, 306.71, 307.086])
    run = read_run(write_andi(tmp_path / "run.cdf", variables={"scan_acquisition_time": times}))
    assert_same_scans(run, run_of([SCANS[number] for number in (0, 2, 3, 4)]))


def test_numbers_that_are_none(tmp_path: Path) -> None:
    path = write_andi(tmp_path / "run.cdf", types={"scan_index": "f8"}, variables={"scan_index": np.full(5, np.nan)})
    with pytest.raises(InputError, match="lies outside"):
        read_run(path)


def test_real_run(shared: Path) -> None:
    run = read_run(shared / "runs" / "gasoline" / "agilent-gcms.cdf")
    with netcdf_file(shared / "runs" / "gasoline" / "agilent-gcms.cdf", mmap=False) as file:
        stated = file.variables["total_intensity"][:].copy()
    assert (run.n_scans, len(run.mz), run.acquired_at) == (6401, 157201, "2007-09-23T04:08:00+02:00")
    np.testing.assert_allclose(run.tic, stated, rtol=1e-6)


@pytest.mark.parametrize("without", [[], ["scan_acquisition_time"]])
def test_a_library_is_named_for_what_it_is(without: list[str], tmp_path: Path) -> None:
    path = write_andi(tmp_path / "library.cdf", kind="Library Mass Spectrum", without=without)
    with pytest.raises(InputError, match="is an ANDI library of spectra, not a run; give it to `spectus library`"):
        read_run(path)


def test_scans_counted_from_1(tmp_path: Path) -> None:
    index = (run_of().offsets[:-1] + 1).astype(np.int32)
    assert_same_scans(read_run(write_andi(tmp_path / "run.cdf", variables={"scan_index": index})), run_of())
