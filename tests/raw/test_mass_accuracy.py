"""Accurate masses are distinguished from labels and from a quadrupole's, and become the right nominal masses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spectus.nominal_mass import to_nominal_mass
from spectus.raw.mass_accuracy import mass_accuracy, nominal_mass, nominal_rule
from spectus.raw.read import read_run
from spectus.raw.run import Run
from tests.deconvolution.made_accurate import Eluting, made_accurate_run
from tests.deconvolution.made_runs import Eluting as UnitEluting
from tests.deconvolution.made_runs import made_run, spectrum

ISOBARS = Eluting({57.0335: 0.4, 57.0699: 1.0, 85.1012: 0.6, 112.0757: 0.3}, 60.0, 1e5)


@pytest.mark.parametrize("decimals", [None, 4])
@pytest.mark.parametrize("jitter_ppm", [1.0, 3.0, 10.0])
def test_the_scatter_is_measured(jitter_ppm: float, decimals: int | None) -> None:
    accuracy = mass_accuracy(made_accurate_run([ISOBARS], jitter_ppm=jitter_ppm, decimals=decimals))
    assert accuracy is not None
    assert accuracy.error_ppm == pytest.approx(jitter_ppm, rel=0.25)
    assert accuracy.resolving_power > 57.05 / (57.0699 - 57.0335) / 2
    assert nominal_rule(made_accurate_run([ISOBARS])) is nominal_mass


def test_weak_ions_scatter_more() -> None:
    run = made_accurate_run([ISOBARS], jitter_ppm=0.0, seed=3)
    by_chance = np.random.default_rng(1).standard_normal(len(run.mz))
    run = replace(run, mz=run.mz * (1 + 1e-6 * by_chance * np.hypot(1.0, 100 / np.sqrt(run.intensity))))
    accuracy = mass_accuracy(run)
    assert accuracy is not None
    assert accuracy.error(np.array([100.0])) == pytest.approx(10.0, rel=0.4)
    assert accuracy.error(np.array([1e5])) < 0.5 * accuracy.error(np.array([100.0]))


def test_noise_in_most_centroids_hides_neither_accuracy_nor_resolution() -> None:
    run = made_accurate_run([ISOBARS], n_noise=100)
    accuracy = mass_accuracy(run)
    assert accuracy is not None
    assert accuracy.error_ppm == pytest.approx(3.0, rel=0.3)
    assert accuracy.resolving_power < 50_000


def test_weaker_ions_show_the_resolution_where_the_strongest_are_far_apart() -> None:
    ions = {57.0335: 0.05, 57.0699: 0.05, 85.1012: 1.0, 112.0757: 0.9, 127.1117: 0.8, 141.1274: 0.8}
    run = made_accurate_run([Eluting(ions, time, 1e6) for time in (30.0, 60.0, 90.0)], jitter_ppm=0.0)
    error_ppm = np.hypot(1.0, 500 / np.sqrt(run.intensity))
    by_chance = np.random.default_rng(1).standard_normal(len(run.mz))
    accuracy = mass_accuracy(replace(run, mz=run.mz * (1 + 1e-6 * by_chance * error_ppm)))
    assert accuracy is not None
    assert accuracy.resolving_power == pytest.approx(57.0699 / (57.0699 - 57.0335), rel=0.1)
    assert accuracy.weak_ppm == pytest.approx(500, rel=0.2)


def unit(change: str) -> Run:
    run = made_run([UnitEluting(spectrum(1), 90.0, 1e5)])
    scatter = np.random.default_rng(0).standard_normal(len(run.mz))
    mz = {
        "whole numbers": run.mz,
        "steps of a twentieth": np.round(run.mz * 1.0004 / 0.05) * 0.05,
        "32-bit tenths": (np.round(run.mz + 0.03 * scatter, 1)).astype(np.float32).astype(np.float64),
        "hundredths": np.round(run.mz + 0.03 * scatter, 2),
        "a quadrupole's scatter": run.mz + 0.03 * scatter,
        "one number a mass": run.mz * 1.00041,
        "coarse uneven steps": np.round((run.mz + 0.02 * scatter) / 0.0629) * 0.0629,
    }[change]
    return replace(run, mz=mz)


@pytest.mark.parametrize(
    "change",
    [
        "whole numbers",
        "steps of a twentieth",
        "32-bit tenths",
        "hundredths",
        "a quadrupole's scatter",
        "one number a mass",
        "coarse uneven steps",
    ],
)
def test_unit_mass_is_known_as_such(change: str) -> None:
    assert mass_accuracy(unit(change)) is None
    assert nominal_rule(unit(change)) is to_nominal_mass


@pytest.mark.parametrize("n_scans", [1, 2, 3])
def test_too_few_scans_to_tell(n_scans: int) -> None:
    run = made_accurate_run([], n_scans=n_scans)
    assert mass_accuracy(run) is None
    assert mass_accuracy(run.with_peaks(np.zeros(len(run.mz), dtype=bool))) is None


def test_empty_scans_between_full_ones() -> None:
    run = made_accurate_run([ISOBARS])
    assert mass_accuracy(run.with_peaks(run.scan % 2 == 0)) is None  # no two scans to compare
    assert mass_accuracy(run.with_peaks(run.scan % 3 > 0)) is not None


def test_no_real_run_of_unit_mass_is_taken_for_accurate(shared: Path) -> None:
    runs = [
        "tms_mix/GC01_0812_066.D", "gasoline/agilent-gcms.cdf", "eley/ELEY_2_SUBTRACT.JDX", "etizolam/220223010.D",
        "pygecko/FKB-FA-060-A1.mzML.gz",
    ]  # fmt: skip
    for name in runs:
        assert mass_accuracy(read_run(shared / "runs" / name)) is None, name


@pytest.mark.parametrize(
    ("mz", "mass"),
    [
        (57.0335, 57), (57.0699, 57), (282.3287, 282), (249.7628, 250), (251.7608, 252), (327.673, 328),
        (393.72, 394), (407.8, 408), (450.5, 450), (486.426, 486), (506.5786, 506), (562.642, 562), (565.62, 566),
        (27.9949, 28), (17.0260, 17), (126.9039, 127), (18.0100, 18),
    ],
)  # fmt: skip
def test_nominal_masses(mz: float, mass: int) -> None:
    assert nominal_mass(np.array([mz])).tolist() == [mass]


def test_up_to_450_every_composition_has_its_nominal_mass() -> None:
    mass = np.arange(12, 451)
    for defect in np.linspace(-0.001034, 0.001117, 21):
        assert (nominal_mass(mass * (1 + defect)) == mass).all()
    assert (nominal_mass(mass * 1.001117 + 0.0156) == mass).all()
