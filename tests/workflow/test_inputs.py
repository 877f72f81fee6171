"""Names, places and dates of inputs: what they may be, and which of them make jobs run again."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from spectus import tables

from .campaigns import ROOT, Campaign
from .test_errors import complaint

RAW = ROOT / "resources" / "example" / "blank.mzML.gz"
# Braces and <name> mean wildcards and path variables to Snakemake, a dash an option to a command.
NAMES = (
    "a{x}.mzML.gz",
    "b{{0}}.mzML.gz",
    "c<results>.mzML.gz",
    "-rf.mzML.gz",
    "e 'q\" $HOME;&|é.mzML.gz",
    "ahead.mzML.gz",
)


def test_raw_files_of_any_name_and_date_are_converted_once(campaign: Campaign) -> None:
    for name in NAMES:
        shutil.copy(RAW, campaign.folder / name)
    os.utime(campaign.folder / "ahead.mzML.gz", (2**31, 2**31))  # in 2038
    campaign.write_sheet(
        *((f"run_{i}", f'"{name.replace(chr(34), chr(34) * 2)}"', "sample") for i, name in enumerate(NAMES))
    )
    campaign.run("convert", "--cores", "1")
    rows = tables.read(campaign.folder / "results" / "runs" / "0001.parquet", tables.RUNS).to_pylist()
    assert [(row["path"], row["status"]) for row in rows] == [(name, "ok") for name in NAMES]
    assert campaign.planned("convert") == {}
    shutil.copy(ROOT / "resources" / "example" / "ladder.mzML.gz", campaign.folder / NAMES[0])
    assert campaign.planned("convert") == {"convert_chunk": 1, "convert": 1}


def test_a_title_may_hold_any_text(campaign: Campaign) -> None:
    title = "{x} {{input}} <b>bold</b> it's 100 % `id` $HOME"
    campaign.change({"report": {"title": title}})
    said = campaign.run("--dry-run", "--printshellcmds")
    assert """--title '{x} {{input}} <b>bold</b> it'"'"'s 100 % `id` $HOME'""" in said


@pytest.mark.parametrize("name", ["-h", "..", ".x"])
def test_a_run_has_no_name_that_an_option_or_hidden_file_has(campaign: Campaign, name: str) -> None:
    campaign.write_sheet((name, RAW, "sample"))
    assert f"config/samples.tsv, line 2: run {name!r} does not match" in complaint(campaign)


def test_a_path_of_the_configuration_that_snakemake_would_change(campaign: Campaign) -> None:
    (campaign.folder / "a{b}.msp").touch()
    campaign.change({"libraries": ["a{b}.msp"]})
    problem = "Snakemake reads '{', '}' and '<name>' in a path as variables; rename the file or folder"
    assert f"\nlibraries: a{{b}}.msp: {problem}\n" in complaint(campaign)


def test_a_chunk_whose_mzml_was_deleted_is_converted_again(campaign: Campaign) -> None:
    campaign.run("convert", "--cores", "1")
    mzml = campaign.folder / "results" / "mzml" / "0001"
    (mzml / "blank.mzML").unlink()
    assert campaign.planned("convert") == {"convert_chunk": 1, "convert": 1}
    campaign.run("convert", "--cores", "1")
    assert (mzml / "blank.mzML").exists()
    assert campaign.planned("convert") == {}


def test_a_large_raw_file_that_is_touched_or_copied_again_repeats_nothing(campaign: Campaign) -> None:
    """Larger than 1 MB, up to which Snakemake compares the content by default."""
    large = campaign.folder / "large.cdf"
    large.write_bytes(os.urandom(2_000_000))
    campaign.write_sheet(("a", RAW, "sample"), ("large", "large.cdf", "sample"))
    campaign.change({"on_bad_run": "skip"})
    campaign.run("convert", "--cores", "1")
    os.utime(large)
    assert campaign.planned("convert") == {}
    large.write_bytes(large.read_bytes()[:-1] + b"x")
    assert campaign.planned("convert") == {"convert_chunk": 1, "convert": 1}


def test_another_checkout_of_the_same_version_repeats_nothing(tmp_path: Path) -> None:
    """The campaign lies in a folder without resources: what ships is found in the checkout."""
    checkouts = [tmp_path / name / "checkout" for name in ("one", "another")]
    for checkout in checkouts:
        for name in ("config", "envs", "profiles", "workflow"):
            shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        shutil.copy(ROOT / "Snakefile", checkout)
        (checkout / "resources").mkdir()
        for name in ("libraries", "models"):
            shutil.copytree(ROOT / "resources" / name, checkout / "resources" / name)
    campaign = Campaign.example(tmp_path / "campaign", {"predict": {"molecules": None}})
    (campaign.folder / "resources").unlink()
    campaign.change({"search": {"exclude": None}, "report": {"ground_truth": None}})
    campaign.write_sheet(("a", RAW, "sample"))
    one, another = (Campaign(campaign.folder, checkout / "Snakefile") for checkout in checkouts)
    one.run("library", "--cores", "1")
    assert another.planned("library") == {}
    subprocess.run(["sed", "-i", "$ a \\ ", str(checkouts[1] / "resources/libraries/PNNLMetV20191015.msp")], check=True)
    assert another.planned("library") == {"library_table": 1, "library": 1}


@pytest.mark.parametrize("runs", [1, 2])
def test_a_chunk_whose_runs_are_all_bad_is_skipped(campaign: Campaign, runs: int) -> None:
    """With one run in a chunk, the last chunk has the bad run alone."""
    (campaign.folder / "half.mzML").write_bytes(RAW.read_bytes()[:5000])
    campaign.write_sheet(("a", RAW, "sample"), ("half", "half.mzML", "sample"), ("lost", "lost.cdf", "sample"))
    campaign.change({"on_bad_run": "skip", "chunks": {"runs": runs}})
    campaign.run("calibrate", "--cores", "1")
    files = sorted((campaign.folder / "results" / "runs").glob("*.parquet"))
    rows = [row for file in files for row in tables.read(file, tables.RUNS).to_pylist()]
    assert [(row["run"], row["status"]) for row in rows] == [("a", "ok"), ("half", "failed"), ("lost", "failed")]
    assert "lost.cdf: no such file" in rows[2]["error"]
