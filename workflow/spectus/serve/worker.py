"""The threads that decode. They share one model; each takes waiting requests and decodes them together.

Several threads are faster than one only on a CPU. There each batch gets a share of the cores. A batch that is alone
gets as many cores as make it faster.
"""

import logging
import threading
import time
from math import exp, isfinite

import torch
from tqdm import tqdm

from spectus.denovo.memory import batches_side_by_side, usable_cores
from spectus.denovo.translator import Answer, Translator
from spectus.errors import InputError
from spectus.serve.limits import ServerLimits
from spectus.serve.predictions import Prediction, Predictions

_MOST_WORKERS = 4
"""Threads on a CPU. Chosen: each holds a batch in memory."""
_LOG = logging.getLogger(__name__)


def make_workers(translator: Translator, predictions: Predictions, limits: ServerLimits) -> list["Worker"]:
    """Create the workers without starting them.

    Parameters
    ----------
    translator : Translator
        The loaded model.
    predictions : Predictions
        The queue.
    limits : ServerLimits
        Settings of the server; `workers` is their number, 0 leaves it to the device.
    """
    cpu = translator.model.device.type == "cpu"
    number = limits.workers or (min(_MOST_WORKERS, usable_cores()) if cpu else 1)
    return [Worker(translator, predictions, limits, max(1, usable_cores() // number)) for _ in range(number)]


class Worker(threading.Thread):
    """A thread that decodes requests until the queue is closed. An error in a request does not end it.

    Parameters
    ----------
    translator : Translator
        The loaded model.
    predictions : Predictions
        The queue.
    limits : ServerLimits
        Settings of the server.
    cores : int
        Cores that this worker uses while others are busy.
    """

    def __init__(self, translator: Translator, predictions: Predictions, limits: ServerLimits, cores: int) -> None:
        super().__init__(name="spectus-worker", daemon=True)
        self._translator, self._predictions, self._limits, self._cores = translator, predictions, limits, cores
        self._most_cores = usable_cores() // batches_side_by_side(translator.model.config, translator.model.device)
        # The answers of one call come together, so a call for more than one batch would delay those of the first.
        self._most = limits.batch_size or translator.batch_size(limits.beams)

    def run(self) -> None:
        """Decode batches until the queue is closed."""
        while batch := self._predictions.take(self._most):
            start = time.monotonic()
            counts = self._predictions.counts()
            alone = counts["waiting"] + counts["running"] == len(batch)
            torch.set_num_threads(self._most_cores if alone else self._cores)  # applies to this thread only
            self._decode(batch)
            self._predictions.seconds_each = (time.monotonic() - start) / len(batch)

    def _decode(self, batch: list[Prediction]) -> None:
        """Answer every request of a batch.

        If the batch fails as a whole, its requests are decoded one by one, so that a bad spectrum fails only its own
        request.
        """
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
                _LOG.warning("a batch of %d failed (%s); its requests are decoded one by one", len(batch), error)
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
            self._predictions.fail(prediction, "the model gave a probability that is not a number")
        else:
            self._predictions.complete(prediction, confidences(answer, prediction.candidates), answer.note)


def confidences(answer: Answer, candidates: int) -> dict[str, float]:
    """Return the probability of each of the most probable structures, highest first.

    Parameters
    ----------
    answer : Answer
        Structures with natural logarithms of their probabilities.
    candidates : int
        Number of structures to return.

    Returns
    -------
    dict of str to float
        SMILES and probability, 0-1. Rounding may bring the sum above 1.
    """
    return {smiles: min(1.0, exp(log_prob)) for smiles, log_prob in answer.structures[:candidates]}
