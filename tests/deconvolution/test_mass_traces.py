"""Deconvolution of accurate-mass runs: isobars apart, m/z right, whatever centroids are missing, adrift or noise."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spectus.deconvolution.deconvolve import deconvolve
from spectus.deconvolution.ion_traces import fold_to_nominal_mass
from spectus.deconvolution.mass_traces import extract_traces
from spectus.raw.run import Run
from tests.deconvolution.made_accurate import BACKGROUND, FWHM_S, SCAN_S, Eluting, made_accurate_run
from tests.deconvolution.made_runs import Eluting as UnitEluting
from tests.deconvolution.made_runs import made_run, spectrum

FURAN = {57.0335: 0.5, 81.0335: 0.3, 97.0284: 0.7, 112.0757: 1.0, 55.0178: 0.4}
ALKANE = {57.0699: 1.0, 71.0855: 0.8, 85.1012: 0.5, 55.0542: 0.2, 112.1247: 0.1}


def components(run: Run) -> pd.DataFrame:
    return deconvolve(run, "r").to_pandas()


def nearest(table: pd.DataFrame, rt_s: float) -> pd.Series:
    return table.iloc[int((table.rt_s - rt_s).abs().argmin())]


def ppm(row: pd.Series, wanted: dict[float, float]) -> np.ndarray:
    """Error of the component's m/z nearest to each wanted one."""
    return np.array([np.abs(row.accurate_mz - mz).min() / mz * 1e6 for mz in wanted])


def test_one_compound() -> None:
    table = components(made_accurate_run([Eluting(FURAN, 60.1, 1e5)]))
    assert len(table) == 1
    row = table.iloc[0]
    assert row.rt_s == pytest.approx(60.1, abs=0.05)
    assert row.mz.tolist() == [55, 57, 81, 97, 112]
    assert row.intensity == pytest.approx([0.4, 0.5, 0.3, 0.7, 1.0], rel=0.05)
    assert len(row.accurate_mz) == len(row.accurate_intensity) == 5
    assert (np.diff(row.accurate_mz) > 0).all()
    assert row.accurate_intensity.max() == 1.0
    assert (ppm(row, FURAN) < 2).all()
    assert row.mass_error_ppm == pytest.approx(3.0, rel=0.25)


@pytest.mark.parametrize("distance", [0.5, 0.3])
def test_co_eluting_isobars_are_separated(distance: float) -> None:
    """57.0335 and 57.0699, 55.0178 and 55.0542, 112.0757 and 112.1247 are one channel each at unit mass."""
    compounds = [Eluting(FURAN, 60.0, 1e5), Eluting(ALKANE, 60.0 + distance * FWHM_S, 6e4)]
    table = components(made_accurate_run(compounds))
    assert len(table) == 2
    for compound in compounds:
        row = nearest(table, compound.rt_s)
        assert row.rt_s == pytest.approx(compound.rt_s, abs=0.1)
        wanted = sorted(compound.spectrum)
        seen = row.accurate_intensity > 0.02
        assert row.accurate_mz[seen] == pytest.approx(wanted, rel=2e-6)
        assert row.accurate_intensity[seen] == pytest.approx([compound.spectrum[mz] for mz in wanted], abs=0.03)


def test_isobars_of_one_compound_are_one_peak_of_its_unit_mass_spectrum() -> None:
    ions = {57.0335: 0.4, 57.0699: 0.6, 85.0648: 1.0, 99.0804: 0.5, 249.7628: 0.3}
    row = components(made_accurate_run([Eluting(ions, 60.0, 1e5)])).iloc[0]
    assert row.mz.tolist() == [57, 85, 99, 250]
    assert row.intensity == pytest.approx([1.0, 1.0, 0.5, 0.3], rel=0.05)
    assert row.n_peaks == len(row.relative_intensity_error) == 4
    assert len(row.accurate_mz) == 5


def test_missing_centroids_are_bridged() -> None:
    compound = Eluting(ALKANE, 60.0, 1e5)
    table = components(made_accurate_run([compound], missing=0.1))
    assert len(table) == 1
    row = table.iloc[0]
    ions = row.accurate_intensity > 0.005
    assert row.accurate_mz[ions] == pytest.approx(sorted(ALKANE), rel=2e-6)
    assert row.accurate_intensity[ions] == pytest.approx([ALKANE[mz] for mz in sorted(ALKANE)], abs=0.02)
    assert row.area == pytest.approx(components(made_accurate_run([compound])).iloc[0].area, rel=0.02)


