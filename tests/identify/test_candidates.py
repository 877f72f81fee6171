from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.identify.candidates import identify_queries
from spectus.identify.settings import IdentifySettings

FORWARD = Path(__file__).parents[2] / "resources" / "models" / "reranker-open"
TOLUENE, BENZENE, PHENOL, ETHANOL = "Cc1ccccc1", "c1ccccc1", "Oc1ccccc1", "CCO"


def hit(query: str, smiles: str | None, score: float, **more: Any) -> dict[str, Any]:
    return {
        "query": query,
        "rank": 1,
        "library": "lib",
        "entry": 0,
        "name": f"the {smiles}",
        "smiles": smiles,
        "score": score,
        "posterior": None,
        **more,
    }


def answer(
    query: str, smiles: str | None, log_prob: float | None, rank: int = 1, reason: str | None = None
) -> dict[str, Any]:
    return {"query": query, "rank": rank, "smiles": smiles, "log_prob": log_prob, "model": "m", "reason": reason}


def ranked(
    tmp_path: Path, hits: list[dict[str, Any]], answers: list[dict[str, Any]], queries: str = "q",
    spectrum: Mapping[float, float] = MappingProxyType({40.0: 1.0}), forward: Path | None = None,
    settings: IdentifySettings | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Candidates of queries named by one letter each, all of one spectrum."""
    peaks = {"mz": list(spectrum), "intensity": list(spectrum.values())}
    features = [{"feature": name, "rt_s": 1.0, "n_runs": 1, **peaks} for name in queries]
    paths = [tmp_path / f"{name}.parquet" for name in ("features", "hits", "denovo_candidates", "candidates")]
    tables.write(tables.table(tables.FEATURES, features), paths[0], tables.FEATURES)
    tables.write(tables.table(tables.LIBRARY_HITS, hits), paths[1], tables.LIBRARY_HITS)
    tables.write(tables.table(tables.DENOVO_CANDIDATES, answers), paths[2], tables.DENOVO_CANDIDATES)
    identify_queries(paths[0], [paths[1]], [paths[2]], paths[3], settings or IdentifySettings(top=4), forward)
    return tables.read(paths[3], tables.CANDIDATES).to_pylist()


def test_good_hits_go_before_denovo_candidates_and_weak_ones_after(tmp_path: Path) -> None:
    rows = ranked(
        tmp_path,
        [hit("q", TOLUENE, 0.95), hit("q", BENZENE, 0.6)],
        [answer("q", PHENOL, -0.1), answer("q", ETHANOL, -2.0, 2)],
    )
    assert [row["smiles"] for row in rows] == [TOLUENE, PHENOL, ETHANOL, BENZENE]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert [row["source"] for row in rows] == ["library", "model", "model", "library"]
    assert all(row["probability"] is None for row in rows)


def test_one_compound_by_both_ways_is_one_candidate(tmp_path: Path) -> None:
    """Stereoisomers and other spellings of a structure are the same compound to an EI spectrum."""
    hits = [hit("q", "C[C@H](N)C(=O)O", 0.9, ri_delta=3.0), hit("q", "C[C@@H](N)C(=O)O", 0.95, ri_delta=1.0)]
    (row,) = ranked(tmp_path, hits, [answer("q", "CC(N)C(=O)O", -0.5)])
    assert (row["source"], row["library_score"], row["log_prob"]) == ("library+model", 0.95, -0.5)
    assert (row["smiles"], row["formula"], row["ri_delta"]) == ("CC(N)C(=O)O", "C3H7NO2", 1.0)
    assert row["inchikey"].startswith("QNAYBMKLOCPYGJ-")


@pytest.mark.parametrize(
    ("hits", "level"),
    [
        ([hit("q", TOLUENE, 0.9, ri_delta=-19.0)], "2a"),
        ([hit("q", TOLUENE, 0.9, ri_delta=25.0)], "3"),
        ([hit("q", TOLUENE, 0.9)], "2b"),
        ([hit("q", TOLUENE, 0.9), hit("q", BENZENE, 0.85)], "3"),
        ([hit("q", TOLUENE, 0.7, ri_delta=0.0)], "3"),
    ],
)
def test_levels(tmp_path: Path, hits: list[dict[str, Any]], level: str) -> None:
    assert ranked(tmp_path, hits, [])[0]["level"] == level


def test_a_query_without_candidates_keeps_its_reasons(tmp_path: Path) -> None:
    no_hit = {"query": "a", "rank": 1, "reason": "no hit above 0.5"}
    rows = ranked(tmp_path, [no_hit], [answer("a", None, None, reason="301 peaks")], queries="ab")
    assert [(row["query"], row["level"], row["smiles"]) for row in rows] == [("a", "5", None), ("b", "5", None)]
    assert rows[0]["reason"] == "library: no hit above 0.5; model: 301 peaks"
    assert rows[1]["reason"] == "was not searched"


def test_a_hit_without_structure_keeps_what_the_library_says(tmp_path: Path) -> None:
    (row,) = ranked(tmp_path, [hit("q", None, 0.9, formula="C7H8")], [])
    assert (row["name"], row["smiles"], row["formula"]) == ("the None", None, "C7H8")


def test_tables_of_another_campaign_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'z', which is not among the spectra"):
        ranked(tmp_path, [hit("z", TOLUENE, 0.9)], [])


def test_a_predicted_spectrum_names_a_tentative_structure(tmp_path: Path) -> None:
    """However high its score and however well its index fits: it is no measured spectrum."""
    rows = ranked(
        tmp_path,
        [hit("q", PHENOL, 0.99, predicted=True, ri_delta=0.0), hit("q", BENZENE, 0.6, predicted=False)],
        [answer("q", ETHANOL, -0.1)],
    )
    assert [row["smiles"] for row in rows] == [PHENOL, ETHANOL, BENZENE]
    assert [row["source"] for row in rows] == ["predicted", "model", "library"]
    assert [row["level"] for row in rows] == ["3", "3", "3"]
    assert (rows[0]["predicted_score"], rows[0]["library_score"], rows[0]["ri_delta"]) == (0.99, None, 0.0)


def test_a_measured_spectrum_goes_before_a_predicted_one_of_higher_score(tmp_path: Path) -> None:
    hits = [hit("q", PHENOL, 0.97, predicted=True), hit("q", TOLUENE, 0.9), hit("q", TOLUENE, 0.95, predicted=True)]
    rows = ranked(tmp_path, hits, [answer("q", PHENOL, -1.0)])
    assert [(row["smiles"], row["source"], row["level"]) for row in rows] == [
        (TOLUENE, "library+predicted", "2b"), (PHENOL, "predicted+model", "3"),
    ]  # fmt: skip
    assert (rows[0]["library_score"], rows[0]["predicted_score"]) == (0.9, 0.95)
    assert (rows[1]["predicted_score"], rows[1]["log_prob"]) == (0.97, -1.0)


OF_PHENOL = {39.0: 0.18, 40.0: 0.08, 63.0: 0.06, 65.0: 0.22, 66.0: 0.3, 94.0: 1.0, 95.0: 0.07}
"""The main ions of phenol; the molecular one, m/z 94, is the base peak."""


def test_probabilities_put_all_candidates_in_one_order(tmp_path: Path) -> None:
    """Phenol's spectrum: the translator prefers ethanol, and the predicted hits toluene; the spectrum says phenol."""
    rows = ranked(
        tmp_path,
        [hit("q", TOLUENE, 0.9, predicted=True), hit("q", PHENOL, 0.8, predicted=True), hit("q", BENZENE, 0.6)],
        [answer("q", ETHANOL, -0.1), answer("q", PHENOL, -5.0, 2)],
        spectrum=OF_PHENOL, forward=FORWARD,
    )  # fmt: skip
    *candidates, none = rows
    assert candidates[0]["smiles"] == PHENOL
    assert candidates[0]["source"] == "predicted+model"
    assert (none["name"], none["source"], none["smiles"]) == ("none of these", "none", None)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    probabilities = [row["probability"] for row in candidates]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) + none["probability"] == pytest.approx(1, abs=1e-6)
    excluded = {row["smiles"]: row["excluded"] for row in candidates}
    assert "above the molecule (m/z 46)" in excluded[ETHANOL]
    assert excluded[PHENOL] is None
    assert candidates[0]["formula_probability"] >= candidates[0]["probability"]
    assert candidates[0]["explained"] > 0.95
    assert candidates[0]["in_set_90"] or none["in_set_90"]


