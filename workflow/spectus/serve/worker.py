"""The threads that decode: each takes what waits and decodes it together. They share one model.

Several of them are worth their while on a CPU only: there each batch has a share of the cores, and one that is the
only one has as many as make it faster.
"""

import logging
import threading
import time
from math import exp, isfinite

import torch
from tqdm import tqdm

from spectus.denovo.elucidate import Answer, Translator
from spectus.denovo.memory import batches_side_by_side, usable_cores
from spectus.errors import InputError
from spectus.serve.limits import Limits
from spectus.serve.predictions import Prediction, Predictions

_MOST_WORKERS = 4
_LOG = logging.getLogger(__name__)


def make_workers(translator: Translator, predictions: Predictions, limits: Limits) -> list["Worker"]:
    """As many workers as the settings or the device say, not yet started."""
    cpu = translator.model.device.type == "cpu"
    number = limits.workers or (min(_MOST_WORKERS, usable_cores()) if cpu else 1)
    return [Worker(translator, predictions, limits, max(1, usable_cores() // number)) for _ in range(number)]


class Worker(threading.Thread):
    """Decodes requests until the queue is closed. Nothing that goes wrong with a request ends it."""

    def __init__(self, translator: Translator, predictions: Predictions, limits: Limits, cores: int) -> None:
        super().__init__(name="spectus-worker", daemon=True)
        self._translator, self._predictions, self._limits, self._cores = translator, predictions, limits, cores
        self._most_cores = usable_cores() // batches_side_by_side(translator.model.config, translator.model.device)
        # More than one batch would only wait for answers that are there already: those of one call come together.
        self._most = limits.batch_size or translator.batch_size(limits.beams)

    def run(self) -> None:
        while batch := self._predictions.take(self._most):
            start = time.monotonic()
            counts = self._predictions.counts()
            alone = counts["waiting"] + counts["running"] == len(batch)
            torch.set_num_threads(self._most_cores if alone else self._cores)  # of this thread's own team
            self._decode(batch)
            self._predictions.seconds_each = (time.monotonic() - start) / len(batch)

    def _decode(self, batch: list[Prediction]) -> None:
        """Answer every request of a batch. If the batch fails as a whole, each is tried alone: one bad spectrum fails
        only its own request."""
        try:
            answers = self._translator.translate(
                [prediction.spectrum or {} for prediction in batch],
                batch[0].width,
                self._limits.batch_size,
                [prediction.target for prediction in batch],
                tqdm(disable=True),
            )
        except Exception as error:
            if len(batch) > 1:
                _LOG.warning("a batch of %d failed (%s), each is tried alone", len(batch), error)
                for prediction in batch:
                    self._decode([prediction])
                return
            expected = isinstance(error, InputError)
            _LOG.error("prediction %s failed: %s", batch[0].id, error, exc_info=not expected)
            self._predictions.fail(batch[0], str(error) if expected else f"error in the server: {type(error).__name__}")
            return
        for prediction, answer in zip(batch, answers, strict=True):
            self._answer(prediction, answer)

    def _answer(self, prediction: Prediction, answer: Answer) -> None:
        if answer.reason is not None:
            self._predictions.fail(prediction, answer.reason)
        elif not all(isfinite(log_prob) for _, log_prob in answer.structures):
            self._predictions.fail(prediction, "the model gave a probability that is no number")
        else:
            self._predictions.complete(prediction, confidences(answer, prediction.candidates))


def confidences(answer: Answer, candidates: int) -> dict[str, float]:
    """Probability of each of the likeliest structures, falling, 0 to 1 (rounding may bring the sum above 1)."""
    return {smiles: min(1.0, exp(log_prob)) for smiles, log_prob in answer.structures[:candidates]}
