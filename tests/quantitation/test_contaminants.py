import numpy as np
import pytest

from spectus.quantitation.contaminants import CONTAMINANTS, contaminant_of

SPECTRA = {
    "hexamethylcyclotrisiloxane (D3)": {207: 100, 208: 20, 209: 14, 191: 8, 96: 12, 133: 6, 73: 4},
    "octamethylcyclotetrasiloxane (D4)": {281: 100, 282: 29, 283: 18, 265: 9, 207: 8, 193: 9, 133: 9, 73: 22},
    "decamethylcyclopentasiloxane (D5)": {73: 100, 267: 75, 355: 75, 268: 18, 356: 25, 45: 18, 251: 10},
    "dodecamethylcyclohexasiloxane (D6)": {73: 100, 341: 62, 429: 38, 147: 20, 342: 22, 325: 22, 430: 15},
    "bis(2-ethylhexyl) phthalate": {149: 100, 167: 40, 57: 35, 71: 25, 43: 25, 113: 13, 279: 12, 150: 11},
    "dibutyl or diisobutyl phthalate": {149: 100, 150: 9, 223: 6, 205: 5, 41: 8, 57: 8, 76: 5, 104: 5},
    "diethyl phthalate": {149: 100, 177: 25, 150: 12, 105: 8, 65: 9, 76: 10, 222: 2},
    "butylated hydroxytoluene (BHT)": {205: 100, 220: 25, 206: 16, 57: 20, 177: 8, 145: 11},
    "fatty acid amide": {59: 100, 72: 75, 55: 40, 41: 35, 69: 20, 281: 3},
    "diacetone alcohol": {43: 100, 59: 47, 101: 11, 58: 8, 83: 4},
}
"""Published EI spectra (NIST WebBook, rounded)."""

OTHERS = {
    "cholesterol": {43: 100, 55: 90, 57: 70, 81: 70, 95: 68, 107: 65, 145: 55, 386: 60, 275: 40, 301: 30},
    "naphthalene": {128: 100, 127: 12, 129: 11, 102: 8, 64: 6},
    "alanine, 2 TMS": {116: 100, 73: 80, 147: 25, 117: 12, 190: 10, 59: 5},
    "dodecane": {57: 100, 43: 92, 71: 60, 85: 40, 41: 35, 170: 5},
    "etizolam": {342: 100, 344: 40, 313: 34, 266: 28, 224: 20, 239: 16},
}


def arrays(spectrum: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(sorted(spectrum), dtype=float), np.array([spectrum[mass] for mass in sorted(spectrum)], dtype=float)


@pytest.mark.parametrize("name", SPECTRA)
def test_contaminants_are_named(name: str) -> None:
    found = contaminant_of(*arrays(SPECTRA[name]))
    assert found is not None
    assert found.name == name
    assert found.origin


@pytest.mark.parametrize("name", OTHERS)
def test_other_compounds_are_not(name: str) -> None:
    assert contaminant_of(*arrays(OTHERS[name])) is None


def test_nothing_is_no_contaminant() -> None:
    assert contaminant_of(np.empty(0), np.empty(0)) is None
    assert contaminant_of(np.array([50.0]), np.array([0.0])) is None


def test_every_contaminant_fits_a_spectrum() -> None:
    """A base peak outside its own limits would make an entry that never fits."""
    for entry in CONTAMINANTS:
        spectrum = {mass: max(least, 0.01) for mass, least in entry.least.items()} | {entry.base[0]: 1.0}
        assert entry.fits(spectrum), entry.name
