"""GC×GC runs are named for what they are; runs of one column are not."""

from pathlib import Path

import numpy as np
import pytest

from spectus.raw.gcxgc import modulation_note, modulation_period
from spectus.raw.read import read_run

from .files import write_andi


def slices(n_scans: int, step: float, period: float, width: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Compounds whose first-column peaks a modulator cuts into narrow ones."""
    chance = np.random.default_rng(seed)
    rt_s = step * np.arange(n_scans)
    tic = chance.poisson(200, n_scans).astype(float)
    for _ in range(max(3, int(rt_s[-1] / 20))):
        first, second = chance.uniform(0, rt_s[-1]), chance.uniform(0.2, 0.9) * period
        for number in range(int(rt_s[-1] / period) + 1):
            apex = number * period + second
            height = 1e5 * np.exp(-0.5 * ((apex - first) / 5) ** 2)
            tic += height * np.exp(-0.5 * ((rt_s - apex) / width) ** 2)
    return rt_s, tic


@pytest.mark.parametrize(("period", "step"), [(4.0, 0.01), (6.0, 0.02), (2.5, 0.02), (8.0, 0.05)])
def test_the_period_is_found(period: float, step: float) -> None:
    rt_s, tic = slices(round(120 / step), step, period, 0.08 + step)
    found = modulation_period(rt_s, tic)
    assert found is not None
    assert found / period == pytest.approx(round(found / period), abs=0.05)
    assert "a GC×GC run" in modulation_note(rt_s, tic)


@pytest.mark.parametrize("step", [0.02, 0.05, 0.2])
def test_peaks_of_one_column(step: float) -> None:
    chance = np.random.default_rng(3)
    rt_s = step * np.arange(round(300 / step))
    tic = chance.poisson(200, len(rt_s)).astype(float)
    assert modulation_period(rt_s, tic) is None  # nothing but noise
    for apex in chance.uniform(0, 300, 60):
        tic += 1e5 * chance.random() * np.exp(-0.5 * ((rt_s - apex) / 0.8) ** 2)
    assert modulation_period(rt_s, tic) is None
    assert modulation_period(rt_s, np.zeros(len(rt_s))) is None
    assert modulation_period(rt_s[:100], tic[:100]) is None


def test_it_is_said_when_a_run_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chance = np.random.default_rng(2)
    rt_s, tic = slices(3000, 0.02, 5.0, 0.1)
    scans = [
        (float(time), [(40.0 + place + 0.1 * chance.random(), float(round(current / 40)) + 1) for place in range(40)])
        for time, current in zip(rt_s, tic, strict=True)
    ]
    read_run(write_andi(tmp_path / "run.cdf", scans))
    (message,) = caplog.messages
    assert "a GC×GC run" in message and "unusual" not in message


def test_no_real_run_of_one_column_is_taken_for_one(shared: Path) -> None:
    for name in ("etizolam/220223001.D", "gasoline/agilent-gcms.cdf", "tms_mix/GC01_0812_066.D"):
        run = read_run(shared / "runs" / name)
        for times_as_fast in (1, 10, 20, 40):
            assert modulation_period(run.rt_s / times_as_fast, run.tic) is None
