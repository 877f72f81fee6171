from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from spectus.denovo.editing.scoring import CANNOT, CosineScorer, cosines


class Counting:
    """A prediction model that counts what it predicts: one peak at the length of the SMILES."""

    def __init__(self) -> None:
        self.asked = list[str]()

    def predict(self, smiles: Sequence[str]) -> tuple[NDArray[np.float32], list[str | None]]:
        self.asked += smiles
        spectra = np.zeros((len(smiles), 20), np.float32)
        for row, text in enumerate(smiles):
            spectra[row, len(text)] = text != "?"
        return spectra, ["unknown" if text == "?" else None for text in smiles]


def test_cosines_pad_the_shorter_spectrum() -> None:
    measured, predicted = np.zeros(30, np.float32), np.zeros((2, 20), np.float32)
    measured[5], predicted[0, 5], predicted[1, 6] = 1.0, 1.0, 1.0
    assert cosines(measured, predicted) == pytest.approx([1.0, 0.0])
    assert cosines(np.zeros(5, np.float32), predicted).tolist() == [0.0, 0.0]


def test_a_query_predicts_each_structure_once() -> None:
    measured = np.zeros(20, np.float32)
    measured[3] = 1.0
    model = Counting()
    query = CosineScorer(model, weight=10.0).query(measured)  # type: ignore[arg-type]
    assert query.scores(["CCC", "CC", "CCC"]) == pytest.approx([10.0, 0.0, 10.0])
    assert query.scores(["?", "CCC"]).tolist() == [CANNOT, pytest.approx(10.0)]
    assert model.asked == ["CCC", "CC", "?"]
