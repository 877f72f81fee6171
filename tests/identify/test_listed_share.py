"""Tests of the estimated share of listed compounds."""

import numpy as np
import pytest

from spectus.identify.listed_share import ASSUMED_SHARE, Answers, estimated_share


def answers(listed: float) -> Answers:
    """Answers of three candidates, two of them listed, that give a list this probability."""
    rest = 1 - listed
    return Answers(np.array([0.75 * listed, 0.25 * listed, 0.4 * rest]), 0.6 * rest, np.array([True, True, False]))


def test_the_assumed_share_changes_nothing() -> None:
    before = answers(0.3)
    after = before.with_share(ASSUMED_SHARE)
    np.testing.assert_allclose(after.probability, before.probability, rtol=1e-12)
    assert after.none == pytest.approx(before.none)


def test_another_share_changes_the_odds_by_the_ratio_of_the_odds_of_the_shares() -> None:
    after = answers(0.3).with_share(0.2)
    assert after.listed / (1 - after.listed) == pytest.approx(0.3 / 0.7 * (0.2 / 0.8) / (0.7 / 0.3))
    assert after.probability.sum() + after.none == pytest.approx(1)
    assert after.probability[0] / after.probability[1] == pytest.approx(3)  # the order within a kind stays


@pytest.mark.parametrize(("share", "listed"), [(0.0, 0.0), (1.0, 1.0)])
def test_shares_of_none_and_all_leave_one_kind(share: float, listed: float) -> None:
    after = answers(0.5).with_share(share)
    assert after.listed == pytest.approx(listed)
    assert Answers(np.zeros(0), 1.0, np.zeros(0, bool)).with_share(share).none == 1.0


def simulated(share: float, number: int, seed: int) -> list[Answers]:
    """Answers of calibrated scores: the log-odds of a list are normal around +2 or -2 with variance 4."""
    random = np.random.default_rng(seed)
    is_listed = random.random(number) < share
    odds = np.exp(random.normal(np.where(is_listed, 2.0, -2.0), 2.0)) * ASSUMED_SHARE / (1 - ASSUMED_SHARE)
    return [answers(float(chance)) for chance in odds / (1 + odds)]


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.95])
def test_the_share_of_many_spectra_is_found(share: float) -> None:
    asked = simulated(share, 1000, 3)
    assert estimated_share(asked, [1.0] * 1000, 0.7) == pytest.approx(share, abs=0.06)


def test_a_few_spectra_change_the_stated_share_little() -> None:
    few = [answers(0.01)] * 2
    assert 0.55 < estimated_share(few, [1.0] * 2, 0.7) < 0.7
    assert estimated_share([], [], 0.4) == 0.4


def test_ghosts_do_not_change_the_share() -> None:
    compounds = simulated(0.8, 200, 5)
    ghosts = [answers(0.001)] * 200
    with_ghosts = estimated_share([*compounds, *ghosts], [1.0] * 200 + [0.0] * 200, 0.7)
    assert with_ghosts == estimated_share(compounds, [1.0] * 200, 0.7)


def test_the_order_of_the_spectra_plays_no_part() -> None:
    asked = simulated(0.4, 101, 7)
    assert estimated_share(asked, [1.0] * 101, 0.7) == estimated_share(asked[::-1], [1.0] * 101, 0.7)
