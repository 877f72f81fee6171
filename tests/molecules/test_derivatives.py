"""What a laboratory makes of common compounds, against the derivatives that their libraries list."""

import pytest
from rdkit import Chem

from spectus.errors import InputError
from spectus.molecules.derivatives import derivatives
from spectus.structures import flat_smiles

GLUCOSE = "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O"


def names(smiles: str, *kinds: str, **limits: object) -> list[str]:
    return [made.suffix for made in derivatives(smiles, kinds or ("meox", "tms"), **limits)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("compound", "smiles", "expected"),
    [
        ("hexanol", "CCCCCCO", ["TMS"]),
        ("phenol", "Oc1ccccc1", ["TMS"]),
        ("propanethiol", "CCCS", ["TMS"]),
        ("citric acid", "OC(=O)CC(O)(C(=O)O)CC(=O)O", ["4 TMS"]),
        ("phosphoric acid", "OP(=O)(O)O", ["3 TMS"]),
        ("glycine", "NCC(=O)O", ["3 TMS", "2 TMS", "TMS"]),
        ("proline", "OC(=O)C1CCCN1", ["2 TMS", "TMS"]),
        ("aniline", "Nc1ccccc1", ["TMS"]),
        ("asparagine", "NC(=O)CC(N)C(=O)O", ["4 TMS", "3 TMS", "TMS"]),
        ("tryptophan", "NC(Cc1c[nH]c2ccccc12)C(=O)O", ["4 TMS", "3 TMS", "TMS"]),
        ("uracil", "O=c1cc[nH]c(=O)[nH]1", ["2 TMS"]),
        ("uric acid", "O=c1[nH]c(=O)c2[nH]c(=O)[nH]c2[nH]1", ["4 TMS", "3 TMS"]),
        ("adenine", "Nc1ncnc2[nH]cnc12", ["2 TMS"]),
        ("phenobarbital", "CCC1(c2ccccc2)C(=O)NC(=O)NC1=O", ["2 TMS"]),
        ("acetone", "CC(C)=O", ["MeOx"]),
        ("benzaldehyde", "O=Cc1ccccc1", ["MeOx"]),
        ("pyruvic acid", "CC(=O)C(=O)O", ["MeOx TMS"]),
        ("benzoquinone", "O=C1C=CC(=O)C=C1", ["2 MeOx"]),
        ("ribose", "OCC1OC(O)C(O)C1O", ["MeOx 4 TMS"]),
        ("benzene", "c1ccccc1", []),
        ("methyl acetate", "COC(C)=O", []),
        ("flavone", "O=c1cc(-c2ccccc2)oc2ccccc12", []),
        ("acetamidophenol's amide stays", "CC(=O)Nc1ccc(O)cc1", ["TMS"]),
        ("a peroxide", "CC(C)(C)OO", []),
        ("a salt", "[Na+].[O-]C(C)=O", []),
        ("labelled", "[2H]OC", []),
        ("nothing", "not a molecule", []),
    ],
)
def test_the_usual_derivatives(compound: str, smiles: str, expected: list[str]) -> None:
    assert names(smiles, partial=True) == expected, compound
    assert names(smiles) == expected[:1], compound


def test_the_structures_are_those_of_the_names() -> None:
    assert [made.smiles for made in derivatives("NCC(=O)O")] == [
        flat_smiles("C[Si](C)(C)N([Si](C)(C)C)CC(=O)O[Si](C)(C)C")
    ]
    assert [made.smiles for made in derivatives("O=c1cc[nH]c(=O)[nH]1")] == [
        flat_smiles("C[Si](C)(C)Oc1ccnc(O[Si](C)(C)C)n1")
    ]
    assert derivatives("CC(=O)C(=O)O")[0].smiles == flat_smiles("CON=C(C)C(=O)O[Si](C)(C)C")
    assert derivatives("O=C1CCCCC1", ("meox",))[0].smiles == flat_smiles("CON=C1CCCCC1")


def test_a_sugar_is_opened_for_its_methoxime_and_stays_a_ring_without() -> None:
    opened = derivatives(GLUCOSE, max_mass=1000)
    assert [(made.suffix, made.mass) for made in opened] == [("MeOx 5 TMS", 569)]
    assert Chem.MolFromSmiles(opened[0].smiles).GetRingInfo().NumRings() == 0
    ring = derivatives(GLUCOSE, ("tms",), max_mass=1000)
    assert [(made.suffix, made.mass) for made in ring] == [("5 TMS", 540)]
    assert Chem.MolFromSmiles(ring[0].smiles).GetRingInfo().NumRings() == 1
    assert names("OC1CCC(O)O1", "meox", max_mass=1000) == ["MeOx"]  # succinaldehyde's hydrate opens once


def test_mass_is_what_the_groups_add() -> None:
    (made,) = derivatives("OCCO")
    assert made.mass == 62 + 2 * 72


def test_limits() -> None:
    assert names(GLUCOSE) == []  # 569 Da
    assert names("CCCCCCO", max_mass=174) == []
    assert names("CCCCCCO", max_mass=175) == ["TMS"]
    assert names("OCC(O)C(O)C(O)CO", max_tms=4, max_mass=1000) == []
    assert names("OCC(O)C(O)C(O)CO", max_tms=5, max_mass=1000) == ["5 TMS"]


def test_kinds() -> None:
    assert names("CC(=O)CO", "tms") == ["TMS"]
    assert names("CC(=O)CO", "meox") == ["MeOx"]
    assert names("CC(=O)CO") == ["MeOx TMS"]
    with pytest.raises(InputError, match="derivatives acetyl: no such kind"):
        derivatives("CCO", ("acetyl",))


def test_the_same_molecule_written_otherwise_gives_the_same() -> None:
    assert derivatives("OC(=O)CN", partial=True) == derivatives("C(C(=O)O)N", partial=True)
    assert derivatives("O=c1cc[nH]c(=O)[nH]1") == derivatives("O=C1NC=CC(=O)N1")
