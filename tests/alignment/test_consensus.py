"""The consensus spectrum: what the best components of a feature have in common."""

from pathlib import Path

import numpy as np
import pytest

from spectus.alignment.campaign_components import read_campaign
from spectus.alignment.consensus import consensus_spectra
from spectus.types import Ints
from tests.deconvolution.made_components import component, run_table, spectrum, write_runs

Ions = dict[int, float]


def consensus(folder: Path, *spectra: Ions, snr: tuple[float, ...] = ()) -> Ions:
    """The consensus of one component in each run."""
    rows = [
        run_table(f"r{number}", [component(300.0, ions, snr=snr[number] if snr else 100.0, purity=1.0)])
        for number, ions in enumerate(spectra)
    ]
    path = write_runs(folder / "c.parquet", *rows)
    campaign = read_campaign([path], [f"r{number}" for number in range(len(spectra))])
    label: Ints = np.zeros(len(spectra), dtype=np.int64)
    mz, intensity = consensus_spectra([path], campaign, label, np.array([int(np.argmax(campaign.quality))]))
    return dict(zip(mz.to_pylist()[0], intensity.to_pylist()[0], strict=True))


def test_one_component_is_its_own_consensus(tmp_path: Path) -> None:
    ions = spectrum(1)
    largest = max(ions.values())
    assert consensus(tmp_path, ions) == pytest.approx({mass: value / largest for mass, value in ions.items()})


def test_an_ion_of_one_run_of_three_is_left_out(tmp_path: Path) -> None:
    ions = {50: 1.0, 70: 0.5, 91: 0.2}
    found = consensus(tmp_path, ions | {207: 0.4}, ions, ions)
    assert found == pytest.approx(ions, abs=0.01)


def test_noise_averages_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    true = np.array(list(spectrum(2, 40).values()))
    masses = list(spectrum(2, 40))
    noisy = [true * np.exp(rng.normal(0, 0.3, len(true))) for _ in range(8)]
    found = consensus(tmp_path, *(dict(zip(masses, row, strict=True)) for row in noisy))
    assert list(found) == sorted(masses)
    mean = np.array([found[mass] for mass in masses])

    def cosine(row: np.ndarray) -> float:
        return float(row @ true / np.linalg.norm(row) / np.linalg.norm(true))

    assert cosine(mean) > max(map(cosine, noisy))


def test_a_much_worse_component_does_not_count(tmp_path: Path) -> None:
    found = consensus(tmp_path, {50: 1.0, 70: 0.5}, {50: 1.0, 70: 0.5, 80: 0.9}, snr=(500.0, 5.0))
    assert found == pytest.approx({50: 1.0, 70: 0.5})
