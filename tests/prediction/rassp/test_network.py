import random

import numpy as np
import pytest
import torch
from rdkit import Chem

from spectus.learning.measured_spectra import STANDARD_EV
from spectus.prediction.rassp.batch import groups_of_similar_size, side_by_side
from spectus.prediction.rassp.network import Rassp, RasspConfig, mixture_loss, softmax_of_groups
from spectus.prediction.rassp.preparation import Prepared, prepare, prepare_all
from spectus.prediction.rassp.subformulae import Limits

CONFIG = RasspConfig(bins=320, width=16, graph_layers=2, blocks=2, heads=2, key=4, formula_width=8)
LIMITS = Limits(160, 4096, 1.0, 4.0)
SMILES = ["CCO", "Cc1ccccc1Cl", "C[Si](C)(C)OCC", "CC(=O)OC1CCCC1", "BrC(Br)Br", "C"]


@pytest.fixture(scope="module")
def network() -> Rassp:
    torch.manual_seed(0)
    return Rassp(CONFIG).eval()


@pytest.fixture(scope="module")
def molecules() -> list[Prepared]:
    return prepare_all(SMILES, LIMITS)


def spectra(network: Rassp, molecules: list[Prepared], energy: float = STANDARD_EV) -> torch.Tensor:
    with torch.no_grad():
        return network(side_by_side(molecules, np.full(len(molecules), energy, np.float32)))


def test_abundances_become_isotope_patterns_and_nothing_is_lost(network: Rassp, molecules: list[Prepared]) -> None:
    found = spectra(network, molecules)
    np.testing.assert_allclose(found.sum(dim=1), 1.0, atol=1e-5)
    for at, molecule in enumerate(molecules):
        whole = int(molecule.formula.first_mass[-1]) + molecule.formula.hydrogens
        assert found[at, whole] > 0
        assert found[at, whole + 12 :].sum() == 0


def test_a_molecule_that_loses_nothing_shows_its_isotopes(network: Rassp, molecules: list[Prepared]) -> None:
    batch = side_by_side(molecules, np.full(len(molecules), 70.0, np.float32))
    last = torch.cat([batch.molecule[1:] != batch.molecule[:-1], torch.tensor([True])])
    found = network.spectrum(batch, last.float())[SMILES.index("BrC(Br)Br")]
    np.testing.assert_allclose(found[[250, 252, 254, 256]] / found[252], [0.342, 1.0, 0.973, 0.315], atol=0.004)
    assert found.sum() == pytest.approx(1.0, abs=1e-5)


def test_deuterium_counts(network: Rassp) -> None:
    """Hydrogen of 40 atoms: 1.15e-4 each, beside 19 carbons."""
    molecule = prepare_all(["C" * 19], LIMITS)
    batch = side_by_side(molecule, np.full(1, 70.0, np.float32))
    abundance = torch.zeros(len(batch.molecule))
    abundance[-1] = 1
    found = network.spectrum(batch, abundance)[0]
    assert found[269] / found[268] == pytest.approx(19 * 0.0107 / 0.9893 + 40 * 1.15e-4, abs=3e-4)


def test_what_is_beyond_the_last_bin_is_dropped(molecules: list[Prepared]) -> None:
    torch.manual_seed(0)
    small = Rassp(RasspConfig(100, 16, 2, 2, 2, 4, 8)).eval()
    found = spectra(small, molecules)
    assert found.shape == (len(molecules), 100)
    assert (found.sum(dim=1) <= 1 + 1e-5).all()
    assert found[SMILES.index("BrC(Br)Br")].sum() < 1


@pytest.mark.parametrize("smiles", ["CC(=O)Nc1ccc(O)cc1", "C[Si](C)(C)OC(=O)CC1CC1Br"])
def test_the_order_of_the_atoms_does_not_matter(network: Rassp, smiles: str) -> None:
    molecule = Chem.MolFromSmiles(smiles)
    order = list(range(molecule.GetNumAtoms()))
    random.Random(1).shuffle(order)
    drawn = [prepare(molecule, LIMITS), prepare(Chem.RenumberAtoms(molecule, order), LIMITS)]
    first, second = spectra(network, drawn)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_the_energy_and_the_bonds_matter(network: Rassp, molecules: list[Prepared]) -> None:
    assert not np.allclose(spectra(network, molecules), spectra(network, molecules, 20.0))
    isomers = spectra(network, prepare_all(["CCCO", "CC(C)O", "CCOC"], LIMITS))
    assert len({tuple(row) for row in isomers.round(decimals=6).tolist()}) == 3


def test_groups_have_their_own_softmax() -> None:
    scores = torch.tensor([1.0, 2.0, 500.0, 3.0, 498.0])
    group = torch.tensor([0, 0, 1, 0, 1])
    found = softmax_of_groups(scores, group, 2)
    np.testing.assert_allclose(found[[0, 1, 3]], torch.softmax(scores[[0, 1, 3]], 0), rtol=1e-5)
    np.testing.assert_allclose(found[[2, 4]], torch.softmax(scores[[2, 4]], 0), rtol=1e-5)


def test_the_loss_is_the_published_one_with_power_0() -> None:
    """Half the squared distance of square roots scaled to length 1."""
    random_ = np.random.default_rng(0)
    a, b = (torch.from_numpy(random_.random((3, 40))).float() for _ in range(2))
    roots = [torch.nn.functional.normalize(x.sqrt(), dim=1) for x in (a, b)]
    np.testing.assert_allclose(mixture_loss(a, b, 0.0), (roots[0] - roots[1]).square().sum(1) / 2, atol=1e-5)
    assert mixture_loss(a, a).abs().max() < 1e-5
    assert torch.isfinite(mixture_loss(torch.zeros(1, 40), b)).all()


def test_chunks_hold_every_molecule_once(molecules: list[Prepared]) -> None:
    many = molecules * 40
    groups = groups_of_similar_size(many, np.arange(len(many)))
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(many)))
    assert max(len(group) for group in groups) <= 64
    sizes = [len(many[row].cuts) for group in groups for row in group]
    assert sizes == sorted(sizes)


def test_a_few_steps_lower_the_loss() -> None:
    """Two molecules with one peak each."""
    torch.manual_seed(0)
    network = Rassp(CONFIG)
    batch = side_by_side(prepare_all(["CCCO", "CCCN"], LIMITS), np.full(2, 70.0, np.float32))
    measured = torch.zeros(2, CONFIG.bins)
    measured[0, 31], measured[1, 30] = 1.0, 1.0
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(40):
        loss = mixture_loss(network(batch), measured).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.15 < 0.5 < losses[0]


def test_the_defaults_are_the_published_sizes() -> None:
    config = RasspConfig()
    assert (config.bins, config.width, config.graph_layers, config.blocks, config.key) == (512, 512, 16, 3, 8)
    assert (Limits().atoms, Limits().formulae, Limits().isotopes) == (48, 4096, 12)
