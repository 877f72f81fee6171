"""Structures of probable molecular masses beside those of the unrestricted search."""

from types import SimpleNamespace
from typing import Any

import pytest

from spectus.denovo.constraints import mass_target
from spectus.denovo.mass_search import searched_masses, translate_by_mass
from spectus.denovo.settings import DenovoSettings
from spectus.denovo.translator import Answer, Translator
from spectus.errors import InputError
from spectus.files import resource

HEXANOL = {"mz": [31.0, 43.0, 56.0, 69.0, 84.0, 102.0], "intensity": [0.3, 0.7, 1.0, 0.4, 0.2, 0.9], "reason": None}
"""A made-up spectrum whose heaviest peak, the molecular ion, is strong."""

NOTHING = {"mz": None, "intensity": None, "reason": "no peaks"}


class Decoder:
    """Stands for a model: answers by mass, and remembers what it was asked."""

    def __init__(self, of_mass: dict[int, Answer], free: Answer, ships: bool = True) -> None:
        self.of_mass, self.free, self.ships = of_mass, free, ships
        self.asked: list[int | None] = []

    def translate(self, rows: Any, beams: int, batch_size: int, targets: Any, bar: Any) -> list[Answer]:
        found = []
        for row, target in zip(rows, targets, strict=True):
            if row["reason"] or isinstance(target, InputError):
                found.append(Answer([], 0, 0, row["reason"] or str(target)))
                continue
            self.asked.append(None if target is None else target.mass)
            nothing = Answer([], 0, 1, "no structure of the formula or mass was found")
            found.append(self.free if target is None else self.of_mass.get(target.mass, nothing))
        return found


def test_a_structure_of_the_probable_mass_comes_first() -> None:
    right, wrong = ("CCCCCCO", -3.0), ("CCCCCCCO", -2.0)
    decoder = Decoder({102: Answer([right], 10, 0, None)}, Answer([wrong], 9, 1, None))
    answer = translate_by_mass(decoder, [HEXANOL], DenovoSettings(masses=2))[0]  # type: ignore[arg-type]
    assert [smiles for smiles, _ in answer.structures] == ["CCCCCCO", "CCCCCCCO"]
    assert dict(answer.structures) == {"CCCCCCO": -3.0, "CCCCCCCO": -2.0}  # what the model thinks stays
    assert answer.scores is not None and answer.scores[0] > answer.scores[1]
    assert (answer.n_valid, answer.n_invalid) == (19, 1)  # the search of the wrong mass found nothing, which counts not
    assert decoder.asked[:2] == [None, 102] and len(decoder.asked) == 3


def test_never_more_structures_than_beams() -> None:
    free = Answer([("C" * n + "O", -float(n)) for n in range(4, 9)], 5, 0, None)
    decoder = Decoder({102: Answer([("CCCCCCO", -6.0)], 1, 0, None)}, free)
    assert len(translate_by_mass(decoder, [HEXANOL], DenovoSettings(beams=3))[0].structures) == 3  # type: ignore[arg-type]


def test_a_known_mass_is_not_guessed() -> None:
    decoder = Decoder({88: Answer([("CCCCCO", -1.0)], 10, 0, None)}, Answer([("CCO", -1.0)], 10, 0, None))
    wanted = [mass_target(88), None, InputError("formula", "is wrong", "correct it")]
    found = translate_by_mass(decoder, [HEXANOL, NOTHING, HEXANOL], DenovoSettings(masses=3), wanted)  # type: ignore[arg-type]
    assert decoder.asked == [88]
    assert found[0].structures == [("CCCCCO", -1.0)]
    assert found[1].reason == "no peaks"
    assert "is wrong" in str(found[2].reason)


@pytest.mark.parametrize(
    ("ships", "given", "expected"), [(True, None, 2), (False, None, 0), (False, 3, 3), (True, 0, 0)]
)
def test_other_models_decode_as_published_unless_asked(ships: bool, given: int | None, expected: int) -> None:
    model = SimpleNamespace(ships=ships)
    assert searched_masses(DenovoSettings(masses=given), model) == expected  # type: ignore[arg-type]


def test_the_model_that_ships_knows_that_it_ships(tmp_path: Any) -> None:
    assert Translator.load("spectus-open", "cpu").ships
    assert Translator.load(str(resource("models/spectus-open")), "cpu").ships
    copy = tmp_path / "spectus-open"
    copy.mkdir()
    for file in resource("models/spectus-open").glob("*"):
        (copy / file.name).symlink_to(file)
    assert not Translator.load(str(copy), "cpu").ships


def test_shipped_model_decodes_the_same_whatever_the_number_of_spectra() -> None:
    translator = Translator.load("spectus-open", "cpu")
    alone = translate_by_mass(translator, [HEXANOL], DenovoSettings(beams=3))[0]
    third = translate_by_mass(translator, [HEXANOL] * 3, DenovoSettings(beams=3))[2]
    assert [smiles for smiles, _ in third.structures] == [smiles for smiles, _ in alone.structures]
    assert third.scores == pytest.approx(alone.scores, abs=1e-4)
    assert alone.scores == sorted(alone.scores or [], reverse=True)
