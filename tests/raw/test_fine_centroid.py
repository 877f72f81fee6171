"""Accurate-mass profiles: every peak is one centroid, and its sum tells how many ions it has."""

import numpy as np
import pytest

from spectus.raw.fine_centroid import fine_centroids, is_fine
from spectus.raw.run import Run

POWER = 12_000
N_SCANS = 60
STRONG = {45.0335: 6e4, 73.0468: 6e4, 147.0656: 6e4, 281.0511: 6e4, 355.0699: 6e4}


def flight_time_grid() -> np.ndarray:
    """M/z even in flight time, with six points in a peak at m/z 200."""
    step = np.sqrt(200.0) / POWER / 2 / 6
    return np.arange(np.sqrt(40.0), np.sqrt(400.0), step) ** 2


def frequency_grid() -> np.ndarray:
    """M/z even in frequency, with six points in a peak."""
    step = 0.5 / np.sqrt(200.0) / POWER / 6
    return np.arange(40.0**-0.5, 400.0**-0.5, -step) ** -2.0


def expected(grid: np.ndarray, ions: dict[float, float], growth: float) -> np.ndarray:
    """Counts of ions whose points sum to their counts, with widths that grow with this power of m/z."""
    total = np.zeros(len(grid))
    for mz, counts in ions.items():
        width = mz / POWER * (mz / 200) ** (growth - 1)
        shape = np.exp(-4 * np.log(2) * ((grid - mz) / width) ** 2)
        total += counts * shape / shape.sum()
    return total


def recorded(grid: np.ndarray, scans: list[np.ndarray], threshold: float) -> Run:
    """Whole stretches of points above zero whose sum is above the threshold."""
    kept = []
    for counts in scans:
        stretch = np.cumsum(np.append(True, (counts[1:] > 0) != (counts[:-1] > 0))) - 1
        kept.append((counts > 0) & (np.bincount(stretch, counts)[stretch] > threshold))
    offsets = np.concatenate([[0], np.cumsum([keep.sum() for keep in kept])])
    mz = np.concatenate([grid[keep] for keep in kept])
    intensity = np.concatenate([counts[keep] for counts, keep in zip(scans, kept, strict=True)])
    return Run(np.arange(len(scans)) + 1.0, offsets, mz, intensity, "made")


def detected(ions: dict[float, float], n_scans: int = N_SCANS, seed: int = 1) -> Run:
    """A time-of-flight profile: 3 counts for each ion, whose pulse covers three points."""
    chance = np.random.default_rng(seed)
    grid = flight_time_grid()
    mean = expected(grid, ions, 1.0) / 3
    scans = [np.convolve(3.0 * chance.poisson(mean), [0.25, 0.5, 0.25], mode="same") for _ in range(n_scans)]
    return recorded(grid, scans, 30.0)


def near(centroids: Run, mz: float, widths: float) -> np.ndarray:
    """Whether each centroid is within so many peak widths of an ion."""
    return np.abs(centroids.mz / mz - 1) * POWER < widths


def test_a_peak_of_few_ions_is_one_centroid() -> None:
    """Counting noise gives most peaks of 30 ions several tops."""
    weak = {mz: 90.0 for mz in np.arange(60.03, 140.0, 8.0).tolist()}
    centroids = fine_centroids(detected(STRONG | weak))
    for mz in weak:
        here = near(centroids, mz, 2.0)
        assert np.bincount(centroids.scan[here], minlength=N_SCANS).max() == 1
        assert here.sum() > 0.9 * N_SCANS
        ppm = (centroids.mz[here] / mz - 1) * 1e6
        assert abs(ppm.mean()) < 3
        assert ppm.std() < 2 * 1e6 / POWER / 2.3548 / np.sqrt(30)


@pytest.mark.parametrize(("grid", "growth"), [(flight_time_grid(), 1.0), (frequency_grid(), 1.5)])
def test_the_same_ions_have_the_same_intensity_at_every_mass(grid: np.ndarray, growth: float) -> None:
    """The height of a peak is three times as large at m/z 45 as at m/z 355 on a time-of-flight instrument."""
    counts = expected(grid, STRONG, growth)
    run = recorded(grid, [np.where(counts > 0.5, counts, 0.0)] * 3, 30.0)
    centroids = fine_centroids(run)
    assert np.diff(centroids.offsets).tolist() == [len(STRONG)] * 3
    np.testing.assert_allclose(centroids.mz[: len(STRONG)], list(STRONG), rtol=2e-7)
    np.testing.assert_allclose(centroids.intensity, 6e4, rtol=0.03)


def test_noise_beside_a_strong_peak_is_no_centroid() -> None:
    """The stretch of a strong peak is written with the noise beside it, which would not be written on its own."""
    grid = frequency_grid()
    ions = STRONG | {mz: 60.0 for mz in np.arange(60.03, 140.0, 8.0).tolist()}
    counts = expected(grid, ions, 1.5)
    counts += expected(grid, {mz * (1 + 2.2 / POWER * np.sqrt(mz / 200)): 12.0 for mz in STRONG}, 1.5)
    centroids = fine_centroids(recorded(grid, [np.where(counts > 0.2, counts, 0.0)] * 30, 30.0))
    assert np.diff(centroids.offsets).tolist() == [len(ions)] * 30
    np.testing.assert_allclose(centroids.mz[: len(ions)], sorted(ions), rtol=1e-6)


def test_points_left_out_are_points_without_ions() -> None:
    """A file without zeros has gaps within weak peaks; the places of the points are known from their m/z."""
    chance = np.random.default_rng(2)
    grid = flight_time_grid()
    mean = expected(grid, STRONG | {mz: 150.0 for mz in np.arange(60.03, 140.0, 8.0).tolist()}, 1.0) / 3
    around = mean > 1e-4
    counts = np.concatenate([3.0 * chance.poisson(mean)[around] for _ in range(N_SCANS)])
    whole = Run(
        np.arange(N_SCANS) + 1.0, np.arange(N_SCANS + 1) * around.sum(), np.tile(grid[around], N_SCANS), counts, "made"
    )
    sparse = whole.with_peaks(counts > 0)
    assert len(sparse.mz) < 0.9 * len(whole.mz)
    found, wanted = fine_centroids(sparse), fine_centroids(whole)
    np.testing.assert_array_equal(found.offsets, wanted.offsets)
    np.testing.assert_allclose(found.mz, wanted.mz, rtol=2e-6)
    np.testing.assert_allclose(found.intensity, wanted.intensity, rtol=0.1)


def test_a_profile_without_any_ions_has_no_centroids() -> None:
    run = detected(STRONG, n_scans=2)
    empty = Run(run.rt_s, run.offsets, run.mz, np.zeros(len(run.mz)), "made")
    assert is_fine(empty)
    assert fine_centroids(empty).offsets.tolist() == [0, 0, 0]
