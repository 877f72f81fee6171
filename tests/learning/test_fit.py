from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectus.errors import InputError
from spectus.learning.fit import Fit, FitRecord, Plan, learning_rate, shuffled

PLAN = Plan(steps=40, batch_size=4, learning_rate=0.2, warmup_steps=2, checkpoint_every=10, average_decay=0.5)


class Line:
    """y = 2 x - 1 from ten points; the tuning loss gets worse after step 20 when `spoilt`."""

    def __init__(self, spoilt: bool = False) -> None:
        torch.manual_seed(0)
        self.network, self.spoilt, self.asked = nn.Linear(1, 1), spoilt, 0
        self.x = torch.linspace(-1, 1, 10)[:, None]

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        return shuffled(10, size, random)

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        x = self.x[rows] + 0.01 * torch.randn(len(rows), 1)  # the chance of a step must come back on resuming
        return (self.network(x) - (2 * self.x[rows] - 1)).square().mean()

    def tuning_loss(self, network: nn.Module) -> float | None:
        self.asked += 1
        error = (network(self.x) - (2 * self.x - 1)).square().mean().item()
        return error + 10 * (self.asked > 2) if self.spoilt else error


def fit(folder: Path, task: Line, plan: Plan = PLAN, identity: str = "a") -> Fit:
    return Fit("line", task, plan, FitRecord(folder, identity, seed=3))


def test_a_line_is_fitted_and_logged(tmp_path: Path) -> None:
    task = Line()
    best = fit(tmp_path, task).run()
    assert best["weight"].item() == pytest.approx(2, abs=0.2)
    log = pq.read_table(tmp_path / "log.parquet").to_pydict()
    assert log["step"] == [10, 20, 30, 40]
    assert log["loss"][-1] < log["loss"][0]
    assert log["wall_s"] == sorted(log["wall_s"])


def test_the_weights_that_chose_best_are_kept_and_handed_on(tmp_path: Path) -> None:
    kept: list[float] = []
    record = FitRecord(tmp_path, "a", 3)
    fitting = Fit("line", Line(spoilt=True), PLAN, record, lambda net: kept.append(net.weight.item()))
    best = fitting.run()
    assert fitting.best_step == 20
    assert best["weight"].item() == kept[-1]
    assert len(set(kept)) == 2
    assert fitting.average.weight.item() != kept[-1]


def test_a_stopped_fitting_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole", Line()).run()
    fit(tmp_path / "parts", Line()).run(until=20)
    resumed = fit(tmp_path / "parts", Line())
    assert resumed.step == 20
    parts = resumed.run()
    assert all(whole[name].equal(parts[name]) for name in whole)


def test_another_training_is_refused(tmp_path: Path) -> None:
    fit(tmp_path, Line()).run(until=10)
    with pytest.raises(InputError, match="another training"):
        fit(tmp_path, Line(), identity="b")


def test_accumulated_parts_give_the_step_of_the_whole_batch(tmp_path: Path) -> None:
    class Still(Line):
        def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
            return (self.network(self.x[rows]) - (2 * self.x[rows] - 1)).square().mean()

    parts = Plan(**{**vars(PLAN), "accumulate": 3})
    one, three = fit(tmp_path / "1", Still()).run(), fit(tmp_path / "3", Still(), parts).run()
    assert three["weight"].item() == pytest.approx(one["weight"].item(), abs=1e-5)


def test_a_pass_has_whole_batches_of_distinct_rows() -> None:
    rows = shuffled(11, 4, np.random.default_rng(0))
    assert [len(part) for part in rows] == [4, 4]
    assert len(set(np.concatenate(rows).tolist())) == 8
    assert [len(part) for part in shuffled(3, 4, np.random.default_rng(0))] == [3]


def test_learning_rates() -> None:
    cosine = Plan(steps=100, warmup_steps=10, learning_rate=1.0)
    assert learning_rate(0, cosine) == pytest.approx(0.1)
    assert learning_rate(10, cosine) == pytest.approx(0.978, abs=1e-3)
    assert learning_rate(100, cosine) == pytest.approx(0.1)
    linear = Plan(steps=100, warmup_steps=10, learning_rate=1.0, decay="linear")
    assert [learning_rate(step, linear) for step in (50, 75, 100)] == pytest.approx([0.5, 0.25, 0.0])
    constant = Plan(steps=100, warmup_steps=10, learning_rate=1.0, decay="constant")
    assert [learning_rate(step, constant) for step in (0, 50, 100)] == pytest.approx([0.1, 1.0, 1.0])


@pytest.mark.parametrize(("entry", "problem"), [({"decay": "steep"}, "decay: steep"), ({"steps": 0}, "steps: 0")])
def test_plans_without_sense_are_refused(entry: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Plan(**entry)  # type: ignore[arg-type]
