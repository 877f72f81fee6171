"""The drift of the calibration: jumps at corrections by a lock mass, and a slow drift that no single ion pretends."""

import numpy as np
import pytest

from spectus.deconvolution.calibration_drift import N_BLOCKS, Links, calibration_jumps, slow_drift
from spectus.deconvolution.mass_traces import extract_traces
from spectus.raw.run import Run

N_SCANS, N_IONS = 1000, 40


def run_with_drift(ppm: np.ndarray, error_ppm: float) -> Run:
    """Ions that last for 200 scans each and differ in intensity, with this drift in every scan (n_scans,)."""
    chance = np.random.default_rng(3)
    ions = np.sort(chance.uniform(50.0, 400.0, 5 * N_IONS))
    begin = np.arange(len(ions)) % 5 * 200
    scan, ion = np.nonzero((np.arange(N_SCANS)[:, None] >= begin) & (np.arange(N_SCANS)[:, None] < begin + 250))
    scatter = error_ppm * chance.standard_normal(len(scan))
    mz = ions[ion] * (1 + 1e-6 * (ppm[scan] + scatter))
    intensity = 1e3 * (1 + ion % 7) * chance.uniform(0.9, 1.1, len(scan))
    offsets = np.searchsorted(scan, np.arange(N_SCANS + 1)).astype(np.int64)
    return Run(0.3 * np.arange(N_SCANS) + 1, offsets, mz, intensity, "made")


def corrected_ppm(ppm: np.ndarray, error_ppm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scan and remaining error, ppm, of the centroids of the ions after the correction."""
    run = run_with_drift(ppm, error_ppm)
    still = run_with_drift(np.zeros(N_SCANS), error_ppm=0.0).mz
    ions = extract_traces(run).accurate
    assert ions is not None
    true = np.unique(np.round(still, 9))
    nearest = true[np.abs(ions.mz[:, None] - true).argmin(axis=1)]
    return ions.cell % N_SCANS, (ions.mz / nearest - 1) * 1e6


@pytest.mark.parametrize(("jump_ppm", "error_ppm"), [(3.0, 0.5), (6.0, 2.0), (10.0, 1.0), (-4.0, 1.0)])
def test_a_sawtooth_is_corrected_up_to_its_edges(jump_ppm: float, error_ppm: float) -> None:
    period = 300
    sawtooth = jump_ppm * (np.arange(N_SCANS) / period % 1 - 0.5)
    scan, ppm = corrected_ppm(sawtooth, error_ppm)
    for first in range(0, N_SCANS, 20):
        here = (scan >= first) & (scan < first + 20)
        assert abs(ppm[here].mean() - ppm.mean()) < 0.1 * abs(jump_ppm)


def test_a_calibration_that_does_not_jump_has_no_jumps() -> None:
    run = run_with_drift(np.linspace(-10.0, 10.0, N_SCANS), 2.0)
    still = run_with_drift(np.zeros(N_SCANS), 0.0)
    _, chain = np.unique(np.round(still.mz, 9), return_inverse=True)
    error = np.full(len(run.mz), 2.0)
    jumps = calibration_jumps(chain, run.scan, 1e6 * np.log(run.mz), error, 2.0)
    assert len(jumps) == N_SCANS
    assert not jumps.any()
    jumps = calibration_jumps(chain, run.scan, 1e6 * np.log(run.mz) + 5.0 * (run.scan >= 400), error, 2.0)
    assert np.flatnonzero(np.diff(jumps)).tolist() == [399]
    assert jumps[-1] == pytest.approx(5.0, abs=0.8)


def test_few_ions_show_no_jump() -> None:
    chain = np.tile(np.arange(3), N_SCANS)
    scan = np.repeat(np.arange(N_SCANS), 3)
    scale = 5.0 * (scan >= 400) + np.random.default_rng(0).standard_normal(len(scan))
    assert not calibration_jumps(chain, scan, scale, np.ones(len(scan)), 1.0).any()
    assert not calibration_jumps(chain[:0], scan[:0], scale[:0], scale[:0], 1.0).any()


def test_strong_isobars_that_are_not_resolved_do_not_move_the_calibration() -> None:
    """The mean m/z of two isobars moves by tens of ppm with their shares, however many ions they have."""
    chance = np.random.default_rng(5)
    chain = np.repeat(np.arange(30), N_BLOCKS)
    block = np.tile(np.arange(N_BLOCKS), 30)
    drift = np.linspace(-2.0, 2.0, N_BLOCKS)
    scale = 1e4 * chain + drift[block] + 0.5 * chance.standard_normal(len(chain))
    merged = chain < 4
    scale[merged] += np.where(block[merged] > 30, 40.0, 0.0)
    weight = np.where(merged, 400.0, 4.0)
    found = slow_drift(Links(chain, block, scale, weight), np.arange(30), 1.0)
    assert np.abs(found - drift).max() < 0.5
