import pytest
import torch

from spectus.denovo.training.augmentation import BACKGROUND_MZ, augment
from spectus.denovo.training.settings import Augmentation


@pytest.fixture(autouse=True)
def chance() -> None:
    torch.manual_seed(0)


def spectra(n: int = 200) -> torch.Tensor:
    """Ions from m/z 29 to 180, every third one, falling; the base peak is m/z 119."""
    rows = torch.zeros(n, 501)
    rows[:, 29:181:3] = torch.linspace(0.6, 0.005, 51)
    rows[:, 119] = 1.0
    return rows


def test_no_augmentation_changes_nothing() -> None:
    assert augment(spectra(), Augmentation()).allclose(spectra())


def test_the_base_peak_stays_one_whatever_happens() -> None:
    how = Augmentation(0.5, 0.5, 1.0, 0.3, 10, 0.5, 1.0, 0.5, 1.0, 300, 1.0)
    changed = augment(spectra(), how)
    assert changed.amax(dim=1).allclose(torch.ones(200))
    assert (changed >= 0).all()


def test_weak_peaks_are_lost_more_often_than_strong_ones() -> None:
    kept = augment(spectra(2000), Augmentation(drop_share=0.5)) > 0
    assert kept[:, 119].float().mean() > 0.99
    assert kept[:, 179].float().mean() == pytest.approx(0.5, abs=0.05)


def test_a_floor_takes_all_below_it() -> None:
    changed = augment(spectra(), Augmentation(noise_floor=0.1))
    counts = (changed > 0).sum(dim=1)
    assert counts.min() < 44 < counts.max() == 51


def test_a_scan_begins_late_for_some() -> None:
    changed = augment(spectra(2000), Augmentation(low_mass_cut=0.3))
    late = changed[:, 29] == 0
    assert late.float().mean() == pytest.approx(0.3, abs=0.04)
    assert (changed[:, 62] > 0).all()


def test_a_tilt_favours_one_end() -> None:
    changed = augment(spectra(), Augmentation(tilt=0.5)).log() - spectra().log()
    low, high = changed[:, 29] - changed[:, 119], changed[:, 179] - changed[:, 119]
    assert (low * high <= 1e-6).all()
    assert low.abs().mean() > 0.1


def test_a_neighbour_leaves_some_of_its_ions() -> None:
    rows = torch.zeros(2, 501)
    rows[0, 57], rows[0, 71] = 1.0, 0.5
    rows[1, 91], rows[1, 65] = 1.0, 0.2
    changed = torch.stack([augment(rows, Augmentation(residue=1.0, residue_height=0.2)) for _ in range(200)])
    foreign = changed[:, 0, 91]
    assert 0 < (foreign > 0).float().mean() < 1
    assert foreign.max() <= 0.2
    assert (changed[:, 0, 57] == 1).all()


def test_background_ions_are_common_ones_below_the_heaviest_peak() -> None:
    changed = augment(spectra(2000), Augmentation(background_peaks=2.0, background_height=0.02))
    foreign = (changed > 0) & (spectra(2000) == 0)
    assert foreign.sum(dim=1).float().mean() > 0.7
    assert not foreign[:, 181:].any()
    known = [mass for mass in BACKGROUND_MZ if mass < 180 and mass not in range(29, 181, 3)]
    assert foreign[:, known].float().mean() > 5 * foreign[:, 30:31].float().mean()


def test_a_clipped_spectrum_has_several_highest_ions() -> None:
    changed = augment(spectra(), Augmentation(saturation=1.0))
    assert ((changed == 1).sum(dim=1) > 1).float().mean() > 0.3


def test_a_spectrum_that_would_lose_all_stays() -> None:
    rows = torch.zeros(50, 501)
    rows[:, 30] = 1.0
    changed = augment(rows, Augmentation(low_mass_cut=1.0))
    assert (changed[:, 30] == 1).all()
