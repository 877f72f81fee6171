"""Exact masses of ions: of elements, with their isotopes and without an electron."""

import numpy as np
import pytest

from spectus.simulation.exact_mass import USUAL_DEFECT, exact_masses, parse_formula


@pytest.mark.parametrize(
    ("formula", "nominal", "exact"),
    [
        ("C20H42", 57, 57.06988),  # C4H9
        ("C20H42", 282, 282.32810),
        ("C20H42", 283, 283.33146),  # one 13C
        ("CHBr3", 250, 249.76229),
        ("CHBr3", 252, 251.76024),  # one 81Br
        ("CHBr3", 171, 170.84395),  # CHBr2
        ("C6H5Cl", 114, 114.00450),  # 37Cl
        ("C3H6O", 43, 43.01784),  # C2H3O
        ("N2", 28, 28.00560),
        ("C5H15O3Si3", 207, 207.03235),
    ],
)
def test_ions_of_known_composition(formula: str, nominal: int, exact: float) -> None:
    assert exact_masses(formula, np.array([nominal]))[0] == pytest.approx(exact, abs=2e-4)


def test_every_ion_has_its_nominal_mass() -> None:
    masses = np.arange(40, 240)
    exact = exact_masses("C12H20O3SiS", masses)
    assert (np.abs(exact - masses) < 0.35).all()
    assert (np.diff(exact) > 0).all()


@pytest.mark.parametrize("formula", [None, "", "C2H6Hg", "C900H2O400N300"])
def test_unknown_compositions_get_a_usual_defect(formula: str | None) -> None:
    assert exact_masses(formula, np.array([100])).tolist() == [pytest.approx(100 * (1 + USUAL_DEFECT))]


def test_masses_that_no_subformula_has_get_it_too() -> None:
    assert exact_masses("CH4", np.array([16, 90]))[1] == pytest.approx(90 * (1 + USUAL_DEFECT))
    assert len(exact_masses("CH4", np.empty(0, dtype=np.int64))) == 0


def test_formulas_are_counted() -> None:
    assert parse_formula("C2H5ClO") == {"C": 2, "H": 5, "Cl": 1, "O": 1}
    assert parse_formula("CH3CH2OH") == {"C": 2, "H": 6, "O": 1}
