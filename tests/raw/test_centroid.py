"""Profile data: recognized by spacing, or by declaration where there is too little; picked to the right masses."""

import numpy as np
import pytest

from spectus.raw.centroid import centroided, contradiction_note, is_profile
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
    assert is_profile(run, None)
    picked = centroided(run, True)
    np.testing.assert_array_equal(np.diff(picked.offsets), len(PEAKS))
    np.testing.assert_allclose(picked.mz[:5], [mz for mz, _ in PEAKS], atol=0.02)
    np.testing.assert_allclose(picked.intensity[:5], [height for _, height in PEAKS], rtol=0.02)


def test_saturated_peaks_are_kept() -> None:
    """The picker alone takes only points above both neighbors: a peak cut flat at the ceiling would be lost."""
    picked = centroided(quadrupole(ceiling=15000.0), True)
    np.testing.assert_allclose(picked.mz[:5], [mz for mz, _ in PEAKS], atol=0.12)
    np.testing.assert_allclose(picked.intensity[2:4], 15000.0, rtol=0.1)


def test_accurate_mass_profile() -> None:
    assert is_profile(orbitrap(), None)
    picked = centroided(orbitrap(), True)
    np.testing.assert_allclose(picked.mz[:3], [73.0468, 73.0505, 147.0655], atol=2e-4)


@pytest.mark.parametrize(("power", "points"), [(20_000, 8), (60_000, 6), (8_000, 12)])
def test_accurate_masses_are_picked_as_well_as_counting_noise_allows(power: int, points: int) -> None:
    """Peaks of constant resolving power, with so many points a width at half height, two of one nominal mass."""
    wanted = [(57.03349, 2e4), (57.06988, 5e4), (147.0656, 3e3), (249.76229, 1e5)]
    grid = np.exp(np.arange(np.log(50), np.log(260), 1 / power / points))
    counts = sum(
        height * np.exp(-4 * np.log(2) * ((grid - mz) / mz * power) ** 2) / points * 10 for mz, height in wanted
    )
    chance = np.random.default_rng(4)
    drawn = [3.0 * chance.poisson(counts / 3) for _ in range(20)]
    run = run_of(
        [(1.0 + t, [(m, c) for m, c in zip(grid, scan, strict=True) if c > 0]) for t, scan in enumerate(drawn)]
    )
    assert is_profile(run, None)
    picked = centroided(run, True)
    for mz, height in wanted:
        near = np.abs(picked.mz - mz) / mz < 0.7 / power
        ppm = (picked.mz[near] / mz - 1) * 1e6
        limit = 1e6 / power / 2.3548 / np.sqrt(height * 10 * 1.0645 / 3)  # of the mean of all ions
        assert np.bincount(picked.scan[near], minlength=20).tolist() == [1] * 20
        assert abs(ppm.mean()) < 0.5
        assert ppm.std() < 3 * limit


def test_isobars_seen_apart_stay_apart() -> None:
    """At 1.3 widths two peaks of one height have a valley, which noise has not made."""
    grid = np.exp(np.arange(np.log(99.9), np.log(100.1), 1 / 20_000 / 8))
    pair = [(100.0, 3e4), (100.0 * (1 + 1.3 / 20_000), 3e4)]
    counts = sum(height * np.exp(-4 * np.log(2) * ((grid - mz) / mz * 20_000) ** 2) for mz, height in pair)
    run = run_of([(1.0 + t, list(zip(grid, np.rint(counts), strict=True))) for t in range(3)])
    picked = centroided(run.with_peaks(run.intensity > 0), True)
    assert np.diff(picked.offsets).tolist() == [2, 2, 2]
    np.testing.assert_allclose(picked.mz[:2], [mz for mz, _ in pair], rtol=4e-6)


def sticks() -> Run:
    chance = np.random.default_rng(6)
    scans = [[(mz + chance.normal(0, 0.05), float(chance.integers(5, 5000))) for mz in range(40, 90)] for _ in range(3)]
    return run_of([(1.0 + number, scan) for number, scan in enumerate(scans)])


def accurate_sticks() -> Run:
    chance = np.random.default_rng(7)
    scans = [sorted((float(mz), float(chance.integers(5, 5000))) for mz in chance.uniform(40, 60, 300)) for _ in "abc"]
    return run_of([(1.0 + number, scan) for number, scan in enumerate(scans)])


@pytest.mark.parametrize("declared", [True, False, None])
def test_the_data_decide_whatever_is_declared(declared: bool | None) -> None:
    for run in (sticks(), accurate_sticks()):
        assert not is_profile(run, declared)
    for run in (quadrupole(), orbitrap(), quadrupole().with_peaks(quadrupole().intensity > 100)):
        assert is_profile(run, declared)


def test_the_declaration_decides_where_the_data_cannot() -> None:
    few = run_of([(1.0, [(50.0, 1.0), (50.1, 2.0), (50.2, 1.0)]), (2.0, [])])
    assert is_profile(few, True) and not is_profile(few, False)
    assert is_profile(run_of([(1.0, []), (2.0, [])]), True)


def test_a_contradiction_is_told() -> None:
    assert contradiction_note(True, None) is contradiction_note(True, True) is contradiction_note(False, False) is None
    assert "calls its spectra profile data, but" in contradiction_note(False, True)
    assert "calls its spectra centroids, but" in contradiction_note(True, False)


def test_centroids_stay() -> None:
    chance = np.random.default_rng(5)
    unit = run_of([(time, [(mz + chance.normal(0, 0.1), 5.0) for mz in range(40, 600)]) for time in (1.0, 2.0)])
    accurate = run_of([(1.0, [(mz, 5.0) for mz in np.sort(chance.uniform(40, 60, 300))]), (2.0, [(50.0, 1.0)])])
    for run in (unit, accurate, run_of()):
        assert not is_profile(run, None)
        assert centroided(run, is_profile(run, None)) is run


def test_scans_too_small_to_tell() -> None:
    assert not is_profile(run_of([(1.0, [(50.0, 1.0), (50.1, 1.0)]), (2.0, [])]), None)
