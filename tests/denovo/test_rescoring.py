"""Log-probabilities in double precision."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectus.denovo.translator import Translator
from spectus.files import resource

ROWS: list[dict[str, Any]] = [
    {"mz": [39.0, 51.0, 65.0, 91.0, 92.0], "intensity": [0.1, 0.1, 0.15, 1.0, 0.7], "reason": None},
    {"mz": [43.0, 58.0, 71.0, 85.0, 100.0], "intensity": [1.0, 0.5, 0.2, 0.1, 0.05], "reason": None},
    {"mz": [], "intensity": [], "reason": "no peaks"},
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return resource("models/spectus-open")


def test_the_values_are_those_of_the_search_in_more_digits(folder: Path) -> None:
    plain = Translator.load(str(folder), "cpu", "fp32").translate(ROWS, 4)
    exact = Translator.load(str(folder), "cpu", "fp32", exact=True).translate(ROWS, 4)
    for one, other in zip(plain, exact, strict=True):
        assert (one.reason, one.n_valid, one.n_invalid) == (other.reason, other.n_valid, other.n_invalid)
        assert {smiles for smiles, _ in one.structures} == {smiles for smiles, _ in other.structures}
        values, better = dict(one.structures), dict(other.structures)
        assert [values[smiles] for smiles in better] == pytest.approx([*better.values()], abs=1e-4)
        assert [*better.values()] == sorted(better.values(), reverse=True)
    values = [value for answer in exact for _, value in answer.structures]
    assert float(np.float32(values[0])) != values[0]  # more digits than single precision has


def test_a_batch_changes_nothing_in_double_precision(folder: Path) -> None:
    """In single precision the values depend on what is decoded together."""
    translator = Translator.load(str(folder), "cpu", "fp32", exact=True)
    together, alone = translator.translate(ROWS, 4, 3), [translator.translate([row], 4, 1)[0] for row in ROWS]
    for one, other in zip(together, alone, strict=True):
        assert dict(one.structures) == pytest.approx(dict(other.structures), abs=1e-10)


def test_only_small_models_on_a_cpu_in_single_precision_are_exact(folder: Path) -> None:
    assert Translator.load(str(folder), "cpu", "bf16", exact=True).exact is None
    assert Translator.load(str(folder), "cpu", "fp32").exact is None
