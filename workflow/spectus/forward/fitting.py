"""Fitting a small network on rows: resumable, seeded, averaged weights, one log in Parquet."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from spectus.errors import InputError
from spectus.files import replacing

_LOG = pa.schema(
    [
        ("network", pa.string()),
        ("step", pa.int32()),
        ("loss", pa.float64()),
        ("choosing_loss", pa.float64()),
        ("rate", pa.float64()),
        ("cpu_s", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Plan:
    """AdamW with linear warm-up and a cosine down to a tenth of the rate."""

    steps: int = 600
    batch_size: int = 256
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    average_decay: float = 0.99  # of the exponential moving average of the weights
    checkpoint_every: int = 100


class Task(Protocol):
    """What is fitted: a network, a loss of some rows, and a loss on the spectra that serve to choose (or None)."""

    n_rows: int

    @property
    def network(self) -> nn.Module: ...

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor: ...

    def choosing_loss(self, network: nn.Module) -> float | None: ...


class Fit:
    """One fitting, in `folder`: checkpoint.pt to go on from, log.parquet.

    After `run`, `best` holds the averaged weights of the step with the lowest choosing loss, or of the last step where
    there is none. A second run in the same folder goes on from the checkpoint with the same result as an unbroken one.

    Raises
    ------
    InputError: the folder holds a checkpoint of other settings or data.
    """

    def __init__(self, name: str, task: Task, plan: Plan, folder: Path, identity: str, seed: int) -> None:
        self.name, self.task, self.plan, self.folder, self.seed = name, task, plan, folder, seed
        self.identity = identity
        self.average = copy.deepcopy(task.network).eval()
        self.best = {key: value.clone() for key, value in self.average.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            task.network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
        self.step, self.cpu_s, self.log = 0, 0.0, list[dict[str, Any]]()
        self._resume()

    @property
    def best_step(self) -> int:
        """The step whose averaged weights are kept."""
        scored = [entry for entry in self.log if entry["choosing_loss"] is not None]
        return min(scored, key=lambda entry: entry["choosing_loss"])["step"] if scored else self.step

    def run(self, until: int | None = None) -> dict[str, Tensor]:
        """Fit to the plan's last step, or only to step `until` of it; returns the weights that are kept."""
        last = min(self.plan.steps, until or self.plan.steps)
        started, losses = time.process_time(), list[float]()
        with tqdm(total=last, initial=self.step, disable=None, unit=" steps", desc=self.name, leave=False) as bar:
            for rows, random in self._batches(last):
                losses.append(self._update(rows, random))
                self.step += 1
                bar.update()
                if self.step % self.plan.checkpoint_every == 0 or self.step == last:
                    self.cpu_s, started = self.cpu_s + time.process_time() - started, time.process_time()
                    self._record(float(np.mean(losses)))
                    losses.clear()
                    bar.set_postfix(loss=self.log[-1]["loss"], choosing=self.log[-1]["choosing_loss"])
        return self.best

    def _batches(self, last: int) -> Iterator[tuple[NDArray[np.int64], np.random.Generator]]:
        """Rows of each step still to do. The order of a pass and the chance in a step depend on their number only."""
        size = min(self.plan.batch_size, self.task.n_rows)
        per_pass = self.task.n_rows // size
        while self.step < last:
            epoch, at = divmod(self.step, per_pass)
            order = np.random.default_rng([self.seed, epoch]).permutation(self.task.n_rows)
            torch.manual_seed(self.seed * 1_000_003 + self.step)
            yield order[at * size : (at + 1) * size], np.random.default_rng([self.seed, epoch, at])

    def _update(self, rows: NDArray[np.int64], random: np.random.Generator) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.plan)
        network = self.task.network.train()
        loss = self.task.loss(rows, random)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), self.plan.clip_norm)
        self.optimiser.step()
        decay = min(self.plan.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), network.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return float(loss.item())

    def _record(self, loss: float) -> None:
        with torch.no_grad():
            chosen = self.task.choosing_loss(self.average)
        self.log.append(
            {"network": self.name, "step": self.step, "loss": loss, "choosing_loss": chosen,
             "rate": learning_rate(self.step, self.plan), "cpu_s": self.cpu_s}
        )  # fmt: skip
        if self.best_step == self.step:
            self.best = {key: value.clone() for key, value in self.average.state_dict().items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_log(self.log, self.folder / "log.parquet")
        with replacing(self.folder / "checkpoint.pt") as temporary:  # last: what it says was done is done
            torch.save(self._state(), temporary)

    def _state(self) -> dict[str, Any]:
        return {
            "identity": self.identity, "step": self.step, "cpu_s": self.cpu_s, "log": self.log, "best": self.best,
            "network": self.task.network.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }  # fmt: skip

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["identity"] != self.identity:
            raise InputError(path, "is of another training (other settings or data)", "choose another folder for --out")
        self.step, self.cpu_s, self.log, self.best = state["step"], state["cpu_s"], state["log"], state["best"]
        self.task.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])


def learning_rate(step: int, plan: Plan) -> float:
    """Linear warm-up to the full rate under a cosine that ends at a tenth of it."""
    warm = min(1.0, (step + 1) / max(1, plan.warmup_steps))
    return plan.learning_rate * warm * (0.55 + 0.45 * math.cos(math.pi * min(1.0, step / plan.steps)))


def write_log(entries: list[dict[str, Any]], path: Path) -> None:
    """Write entries of one or several fittings as a Parquet table."""
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(entries, _LOG), temporary)
