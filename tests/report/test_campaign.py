from pathlib import Path

import pytest

from spectus import tables
from spectus.cli import main
from spectus.errors import InputError
from spectus.report.campaign import Campaign, identified_by, summary
from spectus.report.write import write_report

from .conftest import Made
from .synthetic import COMPOUNDS, MEASURED


def test_features_are_counted_by_how_they_were_identified(made: Made) -> None:
    ways = identified_by(made.read())
    assert ways[:6] == ["2a", "2b", "2a", "model", "nothing", "2a"]
    lines = summary(made.read())
    assert lines[0] == "5 runs (1 failed), 12 features, 38 candidates"
    assert lines[1] == (
        "identified by: 6 library spectrum and retention index (2a), 2 library spectrum (2b), 2 model only, "
        "2 not identified"
    )
    assert len(lines) == 2


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
    assert summary(campaign)[-1] == "2 of 3 known compounds found, 1 of them at rank 1"
    write_report(campaign, tmp_path / "out", "A campaign")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<dt>simulated compounds found</dt><dd>2 <small>of 3</small>" in page
    assert "These runs are simulated" in page


def test_the_command_prints_where_the_report_is(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [part for name, paths in made.files.items() for part in (f"--{name}", *map(str, paths))]
    arguments += ["--samples", str(made.sheet), "--library", str(made.library), "--settings", str(made.settings)]
    assert main(["report", *arguments, "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"report: {tmp_path / 'out' / 'report.html'}\n5 runs (1 failed), 12 features")
    assert (tmp_path / "out" / "dataset" / "candidates.parquet").is_file()


def test_settings_that_are_no_text_are_refused(made: Made, tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_bytes(b"title: \xff\xfe")
    with pytest.raises(InputError, match=r"config\.yaml: is not UTF-8 text"):
        Campaign.read(made.files, settings=settings)


def test_only_the_spectra_of_the_best_hits_are_kept(made: Made) -> None:
    campaign = made.read()
    assert len(campaign.spectra) == sum("library" in row for row in made.rows.hits)
    assert campaign.libraries[0].records == len(made.rows.features)
    assert campaign.libraries[0].name == "known"
