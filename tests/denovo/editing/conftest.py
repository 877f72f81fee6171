"""Small tables of edits, and a model of masses that trusts the highest peak."""

import numpy as np
import pytest

from spectus.denovo.editing.learning import LearningSizes, learn_statistics
from spectus.denovo.editing.mass_distribution import BELOW, N_FEATURES, MassModel
from spectus.denovo.editing.statistics import EditStatistics

LISTED = (
    "CCO", "CCCO", "CCCCO", "CCN", "CCCN", "CCCCN", "CC(C)O", "CC(C)CO", "CCOC", "CCOCC", "CCC=O", "CCCC=O", "CC(C)=O",
    "Cc1ccccc1", "CCc1ccccc1", "Oc1ccccc1", "COc1ccccc1", "Nc1ccccc1", "Cc1ccccc1O", "Cc1cccc(O)c1", "Cc1ccc(O)cc1",
    "Clc1ccccc1", "Cc1ccccc1Cl", "Cc1ccc(Cl)cc1", "CC(=O)Oc1ccccc1", "COC(=O)c1ccccc1", "O=C(O)c1ccccc1",
    "C[Si](C)(C)Oc1ccccc1", "Cc1ccc(O[Si](C)(C)C)cc1", "CCCO[Si](C)(C)C", "CON=Cc1ccccc1", "O=Cc1ccccc1",
)  # fmt: skip


@pytest.fixture(scope="session")
def statistics() -> EditStatistics:
    return learn_statistics(LISTED * 4, LearningSizes(cut=len(LISTED) * 4, edited=len(LISTED)))


@pytest.fixture(scope="session")
def masses() -> MassModel:
    """A perceptron of one unit whose output grows with the square root of the intensity at M."""
    first = np.zeros((N_FEATURES, 2), np.float32)
    first[BELOW, 0] = 1.0  # the intensity at M
    first[BELOW + 1, 1] = 1.0  # at M + 1
    no_bias = np.zeros(2, np.float32)
    return MassModel(first, no_bias, np.eye(2, dtype=np.float32), no_bias, np.array([12.0, -6.0], np.float32))
