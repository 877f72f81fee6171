"""Slices: parts of one peak are no compounds, and their area belongs to the peak."""

import numpy as np
import pytest

from spectus.deconvolution.deconvolve import deconvolve
from spectus.raw.run import Run
from spectus.types import Floats

STEP_S = 0.3
TIMES = np.arange(0.0, 240.0, STEP_S)
MASSES = np.arange(40, 300)
DRUG = {60: 0.3, 77: 0.25, 91: 0.5, 105: 0.35, 120: 0.3, 151: 0.4, 180: 0.6, 209: 0.35, 239: 1.0, 240: 0.2}
HEIGHT = 1e6


def peak(apex: float, width: float = 1.5, tail: float = 0.0) -> Floats:
    """A Gaussian, followed by an exponential tail that sets in at its apex."""
    shape = np.exp(-0.5 * ((TIMES - apex) / width) ** 2)
    late = np.where(apex < TIMES, np.exp(-(TIMES - apex) / 4.0), 0.0)
    return shape + tail * late * (1 - shape)


def deconvolved(*peaks: tuple[Floats, dict[int, float]]) -> list[dict]:
    """Components of a run of profiles and ions, counts, on a weak background with noise."""
    counts = np.full((len(TIMES), len(MASSES)), 100.0)
    for profile, ions in peaks:
        for mass, height in ions.items():
            counts[:, mass - MASSES[0]] += height * profile
    counts += np.random.default_rng(5).normal(0, 2 * np.sqrt(counts))
    offsets = np.arange(len(TIMES) + 1) * len(MASSES)
    mz = np.tile(MASSES.astype(float), len(TIMES))
    return deconvolve(Run(TIMES, offsets, mz, counts.clip(0).ravel(), "made"), "made").to_pylist()


def overloaded() -> list[tuple[Floats, dict[int, float]]]:
    """A peak whose ions tail to different degrees, as if they left the ion source late, and others for the widths."""
    tails = dict(zip(DRUG, np.linspace(0.02, 0.2, len(DRUG)), strict=True))
    drug = [(peak(120.0, tail=tails[mass]), {mass: HEIGHT * height}) for mass, height in DRUG.items()]
    others = [
        (peak(apex), {mass + shift: 2e4 * height for mass, height in DRUG.items()})
        for shift, apex in enumerate((20.0, 45.0, 70.0, 170.0, 200.0, 225.0), start=1)
    ]
    return drug + others


def near(rows: list[dict], apex: float, reach: float = 12.0) -> list[dict]:
    """Components from 6 s before to `reach` s after an apex."""
    return [row for row in rows if -6.0 < row["rt_s"] - apex < reach]


def test_a_peak_whose_ions_tail_differently_is_one_component_with_its_whole_area() -> None:
    rows = deconvolved(*overloaded())
    (row,) = near(rows, 120.0)
    true = sum(float(profile.sum()) * STEP_S * sum(ions.values()) for profile, ions in overloaded()[: len(DRUG)])
    assert row["area"] == pytest.approx(true, rel=0.05)


def test_a_small_neighbor_with_ions_of_its_own_stays() -> None:
    neighbor = {55: 8e3, 83: 1.5e4, 97: 1.2e4, 111: 6e3, 125: 4e3}
    rows = near(deconvolved(*overloaded(), (peak(125.0), neighbor)), 120.0)
    (found,) = [row for row in rows if {55.0, 83.0, 97.0, 111.0, 125.0} <= set(row["mz"])]
    assert found["rt_s"] == pytest.approx(125.0, abs=0.3)
    counts = dict(zip(found["mz"], found["intensity"], strict=True))
    for mass, height in neighbor.items():
        assert counts[mass] / counts[83] == pytest.approx(height / neighbor[83], rel=0.15)


def test_a_small_neighbor_that_shares_ions_with_the_peak_stays() -> None:
    neighbor = {55: 1e4, 77: 1.5e4, 91: 2e4, 105: 1.2e4, 133: 1.5e4, 148: 3e4}
    rows = near(deconvolved(*overloaded(), (peak(116.5), neighbor)), 120.0)
    assert len([row for row in rows if row["mz"][int(np.argmax(row["intensity"]))] == 148]) == 1
