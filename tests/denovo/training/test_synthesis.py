import numpy as np
import pytest
import torch

from spectus.denovo.training.synthesis import Synthesizer, chances_by_mass
from spectus.files import resource
from spectus.prediction.registry import load_prediction_model

NEIMS, RASSP = resource("models/neims-open"), resource("models/rassp-open")
SMILES = ["CCCCCCO", "c1ccccc1C", "[Na+].[Cl-]", "CCCCCCCCCC", "CC[Sn](C)C", "FC(F)(F)C(Cl)Br"]


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return Synthesizer([NEIMS], SMILES, 190, torch.device("cpu"))


def test_molecules_out_of_reach_are_left_out(synthesizer: Synthesizer) -> None:
    """A salt, an unknown element, and one whose molecular ion lies beyond m/z 190."""
    assert synthesizer.smiles == ["CCCCCCO", "c1ccccc1C", "CCCCCCCCCC"]
    assert synthesizer.mass.tolist() == [102, 92, 142]


def test_spectra_are_those_of_the_prediction_model(synthesizer: Synthesizer) -> None:
    made, tokens = synthesizer.spectra(np.array([2, 0]), False, np.random.default_rng(0))
    expected = load_prediction_model("neims").predict(["CCCCCCCCCC", "CCCCCCO"])[0][:, :191]
    np.testing.assert_allclose(made.numpy(), expected, atol=2e-3)
    assert tokens.tolist() == [4, 4]


def test_uncertain_spectra_differ_from_draw_to_draw(synthesizer: Synthesizer) -> None:
    rows, random = np.array([0, 1]), np.random.default_rng(0)
    first, second = (synthesizer.spectra(rows, True, random)[0] for _ in range(2))
    assert not torch.allclose(first, second, atol=0.01)
    first, second = (synthesizer.spectra(rows, False, random)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_two_models_share_the_molecules() -> None:
    both = Synthesizer([NEIMS, RASSP], ["CCCCCCO", "c1ccccc1C"], 190, torch.device("cpu"))
    made, tokens = both.spectra(np.array([0] * 40), False, np.random.default_rng(0))
    assert set(tokens.tolist()) == {4, 6}
    assert 8 < (tokens == 6).sum() < 32
    apart = made[tokens == 4][0], made[tokens == 6][0]
    assert not torch.allclose(*apart, atol=0.01)
    assert all(float(spectrum.max()) == pytest.approx(1) for spectrum in apart)
    expected, _ = load_prediction_model("rassp").predict(["CCCCCCO"])
    np.testing.assert_allclose(apart[1].numpy(), expected[0, :191], atol=1e-4)


def test_what_one_model_refuses_another_predicts_and_the_rest_is_the_molecular_ion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = Synthesizer([NEIMS, RASSP], ["CCCCCCO"], 190, torch.device("cpu"))
    monkeypatch.setattr(both.sources[1], "spectra", lambda rows, uncertain: torch.zeros(len(rows), 640))
    made, tokens = both.spectra(np.array([0] * 10), False, np.random.default_rng(0))
    assert set(tokens.tolist()) == {4}
    assert (made.amax(dim=1) == 1).all()
    monkeypatch.setattr(both.sources[0], "spectra", lambda rows, uncertain: torch.zeros(len(rows), 640))
    made, _ = both.spectra(np.array([0]), False, np.random.default_rng(0))
    assert made[0].nonzero().flatten().tolist() == [102]


def test_molecules_are_drawn_with_the_masses_of_the_measured() -> None:
    masses = np.concatenate([np.full(900, 300), np.full(100, 110)]).astype(np.int32)
    measured = np.full(50, 115, np.int32)
    assert chances_by_mass(masses, measured, 0.0) == pytest.approx(np.full(1000, 0.001))
    drawn = chances_by_mass(masses, measured, 1.0)
    assert drawn.sum() == pytest.approx(1)
    assert drawn[900:].sum() == pytest.approx(1)
    assert 0.1 < chances_by_mass(masses, np.array([115, 300], np.int32), 0.5)[900:].sum() < 0.5
