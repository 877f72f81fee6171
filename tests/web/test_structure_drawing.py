from xml.etree import ElementTree

import pytest

from spectus.web.structure_drawing import draw

RADICAL, SALT, ISOTOPE, WEDGE = "C[CH]C", "[Na+].[Cl-]", "[2H]C([2H])Cl", "C[C@H](N)C(=O)O[Si](C)(C)C"


def lines_and_letters(smiles: str) -> tuple[int, str]:
    drawing = draw(smiles)
    assert drawing is not None
    root = ElementTree.fromstring(drawing)
    letters = "".join(text.text or "" for text in root.iter("text"))
    for text in root.iter("text"):
        places = text.get("x", "").split(), text.get("y", "").split()
        assert len(places[0]) == len(places[1]) == len(text.text or "")
    return sum(path.get("d", "").count("M") for path in root.iter("path")), letters


@pytest.mark.parametrize(
    ("smiles", "lines", "letters"),
    [
        ("Cc1ccccc1", 10, ""),  # 7 bonds, 3 of them double
        ("CC(C)=O", 4, "O"),
        ("C#N", 3, "N"),
        ("O", 0, "HO2"),
        (SALT, 0, "+-ClNa"),
    ],
)
def test_every_bond_and_letter_is_drawn(smiles: str, lines: int, letters: str) -> None:
    n_lines, found = lines_and_letters(smiles)
    assert n_lines == lines
    assert sorted(found) == sorted(letters)


def test_wedges_radicals_and_isotopes_are_kept() -> None:
    assert lines_and_letters(WEDGE)[0] > lines_and_letters("CC(N)C(=O)O[Si](C)(C)C")[0]
    assert 'class="filled"' in (draw(RADICAL) or "")
    assert lines_and_letters(ISOTOPE)[1].count("2") == 2


@pytest.mark.parametrize("smiles", [None, "", "not a molecule", "c1ccccc", "C(C)(C)(C)(C)C"])
def test_what_is_no_molecule_is_not_drawn(smiles: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    assert draw(smiles) is None
    assert capfd.readouterr().err == ""


def test_a_drawing_is_small_and_has_no_colour_of_its_own() -> None:
    drawing = draw("CC(=O)Oc1ccccc1C(=O)O") or ""
    assert len(drawing) < 700
    assert "#" not in drawing and "style" not in drawing
