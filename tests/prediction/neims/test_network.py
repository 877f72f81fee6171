import numpy as np
import torch
from scipy.sparse import csr_array

from spectus.prediction.neims.network import Neims, NeimsConfig, predicted_intensities, weighted_cosine_loss

CONFIG = NeimsConfig(bins=60, width=8, bottleneck=4, blocks=1)


def network() -> Neims:
    torch.manual_seed(0)
    return Neims(CONFIG, torch.arange(3)).eval()


def test_the_backward_head_counts_down_from_the_molecular_mass() -> None:
    """With the gate shut and a head that fires at one place, the peak follows the molecular mass."""
    net = network()
    with torch.no_grad():
        net.heads.weight.zero_()
        bias = net.heads.bias.view(3, CONFIG.bins)
        bias.zero_()
        bias[2] = -50.0
        bias[1, 5 + 15] = 1.0  # the loss of 15
        found = net(torch.zeros(2, 3), torch.tensor([40, 50]), torch.full((2,), 70.0))
    assert found.argmax(1).tolist() == [25, 35]
    assert (found > 0.5).sum(1).tolist() == [1, 1]


def test_nothing_is_predicted_beyond_the_isotopes_of_the_molecule() -> None:
    with torch.no_grad():
        found = network()(torch.rand(1, 3), torch.tensor([30]), torch.full((1,), 70.0))
    assert found[0, 36:].sum() == 0


def test_the_square_root_is_undone() -> None:
    net, counts, mass = network(), csr_array(np.array([[1.0, 0.0, 2.0]], np.float32)), np.array([50], np.int32)
    with torch.no_grad():
        roots = net(torch.log1p(torch.tensor([[1.0, 0.0, 2.0]])), torch.tensor([50]), torch.full((1,), 70.0)).numpy()
    np.testing.assert_allclose(predicted_intensities(net, counts, mass), (roots / roots.max()) ** 2, rtol=1e-5)


def test_the_energy_changes_the_spectrum() -> None:
    counts, mass = csr_array(np.ones((1, 3), np.float32)), np.array([50], np.int32)
    assert not np.allclose(
        predicted_intensities(network(), counts, mass, 70.0), predicted_intensities(network(), counts, mass, 20.0)
    )


def test_the_loss_is_one_minus_the_weighted_cosine() -> None:
    a, b = np.zeros((1, 60), np.float32), np.zeros((1, 60), np.float32)
    a[0, [20, 40]], b[0, [20, 40]] = (1.0, 0.5), (0.25, 1.0)
    weighted = [np.sqrt(x) * np.sqrt(np.arange(60)) for x in (a[0], b[0])]
    wanted = 1 - weighted[0] @ weighted[1] / np.linalg.norm(weighted[0]) / np.linalg.norm(weighted[1])
    found = weighted_cosine_loss(torch.from_numpy(np.sqrt(a)), torch.from_numpy(np.sqrt(b)))
    np.testing.assert_allclose(found.numpy(), [wanted], atol=1e-5)
    assert torch.isfinite(weighted_cosine_loss(torch.zeros(1, 60), torch.from_numpy(b))).all()
