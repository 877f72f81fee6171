"""The trainer that every model uses: resumable, seeded, with averaged weights and one log in Parquet."""

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
        ("tuning_loss", pa.float64()),
        ("rate", pa.float64()),
        ("cpu_s", pa.float64()),
        ("wall_s", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Plan:
    """Schedule of a fitting with AdamW (Loshchilov and Hutter 2019). The defaults are those of NEIMS here.

    Attributes
    ----------
    steps : int
        Updates of the weights.
    batch_size : int
        Examples of an update.
    accumulate : int
        Parts of a batch that go through the network one after the other, to save memory.
    learning_rate : float
        After the warm-up.
    warmup_steps : int
        Steps over which the rate rises linearly.
    decay : str
        "cosine", down to a tenth of the rate, "linear", down to 0, or "constant", for a training that another one
        with a decay follows.
    weight_decay : float
        Of AdamW.
    clip_norm : float
        Largest norm of the gradient.
    average_decay : float
        Of the exponential moving average of the weights, which is what is kept.
    checkpoint_every : int
        Steps between two checkpoints.
    """

    steps: int = 600
    batch_size: int = 256
    accumulate: int = 1
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    decay: str = "cosine"
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    average_decay: float = 0.99
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        """Check the values."""
        if self.decay not in ("cosine", "linear", "constant"):
            raise InputError(f"decay: {self.decay}", "is no way to lower the rate", "write cosine, linear or constant")
        for name in ("steps", "batch_size", "accumulate", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: {getattr(self, name)}", "is too few", "give 1 or more")


class Task(Protocol):
    """What is fitted: a network and its losses."""

    @property
    def network(self) -> nn.Module:
        """The network."""
        ...

    def one_pass(self, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the rows of one pass, cut into batches; their number is the same in every pass."""
        ...

    def loss(self, rows: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        """Return the mean loss of some rows."""
        ...

    def tuning_loss(self, network: nn.Module) -> float | None:
        """Return the loss on the tuning set; None without one."""
        ...


@dataclass(frozen=True)
class FitRecord:
    """Where a fitting is recorded, and what identifies it.

    Attributes
    ----------
    folder : Path
        For checkpoint.pt and best.pt, from which a fitting resumes, log.parquet and loss.svg.
    identity : str
        What a checkpoint must agree with (`training_identity`).
    seed : int
        Of the order of the batches and of all chance.
    """

    folder: Path
    identity: str
    seed: int


class Fit:
    """One fitting.

    After `run`, `best` holds the averaged weights of the step with the lowest tuning loss, or of the last step without
    a tuning set. A fitting can be stopped at any time. A second run in the same folder resumes from the checkpoint,
    with the same result as an unbroken run.

    Parameters
    ----------
    name
        Of the network, in the log.
    task
        What is fitted.
    plan
        The schedule.
    record
        Where the fitting is recorded.
    keep
        Called with the best network at every checkpoint.

    Raises
    ------
    InputError
        The folder holds a checkpoint of other settings or data.
    """

    def __init__(
        self, name: str, task: Task, plan: Plan, record: FitRecord, keep: Callable[[nn.Module], None] | None = None
    ) -> None:
        self.name, self.task, self.plan, self.keep = name, task, plan, keep
        self.folder, self.identity, self.seed = record.folder, record.identity, record.seed
        self.average = copy.deepcopy(task.network).eval()
        self.best = {key: value.clone() for key, value in self.average.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            task.network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )
        self.step, self.cpu_s, self.wall_s, self.log = 0, 0.0, 0.0, list[dict[str, Any]]()
        self._resume()

    @property
    def best_step(self) -> int:
        """The step whose averaged weights are kept."""
        scored = [entry for entry in self.log if entry["tuning_loss"] is not None]
        return min(scored, key=lambda entry: entry["tuning_loss"])["step"] if scored else self.step

    def run(self, until: int | None = None) -> dict[str, Tensor]:
        """Fit to the plan's last step, or only to step `until` of it, and return the weights that are kept."""
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
                    bar.set_postfix(loss=self.log[-1]["loss"], tuning=self.log[-1]["tuning_loss"])
        self._hand_over()  # again, since a resumed run may find its files gone and all steps done
        return self.best

    def _batches(self, last: int) -> Iterator[tuple[NDArray[np.int64], np.random.Generator]]:
        """Yield the rows of each step still to do. Order and chance depend on the numbers of pass and step only."""
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
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.plan)
        network, total = self.task.network.train(), 0.0
        self.optimizer.zero_grad(set_to_none=True)
        for part in np.array_split(rows, min(self.plan.accumulate, len(rows))):
            loss = self.task.loss(part, random) * (len(part) / len(rows))
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.item())
        nn.utils.clip_grad_norm_(network.parameters(), self.plan.clip_norm)
        self.optimizer.step()
        decay = min(self.plan.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), network.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return total

    def _record(self, loss: float) -> None:
        with torch.no_grad():
            tuning = self.task.tuning_loss(self.average)
        self.log.append(
            {"network": self.name, "step": self.step, "loss": loss, "tuning_loss": tuning,
             "rate": learning_rate(self.step, self.plan), "cpu_s": self.cpu_s, "wall_s": self.wall_s}
        )  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.best_step == self.step:
            self.best = {key: value.clone() for key, value in self.average.state_dict().items()}
            with replacing(self.folder / "best.pt") as temporary:
                torch.save(self.best, temporary)
        self._hand_over()
        with replacing(self.folder / "checkpoint.pt") as temporary:  # last, so that it never claims more than was done
            torch.save(self._state(), temporary)

    def _hand_over(self) -> None:
        """Write the log, its plot, and the network that is best so far."""
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
            "optimizer": self.optimizer.state_dict(),
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
        self.optimizer.load_state_dict(state["optimizer"])


def shuffled(n_rows: int, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """Return the rows 0 to n_rows - 1 in random order, in whole batches; fewer rows than a batch are one batch."""
    order, size = random.permutation(n_rows), min(size, n_rows)
    return [order[start : start + size] for start in range(0, n_rows - size + 1, size)]


def training_identity(settings: object, inputs: Iterable[Path | None]) -> str:
    """Return a sum of the settings that matter to a fitting and of the bytes that it learns from.

    Parameters
    ----------
    settings
        Any object whose `repr` tells its content.
    inputs
        Files, and folders of models, whose weights count; None counts for nothing.
    """
    digest = hashlib.sha256(repr(settings).encode())
    for path in inputs:
        for file in sorted(path.glob("*.safetensors")) if path and path.is_dir() else [path] if path else []:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def learning_rate(step: int, plan: Plan) -> float:
    """Return the rate of a step: linear warm-up to the full rate, times the plan's decay."""
    warm, done = min(1.0, (step + 1) / max(1, plan.warmup_steps)), min(1.0, step / plan.steps)
    left = {"constant": 1.0, "linear": 1 - done, "cosine": 0.55 + 0.45 * math.cos(math.pi * done)}
    return plan.learning_rate * warm * left[plan.decay]


def _clocks() -> tuple[float, float]:
    """Return CPU and wall time, s."""
    return time.process_time(), time.monotonic()


def write_log(entries: list[dict[str, Any]], folder: Path) -> None:
    """Write entries of one or several fittings as log.parquet and loss.svg."""
    with replacing(folder / "log.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(entries, _LOG), temporary)
    draw_losses(entries, folder / "loss.svg")
