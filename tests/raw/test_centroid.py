"""Profile data: recognised by spacing or declaration, picked to the right masses."""

import numpy as np
import pytest

from spectus.raw.centroid import centroided, looks_like_profile
from spectus.raw.run import Run

from .files import run_of

PEAKS = [(41.05, 5000.0), (43.1, 9000.0), (57.1, 20000.0), (73.05, 60000.0), (75.05, 2500.0)]


def profile(grid: np.ndarray, peaks: list[tuple[float, float]], width: float, ceiling: float = np.inf) -> Run:
    """Three scans of Gaussian peaks of standard deviation `width`, counts, cut at `ceiling`."""
    counts = sum(height * np.exp(-0.5 * ((grid - mz) / width) ** 2) for mz, height in peaks)
    scan = [(mz, min(float(np.round(count)), ceiling)) for mz, count in zip(grid, counts, strict=True)]
    return run_of([(time, scan) for time in (1.0, 2.0, 3.0)])


def quadrupole(**settings: float) -> Run:
    return profile(np.arange(400, 800) / 10, PEAKS, 0.25, **settings)


def orbitrap() -> Run:
    peaks = [(73.0468, 1e6), (73.0505, 1e5), (147.0655, 5e5)]
    grid = np.concatenate([np.arange(mz - 0.02, mz + 0.02, mz * 3e-6) for mz in (73.0487, 147.0655)])
    return profile(grid, peaks, 5e-4)


@pytest.mark.parametrize("zeros", [True, False])
def test_quadrupole_profile(zeros: bool) -> None:
    run = quadrupole() if zeros else quadrupole().with_peaks(quadrupole().intensity > 0)
    assert looks_like_profile(run)
    picked = centroided(run, None)
    np.testing.assert_array_equal(np.diff(picked.offsets), len(PEAKS))
    np.testing.assert_allclose(picked.mz[:5], [mz for mz, _ in PEAKS], atol=0.02)
    np.testing.assert_allclose(picked.intensity[:5], [height for _, height in PEAKS], rtol=0.02)


def test_saturated_peaks_are_kept() -> None:
    """The picker alone takes only points above both neighbours: a peak cut flat at the ceiling would be lost."""
    picked = centroided(quadrupole(ceiling=15000.0), None)
    np.testing.assert_allclose(picked.mz[:5], [mz for mz, _ in PEAKS], atol=0.12)
    np.testing.assert_allclose(picked.intensity[2:4], 15000.0, rtol=0.1)


def test_accurate_mass_profile() -> None:
    assert looks_like_profile(orbitrap())
    picked = centroided(orbitrap(), None)
    np.testing.assert_allclose(picked.mz[:3], [73.0468, 73.0505, 147.0655], atol=2e-4)


def test_the_declaration_goes_before_the_spacing() -> None:
    assert centroided(quadrupole(), False) is not None
    assert len(centroided(quadrupole(), False).mz) == len(quadrupole().mz)
    assert len(centroided(quadrupole(), True).mz) == 3 * len(PEAKS)


def test_centroids_stay() -> None:
    chance = np.random.default_rng(5)
    unit = run_of([(time, [(mz + chance.normal(0, 0.1), 5.0) for mz in range(40, 600)]) for time in (1.0, 2.0)])
    accurate = run_of([(1.0, [(mz, 5.0) for mz in np.sort(chance.uniform(40, 60, 300))]), (2.0, [(50.0, 1.0)])])
    for run in (unit, accurate, run_of()):
        assert not looks_like_profile(run)
        assert centroided(run, None) is run


def test_scans_too_small_to_tell() -> None:
    assert not looks_like_profile(run_of([(1.0, [(50.0, 1.0), (50.1, 1.0)]), (2.0, [])]))