def test_an_excluded_structure_reaches_no_level_2(tmp_path: Path) -> None:
    """A library gives the free compound for the spectrum of a derivative."""
    rows = ranked(tmp_path, [hit("q", ETHANOL, 0.95)], [], spectrum=OF_PHENOL, forward=FORWARD)
    assert [row["level"] for row in rows] == ["5", "5"]


def test_a_derivative_that_is_known_may_reach_level_2(tmp_path: Path) -> None:
    more = {"derivative": "1 TMS", "smiles_measured": "C[Si](C)(C)Oc1ccccc1"}
    tms = {151.0: 1.0, 166.0: 0.4, 152.0: 0.13, 167.0: 0.06, 73.0: 0.1}
    rows = ranked(tmp_path, [hit("q", PHENOL, 0.95, **more)], [], spectrum=tms, forward=FORWARD)
    assert (rows[0]["smiles"], rows[0]["derivative"], rows[0]["level"]) == (PHENOL, "1 TMS", "2b")
    assert rows[0]["excluded"] is None
    assert rows[0]["predicted_score"] > 0.5


def test_a_structure_that_cannot_be_predicted_has_no_cosine(tmp_path: Path) -> None:
    answers = [answer("q", "C[Sn](C)(C)C", -0.1), answer("q", PHENOL, -5.0, 2)]
    rows = ranked(tmp_path, [], answers, spectrum=OF_PHENOL, forward=FORWARD)
    tin = next(row for row in rows if row["smiles"] and "Sn" in row["smiles"])
    assert tin["predicted_score"] is None


def test_queries_without_candidates_keep_their_reasons_beside_others(tmp_path: Path) -> None:
    rows = ranked(tmp_path, [hit("a", TOLUENE, 0.9)], [], queries="ab", forward=FORWARD)
    assert [(row["query"], row["smiles"]) for row in rows] == [("a", TOLUENE), ("a", None), ("b", None)]
    assert rows[2]["reason"]


def test_suspects_are_flagged_and_peaks_explained(tmp_path: Path) -> None:
    """Phenol is one of the priority pollutants."""
    settings = IdentifySettings(suspects=("priority_pollutants",), explained=1)
    rows = ranked(
        tmp_path, [hit("q", PHENOL, 0.95), hit("q", TOLUENE, 0.6)], [], spectrum=OF_PHENOL, forward=FORWARD,
        settings=settings,
    )  # fmt: skip
    assert "priority_pollutants" in rows[0]["suspects"]
    named = dict(zip(rows[0]["explained_mz"], rows[0]["explained_formula"], strict=True))
    assert (named[94.0], named[66.0], named[65.0]) == ("C6H6O", "C5H6", "C5H5")
    assert rows[1]["explained_mz"] is None
