from pathlib import Path

import pytest

from spectus import tables
from spectus.cli import main
from spectus.errors import InputError
from spectus.report.campaign import CampaignResults, best_candidates_first, evidence_of_features, summary_lines
from spectus.report.write import write_report

from .conftest import Made
from .synthetic import COMPOUNDS, MEASURED


def test_features_are_counted_by_their_evidence(made: Made) -> None:
    assert evidence_of_features(made.read())[:6] == ["2a", "2b", "2a", "predicted", "nothing", "2a"]
    assert summary_lines(made.read()) == [
        "5 runs (1 failed), 12 features, 40 candidates",
        "features by evidence: 6 measured spectrum and retention index (level 2a), 2 measured spectrum (level 2b), "
        "2 predicted spectrum, tentative (level 3), 2 unknown (level 4 or 5)",
    ]


def test_a_tentative_structure_is_never_called_identified(made: Made, tmp_path: Path) -> None:
    said = write_report(made.read(), tmp_path, "A campaign").splitlines()
    report = (tmp_path / "report.html").resolve()
    assert said[-1] == (
        f"8 identified (level 1 or 2), 2 tentative (level 3), 2 unknown (level 4 or 5); report: {report}"
    )
    assert "<strong>8</strong> identified (level 1 or 2), <strong>2</strong> tentative (level 3)" in report.read_text(
        encoding="utf-8"
    )


def test_the_absolute_path_is_printed_for_a_relative_folder(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_report(made.read(), Path("out"), "x").endswith(f"; report: {tmp_path.resolve() / 'out/report.html'}")


def test_tables_may_be_absent(made: Made, tmp_path: Path) -> None:
    files = {name: made.files[name] for name in ("runs", "components", "features", "peak_areas")}
    said = write_report(CampaignResults.read(files), tmp_path, "A campaign")
    assert "0 identified (level 1 or 2), 0 tentative (level 3), 12 unknown" in said
    assert sorted(path.stem for path in (tmp_path / "dataset").glob("*.parquet")) == sorted(files)
    assert "no table of candidates" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="table features: is missing"):
        CampaignResults.read({name: made.files[name] for name in ("runs", "components")})


def test_known_compounds_are_counted_where_a_ground_truth_is_given(made: Made, tmp_path: Path) -> None:
    ground_truth = tmp_path / "ground_truth.parquet"
    feature = made.rows.features[0]
    rows = [
        {"run": run, "compound": number, "name": COMPOUNDS[place][0], "inchikey": COMPOUNDS[place][3],
         "rt_s": feature["rt_s"] + later, "fwhm_s": 3.0, "mz": [50.0], "intensity": [1.0]}
        for run in (*MEASURED, "ladder") for number, (place, later) in enumerate([(0, 0.0), (1, 0.2), (3, 5000.0)], 1)
    ]  # fmt: skip
    tables.write(tables.table(tables.GROUND_TRUTH, rows), ground_truth, tables.GROUND_TRUTH)
    campaign = made.read(ground_truth)
    assert summary_lines(campaign)[-1] == "2 of 3 known compounds found, 1 of them at rank 1"
    write_report(campaign, tmp_path / "out", "A campaign")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<dt>simulated compounds found</dt><dd>2 <small>of 3</small>" in page
    assert "These runs are simulated" in page


def test_the_command_prints_where_the_report_is(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"library_hits": "hits", "denovo_candidates": "denovo"}
    arguments = [
        part
        for name, paths in made.files.items()
        for part in (f"--{options.get(name, name).replace('_', '-')}", *map(str, paths))
    ]
    arguments += ["--samples", str(made.sheet), "--library", str(made.library), "--settings", str(made.settings)]
    assert main(["report", *arguments, "--out", str(tmp_path / "out")]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith(f"; report: {(tmp_path / 'out' / 'report.html').resolve()}")
    assert (tmp_path / "out" / "dataset" / "candidates.parquet").is_file()


def test_settings_that_are_no_text_are_refused(made: Made, tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_bytes(b"title: \xff\xfe")
    with pytest.raises(InputError, match=r"config\.yaml: is not UTF-8 text"):
        CampaignResults.read(made.files, settings=settings)


def test_only_the_spectra_of_the_best_hits_are_kept(made: Made) -> None:
    campaign = made.read()
    assert len(campaign.spectra) == sum(row.get("library") == "known" for row in made.rows.library_hits)
    assert campaign.libraries[0].records == len(made.rows.features)
    assert campaign.libraries[0].name == "known"


def test_each_candidate_has_a_hit_before_any_has_a_second() -> None:
    """A predicted spectrum's score is on another scale, so its hit may stand behind one that ranking put last."""
    hits = [
        {"name": "weak", "inchikey": "AAAAAAAAAAAAAA-X", "predicted": False},
        {"name": "none", "inchikey": None, "predicted": False},
        {"name": "best", "inchikey": "BBBBBBBBBBBBBB-Y", "predicted": True},
        {"name": "best again", "inchikey": "BBBBBBBBBBBBBB-Z", "predicted": True},
        {"name": "second", "inchikey": "CCCCCCCCCCCCCC-Z", "predicted": True},
    ]
    ordered = best_candidates_first(hits, {"B" * 14: 0, "C" * 14: 1, "A" * 14: 2})
    assert [hit["name"] for hit in ordered] == ["best", "second", "weak", "none", "best again"]
    assert best_candidates_first(hits, {}) == hits
