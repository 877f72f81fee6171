import numpy as np
import pytest
from scipy.sparse import csr_array

from spectus.alignment.gap_filling import FeatureSpectra, fill_gaps
from spectus.deconvolution.ion_traces import IonTraces, fold_to_nominal_mass
from spectus.raw.run import Run
from tests.deconvolution.made_components import Spectrum, spectrum

MASSES = np.arange(40, 400)
SCAN_S = 0.4
SIGMA_S = 1.3
A, B = spectrum(1), spectrum(2)


def features(*ions: Spectrum) -> FeatureSpectra:
    rows = np.zeros((len(ions), 400))
    for row, entries in zip(rows, ions, strict=True):
        row[list(entries)] = list(entries.values())
    return FeatureSpectra(csr_array(rows / rows.max(axis=1, keepdims=True)), np.full(len(ions), 6.07 * SIGMA_S))


def run_with(*peaks: tuple[float, Spectrum, float], noise: float = 20.0, slope: float = 0.0) -> IonTraces:
    """A run of 200 s with Gaussian peaks (apex, spectrum, height of the base peak), noise and a rising background."""
    rng = np.random.default_rng(7)
    rt_s = np.arange(100.0, 300.0, SCAN_S)
    signal = 100.0 + slope * (rt_s - 100.0)[:, None] + rng.normal(0, noise, (len(rt_s), len(MASSES)))
    for apex, ions, height in peaks:
        profile = np.exp(-0.5 * ((rt_s - apex) / SIGMA_S) ** 2)
        for mass, value in ions.items():
            signal[:, mass - MASSES[0]] += height * value / max(ions.values()) * profile
    signal = signal.clip(0)
    offsets = np.arange(len(rt_s) + 1) * len(MASSES)
    return fold_to_nominal_mass(Run(rt_s, offsets, np.tile(MASSES.astype(float), len(rt_s)), signal.ravel(), "made"))


def area(ions: Spectrum, height: float) -> float:
    return height * sum(ions.values()) / max(ions.values()) * SIGMA_S * np.sqrt(2 * np.pi)


@pytest.mark.parametrize("height", [300.0, 3e3, 3e6])
@pytest.mark.parametrize("slope", [0.0, 3.0])
def test_the_area_of_a_peak_at_the_expected_time(height: float, slope: float) -> None:
    found = fill_gaps(run_with((200.0, A, height), slope=slope), features(A), np.array([200.3]), np.array([False]))
    assert found[0] == pytest.approx(area(A, height), rel=0.02, abs=600)


def test_nothing_there_is_nothing() -> None:
    expected = np.linspace(120, 280, 15)
    found = fill_gaps(run_with(slope=2.0), features(*[A] * 15), expected, np.zeros(15, dtype=bool))
    assert found.min() >= 0
    assert found.max() < area(A, 50.0)


def test_a_perceived_neighbor_is_not_taken_for_the_feature() -> None:
    shared = {mass: B.get(mass, 0.0) + A.get(mass, 0.0) for mass in A | B}
    run = run_with((200.0, shared, 1e5), (201.0, A, 1e3), noise=5.0)
    both = features(A, shared)
    alone = fill_gaps(run, features(A), np.array([201.0]), np.array([False]))
    beside = fill_gaps(run, both, np.array([201.0, 200.0]), np.array([False, True]))
    assert abs(beside[0] - area(A, 1e3)) < 0.2 * abs(alone[0] - area(A, 1e3))
    assert np.isnan(beside[1])


def test_where_the_run_did_not_measure() -> None:
    run = run_with((200.0, A, 1e4))
    found = fill_gaps(run, features(A, A, A, A), np.array([50.0, 99.9, 300.1, 100.5]), np.zeros(4, dtype=bool))
    assert np.isnan(found).tolist() == [True, True, True, False]
    single = Run(np.array([5.0]), np.array([0, 1]), np.array([57.0]), np.array([1.0]), "made")
    assert np.isnan(fill_gaps(fold_to_nominal_mass(single), features(A), np.array([5.0]), np.array([False]))).all()


def test_masses_beyond_the_run() -> None:
    heavy = features({57: 1.0, 399: 0.4})
    run = run_with((200.0, {57: 1.0}, 1e5))
    low = IonTraces(run.mass[:50], run.rt_s, run.traces[:50], run.saturated[:50], run.threshold)
    found = fill_gaps(low, heavy, np.array([200.0]), np.array([False]))
    assert np.isfinite(found).all()
    assert found[0] > 0
