"""Peak shapes against their definition, groups against their recipe, times against their order."""

from dataclasses import replace

import numpy as np
import pytest

from spectus.simulation.elution import drifted, emg, emg_area, grouped, index_times, nearest_distance, place_in_groups
from spectus.simulation.presets import SimulationSettings, settings_for


@pytest.mark.parametrize("tau_fwhm", [0.02, 0.08, 0.45, 1.2])
@pytest.mark.parametrize("fwhm", [0.5, 4.0])
def test_peak_has_its_apex_height_width_and_area(fwhm: float, tau_fwhm: float) -> None:
    step = fwhm / 4000
    times = np.arange(-6 * fwhm, 20 * fwhm, step)
    peak = emg(times, 0.0, fwhm, tau_fwhm)
    above = times[peak >= 0.5]
    assert peak.max() == pytest.approx(1.0, abs=1e-5)
    assert abs(times[peak.argmax()]) < 0.005 * fwhm
    assert above[-1] - above[0] == pytest.approx(fwhm, rel=0.002)
    assert peak.sum() * step == pytest.approx(emg_area(fwhm, tau_fwhm), rel=1e-4)


def test_tail_lies_behind_the_apex_and_nothing_overflows_far_from_it() -> None:
    before, behind, far_before, far_behind = emg(np.array([-4.0, 4.0, -1e4, 1e4]), 0.0, 3.0, 0.45)
    assert behind > 10 * before
    assert far_before == far_behind == 0.0


def test_groups_follow_the_shares_and_separations() -> None:
    settings = SimulationSettings(run_s=100_000.0)
    times, group = place_in_groups(4000, settings, np.random.default_rng(3))
    shares = np.bincount(np.bincount(group))[1:] / (group.max() + 1)
    assert shares == pytest.approx([0.45, 0.33, 0.15, 0.07], abs=0.03)
    within = np.diff(times)[np.diff(group) == 0] / 3.8
    allowed = np.asarray(settings.separations_fwhm)
    assert np.abs(within[:, None] - allowed).min(axis=1).max() < 1e-6
    between = np.diff(times)[np.diff(group) > 0]
    assert between.min() >= settings.group_gap_fwhm * 3.8 - 1e-6


@pytest.mark.parametrize("n", [1, 160, 700, 3000])
def test_groups_stay_within_the_run_however_full_it_is(n: int) -> None:
    times, group = place_in_groups(n, SimulationSettings(), np.random.default_rng(1))
    assert len(times) == len(group) == n
    assert times.min() > 20.0
    assert times.max() < 1500.0


def test_time_rises_with_the_index_and_spans_the_run() -> None:
    settings = settings_for("example")
    index = np.arange(settings.index_low, settings.index_high + 1, 50.0)
    times = index_times(index, settings)
    assert (np.diff(times) > 0).all()
    assert (np.diff(times, 2) < 0).all()
    assert times[[0, -1]] == pytest.approx([settings.solvent_s, settings.run_s])
    assert np.diff(index_times(index, replace(settings, index_curvature=0.0)), 2) == pytest.approx(0.0, abs=1e-9)


def test_drift_moves_peaks_but_keeps_their_order() -> None:
    times = np.linspace(30, 750, 200)
    settings = settings_for("example")
    shifts = np.array([drifted(times, settings, np.random.default_rng(seed)) - times for seed in range(50)])
    assert (np.diff(times + shifts, axis=1) > 0).all()
    assert 0.3 < np.abs(shifts).mean() < 2.0
    assert drifted(times, SimulationSettings(), np.random.default_rng(1)) == pytest.approx(times)


def test_neighbors_and_groups_of_unsorted_times() -> None:
    times = np.array([50.0, 10.0, 12.0, 49.0, 100.0])
    assert nearest_distance(times) == pytest.approx([1.0, 2.0, 2.0, 1.0, 50.0])
    assert grouped(times, 2.5).tolist() == [1, 0, 0, 1, 2]
    assert nearest_distance(np.array([7.0])).tolist() == [np.inf]
    assert nearest_distance(np.array([])).tolist() == []
