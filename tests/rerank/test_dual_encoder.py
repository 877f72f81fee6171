import numpy as np
import torch

from spectus.prediction.neims.network import bags
from spectus.prediction.substructures import count_substructures, frequent_substructures
from spectus.rerank.dual_encoder import (
    DualEncoder,
    DualEncoderConfig,
    embed_molecules,
    embed_spectra,
    logits,
    pair_logits,
    views,
)
from spectus.rerank.settings import InstrumentVariation
from spectus.rerank.tasks import vary_spectra

CONFIG = DualEncoderConfig(bins=100, width=16, embedding=8, channels=4, window=11)


def made() -> tuple[DualEncoder, np.ndarray]:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    network = DualEncoder(CONFIG, torch.arange(6)).eval()
    torch.nn.init.normal_(network.prior.weight)
    torch.nn.init.normal_(network.mass_prior)
    spectra = random.random((5, 100)).astype(np.float32) ** 4
    return network, spectra / spectra.max(1, keepdims=True)


def test_pairs_have_the_logits_of_the_whole_matrix() -> None:
    network, spectra = made()
    molecules = count_substructures(["CCO", "CCCCCCCCCCO", "c1ccccc1"])
    known = frequent_substructures(molecules, [0, 1, 2], 2)[:6]
    counts = molecules.matrix(known)
    with torch.no_grad():
        whole = logits(
            network.spectrum(torch.from_numpy(views(spectra))),
            network.molecule(*bags(counts, np.arange(3))),
            torch.from_numpy(molecules.mass.astype(np.int64)),
        ).numpy()
    query, candidate = np.array([0, 0, 2, 4]), np.array([2, 1, 0, 1])
    found = pair_logits(
        embed_spectra(network, spectra), embed_molecules(network, counts), molecules.mass, query, candidate
    )
    np.testing.assert_allclose(found, whole[query, candidate], rtol=1e-4, atol=1e-5)


def test_neutral_losses_stand_still_as_the_spectrum_moves() -> None:
    spectra = np.zeros((2, 100), np.float32)
    spectra[0, [50, 65]], spectra[1, [70, 85]] = (1.0, 0.5), (1.0, 0.5)
    losses = views(spectra)[:, 200:]
    np.testing.assert_array_equal(losses[0], losses[1])
    assert losses.argmax(1).tolist() == [23, 23]  # 15 below the highest ion, which stands at 8


def test_an_empty_spectrum_and_a_molecule_without_known_features_have_finite_logits() -> None:
    network, _ = made()
    counts = count_substructures(["[SiH4]"]).matrix(np.arange(6, dtype=np.uint64))
    found = pair_logits(
        embed_spectra(network, np.zeros((1, 100), np.float32)), embed_molecules(network, counts),
        np.array([32], np.int32), np.array([0]), np.array([0]),
    )  # fmt: skip
    assert np.isfinite(found).all()


def test_varied_spectra_keep_a_base_peak_of_one_and_depend_on_the_chance_alone() -> None:
    _, spectra = made()
    first, again = (vary_spectra(spectra, InstrumentVariation(), np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first.max(1), 1.0)
    assert not np.allclose(first, spectra)
    unchanged = vary_spectra(spectra, InstrumentVariation(0, 0, 0, 0, 0, 0, 0), np.random.default_rng(1))
    np.testing.assert_allclose(unchanged, spectra, rtol=1e-6)
