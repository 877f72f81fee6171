import numpy as np
import pytest

from spectus.errors import InputError
from spectus.retention.retention_index import RetentionScale

SCALE = RetentionScale(np.array([100.0, 160.0, 200.0]), np.array([1000.0, 1300.0, 1400.0]), "L1")


def test_linear_between_ri_standards_that_are_not_neighbors() -> None:
    index, outside = SCALE.index(np.array([100.0, 120.0, 160.0, 190.0, 200.0]))
    np.testing.assert_allclose(index, [1000, 1100, 1300, 1375, 1400])
    assert not outside.any()


def test_van_den_dool_and_kratz_formula() -> None:
    n, big_n, tn, t_big_n, t = 10, 13, 100.0, 160.0, 137.0
    expected = 100 * (n + (big_n - n) * (t - tn) / (t_big_n - tn))
    assert SCALE.index(t)[0] == pytest.approx(expected)


def test_an_extrapolated_index_is_flagged_and_ends_one_carbon_number_beyond_the_ladder() -> None:
    scale = RetentionScale(np.array([100.0, 120.0, 140.0]), np.array([1000.0, 1100.0, 1200.0]))
    index, outside = scale.index([[79.0, 80.0, 100.0, 160.0, 161.0]])
    np.testing.assert_allclose(index, [[np.nan, 900, 1000, 1300, np.nan]])
    assert index.shape == outside.shape == (1, 5)
    assert outside.tolist() == [[True, True, False, True, True]]


def test_an_isothermal_ladder_is_extrapolated_less_far() -> None:
    """Times 60 + 60 * 1.6^(n - 10) s: the line through C10 and C11 puts octane at 898 instead of 800."""
    carbons = np.arange(10, 15)
    scale = RetentionScale(60 + 60 * 1.6 ** (carbons - 10.0), 100.0 * carbons)
    index, outside = scale.index(60 + 60 * 1.6 ** np.array([-2.0, -1.0, -0.3, 0.5]))
    assert np.isnan(index[:2]).all()
    assert index[2] == pytest.approx(970, abs=10)
    assert outside.tolist() == [True, True, True, False]


def test_two_ri_standards_can_be_extrapolated() -> None:
    scale = RetentionScale(np.array([100.0, 120.0]), np.array([1000.0, 1100.0]))
    assert scale.index(130.0)[0] == pytest.approx(1150)


@pytest.mark.parametrize(
    ("times", "indices", "words"),
    [
        ([], [], "0 RI standards"),
        ([100.0], [1000.0], "1 RI standards"),
        ([100.0, 90.0], [1000.0, 1100.0], "order"),
        ([100.0, 100.0], [1000.0, 1100.0], "order"),
        ([100.0, 120.0], [1100.0, 1000.0], "order"),
    ],
)
def test_a_ladder_that_is_none(times: list[float], indices: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        RetentionScale(np.array(times), np.array(indices), "L2")
    assert caught.value.source == "L2"
