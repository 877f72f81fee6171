import numpy as np
import pytest

from spectus.prediction.rassp.explanation import explaining_subformulae, hill
from spectus.prediction.rassp.model import RasspModel
from spectus.prediction.rassp.subformulae import HEAVY
from spectus.prediction.registry import load_prediction_model


@pytest.fixture(scope="module")
def model() -> RasspModel:
    found = load_prediction_model("rassp")
    assert isinstance(found, RasspModel)
    return found


def test_peaks_of_toluene_are_explained(model: RasspModel) -> None:
    assert explaining_subformulae(model, "Cc1ccccc1", [91, 92, 65, 93, 20]) == [
        "C7H7", "C7H8", "C5H5", "C7H8 +1", None,
    ]  # fmt: skip


def test_isotopes_of_chlorine_are_told(model: RasspModel) -> None:
    assert explaining_subformulae(model, "Clc1ccccc1", [112, 114, 77]) == ["C6H5Cl", "C6H5Cl +2", "C6H5"]


def test_a_molecule_that_cannot_be_predicted_explains_nothing(model: RasspModel) -> None:
    assert explaining_subformulae(model, "[Na+].[Cl-]", [58]) == [None]


def test_hill_order() -> None:
    heavy = np.array([{6: 2, 8: 1, 17: 1}.get(number, 0) for number in HEAVY])
    assert hill(heavy, 5) == "C2H5ClO"
    assert hill(np.array([{17: 1}.get(number, 0) for number in HEAVY]), 1) == "ClH"
