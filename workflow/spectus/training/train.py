"""Training a translator on spectra with structures: resumable, seeded, on a GPU where there is one."""

import hashlib
import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from spectus.errors import InputError
from spectus.files import replacing
from spectus.model.modeling import SpectusForConditionalGeneration
from spectus.model.tokenizer import SmilesTokenizer
from spectus.structures import first_block
from spectus.training.data import Example, TrainingBatch, batches, examples, read_held_out, read_split
from spectus.training.settings import Schedule, TrainingSettings

_LOG = pa.schema(
    [
        ("step", pa.int32()),
        ("loss", pa.float64()),
        ("valid_loss", pa.float64()),
        ("rate", pa.float64()),
        ("wall_s", pa.float64()),
    ]
)


def train_model(library: Path, settings_file: Path, held_out: Path | None, out: Path, threads: int = 0) -> None:
    """Train on the split `train`, watch the split `valid`, keep the averaged weights that did best there.

    `out` receives checkpoint.pt (to resume), log.parquet, and the model: config.json, tokenizer.json, and
    model.safetensors with the weights of the checkpoint whose loss on `valid` was the lowest so far. So a training can
    be stopped at any time. A second call goes on from the checkpoint; different settings or data are refused.

    Raises
    ------
    InputError: a library without structures or splits, or a checkpoint of another training.
    """
    settings = TrainingSettings.read(settings_file)
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(settings.seed)
    tokenizer = SmilesTokenizer.published()
    train, valid = read_examples(library, settings, tokenizer, read_held_out(held_out))
    if not train or not valid:
        raise InputError(
            library, f"gives {len(train)} train and {len(valid)} valid examples", "give spectra with SMILES"
        )
    training = Training(settings, train, valid, out, _identity(library, settings_file))
    tokenizer.save_pretrained(out)
    training.run()


def read_examples(
    library: Path, settings: TrainingSettings, tokenizer: SmilesTokenizer, held_out: frozenset[str]
) -> tuple[list[Example], list[Example]]:
    """Examples of the splits train and valid; no compound of valid or of `held_out` is in train."""
    valid = examples(read_split(library, "valid"), settings.model, tokenizer, held_out)
    unseen = frozenset(first_block(example.smiles) for example in valid)
    return examples(read_split(library, "train"), settings.model, tokenizer, held_out, unseen), valid


class Training:
    """The state of one training: network, moving average, optimiser, step, random state."""

    def __init__(
        self, settings: TrainingSettings, train: list[Example], valid: list[Example], out: Path, identity: str
    ) -> None:
        self.settings, self.train, self.valid, self.out, self.identity = settings, train, valid, out, identity
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = SpectusForConditionalGeneration(settings.model).to(self.device).train()
        self.average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        plan = settings.schedule
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        other = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": other, "weight_decay": 0.0}],
            lr=plan.learning_rate,
        )
        self.step, self.wall_s, self.log = 0, 0.0, list[dict[str, Any]]()
        self.resume()

    def run(self) -> None:
        """Train to the last step; a checkpoint and a line of the log every `checkpoint_every` steps."""
        plan, losses, started = self.settings.schedule, list[float](), time.monotonic()
        with tqdm(total=plan.steps, initial=self.step, disable=None, unit="step", desc="train") as bar:
            for batch in self.stream():
                losses.append(self.update(batch))
                self.step += 1
                bar.update()
                if self.step % plan.checkpoint_every == 0 or self.step == plan.steps:
                    self.wall_s, started = self.wall_s + time.monotonic() - started, time.monotonic()
                    self.record(float(np.mean(losses)))
                    losses.clear()
                    bar.set_postfix(loss=self.log[-1]["loss"], valid=self.log[-1]["valid_loss"])

    def stream(self) -> Iterator[TrainingBatch]:
        """Batches from the current step to the last; each pass has its own seed, so a resumed one goes on unchanged."""
        plan, per_pass = self.settings.schedule, math.ceil(len(self.train) / self.settings.schedule.batch_size)
        while self.step < plan.steps:
            epoch, skipped = divmod(self.step, per_pass)
            random = np.random.default_rng([self.settings.seed, epoch])
            one_pass = batches(self.train, plan.batch_size, self.settings.model, self.settings.augmentation, random)
            for batch in itertools.islice(one_pass, skipped, None):
                if self.step == plan.steps:
                    return
                yield batch

    def update(self, batch: TrainingBatch) -> float:
        """One step of the optimiser; returns the loss before it."""
        plan = self.settings.schedule
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, plan)
        loss = self.loss(self.model, batch, plan.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip_norm)
        self.optimiser.step()
        decay = min(plan.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)
        return loss.item()

    def loss(self, model: SpectusForConditionalGeneration, batch: TrainingBatch, smoothing: float = 0.0) -> Tensor:
        """Mean cross-entropy of the tokens, in nats; matrix products in bf16."""
        spectra = (part.to(self.device) for part in batch.spectra)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = model(*spectra, batch.decoder_input_ids.to(self.device)).logits
        return F.cross_entropy(
            logits.float().flatten(0, 1), batch.labels.to(self.device).flatten(), label_smoothing=smoothing
        )

    @torch.no_grad()
    def record(self, loss: float) -> None:
        model, random = self.averaged_model(), np.random.default_rng(0)
        plain = type(self.settings.augmentation)(0, 0, 0, 0, 0)
        held = [self.loss(model, b).item() for b in batches(self.valid, 64, self.settings.model, plain, random)]
        rate = learning_rate(self.step, self.settings.schedule)
        self.log.append(
            {"step": self.step, "loss": loss, "valid_loss": float(np.mean(held)), "rate": rate, "wall_s": self.wall_s}
        )
        with replacing(self.out / "log.parquet") as temporary:
            pq.write_table(pa.Table.from_pylist(self.log, _LOG), temporary)
        if self.log[-1]["valid_loss"] == min(entry["valid_loss"] for entry in self.log):
            model.save_pretrained(self.out, torch.bfloat16)
        with replacing(self.out / "checkpoint.pt") as temporary:  # last: what it says was done is done
            torch.save(self.state(), temporary)

    def averaged_model(self) -> SpectusForConditionalGeneration:
        model = SpectusForConditionalGeneration(self.settings.model).to(self.device)
        model.load_state_dict(self.average)
        return model.eval()

    def state(self) -> dict[str, Any]:
        return {
            "identity": self.identity, "step": self.step, "wall_s": self.wall_s, "log": self.log,
            "model": self.model.state_dict(), "average": self.average, "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }  # fmt: skip

    def resume(self) -> None:
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["identity"] != self.identity:
            raise InputError(path, "is of another training (other settings or data)", "choose another folder for --out")
        self.step, self.wall_s, self.log = state["step"], state["wall_s"], state["log"]
        self.model.load_state_dict(state["model"])
        self.average = {name: value.to(self.device) for name, value in state["average"].items()}
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])


def learning_rate(step: int, plan: Schedule) -> float:
    """Linear warm-up, then a cosine from the full rate to a tenth of it at the last step."""
    if step < plan.warmup_steps:
        return plan.learning_rate * (step + 1) / plan.warmup_steps
    done = (step - plan.warmup_steps) / max(1, plan.steps - plan.warmup_steps)
    return plan.learning_rate * (0.55 + 0.45 * math.cos(math.pi * min(1.0, done)))


def _identity(library: Path, settings_file: Path) -> str:
    digest = hashlib.sha256(settings_file.read_bytes())
    digest.update(library.read_bytes())
    return digest.hexdigest()
