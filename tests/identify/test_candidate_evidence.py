"""What records say about structure and index, and the identification level it allows."""

from pathlib import Path

import pytest

from spectus import tables
from spectus.identify.candidates import identify_queries
from spectus.identify.search import search_libraries
from spectus.identify.settings import SearchSettings

PEAKS = "Num Peaks: 3\n65 110\n91 999\n92 650\n\n"
KEY = "YXFVVABEGXRONW-UHFFFAOYSA-N"


def candidates(folder: Path, query: str, *libraries: str) -> list[dict]:
    (folder / "query.msp").write_text(f"Name: query\n{query}{PEAKS}")
    paths = [folder / f"library{n}.msp" for n in range(len(libraries))]
    for path, text in zip(paths, libraries, strict=True):
        path.write_text(text)
    hits, out = folder / "hits.parquet", folder / "candidates.parquet"
    search_libraries(folder / "query.msp", paths, hits, SearchSettings(top=5, min_score=0.0))
    identify_queries(folder / "query.msp", [hits], [], out)
    return tables.read(out, tables.CANDIDATES).to_pylist()


@pytest.mark.parametrize("order", [1, -1])
def test_a_compound_is_one_candidate_in_whatever_form_its_records_name_it(tmp_path: Path, order: int) -> None:
    forms = ["SMILES: Cc1ccccc1", "InChI: InChI=1S/C7H8/c1-7-5-3-2-4-6-7/h2-6H,1H3", f"InChIKey: {KEY}"]
    (only,) = candidates(tmp_path, "", *[f"Name: Toluene\n{form}\n{PEAKS}" for form in forms[::order]])
    assert (only["smiles"], only["inchikey"], only["level"]) == ("Cc1ccccc1", KEY, "2b")


def test_contradicting_fields_allow_no_level_2(tmp_path: Path) -> None:
    (only,) = candidates(tmp_path, "", f"Name: a\nSMILES: O\nInChIKey: {KEY}\n{PEAKS}")
    assert (only["smiles"], only["inchikey"], only["level"]) == (None, KEY, "3")


@pytest.mark.parametrize(("index", "level"), [("RI: 760", "2a"), ("RI: 900", "3"), ("", "2b")])
def test_an_index_of_the_same_scale_decides_the_level(tmp_path: Path, index: str, level: str) -> None:
    (only,) = candidates(tmp_path, f"{index}\n", f"Name: Toluene\nSMILES: Cc1ccccc1\nRI: 760\n{PEAKS}")
    assert only["level"] == level


def test_a_converted_index_gives_no_level_2a(tmp_path: Path) -> None:
    library = f"Name: Toluene\nSMILES: Cc1ccccc1\nRI: 900\nRI_scale: FAME\n{PEAKS}"
    for index in ("1225", "1300"):
        (only,) = candidates(tmp_path, f"RI: {index}\nRI_scale: alkane\n", library)
        assert only["level"] == "2b"
