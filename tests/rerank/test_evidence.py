import numpy as np
import pytest
from rdkit import Chem

from spectus.molecules.suitability import survey
from spectus.rerank.evidence import (
    EXCLUDED,
    exclusion,
    formula_evidence,
    formula_masses,
    isotope_contradiction,
    isotope_penalty,
)


def formula(smiles: str) -> tuple[int, ...]:
    return tuple(survey(Chem.MolFromSmiles(smiles))[2][:12])


def spectrum(**peaks: float) -> np.ndarray:
    found = np.zeros(640, np.float32)
    for name, intensity in peaks.items():
        found[int(name[1:])] = intensity
    return found


@pytest.mark.parametrize(
    ("smiles", "reached", "not_reached"),
    [
        ("CCO", (12, 15, 29, 31, 45, 46), (11, 20, 35, 47, 60)),
        ("ClCCl", (35, 37 - 2, 47, 48, 49, 84), (24, 60)),
        ("C", (12, 13, 14, 15, 16), (17, 11)),
        ("C[Si](C)(C)C", (28, 43, 58, 73, 88), (89, 100)),
    ],
)
def test_masses_of_subformulae(smiles: str, reached: tuple[int, ...], not_reached: tuple[int, ...]) -> None:
    found = formula_masses(formula(smiles), 640).reached
    assert [mass for mass in reached if not found[mass]] == []
    assert [mass for mass in not_reached if found[mass]] == []


def test_every_subformula_of_rassp_is_reached() -> None:
    """The bound on hydrogens leaves out none that the prediction model can give."""
    from spectus.prediction.rassp.subformulae import HEAVY, Limits, lightest_mass, subformulae

    for smiles in ("CCOC(=O)c1ccccc1Cl", "CN(C)CCS", "C[Si](C)(C)OCCBr", "O=P(O)(O)OC"):
        own = formula(smiles)
        heavy = np.array([own[0], *own[2:]], np.int64)
        found = subformulae(heavy, own[1], Limits(below_saturated=0.5, added_unsaturation=4.0))
        masses = lightest_mass(found.skeletons, HEAVY)[found.skeleton] + found.hydrogens
        assert formula_masses(own, 640).reached[masses].all(), smiles


def test_ions_above_the_molecule_exclude_it() -> None:
    found = spectrum(m91=1.0, m120=0.6, m121=0.05)
    assert "above the molecule (m/z 92)" in str(exclusion(found, formula("Cc1ccccc1")))
    assert exclusion(found, formula("CCCc1ccccc1")) is None


def test_a_missing_bromine_isotope_excludes_and_a_chlorine_one_is_told_from_it() -> None:
    """Chlorobenzene's molecular ion is 112:114 = 1:0.33; bromobenzene's is 156:158 = 1:0.97."""
    chlorobenzene = spectrum(m77=0.5, m112=1.0, m113=0.07, m114=0.33)
    assert exclusion(chlorobenzene, formula("Clc1ccccc1")) is None
    bromobenzene = spectrum(m77=1.0, m156=0.7, m157=0.05, m158=0.68)
    assert exclusion(bromobenzene, formula("Brc1ccccc1")) is None
    alone = spectrum(m77=1.0, m156=0.7, m157=0.05)
    assert "requires 97%" in str(exclusion(alone, formula("Brc1ccccc1"))).replace("98%", "97%")


def test_evidence_of_formulae_comes_in_their_order() -> None:
    found = spectrum(m31=1.0, m45=0.5, m46=0.25)
    ethanol, bromide = formula("CCO"), formula("CCBr")
    first = formula_evidence(found, [ethanol, bromide, ethanol])
    assert first.explained[0] == first.explained[2] == pytest.approx(1)
    assert first.explained[1] < 0.1
    assert first.at_mass.tolist() == [0.25, 0.0, 0.25]


def test_a_strong_molecular_ion_tells_chlorine_and_sulfur_from_two_chlorines() -> None:
    """342 : 344 is 1 : .39 for C17H15ClN4S, and would be 1 : .66 for C16H16Cl2O4."""
    measured = np.zeros(640, np.float32)
    measured[[342, 343, 344, 345]] = (1.0, 0.22, 0.39, 0.07)
    one, two = (17, 15, 4, 0, 1, 0, 0, 1, 0, 0, 0, 0), (16, 16, 0, 4, 0, 0, 0, 2, 0, 0, 0, 0)
    assert exclusion(measured, one) is None
    assert "m/z 344 is 39% of m/z 342" in str(exclusion(measured, two))
    nothing = (0,) * 12
    assert isotope_penalty(measured, [two, one, nothing, two]).tolist() == [EXCLUDED, 0.0, 0.0, EXCLUDED]
    measured[:] *= 0.1  # beside a base peak elsewhere, the ratio of a weak ion is not certain
    measured[100] = 1.0
    assert isotope_penalty(measured, [two]).tolist() == [0.0]


def test_isotopes_of_fragments_contradict() -> None:
    """Etizolam's 342:344 is 1:0.4; a compound with two bromine atoms would show 1:2."""
    measured = spectrum(m342=1.0, m344=0.4)
    one, two, none = spectrum(m342=1.0, m344=0.37), spectrum(m342=0.5, m344=1.0), spectrum(m342=1.0)
    missing, extra = isotope_contradiction(measured, np.stack([one, two, none]))
    assert missing[0] == pytest.approx(0)
    assert missing[1] > 0.3
    assert extra[2] > 0.5


def test_the_lighter_isotope_of_boron_does_not_stand_for_the_molecule() -> None:
    """Trimethyl borate: m/z 104 is of 11B, and m/z 103 of 10B is a quarter of it."""
    found = formula_masses(formula("COB(OC)OC"), 640)
    assert found.mass == 104
    assert found.pattern[1] < 0.1
    borate = spectrum(m73=1.0, m72=0.25, m103=0.09, m104=0.35, m105=0.01)
    assert exclusion(borate, formula("COB(OC)OC")) is None
