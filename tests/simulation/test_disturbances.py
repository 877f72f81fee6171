"""What disturbs simulated runs: each disturbance does what its setting says, and none changes other recipes."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from spectus.errors import InputError
from spectus.nominal_mass import to_nominal_mass
from spectus.raw.run import Run
from spectus.simulation.presets import PRESETS, SimulationSettings, settings_for
from spectus.simulation.runs import SimulatedRun, simulate

SILENT = SimulationSettings(
    compounds=1, run_s=90.0, scan_s=0.05, height_low_counts=9e5, height_high_counts=1e6, bleed_counts=0.0,
    air_counts=0.0, chemical_noise_counts=0.0, hump_counts=0.0, noise_factor=0.0, noise_floor_counts=0.0,
    threshold_counts=0.0,
)  # fmt: skip


def one_run(library: pa.Table, settings: SimulationSettings) -> SimulatedRun:
    return next(simulate(library, settings, 1))


def base_trace(made: SimulatedRun) -> np.ndarray:
    (row,) = made.ground_truth.to_pylist()
    return trace(made.run, int(row["mz"][int(np.argmax(row["intensity"]))]))


def trace(run: Run, mass: int) -> np.ndarray:
    chosen = to_nominal_mass(run.mz) == mass
    return np.bincount(run.scan[chosen], weights=run.intensity[chosen], minlength=run.n_scans)


def test_an_overloaded_peak_fronts_and_keeps_its_apex_and_area(library: pa.Table) -> None:
    plain, overloaded = (one_run(library, replace(SILENT, overload_counts=counts)) for counts in (0.0, 1e5))
    before, after = base_trace(plain), base_trace(overloaded)
    assert abs(int(before.argmax()) - int(after.argmax())) <= 1
    front = [np.count_nonzero(values[: values.argmax()] > values.max() / 2) for values in (before, after)]
    back = [np.count_nonzero(values[values.argmax() :] > values.max() / 2) for values in (before, after)]
    assert front[1] > 1.5 * front[0]
    assert back[1] == pytest.approx(back[0], abs=2)
    for made in (plain, overloaded):
        assert made.run.tic.sum() * SILENT.scan_s == pytest.approx(made.ground_truth["area"][0].as_py(), rel=2e-3)


def test_a_long_tail_reaches_over_several_widths(library: pa.Table) -> None:
    plain, tailing = (one_run(library, replace(SILENT, tailing=share, tail_height=0.2)) for share in (0.0, 1.0))
    late = base_trace(plain).argmax() + round(4 * 4.4 / SILENT.scan_s)
    assert base_trace(tailing)[late] > 10 * max(base_trace(plain)[late], 1.0)
    area = tailing.ground_truth["area"][0].as_py()
    assert tailing.run.tic.sum() * SILENT.scan_s == pytest.approx(area, rel=5e-3)


def test_heavy_ions_come_late(library: pa.Table) -> None:
    made = one_run(library, replace(SILENT, mass_delay_fwhm=1.0))
    ions = [int(mass) for mass in made.ground_truth["mz"][0].as_py() if trace(made.run, int(mass)).max() > 1e4]
    apexes = [np.average(made.run.rt_s, weights=trace(made.run, mass)) for mass in (min(ions), max(ions))]
    assert apexes[1] > apexes[0]


def test_some_ions_leave_the_source_late_and_keep_their_area(library: pa.Table) -> None:
    plain, late = (one_run(library, replace(SILENT, ion_tailing=share)) for share in (0.0, 0.5))
    ions = [int(mass) for mass in plain.ground_truth["mz"][0].as_py() if trace(plain.run, int(mass)).max() > 1e4]
    delays = []
    for mass in ions:
        before, after = trace(plain.run, mass), trace(late.run, mass)
        assert after.sum() == pytest.approx(before.sum(), rel=2e-3)
        delays.append(np.average(late.run.rt_s, weights=after) - np.average(plain.run.rt_s, weights=before))
    assert min(delays) > -0.01
    assert max(delays) > 0.2
    assert np.ptp(delays) > 0.1


def test_the_homologous_hump_repeats_every_14_th_to_the_end_of_the_scan_range(library: pa.Table) -> None:
    run = one_run(library, replace(SILENT, compounds=0, homologous_counts=1e6)).run
    heights = np.array([trace(run, mass).sum() for mass in range(40, 501)])
    series = np.isin(np.arange(40, 501) % 14, np.array([40, 41, 42, 43, 53]) % 14)
    assert heights[series].sum() > 0.99 * heights.sum() > 0
    assert (heights[-14:] > 0).any()


def test_tuning_drift_changes_the_ratio_of_ions_of_the_background(library: pa.Table) -> None:
    settings = replace(SILENT, compounds=0, chemical_noise_counts=1e5, tuning_drift=0.1, mz_high=300)
    run = one_run(library, settings).run
    swing = trace(run, 300) / trace(run, 40)
    assert np.ptp(np.log(swing)) == pytest.approx(0.4, rel=0.1)


def test_matrix_humps_repeat_every_14_th(library: pa.Table) -> None:
    run = one_run(library, replace(SILENT, compounds=0, matrix_humps=3, mz_low=40, mz_high=200)).run
    heights = np.array([trace(run, mass).sum() for mass in range(40, 200)])
    series = np.isin((np.arange(40, 200)[:, None] - [41, 43, 44, 45]) % 14, 0).any(axis=1)
    assert heights[series].sum() > 0.99 * heights.sum() > 0


def test_spikes_are_single_points_and_bursts_fill_scans(library: pa.Table) -> None:
    empty = replace(SILENT, compounds=0, threshold_counts=40.0)
    spikes = one_run(library, replace(empty, spikes_per_scan=0.05)).run
    assert 50 < len(spikes.mz) < 150
    assert spikes.intensity.min() >= 100
    bursts = one_run(library, replace(empty, bursts=2)).run
    filled = np.bincount(bursts.scan, minlength=bursts.n_scans) > 300
    assert 0.5 / empty.scan_s <= filled.sum() <= 2 * 3.0 / empty.scan_s + 2


@pytest.mark.parametrize("preset", ["overloaded", "tailing", "drifting", "matrix", "noisy", "real", "source"])
def test_the_compounds_of_a_disturbed_preset_are_those_of_the_undisturbed_one(library: pa.Table, preset: str) -> None:
    settings = replace(PRESETS[preset], compounds=5, run_s=100.0)
    undisturbed = replace(
        settings, overload_counts=0.0, tailing=0.0, mass_delay_fwhm=0.0, ion_tailing=0.0, tuning_drift=0.0,
        matrix_humps=0, spikes_per_scan=0.0, bursts=0,
    )  # fmt: skip
    one, other = (one_run(library, s).ground_truth for s in (settings, undisturbed))
    assert one.drop(["area"]).equals(other.drop(["area"]))


def test_accurate_runs_have_no_disturbances() -> None:
    with pytest.raises(InputError, match="without disturbances"):
        settings_for("accurate", ["bursts=2"])
