import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from spectus.report import content as content_module
from spectus.report import details as details_module
from spectus.report.campaign import CampaignResults
from spectus.report.candidate_rows import CANDIDATE_FIELDS, HIT_FIELDS
from spectus.report.page import render_report
from spectus.report.write import write_report

from .conftest import Made
from .pages import Page, read_page
from .synthetic import HOSTILE, MEASURED, Rows, make_quantities, make_rows

C = {name: place for place, name in enumerate(CANDIDATE_FIELDS)}


@pytest.fixture(scope="module")
def page(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Page:
    out = tmp_path_factory.mktemp("page")
    write_report(made.read(), out, f"Campaign {HOSTILE}")
    return read_page(out)


def page_of(rows: Rows, folder: Path, **more: Any) -> Page:
    return Page(render_report(CampaignResults.read(rows.write(folder), **more), "A campaign"))


def test_the_document_has_every_feature(page: Page, made: Made) -> None:
    features = page.document["features"]
    assert features["id"] == [row["feature"] for row in made.rows.features]
    assert features["evidence"][:6] == ["2a", "2b", "2a", "predicted", "nothing", "2a"]
    assert features["finding"][:5] == ["identified", "identified", "identified", "tentative", "unknown"]
    assert {len(column) for column in features.values()} == {len(made.rows.features)}
    assert [page.document["runs"][place]["name"] for place in page.document["axis"]] == MEASURED
    assert features["rt"][0] == pytest.approx(made.rows.features[0]["rt_s"], abs=0.006)


def test_every_structure_is_drawn_once(page: Page, made: Made) -> None:
    details = page.details
    drawings = details[0]["drawings"]
    assert len(set(drawings)) == len(drawings)
    smiles = {row["smiles"] for row in made.rows.candidates if row.get("smiles")}
    drawn = {}
    for detail in details:
        for candidate in detail["candidates"]:
            structure, place = candidate[C["smiles"]], candidate[C["drawing"]]
            if structure is not None:
                drawn[structure] = drawings[place]
            else:
                assert place is None
    assert set(drawn) == smiles
    assert len(set(drawn.values())) == len(smiles)
    assert all(drawing.startswith("<svg") for drawing in drawings)


def test_a_feature_is_shown_with_its_hit_candidates_areas_and_profile(page: Page, made: Made) -> None:
    detail, feature = page.details[1], made.rows.features[1]
    assert detail["spectrum"][0] == feature["mz"]
    hit = dict(zip(HIT_FIELDS, detail["hits"][0], strict=True))
    assert detail["spectra"][hit.pop("spectrum")][0] == feature["mz"]
    assert hit == {
        "library": "known", "entry": 1, "name": "Naphthalene", "cas": None, "score": 0.91, "cosine": 0.93,
        "riDelta": -2.1, "predicted": 0, "why": None,
    }  # fmt: skip
    first = dict(zip(CANDIDATE_FIELDS, detail["candidates"][0], strict=True))
    assert isinstance(first.pop("drawing"), int)
    assert first == {
        "rank": 1, "name": "Naphthalene", "cas": "91-20-3", "formula": "C10H8", "source": "library+model",
        "probability": 0.62, "formulaProbability": None, "scaffoldProbability": None, "set": 90, "libraryScore": 0.91,
        "predictedScore": None, "explained": 0.83, "logProb": -0.7, "riDelta": -2.1, "riPredicted": 1004,
        "level": "2b", "smiles": "c1ccc2ccccc2c1", "inchikey": "UFWIBTONFRDIAS-UHFFFAOYSA-N", "derivative": None,
        "excluded": None, "suspects": None, "peaks": None, "hit": 0,
    }  # fmt: skip
    assert [candidate[0] for candidate in detail["candidates"]] == [1, 2, 3, 4, 5]
    areas = [row["area"] for row in made.rows.peak_areas if row["feature"] == feature["feature"]]
    assert page.areas()[1] == pytest.approx(areas, rel=0.001)
    assert page.gap_filled()[1].tolist() == [False, False, True]
    assert page.document["runs"][detail["elution"][0][0]]["name"] == "river_up"
    assert len(detail["elution"]) == 2 and max(detail["elution"][0][2]) == 1000


def test_traces_are_of_the_most_intense_ions_in_the_best_run_first(page: Page, made: Made) -> None:
    """The synthetic runs hold the ion m/z 100 only, so only features that have it among their four have a trace."""
    rows = make_rows_with_base_peak(made, 100.0)
    run, ions, steps, top, heights = rows["traces"][0]
    assert page.document["runs"][run]["name"] == "river_up"
    assert ions[0] == 100 and len(heights) == len(ions) and {len(line) for line in heights} == {len(steps)}
    assert max(heights[0]) == 999 and top > 0
    assert {page.document["runs"][line[0]]["name"] for line in rows["traces"]} == set(MEASURED)
    assert all(len(line[1]) == 1 for line in rows["traces"][1:])


def make_rows_with_base_peak(made: Made, mz: float) -> dict[str, Any]:
    rows = copy.deepcopy(made.rows)
    rows.features[0] |= {"mz": [50.0, mz], "intensity": [0.2, 1.0]}
    return page_of(rows, made.library.parent / "traces").details[0]


def test_marks_of_candidates(page: Page) -> None:
    """Exclusion, derivative, suspect lists, explained peaks and "none of these" reach the page."""
    first = [detail["candidates"][0] if detail["candidates"] else None for detail in page.details[:6]]
    assert first[0][C["peaks"]] == [[91, 65], ["C7H7", "C5H5"]] and first[0][C["suspects"]] == "river list, PFAS"
    assert first[2][C["derivative"]] == "2 TMS" and first[2][C["formulaProbability"]] == 0.8
    assert first[5][C["excluded"]].startswith("m/z 47")
    last = page.details[3]["candidates"][-1]
    assert (last[C["source"]], last[C["smiles"]], last[C["probability"]], last[C["set"]]) == ("none", None, 0.1, 90)
    assert page.document["features"]["set"][3] == 2
    assert page.document["features"]["suspects"][:2] == ["river list, PFAS", None]
    assert "candidates" in page.text


def test_columns_without_a_value_are_not_shown(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    for row in rows.candidates:
        for key in ("probability", "explained", "in_set_80", "in_set_90", "cas", "ri_predicted"):
            row.pop(key, None)
    shown = page_of(rows, tmp_path).document["candidateColumns"]
    assert not {"probability", "explained", "set", "cas", "riPredicted"} & set(shown)
    assert {"libraryScore", "logProb", "level"} <= set(shown)


def test_the_text_filter_finds_candidates_that_are_not_listed(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page.part("words") == {}
    monkeypatch.setattr(details_module, "CANDIDATES_PER_FEATURE", 1)
    words = page_of(make_rows(tmp_path, 3), tmp_path).part("words")
    text, formulas = words["0"]
    assert "toluene" not in text and "c1ccc2ccccc2c1" in text and "ufwibtonfrdias" in text
    assert "none of these" not in text
    assert "c10h8" in formulas and set(words) == {"0", "1", "2"}


def test_reasons_are_given(page: Page) -> None:
    assert page.details[4]["reasons"] == ["no library hit and no de novo candidate"]
    assert page.details[0]["reasons"] == []


def test_hostile_names_are_only_text(page: Page) -> None:
    assert not any(tag == "b" or "onclick" in attributes for tag, attributes in page.elements)
    assert page.texts["h1"] == [f"Campaign {HOSTILE}"]
    assert page.texts["title"] == [f"Campaign {HOSTILE}"]
    assert HOSTILE in page.document["features"]["name"]
    assert "<b>bold</b>" in page.text
    kinds = [attributes.get("type") for tag, attributes in page.elements if tag == "script"]
    assert kinds[:2] == ["application/json", None] and set(kinds[2:]) == {"application/octet-stream"}


def test_hostile_run_names_and_errors_are_only_text(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    for table in (rows.runs, rows.components, rows.ri_standards, rows.peak_areas):
        for row in table:
            row["run"] += HOSTILE
    rows.runs[-1]["error"] = f"cannot be read {HOSTILE} \u2028"
    page = page_of(rows, tmp_path)
    assert not any(tag == "b" or "onclick" in attributes for tag, attributes in page.elements)
    assert f"broken{HOSTILE}" in page.text and f"cannot be read {HOSTILE}" in page.text


def test_nothing_is_fetched(page: Page, made: Made) -> None:
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe")
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    policy = [attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"]
    html = render_report(made.read(), "A campaign")
    assert "url(http" not in html and "@import" not in html and "fetch(" not in html


def test_two_writes_are_equal(made: Made, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(made.read(), tmp_path / name, "A campaign")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 10
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path


def test_header_and_provenance(page: Page, made: Made) -> None:
    assert "acquired 2024-05-02" in page.text and "simulated" not in page.text
    assert "1 run could not be used: broken" in page.text
    assert "ends in the middle of a variable; copy it again" in page.text
    assert "n-alkanes, 8 of 9 RI standards found; missing: C14." in page.text
    assert made.rows.runs[0]["sha256"] in page.text
    assert "0" * 64 in page.text and "model_sha256 " + "0" * 64 in page.text
    assert "libraries: [known.msp]" in page.text
    assert "12 records" in page.text


@pytest.mark.parametrize("text", ["", "\u2028", "<!--", "</SCRIPT>", "{{css}}", "\\1"])
def test_titles_come_back_as_they_are(made: Made, text: str) -> None:
    assert Page(render_report(made.read(), f"x{text}y")).texts["h1"] == [f"x{text}y"]


def test_zero_features(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    rows.features, rows.peak_areas, rows.library_hits, rows.denovo_candidates, rows.candidates = [], [], [], [], []
    page = page_of(rows, tmp_path)
    assert "No feature was found in any run." in page.text
    assert page.document["features"]["id"] == [] and page.details == []
    assert page.document["runs"][1]["drawn"] and "y" in page.part("tic")[1]["tic"]


def test_nothing_at_all(tmp_path: Path) -> None:
    page = page_of(Rows(), tmp_path)
    assert "There is no run." in page.text
    assert page.document["runs"] == []


def test_no_ladder(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    rows.ri_standards = []
    for row in rows.features:
        row.update(ri=None, ri_extrapolated=None)
    page = page_of(rows, tmp_path)
    assert "No ladder was found" in page.text
    assert page.document["features"]["ri"] == [None] * 3 and page.document["ladders"] == []


def test_several_ladders_are_folded(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    rows.ri_standards += [row | {"run": "river_up", "series": "fame"} for row in rows.ri_standards]
    page = page_of(rows, tmp_path)
    assert [("open" in attributes) for tag, attributes in page.elements if tag == "details"] == [False, True, False]
    assert "river_up: fatty acid methyl esters" in page.text
    assert [ladder["series"] for ladder in page.document["ladders"]] == ["alkane", "fame"]


def test_missing_mzml_files(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    Path(rows.runs[0]["mzml"]).unlink()
    rows.runs[1]["mzml"] = None
    page = page_of(rows, tmp_path)
    assert "no chromatogram: " in page.text and f"{rows.runs[0]['mzml']}: no such file" in page.text
    assert "no mzML was made of this run" in page.text
    shown = [attributes["data-run"] for tag, attributes in page.elements if "data-run" in attributes]
    assert shown == ["2", "3"]


def test_null_and_broken_structures(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    rows.candidates = [
        {"query": "F0001", "rank": 1, "name": "no structure", "source": "library", "library_score": 0.9, "level": "2b"},
        {"query": "F0001", "rank": 2, "smiles": "C1CC(", "source": "model", "log_prob": -1.0, "level": "3"},
    ]
    candidates = page_of(rows, tmp_path).details[0]["candidates"]
    assert [candidate[C["drawing"]] for candidate in candidates] == [None, None]


def test_accurate_masses_stand_beside_the_spectrum(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    best = rows.features[0]["best_run"], rows.features[0]["best_component"]
    for row in rows.components:
        if (row["run"], row["component"]) == best:
            row |= {"accurate_mz": [57.0335, 57.0699], "accurate_intensity": [1.0, 0.4], "mass_error_ppm": 2.0}
    first, second, _ = page_of(rows, tmp_path).details
    assert first["accurate"] == [[57, 57], [57.0335, 57.0699]]
    assert "accurate" not in second


def test_features_without_a_row_of_candidates(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    rows.candidates, rows.library_hits, rows.denovo_candidates = [], [], []
    page = page_of(rows, tmp_path)
    assert page.document["features"]["evidence"] == ["nothing"] * 3
    assert "3 unknown (level 4 or 5)" in page.text


def test_hits_whose_library_is_absent_or_has_changed(made: Made, tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    page = page_of(rows, tmp_path)
    assert page.details[0]["hits"][0][-2:] == [None, "the library was not given to the report"]
    rows.library_hits[0]["name"] = "Xylene"
    rows.library_hits[1]["entry"] = 4000
    page = page_of(rows, tmp_path, libraries=[made.library])
    why = [detail["hits"][0][-2:] for detail in page.details]
    assert why[0] == [None, "the library now has another record at this position"]
    assert why[1] == [None, "the library no longer has this record"]
    assert why[2][1] is None


def test_what_is_left_out_of_a_large_campaign_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_module, "MOST_TRACED", 4)
    monkeypatch.setattr(content_module, "MOST_CHROMATOGRAMS", 2)
    rows = make_rows(tmp_path, 9)
    page = page_of(rows, tmp_path)
    assert "for the 4 of 9 features with the largest area" in page.text
    assert "for the first 2 of 4 runs" in page.text
    largest: dict[str, float] = {}
    for row in rows.peak_areas:
        largest[row["feature"]] = max(row["area"], largest.get(row["feature"], 0.0))
    expected = sorted(largest, key=lambda feature: -largest[feature])[:4]
    ids = page.document["features"]["id"]
    assert [ids[place] for place, detail in enumerate(page.details) if detail["elution"]] == sorted(expected)
    assert all(detail["candidates"] or detail["reasons"] for detail in page.details)
    assert [run["drawn"] for run in page.document["runs"]] == [True, True, False, False, False]


def test_quantities_are_shown_if_the_stage_has_run(page: Page, tmp_path: Path) -> None:
    assert "quantities" not in page.parts and "Amounts, blanks" not in page.text
    rows = make_rows(tmp_path, 6)
    files = rows.write(tmp_path) | make_quantities(tmp_path, rows)
    shown = Page(render_report(CampaignResults.read(files), "A campaign"))
    assert "Amounts, blanks and quality control" in shown.text
    assert shown.part("quantities")["calibration"][0]["compound"] == "Toluene"
    assert shown.document["features"]["blankVerdict"][:2] == ["above blanks", "like blanks (DEHP)"]


def test_a_large_campaign_has_fewer_drawings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details_module, "STRUCTURES_BY_FEATURES", ((2, 6),))
    shown = page_of(make_rows(tmp_path, 3), tmp_path).details[1]["candidates"]
    assert [candidate[C["drawing"]] for candidate in shown].count(-1) == len(shown) - details_module.FEWEST_STRUCTURES


def test_details_are_split_into_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (content_module, details_module):
        monkeypatch.setattr(module, "FEATURES_PER_PART", 4)
    page = page_of(make_rows(tmp_path, 9), tmp_path)
    assert page.document["partSize"] == 4
    assert [len(page.part(f"part-{number}")["details"]) for number in range(3)] == [4, 4, 1]


def test_runs_of_the_sheet_that_no_table_has(made: Made, tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    rows.runs.pop()
    page = page_of(rows, tmp_path, samples=made.sheet)
    assert "1 run of the sample sheet missing in the tables: broken." in page.text


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to check the script's syntax")
def test_the_script_is_sound(made: Made, tmp_path: Path) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", render_report(made.read(), "A campaign"), re.DOTALL)
    (tmp_path / "page.js").write_text(scripts[-1], encoding="utf-8")
    done = subprocess.run(["node", "--check", tmp_path / "page.js"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
