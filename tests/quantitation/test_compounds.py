from pathlib import Path

import numpy as np
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.quantitation.campaign import AreaMatrix
from spectus.quantitation.compounds import (
    Compound,
    Features,
    assigned_features,
    features_by_name,
    following_features,
    read_compounds,
)


def test_a_table_of_compounds_is_read(tmp_path: Path) -> None:
    path = tmp_path / "compounds.csv"
    path.write_text(
        "Name;rt_min;feature;Quantifier;qualifiers;internal_standard;note\n"
        "etizolam;10,25;;342;313 266;390.5;x\n"
        "caffeine;;F0007;;;none;\n"
        "phenol;;;;;;\n",
        encoding="utf-8",
    )
    assert read_compounds(path) == [
        Compound("etizolam", None, 615.0, 342.0, (313.0, 266.0), "390.5"),
        Compound("caffeine", "F0007", standard="none"),
        Compound("phenol"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rt_s\n5\n", "lacks the columns name"),
        ("name\trt_s\n", "names no compound"),
        ("name\trt_s\n\t5\n", "line 2: the cell under 'name' is empty"),
        ("name\trt_s\na\tsoon\n", "line 2: rt_s 'soon' is not a number"),
        ("name\tquantifier\na\t342 313\n", "line 2: names more than one quantifier"),
        ("name\tqualifiers\na\t342 -1\n", "line 2: qualifiers '-1' is not an m/z"),
        ("name\tquantifier\tqualifiers\na\t342\t313 342\n", "line 2: names one ion twice"),
        ("name\nPhenol\nphenol\n", "line 3: the compound 'phenol' is there twice"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "compounds.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_compounds(path)
    assert words in str(caught.value)


def features(**hits: list[str]) -> Features:
    return Features(["F1", "F2", "F3"], np.array([100.0, 103.0, 500.0]), [], [], np.array([1.0, 9.0, 4.0]), hits)


def test_a_feature_is_found_by_identifier_time_or_name() -> None:
    found = features(phenol=["F3", "F1"])
    assert found.find("F1", 6.0) == "F1"
    assert found.find("101", 6.0) == "F2"  # the larger of two
    assert found.find("100", 2.0) == "F1"
    assert found.find("300", 6.0) is None
    assert found.find("Phenol", 6.0) == "F3"
    assert found.find("toluene", 6.0) is None


def test_names_of_hits_come_best_rank_first_and_without_counters(tmp_path: Path) -> None:
    rows = [
        {"query": "F1", "rank": 2, "name": "Phenol"},
        {"query": "F2", "rank": 1, "name": "phenol#2"},
        {"query": "F3", "rank": 1, "reason": "no library has a hit"},
    ]
    path = tmp_path / "hits.parquet"
    tables.write(tables.table(tables.LIBRARY_HITS, rows), path, tables.LIBRARY_HITS)
    assert features_by_name([path]) == {"phenol": ["F2", "F1"]}


def test_only_features_that_follow_the_calibrators_are_compounds() -> None:
    amounts = np.array([10.0, 20.0, 50.0, 100.0, np.nan, np.nan])
    calibrators, blanks = np.array([1, 1, 1, 1, 0, 0], dtype=bool), np.array([0, 0, 0, 0, 1, 0], dtype=bool)
    area = np.array(
        [
            [1e4, 2.1e4, 4.8e4, 1.0e5, 0.0, 3e4],  # proportional
            [1e4, 3.2e4, 1.5e5, 4.6e5, 0.0, 3e4],  # steeper: adsorption
            [5e4, 5e4, 5.2e4, 5e4, 5e4, 5e4],  # an internal standard
            [1e4, 2.1e4, 4.8e4, 1.0e5, 9e3, 3e4],  # the blank has as much as the lowest calibrator
            [1e4, 2.1e4, 4.8e4, 1.0e5, 0.0, 3e4],  # a ghost: perceived twice
            [1e4, 9e3, 8e4, 4e4, 0.0, 3e4],  # chance
        ]
    )
    perceived = np.ones(area.shape, dtype=bool)
    perceived[4, :2] = False
    matrix = AreaMatrix([f"F{n}" for n in range(6)], area, np.zeros(area.shape), perceived)
    assert following_features(matrix, amounts, calibrators, blanks) == ["F0", "F1"]
    assert following_features(matrix, np.full(6, 10.0), calibrators, blanks) == []


def two_neighbors() -> Features:
    """F1 and F2 are 3 s apart, F2 is nine times larger, and only F1 has m/z 106."""
    mz, intensity = [[91.0, 106.0], [91.0, 105.0], [50.0]], [[1.0, 0.5], [1.0, 0.3], [1.0]]
    return Features(["F1", "F2", "F3"], np.array([100.0, 103.0, 500.0]), mz, intensity, np.array([1.0, 9.0, 4.0]), {})


def test_two_neighbors_do_not_become_one_feature() -> None:
    found = two_neighbors()
    xylenes = [Compound("p-xylene", rt_s=100.5), Compound("o-xylene", rt_s=103.2)]
    assert assigned_features(xylenes, found, 6.0) == ["F1", "F2"]
    assert assigned_features(xylenes[::-1], found, 6.0) == ["F2", "F1"]
    third = Compound("m-xylene", rt_s=101.0)
    assert assigned_features([*xylenes, third], found, 6.0).count(None) == 1
    named = Compound("a", feature="F2"), Compound("b", rt_s=103.0), Compound("c"), Compound("d", rt_s=300.0)
    assert assigned_features(named, found, 6.0) == ["F2", "F1", None, None]
    assert assigned_features([], found, 6.0) == []


def test_a_feature_without_the_quantifier_is_not_the_compound() -> None:
    found = two_neighbors()
    assert assigned_features([Compound("x", rt_s=103.0, quantifier=106.0)], found, 6.0) == ["F1"]
    assert assigned_features([Compound("x", rt_s=103.0, quantifier=200.0)], found, 6.0) == [None]


def test_of_two_hits_of_a_name_the_one_with_the_better_score_counts(tmp_path: Path) -> None:
    rows = [
        {"query": "F1", "rank": 1, "name": "toluene", "score": 0.55},
        {"query": "F7", "rank": 1, "name": "toluene", "score": 0.98},
    ]
    path = tmp_path / "hits.parquet"
    tables.write(tables.table(tables.LIBRARY_HITS, rows), path, tables.LIBRARY_HITS)
    assert features_by_name([path]) == {"toluene": ["F7", "F1"]}
    candidates = [
        {"query": "F1", "rank": 1, "name": "toluene", "probability": 0.2},
        {"query": "F7", "rank": 1, "name": "toluene", "probability": 0.9},
    ]
    tables.write(tables.table(tables.CANDIDATES, candidates), path, tables.CANDIDATES)
    assert features_by_name([path]) == {"toluene": ["F7", "F1"]}
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError):
        features_by_name([path])
