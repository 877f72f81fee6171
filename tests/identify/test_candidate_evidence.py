"""What records say about structure and index, and the identification level it allows."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.identify.candidates import identify_queries
from spectus.identify.evidence import evidence_of
from spectus.identify.merging import Candidate, merge_candidates
from spectus.identify.search import search_libraries
from spectus.identify.settings import IdentifySettings, SearchSettings
from spectus.identify.unresolved import with_unresolved
from spectus.library.records import read_spectra
from spectus.rerank.pair_features import SourcePriors

PEAKS = "Num Peaks: 3\n65 110\n91 999\n92 650\n\n"
KEY = "YXFVVABEGXRONW-UHFFFAOYSA-N"


def candidates(folder: Path, query: str, *libraries: str, reranker: str | None = None) -> list[dict]:
    (folder / "query.msp").write_text(f"Name: query\n{query}{PEAKS}")
    paths = [folder / f"library{n}.msp" for n in range(len(libraries))]
    for path, text in zip(paths, libraries, strict=True):
        path.write_text(text)
    hits, out = folder / "hits.parquet", folder / "candidates.parquet"
    search_libraries(folder / "query.msp", paths, hits, SearchSettings(top=5, min_score=0.0))
    identify_queries(folder / "query.msp", [hits], [], out, None, reranker)
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


def test_a_record_without_a_structure_gets_that_of_the_listed_compound(tmp_path: Path) -> None:
    """As in libraries whose records have names, CAS numbers or InChIKeys only."""
    forms = ("Name: TOLUENE\n", "Name: Methacide\nCASNO: 108-88-3\n", f"Name: unknown 7\nInChIKey: {KEY}\n")
    (only,) = candidates(tmp_path, "", *[f"{form}{PEAKS}" for form in forms])
    assert (only["smiles"], only["level"]) == ("Cc1ccccc1", "2b")


def test_what_contradicts_the_name_is_not_overruled_by_it(tmp_path: Path) -> None:
    for field in ("CASNO: 71-43-2", "InChIKey: UHOVQNZJYSORNB-UHFFFAOYSA-N"):
        (only,) = candidates(tmp_path, "", f"Name: toluene\n{field}\n{PEAKS}")
        assert only["smiles"] == "c1ccccc1"


def test_records_without_a_structure_share_what_no_structure_explains(tmp_path: Path) -> None:
    """The reranker cannot judge them: it would give them nothing, and "none of these" everything."""
    names = ("our standard 17", "our standard 17", "our standard 4")
    library = "".join(f"Name: {name}\n{PEAKS}" for name in names)
    first, second, last = candidates(tmp_path, "", library, reranker="open")
    assert first["name"] == "our standard 17" and second["name"] == "our standard 4"
    assert 0.8 < first["probability"] + second["probability"] < 0.96
    assert sum(row["probability"] for row in (first, second, last)) == pytest.approx(1)
    assert last["name"] == "none of these"


def test_a_worse_score_gives_a_record_without_structure_less() -> None:
    of = [with_unresolved(np.zeros(1), 1.0, np.array([score]))[0][0] for score in (0.6, 0.8, 0.9, 0.95, 0.99)]
    assert of == sorted(of) and of[0] < 0.05 and of[-1] == pytest.approx(0.9)
    kept, none = with_unresolved(np.array([0.7, 0.0]), 0.3, np.array([np.nan, 0.95]))
    assert kept[0] == 0.7 and none < 0.15


@pytest.mark.parametrize(
    ("option", "value"),
    [("top", 0), ("library_score", 5.0), ("ri_window", -1.0), ("explained", -1),
     ("cas_weight", 0.1), ("cas_weight", -6.0), ("free_form_weight", 1.0), ("listed_share", 1.1)],
)  # fmt: skip
def test_settings_out_of_range_are_named(tmp_path: Path, option: str, value: float) -> None:
    with pytest.raises(InputError, match=f"--{option.replace('_', '-')} "):
        identify_queries(tmp_path / "q.msp", [], [], tmp_path / "o.parquet", IdentifySettings(**{option: value}))


def test_the_default_weight_of_a_cas_number_is_the_fitted_one() -> None:
    assert IdentifySettings().cas_weight == SourcePriors().registered


def test_each_decade_of_a_cas_number_changes_the_odds_by_its_weight(tmp_path: Path) -> None:
    (tmp_path / "query.msp").write_text(f"Name: query\n{PEAKS}")
    listed = [("Cc1ccccc1", "108-88-3"), ("C1=CC=CCC=C1", "544-25-2")]
    records = "".join(f"Name: {smiles}\nSMILES: {smiles}\nCAS#: {cas}\n{PEAKS}" for smiles, cas in listed)
    (tmp_path / "library.msp").write_text(records)
    hits, out = tmp_path / "hits.parquet", tmp_path / "candidates.parquet"
    search_libraries(tmp_path / "query.msp", [tmp_path / "library.msp"], hits, SearchSettings(min_score=0.0))
    odds = []
    for weight in (0.0, -0.5):
        settings = IdentifySettings(cas_weight=weight)
        identify_queries(tmp_path / "query.msp", [hits], [], out, settings, "open")
        probability = {one["cas"]: one["probability"] for one in tables.read(out, tables.CANDIDATES).to_pylist()}
        odds.append(probability["108-88-3"] / probability["544-25-2"])
    assert odds[1] / odds[0] == pytest.approx(np.exp(0.5 * np.log10(544 / 108)), rel=1e-3)


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


SILYL_PEAKS = "Num Peaks: 4\n73 999\n103 400\n147 500\n205 600\n\n"
TRIOL, ESTER = "CCCCCCCCCCCCC(O)C(O)CO", "CCCCCCCCCCCCCCOC(C)=O"


def odds_of_free_form(folder: Path, n_silylated: int, weight: float) -> float:
    """Odds of a triol against an ester whose records agree equally well with the first of six queries."""
    queries = [SILYL_PEAKS if number < n_silylated else PEAKS for number in range(6)]
    (folder / "query.msp").write_text("".join(f"Name: q{number}\n{peaks}" for number, peaks in enumerate(queries)))
    records = "".join(f"Name: {smiles}\nSMILES: {smiles}\n{SILYL_PEAKS}" for smiles in (TRIOL, ESTER))
    (folder / "library.msp").write_text(records)
    hits, out = folder / "hits.parquet", folder / "candidates.parquet"
    search_libraries(folder / "query.msp", [folder / "library.msp"], hits, SearchSettings(min_score=0.0))
    identify_queries(folder / "query.msp", [hits], [], out, IdentifySettings(free_form_weight=weight), "open")
    rows = [row for row in tables.read(out, tables.CANDIDATES).to_pylist() if row["query"] == "q0" and row["smiles"]]
    probability = {row["name"]: row["probability"] for row in rows}
    return float(probability[TRIOL] / probability[ESTER])


def test_free_forms_rank_lower_among_silylated_spectra(tmp_path: Path) -> None:
    without = odds_of_free_form(tmp_path, 6, 0.0)
    assert odds_of_free_form(tmp_path, 6, -0.5) / without == pytest.approx(np.exp(-1.5), rel=1e-3)
    assert odds_of_free_form(tmp_path, 3, -0.5) == pytest.approx(odds_of_free_form(tmp_path, 3, 0.0), rel=1e-6)


@pytest.mark.parametrize("adapt", [True, False])
def test_the_share_of_listed_compounds_is_written_with_the_table(tmp_path: Path, adapt: bool) -> None:
    (tmp_path / "query.msp").write_text(f"Name: query\n{PEAKS}")
    (tmp_path / "library.msp").write_text(f"Name: Toluene\nSMILES: Cc1ccccc1\n{PEAKS}")
    hits, out = tmp_path / "hits.parquet", tmp_path / "candidates.parquet"
    search_libraries(tmp_path / "query.msp", [tmp_path / "library.msp"], hits, SearchSettings())
    identify_queries(
        tmp_path / "query.msp", [hits], [], out, IdentifySettings(listed_share=0.5, adapt_share=adapt), "open"
    )
    share = float(pq.read_schema(out).metadata[b"estimated_listed_share"])
    assert 0.5 < share < 0.55 if adapt else share == 0.5


def test_without_libraries_and_lists_no_share_is_estimated(tmp_path: Path) -> None:
    (tmp_path / "query.msp").write_text(f"Name: query\n{PEAKS}")
    denovo, out = tmp_path / "denovo.parquet", tmp_path / "candidates.parquet"
    proposed = {"query": "query", "rank": 1, "smiles": "Cc1ccccc1", "log_prob": -2.0, "method": "model"}
    tables.write(tables.table(tables.DENOVO_CANDIDATES, [proposed]), denovo, tables.DENOVO_CANDIDATES)
    identify_queries(tmp_path / "query.msp", [], [denovo], out, None, "open")
    assert float(pq.read_schema(out).metadata[b"estimated_listed_share"]) == IdentifySettings().listed_share
