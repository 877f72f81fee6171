import numpy as np
import pytest
from scipy.sparse import csr_array

from spectus.alignment.campaign_components import PlacedComponents
from spectus.alignment.drift import Drift, estimate_drift
from tests.deconvolution.made_components import spectrum

N_COMPOUNDS = 60


def spectra() -> np.ndarray:
    rows = np.zeros((N_COMPOUNDS, 400), dtype=np.float32)
    for seed, row in enumerate(rows):
        for mass, value in spectrum(seed).items():
            row[mass] = value
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def shifts() -> list:
    return [
        lambda t: 0 * t,
        lambda t: 8 * np.sin(t / 250),
        lambda t: -9 * np.cos(t / 300),
        lambda t: 6 * np.sin(t / 180 + 1),
        lambda t: -0.008 * (t - 900),
    ]


def campaign(missing: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, csr_array, np.ndarray]:
    """Times, run numbers, quality, spectra and compounds of five runs that drift by up to 9 s."""
    rng = np.random.default_rng(seed)
    true = np.sort(rng.uniform(100, 1700, N_COMPOUNDS))
    rows = [(run, compound) for run in range(5) for compound in range(N_COMPOUNDS) if rng.random() > missing]
    run, compound = np.array(rows).T
    x = np.array([true[c] + shifts()[r](true[c]) + rng.normal(0, 0.1) for r, c in rows])
    return x, run, rng.uniform(10, 1e4, len(x)), csr_array(spectra()[compound]), compound


def placed(drift: Drift, x: np.ndarray, run: np.ndarray) -> np.ndarray:
    return np.concatenate([drift.to_common(number, x[run == number]) for number in range(len(drift.common))])


@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_nonlinear_shifts_are_undone(missing: float) -> None:
    x, run, quality, weighted, compound = campaign(missing)
    drift = estimate_drift(PlacedComponents(x, run, np.full(len(x), 4.0), quality, weighted), np.full(5, 10.0), 0.8)
    common = placed(drift, x, run)
    spread = np.array([np.ptp(common[compound == c]) for c in range(N_COMPOUNDS) if (compound == c).sum() > 1])
    raw = np.array([np.ptp(x[compound == c]) for c in range(N_COMPOUNDS) if (compound == c).sum() > 1])
    assert raw.max() > 14
    assert np.quantile(spread, 0.9) < 1.0
    for number in range(5):
        assert (np.diff(drift.common[number]) >= 0).all()
        np.testing.assert_allclose(drift.to_run(number, common[run == number]), x[run == number], atol=0.05)


def test_wrong_matches_do_not_bend_the_curve() -> None:
    """A tenth of the compounds of each run has given way to a likeness that elutes 6 s later."""
    x, run, quality, weighted, compound = campaign(0.0)
    wrong = np.random.default_rng(5).random(len(x)) < 0.1
    moved = PlacedComponents(np.where(wrong, x + 6.0, x), run, np.full(len(x), 4.0), quality, weighted)
    common = placed(estimate_drift(moved, np.full(5, 15.0), 0.8), moved.x, run)
    spread = [np.ptp(common[(compound == c) & ~wrong]) for c in range(N_COMPOUNDS)]
    assert np.quantile(spread, 0.9) < 1.5


def test_the_common_axis_is_the_median_of_the_runs() -> None:
    """Even if the run with the most components, from which the matching starts, is far off."""
    x, run, quality, _, compound = campaign(0.0)
    unshifted = np.concatenate([x[run == 0]] * 5)
    late = np.where(run == 2, unshifted + 9.0, unshifted)
    kept = (run == 2) | (compound % 7 > 0)
    rows = csr_array(spectra()[np.tile(compound[run == 0], 5)][kept])
    campaign_ = PlacedComponents(late[kept], run[kept], np.full(kept.sum(), 4.0), quality[kept], rows)
    drift = estimate_drift(campaign_, np.full(5, 10.0), 0.8)
    np.testing.assert_allclose(placed(drift, late[kept], run[kept]), unshifted[kept], atol=0.5)


def test_the_deviation_covers_the_error_where_matches_are_few() -> None:
    x, run, quality, weighted, compound = campaign(0.5)
    sparse = (run != 4) | (x < 500)
    x, run, quality, weighted, compound = x[sparse], run[sparse], quality[sparse], weighted[sparse], compound[sparse]
    drift = estimate_drift(PlacedComponents(x, run, np.full(len(x), 4.0), quality, weighted), np.full(5, 10.0), 0.8)
    near, far = drift.deviation_at(4, np.array([300.0, 1500.0]))
    assert near < 1 < far


def test_strangers_and_empty_runs_stay_where_they_are() -> None:
    x = np.array([100.0, 200.0, 300.0, 150.0])
    run = np.array([0, 0, 0, 2])
    weighted = csr_array(spectra()[:4])
    drift = estimate_drift(PlacedComponents(x, run, np.full(4, 4.0), np.ones(4), weighted), np.full(3, 10.0), 0.8)
    np.testing.assert_allclose(drift.common, np.tile(drift.grid, (3, 1)), atol=1e-6)
    assert (drift.deviation[1:] > 2).all()
    empty = np.empty(0)
    nothing = PlacedComponents(empty, empty.astype(int), empty, empty, csr_array((0, 10)))
    none = estimate_drift(nothing, empty, 0.8)
    assert none.common.shape[0] == 0


def test_a_weak_match_yields_to_a_strong_one_beside_it() -> None:
    """A fragment off the flank of an overloaded peak did not shift with it."""
    rows = csr_array(spectra()[[0, 1, 2, 0, 1, 2]])
    x, run = np.array([300.0, 612.0, 615.0, 300.0, 612.2, 618.0]), np.array([0, 0, 0, 1, 1, 1])
    quality = np.array([500.0, 1.0, 400.0, 500.0, 1.0, 400.0])
    drift = estimate_drift(PlacedComponents(x, run, np.full(6, 4.0), quality, rows), np.full(2, 10.0), 0.8)
    common = placed(drift, x, run)
    assert abs(common[5] - common[2]) < 0.5
