from pathlib import Path

import numpy as np
import pytest
import torch

from spectus.forward.features import describe
from spectus.forward.model import ForwardModel
from spectus.training.synthesis import Synthesiser, like

FORWARD = Path(__file__).parents[2] / "resources" / "models" / "forward-open"
SMILES = ["CCCCCCO", "c1ccccc1C", "[Na+].[Cl-]", "CCCCCCCCCC", "CC[Sn](C)C", "FC(F)(F)C(Cl)Br"]


@pytest.fixture(scope="module")
def synthesiser() -> Synthesiser:
    return Synthesiser(FORWARD, SMILES, 190, torch.device("cpu"))


def test_molecules_out_of_reach_are_left_out(synthesiser: Synthesiser) -> None:
    """A salt, an unknown element, and one whose molecular ion lies beyond m/z 190."""
    assert synthesiser.smiles == ["CCCCCCO", "c1ccccc1C", "CCCCCCCCCC"]
    assert synthesiser.mass.tolist() == [102, 92, 142]


def test_spectra_are_those_of_the_forward_model(synthesiser: Synthesiser) -> None:
    made = synthesiser.spectra(np.array([2, 0]), uncertain=False)
    expected = ForwardModel.load(FORWARD).predict(describe(["CCCCCCCCCC", "CCCCCCO"]))
    np.testing.assert_allclose(made.numpy(), expected, atol=2e-3)
    assert made.argmax(dim=1).tolist() in ([57, 56], [43, 56], [57, 43])


def test_uncertain_spectra_differ_from_draw_to_draw(synthesiser: Synthesiser) -> None:
    rows = np.array([0, 1])
    first, second = (synthesiser.spectra(rows, uncertain=True) for _ in range(2))
    assert not torch.allclose(first, second, atol=0.01)
    assert torch.equal(synthesiser.spectra(rows, uncertain=False), synthesiser.spectra(rows, uncertain=False))


def test_molecules_are_drawn_with_the_masses_of_the_measured() -> None:
    masses = np.concatenate([np.full(900, 300), np.full(100, 110)]).astype(np.int32)
    measured = np.full(50, 115, np.int32)
    assert like(masses, measured, 0.0) == pytest.approx(np.full(1000, 0.001))
    drawn = like(masses, measured, 1.0)
    assert drawn.sum() == pytest.approx(1)
    assert drawn[900:].sum() == pytest.approx(1)
    assert 0.1 < like(masses, np.array([115, 300], np.int32), 0.5)[900:].sum() < 0.5
