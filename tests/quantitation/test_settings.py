import pytest

from spectus.errors import InputError
from spectus.quantitation.settings import QuantifySettings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"curve": "cubic"}, "--curve cubic: is not known; use one of auto, linear, quadratic"),
        ({"weighting": "1"}, "--weighting 1: is not known"),
        ({"blanks": "drop"}, "--blanks drop: is not known"),
        ({"confidence": 1.0}, "--confidence 1.0: is not between 0 and 1"),
        ({"qualifiers": -1}, "--qualifiers -1: is negative"),
        ({"standard_area_factor": 1.0}, "--standard-area-factor 1.0: is not above 1"),
        ({"max_cv": float("nan")}, "--max-cv nan: is not above 0"),
    ],
)
def test_a_wrong_setting_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words.replace(".", r"\.")):
        QuantifySettings(**changes)  # type: ignore[arg-type]
