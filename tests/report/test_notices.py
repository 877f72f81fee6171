from dataclasses import replace
from pathlib import Path

import pytest

from spectus.report.campaign import CampaignResults
from spectus.report.notices import looks_silylated, notices, silylation_notice
from spectus.report.write import write_report

from .conftest import Made
from .synthetic import Rows, make_rows, make_sheet


def read(rows: Rows, folder: Path, settings: str = "{}") -> CampaignResults:
    (folder / "config.yaml").write_text(settings)
    return CampaignResults.read(rows.write(folder), settings=folder / "config.yaml")


@pytest.mark.parametrize(("n_silylated", "expected"), [(12, True), (7, True), (6, False), (0, False)])
def test_silylated_samples_are_noticed_if_most_features_have_both_ions(
    tmp_path: Path, n_silylated: int, expected: bool
) -> None:
    rows = make_rows(tmp_path)
    for place, row in enumerate(rows.features):
        row |= {"mz": [73.0, 147.0, 204.0], "intensity": [1.0, 0.3 if place < n_silylated else 0.01, 0.4]}
    assert looks_silylated(read(rows, tmp_path)) is expected
    assert (silylation_notice(read(rows, tmp_path)) is not None) is expected


def test_the_suggestion_is_not_made_if_it_was_followed(tmp_path: Path) -> None:
    rows = make_rows(tmp_path)
    for row in rows.features:
        row |= {"mz": [73.0, 147.0], "intensity": [1.0, 0.3]}
    assert "molecules.derivatives" in (silylation_notice(read(rows, tmp_path)) or "")
    assert silylation_notice(read(rows, tmp_path, "molecules: {derivatives: [tms]}")) is None


@pytest.mark.parametrize(
    ("share", "settings", "expected"),
    [("0.21", "{}", "21%"), ("0.8; 0.3", "{}", "30%"), ("0.69", "{}", None), (None, "{}", None),
     ("0.21", "identify: {adapt_share: false}", None)],
)  # fmt: skip
def test_lists_that_lack_most_compounds_are_told(
    tmp_path: Path, share: str | None, settings: str, expected: str | None
) -> None:
    campaign = read(make_rows(tmp_path), tmp_path, settings)
    parts = dict(campaign.parts)
    known = {} if share is None else {"estimated_listed_share": share}
    parts["candidates"] = replace(parts["candidates"], metadata=known)
    told = [note for note in notices(replace(campaign, parts=parts)) if "lists hold only about" in note]
    assert len(told) == (expected is not None)
    assert expected is None or expected in told[0]


@pytest.mark.parametrize("settings", ["search: {exclude: hidden.csv}", "search: {exclude: [hidden.csv]}"])
def test_a_blind_test_is_said_first(made: Made, tmp_path: Path, settings: str) -> None:
    assert any("hidden.csv" in note for note in notices(read(make_rows(tmp_path, 3), tmp_path, settings)))
    assert not any("blind" in note for note in notices(made.read()))


@pytest.mark.parametrize("settings", ["a: [", "- 1", "search: 3"])
def test_settings_that_say_nothing_do_no_harm(tmp_path: Path, settings: str) -> None:
    assert not any("blind" in note for note in notices(read(make_rows(tmp_path, 3), tmp_path, settings)))


def test_a_ladder_of_another_method_is_noticed_and_printed(tmp_path: Path) -> None:
    rows = make_rows(tmp_path)
    read_again = CampaignResults.read(rows.write(tmp_path), make_sheet(tmp_path / "sheet.tsv"))
    assert not any("ladder" in note for note in notices(read_again))
    next(row for row in rows.runs if row["run"] == "river_up")["rt_max_s"] += 600.0
    doubted = CampaignResults.read(rows.write(tmp_path), tmp_path / "sheet.tsv")
    assert any(
        note.startswith("The ladder ladder ends at ") and "unlike river_up." in note for note in notices(doubted)
    )
    assert "unlike river_up." in write_report(doubted, tmp_path / "report", "Doubted")
