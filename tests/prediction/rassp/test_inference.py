import numpy as np
import pytest
import torch

from spectus.prediction.rassp import inference
from spectus.prediction.rassp.batch import side_by_side
from spectus.prediction.rassp.inference import RasspPredictor
from spectus.prediction.rassp.model import RasspModel, joined
from spectus.prediction.rassp.network import Rassp, RasspConfig
from spectus.prediction.rassp.preparation import Prepared, prepare_all
from spectus.prediction.rassp.subformulae import Limits
from spectus.prediction.registry import load_prediction_model
from tests.prediction.rassp.reference import SMILES

LIMITS = Limits(160, 4096, 1.0, 4.0)
ISOMERS = ["CCCCO", "CCC(C)O", "CCOCC", "COC(C)C", "CC(C)(C)O"]


@pytest.fixture(scope="module")
def network() -> Rassp:
    torch.manual_seed(0)
    return Rassp(RasspConfig(bins=320, width=16, graph_layers=2, blocks=2, heads=2, key=4, formula_width=8)).eval()


@pytest.fixture(scope="module")
def shipped() -> RasspModel:
    model = load_prediction_model("rassp", 1)
    assert isinstance(model, RasspModel)
    return model


def by_forward(network: Rassp, molecules: list[Prepared], energy: float = 70.0) -> np.ndarray:
    """The plain way: the network that is trained, padded molecules side by side."""
    with torch.no_grad():
        found = network(side_by_side(molecules, np.full(len(molecules), energy, np.float32))).numpy()
    return found / found.max(axis=1, keepdims=True)


@pytest.mark.parametrize("energy", [70.0, 20.0])
def test_spectra_are_those_of_the_network(network: Rassp, energy: float) -> None:
    molecules = prepare_all([*SMILES, *ISOMERS], LIMITS)
    found = RasspPredictor(network, energy)(molecules)
    np.testing.assert_allclose(found, by_forward(network, molecules, energy), atol=1e-5)


def test_spectra_of_the_shipped_model_are_those_of_its_network(shipped: RasspModel) -> None:
    """Weights that learned have larger logits than new ones."""
    smiles = [*SMILES, *ISOMERS]
    found, reasons = shipped.predict(smiles)
    assert set(reasons) == {None}
    molecules = prepare_all(smiles, shipped.limits)
    expected = joined([by_forward(network, molecules) for network in shipped.networks])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_spectra_of_300_random_molecules_are_those_of_the_network(shipped: RasspModel, shared) -> None:
    from spectus.molecules.reading import read_molecules

    smiles = [molecule.smiles for molecule in read_molecules(shared / "molecules_gc.smi.xz")][100::660]
    molecules = [molecule for molecule in prepare_all(smiles, shipped.limits) if molecule.reason is None]
    assert len(molecules) > 290
    found = RasspPredictor(shipped.networks[-1], 70.0)(molecules)
    for start in range(0, len(molecules), 4):
        part = slice(start, start + 4)
        np.testing.assert_allclose(found[part], by_forward(shipped.networks[-1], molecules[part]), atol=1e-5)


def test_companions_do_not_matter(network: Rassp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone or with others, in any order, in groups of any size, with anything remembered or nothing."""
    molecules = prepare_all([*SMILES, *ISOMERS], LIMITS)
    together = RasspPredictor(network, 70.0)(molecules)
    np.testing.assert_allclose(together.max(axis=1), 1.0)
    for at, molecule in enumerate(molecules):
        np.testing.assert_allclose(RasspPredictor(network, 70.0)([molecule])[0], together[at], atol=1e-5)
    np.testing.assert_allclose(RasspPredictor(network, 70.0)(molecules[::-1])[::-1], together, atol=1e-5)
    for name in ("_ATOMS_AT_ONCE", "_SKELETONS_AT_ONCE", "_FORMULAE_AT_ONCE", "_REMEMBERED"):
        monkeypatch.setattr(inference, name, 50)
    np.testing.assert_allclose(RasspPredictor(network, 70.0)(molecules), together, atol=1e-5)


def test_memory_for_formulae_is_bounded(network: Rassp, monkeypatch: pytest.MonkeyPatch) -> None:
    molecules = prepare_all(SMILES, LIMITS)
    predictor = RasspPredictor(network, 70.0)
    predictor(molecules)
    whole = predictor.remembered
    assert whole == sum(predictor.terms(molecule.formula).size for molecule in molecules)
    monkeypatch.setattr(inference, "_REMEMBERED", whole // 2)
    bounded = RasspPredictor(network, 70.0)
    bounded(molecules)
    assert 0 < bounded.remembered <= whole // 2


def test_large_logits_of_the_attention_do_not_overflow(network: Rassp) -> None:
    """The exponential of 200 is no float; a softmax of such logits is one atom."""
    molecules = prepare_all(SMILES, LIMITS)
    torch.manual_seed(1)
    steep = Rassp(network.config).eval()
    with torch.no_grad():
        for block in steep.blocks:
            block.query.weight *= 300
    found = RasspPredictor(steep, 70.0)(molecules)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, by_forward(steep, molecules), atol=1e-3)


def test_a_refused_molecule_has_a_row_of_zeros(network: Rassp) -> None:
    found = RasspPredictor(network, 70.0)(prepare_all(["CCO", "C[Hg]C", None], LIMITS))
    assert found[0].max() == 1.0
    assert not found[1:].any()
    assert RasspPredictor(network, 70.0)([]).shape == (0, 320)


def test_what_is_beyond_the_last_bin_is_dropped() -> None:
    torch.manual_seed(0)
    small = Rassp(RasspConfig(100, 16, 2, 2, 2, 4, 8)).eval()
    molecules = prepare_all(["BrC(Br)Br", "CCCCCCCCCCCCC"], LIMITS)
    np.testing.assert_allclose(RasspPredictor(small, 70.0)(molecules), by_forward(small, molecules), atol=1e-5)
