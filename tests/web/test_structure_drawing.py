import math
import re
from xml.etree import ElementTree

import pytest

from spectus.web.structure_drawing import HEIGHT, WIDTH, draw_structure, standalone_structure

RADICAL, SALT, ISOTOPE, WEDGE = "C[CH]C", "[Na+].[Cl-]", "[2H]C([2H])Cl", "C[C@H](N)C(=O)O[Si](C)(C)C"
CONTOURS = {"a": 2, "i": 2, "O": 2}
"""Closed curves in the outline of a letter; 1 for those not named."""


def lines_and_contours(smiles: str) -> tuple[int, int]:
    """The lines of the bonds, and the closed curves of the letters."""
    drawing = draw_structure(smiles)
    assert drawing is not None
    counts = {"": 0, "filled": 0}
    for path in ElementTree.fromstring(drawing).iter("path"):
        counts[path.get("class", "")] += path.get("d", "").count("M")
    return counts[""], counts["filled"]


@pytest.mark.parametrize(
    ("smiles", "lines", "letters"),
    [
        ("Cc1ccccc1", 10, ""),  # 7 bonds, 3 of them double
        ("CC(C)=O", 4, "O"),
        ("C#N", 3, "N"),
        ("O", 0, "H2O"),
        (SALT, 0, "Na+Cl-"),
        ("C[SiH3]", 1, "SiH3"),
    ],
)
def test_every_bond_and_letter_is_drawn(smiles: str, lines: int, letters: str) -> None:
    assert lines_and_contours(smiles) == (lines, sum(CONTOURS.get(letter, 1) for letter in letters))


def test_every_point_lies_inside_the_picture() -> None:
    """Coordinates are relative, so an error in one of them would move all that follow."""
    for smiles in (WEDGE, SALT, "CC(=O)Oc1ccccc1C(=O)O", "C" * 40):
        for path in ElementTree.fromstring(draw_structure(smiles) or "").iter("path"):
            for x, y in points(path.get("d", "")):
                assert 0 <= x <= 10 * WIDTH and 0 <= y <= 10 * HEIGHT


def points(path: str) -> list[tuple[int, int]]:
    """The points of a path of absolute M and relative l, q, c and z, in tenths of a unit."""
    found, place = [], (0, 0)
    for command, text in re.findall(r"([Mlqcz])([^Mlqcz]*)", path):
        numbers = [int(number) for number in re.findall(r"-?\d+", text)]
        for first in range(0, len(numbers), 2):
            x, y = numbers[first : first + 2]
            point = (x, y) if command == "M" else (place[0] + x, place[1] + y)
            found.append(point)
            if command in "Ml" or first + 2 == len(numbers):
                place = point
    return found


def test_bonds_lead_from_atom_to_atom() -> None:
    """Ethane is one horizontal bond in the middle of the picture, propane two of the same length."""
    path = next(ElementTree.fromstring(draw_structure("CC") or "").iter("path"))
    (x0, y0), (x1, y1) = points(path.get("d", ""))
    assert abs(x1 - x0) > 200 and y0 == y1 == pytest.approx(5 * HEIGHT, abs=1)
    assert (x0 + x1) / 2 == pytest.approx(5 * WIDTH, abs=1)
    path = next(ElementTree.fromstring(draw_structure("CCC") or "").iter("path"))
    a, b, c, d = points(path.get("d", ""))
    assert b == c
    assert math.dist(a, b) == pytest.approx(math.dist(c, d), rel=0.01)


def test_wedges_radicals_and_isotopes_are_kept() -> None:
    assert lines_and_contours(WEDGE)[0] > lines_and_contours("CC(N)C(=O)O[Si](C)(C)C")[0]
    assert lines_and_contours(RADICAL)[1] > lines_and_contours("CCC")[1]
    assert lines_and_contours(ISOTOPE)[1] == sum(CONTOURS.get(letter, 1) for letter in "2H2HCl")


@pytest.mark.parametrize("smiles", [None, "", "not a molecule", "c1ccccc", "C(C)(C)(C)(C)C"])
def test_what_is_no_molecule_is_not_drawn(smiles: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    assert draw_structure(smiles) is None
    assert standalone_structure(smiles or "") is None
    assert capfd.readouterr().err == ""


def test_a_drawing_is_small_and_has_no_color_of_its_own() -> None:
    drawing = draw_structure("CC(=O)Oc1ccccc1C(=O)O") or ""
    assert len(drawing) < 1500
    assert "#" not in drawing and "style" not in drawing


@pytest.mark.parametrize("smiles", ["C" * 151, "C" * 8000])
def test_a_huge_structure_is_a_note(smiles: str) -> None:
    """RDKit would lay out the second one for minutes."""
    drawing = draw_structure(smiles)
    assert drawing is not None
    assert (ElementTree.fromstring(drawing).findtext("text") or "").endswith(" atoms: not drawn")
    assert standalone_structure(smiles) is not None
