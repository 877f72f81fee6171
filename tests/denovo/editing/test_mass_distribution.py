from pathlib import Path

import numpy as np
import pytest

from spectus.denovo.editing.mass_distribution import (
    ABOVE,
    BELOW,
    N_FEATURES,
    MassModel,
    Votes,
    combined,
    load_mass_model,
    mass_features,
    possible_masses,
)
from spectus.denovo.editing.mass_training import MassTraining, train_mass_model
from spectus.errors import InputError


def spectrum(**peaks: float) -> np.ndarray:
    found = np.zeros(400, np.float32)
    for name, height in peaks.items():
        found[int(name[1:])] = height
    return found


def test_features_follow_the_mass() -> None:
    """A spectrum moved by 10 u has the same windows around masses moved by 10 u."""
    one, other = spectrum(m150=1.0, m93=0.5, m151=0.1), spectrum(m160=1.0, m103=0.5, m161=0.1)
    width = 2 * (BELOW + ABOVE + 1)
    first, second = mass_features(one, np.array([150, 165])), mass_features(other, np.array([160, 175]))
    assert first.shape == (2, N_FEATURES)
    assert np.array_equal(first[:, :width], second[:, :width])
    assert first[0, BELOW] == 1.0
    assert first[1, BELOW - 15] == 1.0


def test_masses_reach_around_the_highest_peak() -> None:
    masses = possible_masses(spectrum(m200=1.0, m300=0.001))
    assert masses.min() < 200 < masses.max()
    assert 300 in masses
    assert len(possible_masses(np.zeros(50, np.float32)))


def test_probabilities_add_up(masses: MassModel) -> None:
    found, log_probabilities = masses.log_probabilities(spectrum(m150=1.0, m93=0.5))
    assert np.exp(log_probabilities).sum() == pytest.approx(1.0)
    assert found[log_probabilities.argmax()] == 150


def test_seeds_vote_for_masses(masses: MassModel) -> None:
    own = masses.log_probabilities(spectrum(m150=1.0, m135=0.99))
    alone = combined(own, [Votes([], [], 1.0)], 0.02)
    voted = combined(own, [Votes([135, 135, 150, 900], [0.0, 0.0, -3.0, 0.0], 1.0)], 0.02)
    unheard = combined(own, [Votes([135], [0.0], 0.0)], 0.02)
    assert next(iter(alone)) == 150
    assert next(iter(voted)) == 135
    assert unheard == pytest.approx(alone)
    assert np.exp(list(voted.values())).sum() == pytest.approx(1.0)
    assert list(voted.values()) == sorted(voted.values(), reverse=True)


def test_training_learns_the_rule_of_its_spectra() -> None:
    """Molecules 15 u above the highest peak, as of TMS derivatives."""
    random = np.random.default_rng(0)
    tops = random.integers(60, 300, 120)
    spectra = np.stack([spectrum(**{f"m{top}": 1.0, f"m{top - 30}": 0.3}) for top in tops])
    model = train_mass_model(spectra, tops + 15, np.ones(120), MassTraining(hidden=8, epochs=4))
    found, log_probabilities = model.log_probabilities(spectrum(m222=1.0, m192=0.3))
    assert found[log_probabilities.argmax()] == 237


def test_weights_are_read_as_they_were_written(masses: MassModel, tmp_path: Path) -> None:
    masses.write(tmp_path / "mass.npz")
    read = MassModel.read(tmp_path / "mass.npz")
    assert np.allclose(read.first, masses.first)
    assert np.allclose(read.last, masses.last)


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "mass.npz").write_bytes(b"rubbish")
    with pytest.raises(InputError, match=r"mass\.npz"):
        MassModel.read(tmp_path / "mass.npz")


def test_the_model_that_ships_finds_a_molecular_ion_and_a_lost_methyl() -> None:
    """Naphthalene, and a spectrum with silyl ions that ends at M - 15."""
    naphthalene = spectrum(m128=1.0, m129=0.11, m127=0.12, m102=0.07, m64=0.06, m63=0.05, m51=0.1, m77=0.05)
    masses, log_probabilities = load_mass_model().log_probabilities(naphthalene)
    assert masses[log_probabilities.argmax()] == 128
    silyl = spectrum(
        m73=1.0, m147=0.3, m75=0.3, m117=0.4, m205=0.3, m218=0.1, m219=0.02, m233=0.4, m234=0.08, m235=0.03
    )
    masses, log_probabilities = load_mass_model().log_probabilities(silyl)
    best = masses[np.argsort(-log_probabilities)][:4]
    assert 248 in best
