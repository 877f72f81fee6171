"""Which neighbors are one compound with late heavy ions, and which are two."""

import numpy as np
import pytest

from spectus.deconvolution.mass_order import join_ordered
from spectus.deconvolution.peaks import Apexes

FWHM = np.full(400, 10.0)


def joined(position: np.ndarray, row: np.ndarray, member: np.ndarray, spread: float = 0.3) -> tuple:
    n = len(position)
    apexes = Apexes(row, position, np.full(n, spread), np.full(n, 1e4), np.full(n, 100.0), np.ones(n))
    centers = np.array([position[member == k].mean() for k in np.unique(member[member >= 0])])
    return join_ordered(apexes, np.full(n, spread), centers, member, FWHM)


def test_ions_in_the_order_of_their_mass_are_one_compound() -> None:
    random = np.random.default_rng(1)
    row = np.sort(random.choice(300, 40, replace=False))
    position = 100 + 4.0 * row / 300 + random.normal(0, 0.3, 40)
    positions, member = joined(position, row, (position > 102).astype(int))
    assert len(positions) == 1
    assert (member == 0).all()
    assert positions[0] == pytest.approx(position.mean())


@pytest.mark.parametrize("heavier", [False, True])
@pytest.mark.parametrize("distance", [1.0, 2.0, 4.0])
def test_two_compounds_stay_two(distance: float, heavier: bool) -> None:
    """Also if the later one has the heavier ions throughout."""
    random = np.random.default_rng(2)
    row = np.concatenate([random.choice(150, 20, replace=False), 150 * heavier + random.choice(150, 20, replace=False)])
    position = np.repeat([100.0, 100.0 + distance], 20) + random.normal(0, 0.2, 40)
    member = np.repeat([0, 1], 20)
    positions, after = joined(position, row, member, spread=0.2)
    assert len(positions) == 2
    assert np.array_equal(after, member)


def test_far_neighbors_and_apexes_of_no_component_stay() -> None:
    row = np.arange(30)
    position = 100 + 1.0 * row
    member = np.where(row < 14, 0, np.where(row > 16, 1, -1))
    positions, after = joined(position, row, member)
    assert len(positions) == 2
    assert np.array_equal(after, member)
