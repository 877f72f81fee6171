"""What a user sees of a mistake in the configuration or the sheet: one clear line, no traceback."""

import pytest

from .campaigns import EXAMPLE, ROOT, Campaign


def complaint(campaign: Campaign, *arguments: str) -> str:
    done = campaign.snakemake("--dry-run", "--quiet", "all", *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_mistyped_key(campaign: Campaign) -> None:
    campaign.change({"on_bad_runs": "skip"})
    assert "\nconfig/config.yaml, on_bad_runs: unknown key; write 'on_bad_run'\n" in complaint(campaign)


def test_a_wrong_type_in_a_file_of_ones_own(campaign: Campaign) -> None:
    (campaign.folder / "mine.yaml").write_text("denovo: {beams: ten}\n")
    said = complaint(campaign, "--configfile", str(campaign.folder / "mine.yaml"))
    assert "mine.yaml, denovo.beams: 'ten' is not a whole number; write for example 10\n" in said


def test_a_sheet_with_a_wrong_type(campaign: Campaign) -> None:
    campaign.write_sheet(("a", "a.mzML", "sampel"))
    assert "\nconfig/samples.tsv, line 2: unknown type 'sampel'; use one of sample, blank," in complaint(campaign)


def test_a_sheet_that_is_not_there(campaign: Campaign) -> None:
    campaign.change({"samples": "config/none.tsv"})
    assert "\nconfig/none.tsv: no such file; check the path\n" in complaint(campaign)


def test_a_missing_run(campaign: Campaign) -> None:
    campaign.write_sheet(("a", "nowhere/a.mzML", "sample"), ("b", "nowhere/b.mzML", "sample"))
    said = complaint(campaign)
    assert "config/samples.tsv, run 'a': no such file nowhere/a.mzML (and 1 runs more)" in said
    assert "set on_bad_run: skip" in said


def test_a_missing_list_of_molecules(campaign: Campaign) -> None:
    campaign.change({"predict": {"molecules": "nist.smi"}})
    assert "\npredict.molecules: nist.smi: no such file; " in complaint(campaign)


def test_a_missing_file_of_exclusions(campaign: Campaign) -> None:
    campaign.change({"molecules": {"exclude": ["none.txt"]}})
    assert "\nmolecules.exclude: none.txt: no such file; correct the path" in complaint(campaign)


def test_an_unknown_source_of_molecules_and_a_word_for_a_yes(campaign: Campaign) -> None:
    campaign.change({"molecules": {"sources": ["nist"]}})
    assert "unknown value 'nist'; use one of chemicals, molsets\n" in complaint(campaign)
    campaign.change({"molecules": {"sources": ["chemicals"], "partial": "perhaps"}})
    assert "molecules.partial: 'perhaps' is not true or false; write for example false\n" in complaint(campaign)


def test_a_missing_library(campaign: Campaign) -> None:
    campaign.change({"libraries": ["nist.msp"]})
    assert "\nlibraries: nist.msp: no such file; correct the path in the configuration\n" in complaint(campaign)


def test_a_missing_model(campaign: Campaign) -> None:
    campaign.change({"model": "models/of/mine"})
    assert (
        "\nmodel: models/of/mine: no such folder; correct the path, or name a model on the hub, OWNER/NAME\n"
        in complaint(campaign)
    )


def test_the_ground_truth_of_the_example_left_in_a_campaign_of_ones_own(campaign: Campaign) -> None:
    (campaign.folder / "resources").unlink()
    campaign.write_sheet(("a", ROOT / "resources" / "example" / "blank.mzML.gz", "sample"))
    problem = "report.ground_truth: resources/example/ground_truth.parquet: no such file"
    assert f"\n{problem}; correct the path, or write null for real runs\n" in complaint(campaign)
    campaign.change({"report": {"ground_truth": None}})
    problem = "search.exclude: resources/example/exclusions.csv: no such file"
    assert f"\n{problem}; correct the path, or write null for none\n" in complaint(campaign)
    campaign.change({"search": {"exclude": None}})
    assert campaign.planned() == EXAMPLE


@pytest.mark.parametrize("setting", ["search={'top': 5}", "search={top: 5}"])
def test_nested_keys_on_the_command_line_are_understood(campaign: Campaign, setting: str) -> None:
    done = campaign.snakemake("search", "--dry-run", "--printshellcmds", "--config", setting)
    assert done.returncode == 0, done.stderr
    assert "--top 5 " in done.stdout
