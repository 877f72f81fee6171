"""Fitting a network on rows: resumable, seeded, averaged weights, one log in Parquet. Every training here uses it."""

import copy
import hashlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
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
from spectus.learning.loss_plot import draw_losses

_LOG = pa.schema(
    [
        ("network", pa.string()),
        ("step", pa.int32()),
        ("loss", pa.float64()),
        ("choosing_loss", pa.float64()),
        ("rate", pa.float64()),
        ("cpu_s", pa.float64()),
        ("wall_s", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Plan:
    """AdamW with linear warm-up, then a cosine down to a tenth of the rate, or a line down to nothing."""

    steps: int = 600
    batch_size: int = 256
    accumulate: int = 1  # parts of a batch that go through the network one after the other, to save memory
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    decay: str = "cosine"  # or "linear"
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    average_decay: float = 0.99  # of the exponential moving average of the weights, which is what is kept
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        if self.decay not in ("cosine", "linear"):
            raise InputError(f"decay: {self.decay}", "is no way to lower the rate", "write cosine or linear")
        for name in ("steps", "batch_size", "accumulate", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: {getattr(self, name)}", "is too few", "give 1 or more")


class Task(Protocol):
    """What is fitted: a network, the rows of a pass batch by batch, a loss of some rows (a mean), and a loss on the
    spectra that serve to choose (or None). The number of batches is the same in every pass."""

    @property
    def network(self) -> nn.Module: ...

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]: ...

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor: ...

    def choosing_loss(self, network: nn.Module) -> float | None: ...


class Fit:
    """One fitting, in `folder`: checkpoint.pt and best.pt to go on from, log.parquet and loss.svg.

    After `run`, `best` holds the averaged weights of the step with the lowest choosing loss, or of the last step where
    there is none. `keep` is called with that network at every checkpoint, so that a fitting can be stopped at any time.
    A second run in the same folder goes on from the checkpoint with the same result as an unbroken one.

    Raises
    ------
    InputError: the folder holds a checkpoint of other settings or data.
    """

    def __init__(
        self, name: str, task: Task, plan: Plan, folder: Path, identity: str, seed: int,
        keep: Callable[[nn.Module], None] | None = None,
    ) -> None:  # fmt: skip
        self.name, self.task, self.plan, self.folder, self.seed = name, task, plan, folder, seed
        self.identity, self.keep = identity, keep
        self.average = copy.deepcopy(task.network).eval()
        self.best = {key: value.clone() for key, value in self.average.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            task.network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )
        self.step, self.cpu_s, self.wall_s, self.log = 0, 0.0, 0.0, list[dict[str, Any]]()
        self._resume()

    @property
    def best_step(self) -> int:
        """The step whose averaged weights are kept."""
        scored = [entry for entry in self.log if entry["choosing_loss"] is not None]
        return min(scored, key=lambda entry: entry["choosing_loss"])["step"] if scored else self.step

    def run(self, until: int | None = None) -> dict[str, Tensor]:
        """Fit to the plan's last step, or only to step `until` of it; returns the weights that are kept."""
        last = min(self.plan.steps, until or self.plan.steps)
        started, losses = _clocks(), list[float]()
        with tqdm(total=last, initial=self.step, disable=None, unit=" steps", desc=self.name, leave=False) as bar:
            for rows, random in self._batches(last):
                losses.append(self._update(rows, random))
                self.step += 1
                bar.update()
                if self.step % self.plan.checkpoint_every == 0 or self.step == last:
                    self.cpu_s, self.wall_s = (
                        self.cpu_s + _clocks()[0] - started[0],
                        self.wall_s + _clocks()[1] - started[1],
                    )
                    started = _clocks()
                    self._record(float(np.mean(losses)))
                    losses.clear()
                    bar.set_postfix(loss=self.log[-1]["loss"], choosing=self.log[-1]["choosing_loss"])
        self._hand_over()  # once more, for a call that finds its files gone and all steps done
        return self.best

    def _batches(self, last: int) -> Iterator[tuple[NDArray[np.int64], np.random.Generator]]:
        """Rows of each step still to do. The order of a pass and the chance in a step depend on their number only."""
        per_pass = len(self._pass(0))
        while self.step < last:
            epoch, first = divmod(self.step, per_pass)
            for at, rows in enumerate(self._pass(epoch)[first:], first):
                if self.step == last:
                    return
                torch.manual_seed(self.seed * 1_000_003 + self.step)
                yield rows, np.random.default_rng([self.seed, epoch, at])

    def _pass(self, epoch: int) -> list[NDArray[np.int64]]:
        return self.task.one_pass(self.plan.batch_size, np.random.default_rng([self.seed, epoch]))

    def _update(self, rows: NDArray[np.int64], random: np.random.Generator) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.plan)
        network, total = self.task.network.train(), 0.0
        self.optimiser.zero_grad(set_to_none=True)
        for part in np.array_split(rows, min(self.plan.accumulate, len(rows))):
            loss = self.task.loss(part, random) * (len(part) / len(rows))
            loss.backward()
            total += float(loss.item())
        nn.utils.clip_grad_norm_(network.parameters(), self.plan.clip_norm)
        self.optimiser.step()
        decay = min(self.plan.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), network.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return total

    def _record(self, loss: float) -> None:
        with torch.no_grad():
            chosen = self.task.choosing_loss(self.average)
        self.log.append(
            {"network": self.name, "step": self.step, "loss": loss, "choosing_loss": chosen,
             "rate": learning_rate(self.step, self.plan), "cpu_s": self.cpu_s, "wall_s": self.wall_s}
        )  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.best_step == self.step:
            self.best = {key: value.clone() for key, value in self.average.state_dict().items()}
            with replacing(self.folder / "best.pt") as temporary:
                torch.save(self.best, temporary)
        self._hand_over()
        with replacing(self.folder / "checkpoint.pt") as temporary:  # last: what it says was done is done
            torch.save(self._state(), temporary)

    def _hand_over(self) -> None:
        """Write what others read: the log, its plot, and the network that is best so far."""
        if not self.log:
            return
        write_log(self.log, self.folder)
        if self.keep is not None:
            network = copy.deepcopy(self.average)
            network.load_state_dict(self.best)
            self.keep(network)

    def _state(self) -> dict[str, Any]:
        return {
            "identity": self.identity, "step": self.step, "cpu_s": self.cpu_s, "wall_s": self.wall_s, "log": self.log,
            "network": self.task.network.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }  # fmt: skip

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["identity"] != self.identity:
            raise InputError(
                path,
                "is of another training (other settings or data)",
                "choose another folder for --out, or delete this one",
            )
        self.step, self.cpu_s, self.wall_s, self.log = state["step"], state["cpu_s"], state["wall_s"], state["log"]
        self.best = torch.load(self.folder / "best.pt", map_location="cpu", weights_only=True)
        self.task.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])