def test_a_drifting_calibration_is_levelled() -> None:
    """10 ppm over the run, zero in the middle: ions of one kind stay one, and their m/z agree at both ends."""
    compounds = [Eluting(ALKANE, rt_s, 1e5) for rt_s in (15.0, 60.0, 105.0)]
    table = components(made_accurate_run(compounds, drift_ppm=10.0))
    assert len(table) == 3
    for _, row in table.iterrows():
        assert (ppm(row, ALKANE) < 2).all()
    fresh = components(made_accurate_run(compounds))
    assert len(fresh) == 3


def test_noise_makes_no_components() -> None:
    assert len(components(made_accurate_run([], n_noise=30))) == 0
    table = components(made_accurate_run([Eluting(ALKANE, 60.0, 1e5)], n_noise=30))
    assert len(table) == 1
    assert (ppm(table.iloc[0], ALKANE) < 2).all()


def test_background_at_the_mass_of_an_ion_is_no_part_of_it() -> None:
    ions = {73.0648: 0.01, 147.0441: 0.02, 207.1380: 0.03, 161.0597: 1.0, 133.0648: 0.8}
    row = components(made_accurate_run([Eluting(ions, 60.0, 1e5)])).iloc[0]
    for mz in BACKGROUND:
        assert np.abs(row.accurate_mz - mz).min() / mz * 1e6 > 50
    assert (ppm(row, ions) < 3).all()


@pytest.mark.parametrize("n_scans", [1, 2, 3, 5, 8, 20])
def test_short_runs_do_not_fail(n_scans: int) -> None:
    rt_s = n_scans * SCAN_S / 2
    assert components(made_accurate_run([Eluting(ALKANE, rt_s, 1e5)], n_scans=n_scans)).columns[0] == "run"


def test_ions_in_every_third_scan_only() -> None:
    run = made_accurate_run([Eluting(ALKANE, 60.0, 1e5)], n_scans=400)
    assert len(components(run.with_peaks(run.scan % 3 > 0))) >= 0
    nothing = run.with_peaks(np.zeros(len(run.mz), dtype=bool))
    assert len(components(nothing)) == 0


def test_every_centroid_of_an_ion_is_kept_once() -> None:
    run = made_accurate_run([Eluting(FURAN, 60.0, 1e5), Eluting(ALKANE, 62.0, 1e5)], missing=0.1)
    laid = extract_traces(run)
    assert laid.accurate is not None
    assert laid.traces.sum() == pytest.approx(laid.accurate.intensity.sum(), rel=1e-5)
    assert len(laid.accurate.cell) > 0.99 * len(run.mz)
    assert (np.diff(laid.accurate.cell) > 0).all()  # no two centroids of a scan in one trace


def test_ions_that_never_meet_share_rows() -> None:
    apart = [Eluting({100 + 13.0 * k + 0.05 + i: 1.0 for i in range(6)}, 8.0 + 26.0 * k, 1e5) for k in range(5)]
    run = made_accurate_run(apart)
    assert len(extract_traces(run).traces) <= len(BACKGROUND) + 2 * 6 < len(fold_to_nominal_mass(run).traces)
    assert len(components(run)) == 5


def test_a_unit_mass_run_is_laid_out_as_ever() -> None:
    run = made_run([UnitEluting(spectrum(1), 90.0, 1e5), UnitEluting(spectrum(2), 92.0, 1e5)])
    laid, folded = extract_traces(run), fold_to_nominal_mass(run)
    assert laid.accurate is None
    assert np.array_equal(laid.mass, folded.mass)
    assert np.array_equal(laid.traces, folded.traces)
    table = deconvolve(run, "r")
    assert len(table) == 2
    for name in ("accurate_mz", "accurate_intensity", "mass_error_ppm"):
        assert table[name].null_count == len(table)


def test_a_clipped_ion_is_flagged() -> None:
    run = made_accurate_run([Eluting(ALKANE, 60.0, 4e5)])
    row = nearest(components(replace(run, intensity=np.minimum(run.intensity, 3e5))), 60.0)
    assert row.saturated
    assert row.accurate_intensity == pytest.approx([ALKANE[mz] for mz in sorted(ALKANE)], abs=0.05)
    assert (ppm(row, ALKANE) < 3).all()
