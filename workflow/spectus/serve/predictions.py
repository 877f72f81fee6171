"""The queue of a server's requests and the store of their answers; both are safe to use from any thread."""

import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import ceil
from typing import Any

from spectus.denovo.constraints import Target
from spectus.serve.limits import ServerLimits


class Status(StrEnum):
    """State of a request."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass
class Prediction:
    """A request and its answer.

    Attributes
    ----------
    id : str
        Random name of the request.
    spectrum : dict or None
        Columns `mz`, `intensity` and `reason` of a row of the SPECTRA schema; None once it is answered.
    candidates : int
        Largest number of structures in the answer.
    width : int
        Beam width.
    target : Target or None
        The formula or mass that the structures must have.
    status : Status
        State of the request.
    result : dict or None
        Probability of each structure, highest first; None until completed.
    reason : str or None
        Why there is no result; None unless failed.
    ended_at : float
        Clock at the answer, s.
    note : str or None
        Peaks that the model could not take.
    """

    id: str
    spectrum: dict[str, Any] | None
    candidates: int
    width: int
    target: Target | None = None
    status: Status = Status.QUEUED
    result: dict[str, float] | None = None
    reason: str | None = None
    ended_at: float = 0.0
    note: str | None = None


class QueueFull(Exception):
    """The queue is full.

    Parameters
    ----------
    retry_after_s : int
        Estimated time until the waiting requests are decoded, s.
    """

    def __init__(self, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"try again in {retry_after_s} s")


class Predictions:
    """The waiting, running and answered requests of a server.

    Parameters
    ----------
    limits : ServerLimits
        Settings of the server.
    clock : callable
        Returns a time that never goes back, s.

    Attributes
    ----------
    seconds_each : float
        Time that the last batch took for each of its spectra, s; the estimate behind `QueueFull`.
    """

    def __init__(self, limits: ServerLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._changed = threading.Condition()
        self._waiting: deque[Prediction] = deque()
        self._unfinished: dict[str, Prediction] = {}
        self._answered: OrderedDict[str, Prediction] = OrderedDict()  # oldest answer first
        self._closed = False
        self.seconds_each = 1.0  # s, until a batch is measured

    def add(self, spectrum: dict[str, Any], candidates: int, target: Target | None = None) -> Prediction:
        """Add a spectrum to the queue.

        Parameters
        ----------
        spectrum : dict
            Columns `mz`, `intensity` and `reason` of a row of the SPECTRA schema.
        candidates : int
            Largest number of structures in the answer.
        target : Target, optional
            The formula or mass that the structures must have.

        Raises
        ------
        QueueFull
            The queue holds `ServerLimits.max_waiting` requests.
        """
        with self._changed:
            if len(self._waiting) >= self._limits.max_waiting:
                raise QueueFull(max(1, ceil(len(self._waiting) * self.seconds_each)))
            width = self._limits.width(candidates)
            prediction = Prediction(secrets.token_urlsafe(16), spectrum, candidates, width, target)
            self._waiting.append(prediction)
            self._unfinished[prediction.id] = prediction
            self._changed.notify()
            return prediction

    def get(self, name: str) -> Prediction | None:
        """Return the request of an id; None if the id is unknown or the answer was deleted."""
        with self._changed:
            self._drop_old()
            return self._unfinished.get(name) or self._answered.get(name)

    def take(self, most: int) -> list[Prediction]:
        """Wait for requests and take those to decode together: the oldest one and others of the same beam width.

        Parameters
        ----------
        most : int
            Largest number of requests to take.

        Returns
        -------
        list of Prediction
            1 to `most` requests in the order of arrival, now running; an empty list once the queue is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return []
            width = self._waiting[0].width
            taken = [prediction for prediction in self._waiting if prediction.width == width][:most]
            names = {prediction.id for prediction in taken}
            self._waiting = deque(prediction for prediction in self._waiting if prediction.id not in names)
            for prediction in taken:
                prediction.status = Status.RUNNING
            return taken

    def complete(self, prediction: Prediction, result: dict[str, float], note: str | None = None) -> None:
        """Answer a request with the probabilities of its structures, and what was left out of its spectrum."""
        prediction.note = note
        self._end(prediction, Status.COMPLETED, result, None)

    def fail(self, prediction: Prediction, reason: str) -> None:
        """Answer a request with the reason why it has no result."""
        self._end(prediction, Status.FAILED, None, reason)

    def kept(self) -> list[dict[str, Any]]:
        """Return all requests and answers as JSON can hold them, for `restore` after a restart; running ones wait."""
        with self._changed:
            self._drop_old()
            kept = []
            for prediction in [*self._answered.values(), *self._unfinished.values()]:
                content = asdict(prediction)
                if prediction.status is Status.RUNNING:
                    content["status"] = Status.QUEUED
                kept.append(content)
            return kept

    def restore(self, content: Sequence[dict[str, Any]]) -> None:
        """Take back what `kept` returned; the age of an answer counts from now on."""
        with self._changed:
            for each in content:
                target = each["target"]
                if target is not None:
                    target = Target(tuple((number, count) for number, count in target.pop("atoms")), **target)
                prediction = Prediction(**each | {"target": target, "status": Status(each["status"])})
                prediction.ended_at = self._clock()
                if prediction.status is Status.QUEUED:
                    self._waiting.append(prediction)
                    self._unfinished[prediction.id] = prediction
                else:
                    self._answered[prediction.id] = prediction
            self._changed.notify_all()

    def close(self) -> None:
        """Close the queue: `take` returns an empty list from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def counts(self) -> dict[str, int]:
        """Return the numbers of waiting, running and answered (kept) requests."""
        with self._changed:
            self._drop_old()
            waiting, unfinished = len(self._waiting), len(self._unfinished)
            return {"waiting": waiting, "running": unfinished - waiting, "kept": len(self._answered)}

    def _end(self, prediction: Prediction, status: Status, result: dict[str, float] | None, reason: str | None) -> None:
        with self._changed:
            prediction.spectrum, prediction.ended_at = None, self._clock()
            prediction.result, prediction.reason, prediction.status = result, reason, status
            del self._unfinished[prediction.id]
            self._answered[prediction.id] = prediction
            self._drop_old()

    def _drop_old(self) -> None:
        oldest = self._clock() - self._limits.keep_s
        while self._answered and (
            len(self._answered) > self._limits.max_kept or next(iter(self._answered.values())).ended_at < oldest
        ):
            self._answered.popitem(last=False)
