"""Simulated profiles: points, widths and noise of the two analyzers, the lock mass, and the way through a file."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spectus.cli import main
from spectus.deconvolution.deconvolve import deconvolve
from spectus.raw.centroid import centroided, is_profile
from spectus.raw.mass_accuracy import mass_accuracy
from spectus.raw.read import read_run
from spectus.raw.run import Run
from spectus.simulation.presets import PRESETS, SimulationSettings
from spectus.simulation.runs import SimulatedRun, simulate
from spectus.simulation.scoring import mass_errors, score

from .conftest import LIBRARIES

CARBON_DIOXIDE, SILOXANE = 43.98928, 207.03235
"""M/z of ions of air and of column bleed, Th."""

CALM = {
    "compounds": 0, "samples": 0, "blanks": 1, "run_s": 60.0, "mz_high": 300, "bleed_counts": 3e6, "air_counts": 3e6,
    "hump_counts": 0.0, "chemical_noise_counts": 0.0, "lock_drift_ppm": 0.0, "mass_jitter_ppm": 0.0,
}  # fmt: skip
"""A run of two strong ions, at m/z 44 and 207, without drift."""


def settings(preset: str, **changes: object) -> SimulationSettings:
    return replace(PRESETS[preset], **changes)


def made(library: pa.Table, wanted: SimulationSettings, seed: int = 3) -> SimulatedRun:
    return next(simulate(library, wanted, seed))


def peak(run: Run, scan: int, mz: float) -> tuple[np.ndarray, np.ndarray]:
    """M/z and counts of the points of one scan near an ion."""
    here = slice(*run.offsets[scan : scan + 2])
    near = np.abs(run.mz[here] - mz) < 0.04
    return run.mz[here][near], run.intensity[here][near]


def width(mz: np.ndarray, counts: np.ndarray) -> float:
    """Width of a Gaussian at half height."""
    mean = np.average(mz, weights=counts)
    return 2.3548 * float(np.sqrt(np.average((mz - mean) ** 2, weights=counts)))


def ppm_in_time(run: Run, mz: float) -> np.ndarray:
    """Error of an ion's mean m/z in every scan, ppm."""
    peaks = [peak(run, scan, mz) for scan in range(run.n_scans)]
    return np.array([(np.average(points, weights=counts) / mz - 1) * 1e6 for points, counts in peaks])


@pytest.mark.parametrize(
    ("preset", "power", "growth", "points"),
    [("orbitrap", 60_000.0, 1.5, (6.0, 6.0)), ("qtof", 12_000.0, 1.0, (2.8, 6.1))],
)
def test_width_and_points_of_peaks(
    preset: str, power: float, growth: float, points: tuple[float, float], library: pa.Table
) -> None:
    """An Orbitrap's resolving power falls with the root of m/z; a time-of-flight peak has more points at high m/z."""
    run = made(library, settings(preset, **CALM)).run
    for ion, wanted in zip((CARBON_DIOXIDE, SILOXANE), points, strict=True):
        mz, counts = peak(run, run.n_scans - 1, ion)
        expected = ion / power * (ion / 200) ** (growth - 1)
        assert width(mz, counts) == pytest.approx(expected, rel=0.05)
        assert expected / np.median(np.diff(mz)) == pytest.approx(wanted, rel=0.05)
        assert counts[0] == counts[-1] == 0


@pytest.mark.parametrize("preset", ["orbitrap", "qtof"])
def test_only_regions_with_signal_are_written(preset: str, library: pa.Table) -> None:
    run = made(library, settings(preset, compounds=5, run_s=60.0, mz_high=300)).run
    ends = np.flatnonzero(run.intensity == 0)
    stretches = np.add.reduceat(run.intensity, ends)[:-1]
    assert run.intensity.min() == 0
    assert stretches[stretches > 0].min() > 0.8 * PRESETS[preset].threshold_counts
    assert len(run.mz) < 0.05 * run.n_scans * 260 * 1000


def test_the_ions_of_a_time_of_flight_peak_are_counted(library: pa.Table) -> None:
    """The sum of a peak is as noisy as that of a centroid with the same settings, without the noise of electronics."""
    wanted = settings("qtof", **CALM)
    run = made(library, wanted).run
    sums = np.array([peak(run, scan, CARBON_DIOXIDE)[1].sum() for scan in range(20, run.n_scans)])
    noise = np.std(np.diff(sums)) / np.sqrt(2)
    assert noise == pytest.approx(wanted.noise_factor * np.sqrt(wanted.ion_counts * sums.mean()), rel=0.2)


@pytest.mark.parametrize("preset", ["orbitrap", "qtof"])
def test_the_lock_mass_corrects_in_steps(preset: str, library: pa.Table) -> None:
    wanted = settings(preset, **(CALM | {"lock_period_s": 20.0, "lock_drift_ppm": 8.0}))
    ppm = ppm_in_time(made(library, wanted).run, CARBON_DIOXIDE)
    times = np.arange(0.0, wanted.run_s, wanted.scan_s)
    assert ppm == pytest.approx(8.0 * (times / 20.0 % 1 - 0.5), abs=1.0)


@pytest.mark.parametrize("preset", ["orbitrap", "qtof"])
def test_the_mixture_is_that_of_centroids_and_the_same_seed_gives_the_same_run(preset: str, library: pa.Table) -> None:
    wanted = settings(preset, compounds=4, run_s=60.0, mz_high=200)
    first, again = made(library, wanted), made(library, wanted)
    centroids = made(library, replace(wanted, analyzer=""))
    assert first.profile and not centroids.profile
    assert first.ground_truth.equals(centroids.ground_truth)
    assert np.array_equal(first.run.mz, again.run.mz)
    assert np.array_equal(first.run.intensity, again.run.intensity)


@pytest.mark.parametrize("preset", ["orbitrap", "qtof"])
def test_a_written_run_is_declared_as_profile_and_read_as_centroids(
    preset: str, tmp_path: Path, library: pa.Table, caplog: pytest.LogCaptureFixture
) -> None:
    changes = ["compounds=4", "run_s=60", "mz_high=200"]
    command = ["simulate", "--library", *map(str, LIBRARIES), "--preset", preset, "--set", *changes]
    assert main([*command, "--out", str(tmp_path)]) == 0
    text = (tmp_path / "sample_1.mzML").read_text()
    assert text.count('accession="MS:1000128"') == 200 and 'accession="MS:1000127"' not in text
    with caplog.at_level(logging.INFO, logger="spectus"):
        run = read_run(tmp_path / "sample_1.mzML")
    assert "calls its spectra" not in caplog.text
    assert mass_accuracy(run) is not None


@pytest.mark.parametrize(("preset", "median_ppm"), [("orbitrap", 0.5), ("qtof", 1.5)])
def test_conversion_and_deconvolution_give_spectra_and_masses_back(
    preset: str, median_ppm: float, library: pa.Table
) -> None:
    wanted = settings(preset, compounds=10, run_s=150.0, mz_high=300, lock_period_s=40.0)
    simulated = made(library, wanted)
    assert is_profile(simulated.run, True)
    components = deconvolve(centroided(simulated.run, True), simulated.name)
    found = score(components, simulated.ground_truth)
    assert found.recall_80 >= 0.8
    assert found.area_ratio == pytest.approx(1.0, abs=0.05)
    errors = np.abs(mass_errors(components, simulated.ground_truth))
    assert len(errors) > 100
    assert np.median(errors) < median_ppm
