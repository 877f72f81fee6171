import threading

import pytest

from spectus.errors import InputError
from spectus.serve.limits import ServerLimits
from spectus.serve.predictions import Predictions, QueueFull, Status

ROW = {"mz": [78.0], "intensity": [1.0], "reason": None}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_batch_has_one_width_and_the_oldest_comes_first() -> None:
    predictions = Predictions(ServerLimits(beams=4, max_candidates=20))
    wide, *narrow = [predictions.add(ROW, candidates) for candidates in (5, 1, 4, 2)]
    late = predictions.add(ROW, 8)
    assert predictions.take(8) == [wide, late]
    assert predictions.take(2) == narrow[:2]
    assert predictions.take(2) == narrow[2:]
    assert predictions.counts() == {"waiting": 0, "running": 5, "kept": 0}
    assert {prediction.status for prediction in (wide, late, *narrow)} == {Status.RUNNING}


def test_the_width_follows_from_the_request_alone() -> None:
    limits = ServerLimits(beams=10, max_candidates=50)
    assert [limits.width(n) for n in (1, 8, 10, 11, 20, 21, 41, 50)] == [10, 10, 10, 20, 20, 40, 50, 50]


def test_only_so_many_may_wait() -> None:
    predictions = Predictions(ServerLimits(max_waiting=2))
    predictions.seconds_each = 1.6
    for _ in range(2):
        predictions.add(ROW, 1)
    with pytest.raises(QueueFull) as full:
        predictions.add(ROW, 1)
    assert full.value.retry_after_s == 4
    predictions.take(1)
    predictions.add(ROW, 1)


def test_answers_are_dropped_by_age_and_number_but_requests_never() -> None:
    clock = Clock()
    predictions = Predictions(ServerLimits(keep_s=60, max_kept=2), clock)
    waiting = predictions.add(ROW, 50)
    running = [predictions.add(ROW, 1) for _ in range(3)]
    for name in (waiting.id, *(prediction.id for prediction in running)):
        assert predictions.get(name)
    predictions.take(1)
    taken = predictions.take(3)
    assert taken == running
    predictions.complete(running[0], {"C": 0.5})
    predictions.fail(running[1], "no molecule")
    clock.now = 30.0
    predictions.complete(running[2], {})
    assert predictions.get(running[0].id) is None
    assert predictions.get(running[1].id) is running[1]
    assert running[1].reason == "no molecule"
    clock.now = 61.0
    assert predictions.get(running[1].id) is None
    assert predictions.get(running[2].id) is running[2]
    assert predictions.get(waiting.id) is waiting
    assert predictions.counts() == {"waiting": 0, "running": 1, "kept": 1}


def test_closing_ends_the_wait() -> None:
    predictions = Predictions(ServerLimits())
    taken: list[object] = []
    thread = threading.Thread(target=lambda: taken.append(predictions.take(4)))
    thread.start()
    predictions.close()
    thread.join(5)
    assert taken == [[]]


@pytest.mark.parametrize("wrong", [{"max_waiting": 0}, {"beams": 51}, {"batch_size": -1}, {"keep_s": float("nan")}])
def test_a_limit_that_makes_no_sense_is_named(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"--{next(iter(wrong)).removesuffix('_s').replace('_', '-')} "):
        ServerLimits(**wrong)  # type: ignore[arg-type]
