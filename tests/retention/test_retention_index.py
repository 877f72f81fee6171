import numpy as np
import pytest

from spectus.errors import InputError
from spectus.retention.retention_index import RetentionScale

SCALE = RetentionScale(np.array([100.0, 160.0, 200.0]), np.array([1000.0, 1300.0, 1400.0]), "L1")


def test_linear_between_ri_standards_that_are_not_neighbours() -> None:
    index, outside = SCALE.index(np.array([100.0, 120.0, 160.0, 190.0, 200.0]))
    np.testing.assert_allclose(index, [1000, 1100, 1300, 1375, 1400])
    assert not outside.any()


def test_van_den_dool_and_kratz_formula() -> None:
    n, big_n, tn, t_big_n, t = 10, 13, 100.0, 160.0, 137.0
    expected = 100 * (n + (big_n - n) * (t - tn) / (t_big_n - tn))
    assert SCALE.index(t)[0] == pytest.approx(expected)


def test_beyond_the_ladder_the_end_lines_go_on_and_are_flagged() -> None:
    index, outside = SCALE.index([[80.0, 240.0]])
    np.testing.assert_allclose(index, [[900, 1500]])
    assert index.shape == outside.shape == (1, 2)
    assert outside.all()


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