def shuffled(n_rows: int, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """The rows 0 to n_rows - 1 in random order, cut into whole batches; fewer rows than a batch are one batch."""
    order, size = random.permutation(n_rows), min(size, n_rows)
    return [order[start : start + size] for start in range(0, n_rows - size + 1, size)]


def identity(settings: object, inputs: Iterable[Path | None]) -> str:
    """What a checkpoint must agree with: the settings that matter to it, and the bytes of what it learns from.

    inputs: files, and folders of models, whose weights count.
    """
    digest = hashlib.sha256(repr(settings).encode())
    for path in inputs:
        for file in sorted(path.glob("*.safetensors")) if path and path.is_dir() else [path] if path else []:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def learning_rate(step: int, plan: Plan) -> float:
    """Linear warm-up to the full rate under the plan's decay."""
    warm, done = min(1.0, (step + 1) / max(1, plan.warmup_steps)), min(1.0, step / plan.steps)
    left = 1 - done if plan.decay == "linear" else 0.55 + 0.45 * math.cos(math.pi * done)
    return plan.learning_rate * warm * left


def _clocks() -> tuple[float, float]:
    """CPU and wall time, s."""
    return time.process_time(), time.monotonic()


def write_log(entries: list[dict[str, Any]], folder: Path) -> None:
    """Write entries of one or several fittings as log.parquet and loss.svg."""
    with replacing(folder / "log.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(entries, _LOG), temporary)
    draw_losses(entries, folder / "loss.svg")
