"""Simulated runs of accurate mass: the mixture of the unit-mass recipe, its m/z measured."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from spectus.deconvolution.deconvolve import deconvolve
from spectus.raw.mass_accuracy import mass_accuracy, nominal_mass
from spectus.simulation.presets import PRESETS, SimulationSettings
from spectus.simulation.runs import SimulatedRun, simulate
from spectus.simulation.scoring import mass_errors, score

SHORT = replace(PRESETS["accurate"], compounds=12, run_s=240.0, mz_high=300)


@pytest.fixture(scope="module")
def made(library: pa.Table) -> SimulatedRun:
    return next(simulate(library, SHORT, 3))


def test_the_mixture_is_that_of_the_unit_mass_run(made: SimulatedRun, library: pa.Table) -> None:
    unit = next(simulate(library, replace(SHORT, resolving_power=0.0), 3))
    assert unit.ground_truth.drop(["exact_mz"]).equals(made.ground_truth.drop(["exact_mz"]))
    assert unit.ground_truth["exact_mz"].null_count == len(unit.ground_truth)
    for row in made.ground_truth.to_pylist():
        assert nominal_mass(np.array(row["exact_mz"])).tolist() == row["mz"]
    assert made.run.tic.sum() == pytest.approx(unit.run.tic.sum(), rel=0.05)


def test_its_masses_are_accurate_and_those_of_unit_mass_are_not(made: SimulatedRun, library: pa.Table) -> None:
    accuracy = mass_accuracy(made.run)
    assert accuracy is not None
    assert accuracy.error_ppm == pytest.approx(SHORT.mass_jitter_ppm, rel=0.25)
    assert mass_accuracy(next(simulate(library, replace(SHORT, resolving_power=0.0), 3)).run) is None


def test_ions_nearer_than_a_peak_is_wide_are_one_centroid(library: pa.Table) -> None:
    calm = replace(SHORT, mass_jitter_ppm=0.0, mass_drift_ppm=0.0)

    def nearest(settings: SimulationSettings) -> float:
        run = next(simulate(library, settings, 3)).run
        same_scan = np.diff(run.scan) == 0
        return float((np.diff(run.mz) / run.mz[1:])[same_scan].min())

    assert nearest(replace(calm, resolving_power=1e5)) < nearest(replace(calm, resolving_power=5000.0))
    assert nearest(replace(calm, resolving_power=5000.0)) > 0.5 / 5000


def test_the_calibration_drifts(library: pa.Table) -> None:
    run = next(simulate(library, replace(SHORT, compounds=0, mass_drift_ppm=20.0, mass_jitter_ppm=0.5), 3)).run
    bleed = np.abs(run.mz - 207.0324) < 0.01
    ppm = (run.mz[bleed] / np.median(run.mz[bleed]) - 1) * 1e6
    assert np.polyfit(run.rt_s[run.scan[bleed]], ppm, 1)[0] * SHORT.run_s == pytest.approx(20.0, rel=0.15)


def test_the_same_seed_gives_the_same_run(made: SimulatedRun, library: pa.Table) -> None:
    again = next(simulate(library, SHORT, 3))
    assert np.array_equal(again.run.mz, made.run.mz)
    assert np.array_equal(again.run.intensity, made.run.intensity)


def test_deconvolution_gives_its_spectra_and_masses_back(made: SimulatedRun) -> None:
    components = deconvolve(made.run, made.name)
    found = score(components, made.ground_truth)
    assert found.recall_80 >= 0.8
    assert found.false <= 1
    errors = np.abs(mass_errors(components, made.ground_truth))
    assert len(errors) > 100
    assert np.median(errors) < 2
