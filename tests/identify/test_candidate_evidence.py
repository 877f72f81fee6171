"""What records say about structure and index, and the identification level it allows."""

from pathlib import Path

import pytest

from spectus import tables
from spectus.identify.candidates import identify_queries
from spectus.identify.evidence import evidence_of
from spectus.identify.merging import Candidate, merge_candidates
from spectus.identify.search import search_libraries
from spectus.identify.settings import SearchSettings
from spectus.library.records import read_spectra

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


def row(smiles: str, score: float | None = None, **more: object) -> dict:
    """A row of hits, or, without a score, of de novo candidates."""
    names = ("ri_delta", "ri_basis", "contradiction", "derivative", "smiles_measured", "excluded", "cas", "name")
    return dict.fromkeys(names) | {
        "smiles": smiles, "score": score, "predicted": False, "reason": None, "log_prob": -1.0, "method": "model",
        **more,
    }  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
def test_a_derivative_and_the_record_of_its_free_compound_are_one_candidate(order: int) -> None:
    """Else both share the probability of one answer, and the structure of the derivative goes without its level 2."""
    silylated = "CC(O[Si](C)(C)C)C(=O)O[Si](C)(C)C"
    hits = [
        row("CC(O)C(=O)O", 0.9, derivative="2 TMS", smiles_measured=silylated, ri_delta=4.0, ri_basis="same scale"),
        row(silylated, 0.95, ri_delta=1.0, ri_basis="same scale", cas="17596-96-2"),
        row(silylated, 0.8, predicted=True),
    ]
    (only,) = merge_candidates(hits[::order], [row(silylated)], {})
    assert (only.smiles, only.derivative, only.measured_smiles) == ("CC(O)C(=O)O", "2 TMS", silylated)
    assert (only.library_score, only.ri_delta, only.predicted_score, only.log_prob) == (0.95, 1.0, 0.8, -1.0)
    assert only.source == "library+predicted+model"


def test_derivatives_of_other_compounds_stay_apart() -> None:
    hits = [row("CCO", 0.9, derivative="1 TMS", smiles_measured="CCO[Si](C)(C)C"), row("CCCO[Si](C)(C)C", 0.9)]
    assert len(merge_candidates(hits, [row("CCO[Si](C)C"), row("CCO")], {})) == 3, "ethanol itself is the free compound"


def test_a_measured_index_says_more_than_a_predicted_one(tmp_path: Path) -> None:
    (tmp_path / "query.msp").write_text(f"Name: query\nRI: 765\nRI_scale: alkane\n{PEAKS}")
    spectra = read_spectra(tmp_path / "query.msp")

    def of(**more: object) -> float:
        candidate = Candidate(smiles="Cc1ccccc1", named_by={"library"}, **more)  # type: ignore[arg-type]
        (found,) = evidence_of([[candidate]], spectra)
        return float(found.evidence.retention[0])

    predicted = of()
    near, far = of(ri_delta=2.0, ri_basis="same scale"), of(ri_delta=-60.0, ri_basis="same scale")
    assert far < 0 < predicted <= near
    assert far < of(ri_delta=-60.0, ri_basis="converted") < of(ri_delta=-60.0, ri_basis="extrapolated")
