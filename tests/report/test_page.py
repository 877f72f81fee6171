import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from spectus.report import content as content_module
from spectus.report.campaign import CampaignResults
from spectus.report.content import CANDIDATE_FIELDS, HIT_FIELDS
from spectus.report.page import render_report
from spectus.report.write import write_report

from .conftest import Made
from .pages import Page, read_page
from .synthetic import HOSTILE, MEASURED, Rows, make_rows

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
    drawings = page.document["drawings"]
    assert len(set(drawings)) == len(drawings)
    smiles = {row["smiles"] for row in made.rows.candidates if row.get("smiles")}
    drawn = {}
    for detail in page.document["details"]:
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
    detail, feature = page.document["details"][1], made.rows.features[1]
    assert detail["spectrum"][0] == feature["mz"]
    hit = dict(zip(HIT_FIELDS, detail["hits"][0], strict=True))
    assert page.document["spectra"][hit.pop("spectrum")][0] == feature["mz"]
    assert hit == {
        "library": "known", "entry": 1, "name": "Naphthalene", "cas": None, "score": 0.91, "cosine": 0.93,
        "riDelta": -2.1, "predicted": 0, "why": None,
    }  # fmt: skip
    first = dict(zip(CANDIDATE_FIELDS, detail["candidates"][0], strict=True))
    assert isinstance(first.pop("drawing"), int)
    assert first == {
        "rank": 1, "name": "Naphthalene", "cas": None, "formula": "C10H8", "source": "library+model",
        "probability": None, "posterior": None, "libraryScore": 0.91, "predictedScore": None, "logProb": -0.7,
        "riDelta": -2.1, "level": "2b", "smiles": "c1ccc2ccccc2c1", "inchikey": "UFWIBTONFRDIAS-UHFFFAOYSA-N",
    }  # fmt: skip
    assert [candidate[0] for candidate in detail["candidates"]] == [1, 2, 3, 4]
    areas = [row["area"] for row in made.rows.peak_areas if row["feature"] == feature["feature"]]
    assert detail["areas"] == pytest.approx(areas, rel=0.005)
    assert detail["gapFilled"] == "001"
    assert page.document["runs"][detail["elution"][0][0]]["name"] == "river_up"
    assert len(detail["elution"]) == 2 and max(detail["elution"][0][2]) == 1000


def test_reasons_are_given(page: Page) -> None:
    assert page.document["details"][4]["reasons"] == ["no library hit and no de novo candidate"]
    assert page.document["details"][0]["reasons"] == []


def test_hostile_names_are_only_text(page: Page) -> None:
    assert not any(tag == "b" or "onclick" in attributes for tag, attributes in page.elements)
    assert page.texts["h1"] == [f"Campaign {HOSTILE}"]
    assert page.texts["title"] == [f"Campaign {HOSTILE}"]
    assert HOSTILE in page.document["features"]["name"]
    assert "<b>bold</b>" in page.text
    assert sum(tag == "script" for tag, _ in page.elements) == 2


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
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"]
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
    assert page.document["features"]["id"] == [] and page.document["details"] == []
    assert "tic" in page.document["runs"][1]


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
    candidates = page_of(rows, tmp_path).document["details"][0]["candidates"]
    assert [candidate[C["drawing"]] for candidate in candidates] == [None, None]


def test_accurate_masses_stand_beside_the_spectrum(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    best = rows.features[0]["best_run"], rows.features[0]["best_component"]
    for row in rows.components:
        if (row["run"], row["component"]) == best:
            row |= {"accurate_mz": [57.0335, 57.0699], "accurate_intensity": [1.0, 0.4], "mass_error_ppm": 2.0}
    first, second, _ = page_of(rows, tmp_path).document["details"]
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
    assert page.document["details"][0]["hits"][0][-2:] == [None, "the library was not given to the report"]
    rows.library_hits[0]["name"] = "Xylene"
    rows.library_hits[1]["entry"] = 4000
    page = page_of(rows, tmp_path, libraries=[made.library])
    why = [detail["hits"][0][-2:] for detail in page.document["details"]]
    assert why[0] == [None, "the library now has another record at this position"]
    assert why[1] == [None, "the library no longer has this record"]
    assert why[2][1] is None


def test_what_is_left_out_of_a_large_campaign_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_module, "MOST_FEATURES", 4)
    monkeypatch.setattr(content_module, "MOST_CHROMATOGRAMS", 2)
    rows = make_rows(tmp_path, 9)
    page = page_of(rows, tmp_path)
    assert "for the 4 features of largest area. The other 5 are in the table only" in page.text
    assert "for the first 2 of 4 runs" in page.text
    largest: dict[str, float] = {}
    for row in rows.peak_areas:
        largest[row["feature"]] = max(row["area"], largest.get(row["feature"], 0.0))
    expected = sorted(largest, key=lambda feature: -largest[feature])[:4]
    shown = [
        feature
        for feature, detail in zip(page.document["features"]["id"], page.document["details"], strict=True)
        if detail
    ]
    assert shown == sorted(expected)
    assert ["tic" in run for run in page.document["runs"]] == [True, True, False, False, False]


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
