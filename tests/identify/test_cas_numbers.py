import numpy as np
import pytest

from spectus.errors import InputError
from spectus.identify import cas_numbers
from spectus.identify.cas_numbers import registered
from spectus.identify.merging import Candidate
from spectus.structures import structure


def candidate(smiles: str | None, cas: str | None = None, source: str = "predicted") -> Candidate:
    drawn = structure(smiles) if smiles else None
    return Candidate(smiles=smiles, inchikey=drawn.inchikey if drawn else None, cas=cas, named_by={source})


def number(one: Candidate) -> float:
    return float(10 ** registered([one])[0])


def test_the_record_tells_the_number() -> None:
    assert number(candidate(None, "1234-56-7", "library")) == pytest.approx(1234)
    assert number(candidate("c1ccccc1", "99999-00-1")) == pytest.approx(99999)


def test_a_list_of_structures_takes_it_from_the_library_that_ships() -> None:
    assert number(candidate("c1ccccc1")) == pytest.approx(71)
    assert number(candidate("c1ccccc1", "no number")) == pytest.approx(71)


@pytest.mark.parametrize(
    ("smiles", "of_parent"),
    [("O=C(O[Si](C)(C)C(C)(C)C)c1ccccc1", 65), ("CN(C[Si](C)(C)C)C(=O)c1ccccc1", np.nan), ("CON=C(C)c1ccccc1", 98)],
)
def test_a_derivative_has_the_number_of_its_parent(smiles: str, of_parent: float) -> None:
    assert number(candidate(smiles)) == pytest.approx(of_parent, nan_ok=True)


def test_a_derivative_of_its_own_number_keeps_it() -> None:
    assert number(candidate("C[Si](C)(C)OC(=O)c1ccccc1")) == pytest.approx(2078)


@pytest.mark.parametrize(
    "one",
    [
        candidate("c1ccccc1", source="model"), candidate("c1ccccc1", source="edit"), candidate(None, source="library"),
        candidate("CC(C)(C)CC(F)(F)CC(C)(C)CCCBr"),
    ],
)  # fmt: skip
def test_what_is_on_no_list_or_in_no_registry_has_none(one: Candidate) -> None:
    assert np.isnan(registered([one])).all()


def test_without_the_library_only_records_tell_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise InputError("resources", "are not found", "install them")

    monkeypatch.setattr(cas_numbers, "shipped_library", absent)
    cas_numbers._numbers.cache_clear()
    try:
        assert number(candidate("c1ccccc1", "71-43-2")) == pytest.approx(71)
        assert np.isnan(number(candidate("c1ccccc1")))
    finally:
        cas_numbers._numbers.cache_clear()
