from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectus import tables
from spectus.denovo.editing import stage
from spectus.denovo.editing.mass_distribution import MassModel
from spectus.denovo.editing.scoring import Scorers
from spectus.denovo.editing.settings import EditingSettings
from spectus.denovo.editing.stage import Editor, Seeds, read_seeds
from spectus.denovo.editing.statistics import EditStatistics
from spectus.denovo.elucidate import elucidate_queries
from spectus.denovo.settings import DenovoSettings
from spectus.errors import InputError
from spectus.molecules.exclusions import Exclusions
from spectus.tables import DENOVO_CANDIDATES, LIBRARY_HITS

MSP = """Name: edited
Num Peaks: 3
122 999; 107 800; 77 200

Name: known
Num Peaks: 2
122 999; 107 800

Name: without hits
Num Peaks: 2
122 999; 107 800

Name: no peaks
Num Peaks: 0
"""
SMALL = EditingSettings(rounds=1, parents=3, proposals=15, scored=25, candidates=12)


class Shortest:
    """A scorer that likes short SMILES."""

    def query(self, intensity: NDArray[np.float32]) -> "Shortest":
        return self

    def scores(self, smiles: Sequence[str]) -> NDArray[np.float64]:
        return np.array([-float(len(text)) for text in smiles])


@pytest.fixture
def hits(tmp_path: Path) -> Path:
    rows: list[dict[str, Any]] = [
        {"query": "edited", "rank": 1, "smiles": "Cc1ccccc1O", "score": 0.7, "predicted": True},
        {"query": "edited", "rank": 2, "smiles": "C[C@H](O)c1ccccc1", "score": 0.6, "predicted": True},
        {"query": "edited", "rank": 3, "smiles": "Cc1ccc(O)cc1", "score": 0.5, "predicted": False},
        {"query": "known", "rank": 1, "smiles": "CCc1ccccc1O", "score": 0.95, "predicted": False},
        {"query": "without hits", "rank": 1, "reason": "no record with a score of 0.5 or more"},
        {"query": "another", "rank": 1, "smiles": "C", "score": 0.9, "predicted": True},
    ]
    path = tmp_path / "hits.parquet"
    tables.write(tables.table(LIBRARY_HITS, rows), path, LIBRARY_HITS)
    return path


@pytest.fixture
def editor_of(hits: Path, statistics: EditStatistics, masses: MassModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(stage, "load_statistics", lambda: statistics)
    monkeypatch.setattr(stage, "load_mass_model", lambda: masses)

    def make(settings: EditingSettings = SMALL) -> Editor:
        names = ["edited", "known", "without hits", "no peaks"]
        return Editor(settings, read_seeds([hits], names, settings), Scorers(Shortest()))

    return make


def elucidated(folder: Path, model: Path, editor: Editor | None, **changes: Any) -> dict[str, list[dict[str, Any]]]:
    (folder / "queries.msp").write_text(MSP)
    settings = replace(DenovoSettings(beams=3, device="cpu"), **changes)
    elucidate_queries(folder / "queries.msp", str(model), folder / "out.parquet", settings, editor=editor)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in tables.read(folder / "out.parquet", DENOVO_CANDIDATES).to_pylist():
        found.setdefault(row["query"], []).append(row)
    return found


def test_seeds_are_merged_by_their_place(hits: Path) -> None:
    seeds = read_seeds([hits], ["edited", "known", "new"], SMALL)
    assert seeds["edited"] == Seeds(("Cc1ccc(O)cc1", "Cc1ccccc1O", "CC(O)c1ccccc1"), False)
    assert seeds["known"].known
    assert seeds["new"] == Seeds()
    assert not read_seeds([hits], ["known"], replace(SMALL, library_score=0.99))["known"].known


def test_excluded_compounds_are_no_seeds(hits: Path) -> None:
    exclusions = Exclusions().adding(["Cc1ccccc1O"], "me")
    assert "Cc1ccccc1O" not in read_seeds([hits], ["edited"], SMALL, exclusions)["edited"].hits


def test_only_queries_that_the_libraries_leave_open_are_edited(
    tmp_path: Path, model_folder: Path, editor_of: Any
) -> None:
    plain = elucidated(tmp_path, model_folder, None)
    found = elucidated(tmp_path, model_folder, editor_of())
    assert {row["method"] for row in plain["edited"]} <= {"model", None}
    for query in ("known", "without hits", "no peaks"):
        assert found[query] == plain[query]
    rows = found["edited"]
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) == SMALL.candidates
    assert any("edit" in row["method"] and row["parent"] for row in rows)
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert all(row["log_prob"] is None or row["log_prob"] < 0 for row in rows)
    assert elucidated(tmp_path, model_folder, editor_of())["edited"] == rows


def test_own_structures_are_edited_where_the_effort_says_so(tmp_path: Path, model_folder: Path, editor_of: Any) -> None:
    found = elucidated(tmp_path, model_folder, editor_of(replace(SMALL, own_seeds=True)))
    plain = elucidated(tmp_path, model_folder, None)
    assert found["known"] == plain["known"]
    if plain["without hits"][0]["smiles"] is not None:
        assert len(found["without hits"]) >= 1


def test_a_formula_holds_for_edited_structures(tmp_path: Path, model_folder: Path, editor_of: Any) -> None:
    rows = elucidated(tmp_path, model_folder, editor_of(), formula="C8H10O")["edited"]
    smiles = {row["smiles"] for row in rows if row["smiles"]}
    assert "CCc1ccccc1O" in smiles
    assert all(text.lower().count("c") == 8 and "O" in text for text in smiles)


def test_a_substructure_holds_for_edited_structures(tmp_path: Path, model_folder: Path, editor_of: Any) -> None:
    rows = elucidated(tmp_path, model_folder, editor_of(replace(SMALL, substructure="c1ccccc1O")))["edited"]
    assert rows
    assert all("c1" in row["smiles"] for row in rows)


@pytest.mark.parametrize("text", ["c1ccccc", "", "rubbish("])
def test_a_substructure_that_is_none_is_named(text: str) -> None:
    with pytest.raises(InputError, match="--substructure"):
        stage.substructure_of(text)


def test_an_effort_that_is_none_is_named() -> None:
    with pytest.raises(InputError, match="--effort heroic"):
        EditingSettings.of_effort("heroic")
    assert EditingSettings.of_effort("normal", seeds=3) == EditingSettings(seeds=3)
    assert EditingSettings.of_effort("high").own_seeds
