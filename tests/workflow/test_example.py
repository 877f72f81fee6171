"""The example campaign, run for real; and what runs again after a change."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from spectus import tables
from spectus.molecules.reading import read_molecules

from .campaigns import FINISHED, ROOT, Campaign

ORDER = (
    "deconvolve_chunk", "calibrate", "align", "quantify", "search", "denovo_chunk", "identify", "report", "all",
)  # fmt: skip
AFTER_SEARCH = {"search", "denovo_chunk", "identify", "report", "all"}
AFTER_DENOVO = {"denovo_chunk", "identify", "report", "all"}


def test_plain_snakemake_makes_the_report_and_says_what_it_found(finished: Campaign) -> None:
    results = finished.folder / "results"
    assert (results / "report" / "report.html").stat().st_size > 100_000
    said = (results / "logs" / "report.log").read_text(encoding="utf-8")
    assert f"report: {(results / 'report' / 'report.html').resolve()}" in said
    assert "4 runs, " in said
    assert "compounds" in said


def candidates_at(campaign: Campaign, name: str) -> list[dict[str, Any]]:
    """The candidates of the feature at the time of a simulated compound."""
    ground_truth = tables.read(ROOT / "resources" / "example" / "ground_truth.parquet", tables.GROUND_TRUTH).to_pylist()
    time = next(row["rt_s"] for row in ground_truth if row["name"] == name)
    features = tables.read(campaign.folder / "results" / "features.parquet", tables.FEATURES).to_pylist()
    nearest = min(features, key=lambda feature: abs(feature["rt_s"] - time))
    assert abs(nearest["rt_s"] - time) < 1.5
    rows = tables.read(campaign.folder / "results" / "candidates.parquet", tables.CANDIDATES).to_pylist()
    return [row for row in rows if row["query"] == nearest["feature"]]


def check_the_compound_without_a_measured_spectrum(campaign: Campaign) -> None:
    """2-Piperidone: its spectrum is in the runs, not in the library that is searched; the report names it."""
    first, *others = candidates_at(campaign, "2-piperidone#2")
    assert (first["name"], first["cas"], first["smiles"]) == ("2-piperidone", "675-20-7", "O=C1CCCCN1")
    assert "predicted" in first["source"].split("+")  # the translator may name it too
    assert first["level"] in ("3", "4", "5")
    assert first["probability"] > 0
    assert not [row for row in others if (row["name"] or "").startswith("2-piperidone")]
    results = campaign.folder / "results"
    page = (results / "report" / "report.html").read_text(encoding="utf-8")
    assert "2-piperidone" in page
    assert "675-20-7" in page
    searched = (results / "logs" / "search.log").read_text(encoding="utf-8")
    assert "6 measured records of excluded compounds are left out" in searched


def test_a_compound_without_a_measured_spectrum_is_named(finished: Campaign) -> None:
    check_the_compound_without_a_measured_spectrum(finished)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("chemicals") is None, reason="needs the package chemicals")
def test_it_is_named_among_the_fifty_thousand_of_the_list_that_the_example_builds(campaign: Campaign) -> None:
    campaign.run()
    check_the_compound_without_a_measured_spectrum(campaign)
    assert len(candidates_at(campaign, "benzyl thiocyanate")) > 5


@pytest.mark.skipif(find_spec("chemicals") is None, reason="needs the package chemicals")
def test_the_target_molecules_builds_the_list(campaign: Campaign) -> None:
    campaign.change({"molecules": {"sample": 40, "derivatives": ["tms", "meox"], "partial": True, "max_mass": 400}})
    campaign.run("molecules")
    listed = list(read_molecules(campaign.folder / "results" / "molecules.csv"))
    assert sum(molecule.cas is not None for molecule in listed) == 40
    assert [molecule.name for molecule in listed if (molecule.name or "").endswith("TMS")]


def test_every_table_names_the_configuration_it_was_made_with(finished: Campaign) -> None:
    files = sorted((finished.folder / "results").rglob("*.parquet"))
    hashes = {pq.read_schema(file).metadata[b"spectus_config"] for file in files}
    assert len(files) > 10
    assert len(hashes) == 1
    assert len(hashes.pop()) == 12


def test_every_job_left_its_log_and_its_time(finished: Campaign) -> None:
    results = finished.folder / "results"
    jobs = sum(FINISHED.values()) - 1
    assert len(list((results / "logs").rglob("*.log"))) == jobs
    cached = FINISHED["library_table"] + FINISHED["predict_chunk"]  # Snakemake times no rule whose output it may cache
    assert len(list((results / "benchmarks").rglob("*.jsonl"))) == jobs - cached


def test_a_second_run_does_nothing(finished: Campaign) -> None:
    assert finished.planned() == {}


@pytest.mark.parametrize(
    ("setting", "again"),
    [
        ("deconvolve={'min_snr': 5}", set(ORDER)),
        ("calibrate={'series': 'fame'}", set(ORDER[1:])),
        ("align={'min_similarity': 0.8}", set(ORDER[2:])),
        ("search={'top': 5}", AFTER_SEARCH),
        ("search={'exclude': null}", AFTER_SEARCH),
        ("predict={'molecules': null}", AFTER_SEARCH),
        ("predict={'molecules': 'built'}", AFTER_SEARCH),
        ("predict={'molecules': 'built', 'model': 'neims'}", {"molecule_list", "predict_chunk", *AFTER_SEARCH}),
        ("molecules={'sample': 5}", {"report", "all"}),
        ("denovo={'beams': 3}", AFTER_DENOVO),
        ("chunks={'features_per_run': 900}", AFTER_DENOVO),
        ("identify={'ri_window': 10}", {"identify", "report", "all"}),
        ("identify={'cas_weight': 0}", {"identify", "report", "all"}),
        ("report={'title': 'Mine'}", {"report", "all"}),
        # how a job runs, not what it makes; but the report shows the settings
        ("denovo={'device': 'cpu', 'batch_size': 4}", {"report", "all"}),
        ("on_bad_run=skip", {"report", "all"}),
        # the same number in other words
        ("deconvolve={'min_snr': 4}", set()),
    ],
)
def test_a_changed_setting_makes_again_what_depends_on_it(finished: Campaign, setting: str, again: set[str]) -> None:
    assert set(finished.planned("--config", setting)) == again


def test_changed_files_count_by_their_content(copy: Campaign) -> None:
    mine = copy.folder / "mine.msp"
    shutil.copy(ROOT / "resources" / "libraries" / "FAMES_REF.msp", mine)
    copy.change({"libraries": ["mine.msp"]})
    copy.run("library")
    os.utime(mine)
    os.utime(copy.folder / "config" / "samples.tsv")
    assert copy.planned("library") == {}
    mine.write_text(mine.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert set(copy.planned("library")) == {"library_table", "library"}


def test_another_version_of_the_package_makes_everything_again(finished: Campaign, tmp_path: Path) -> None:
    for name in ("workflow", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", tmp_path)
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    moved = Campaign(finished.folder, tmp_path / "Snakefile")
    assert moved.planned() == {}
    package = tmp_path / "workflow" / "spectus" / "__init__.py"
    package.write_text(package.read_text(encoding="utf-8").replace('__version__ = "', '__version__ = "9.'))
    assert moved.planned() == FINISHED


def test_runs_that_cannot_be_read_do_not_stop_a_campaign_that_skips_them(copy: Campaign) -> None:
    (copy.folder / "half.mzML").write_bytes((ROOT / "resources/example/blank.mzML.gz").read_bytes()[:5000])
    with (copy.folder / "config" / "samples.tsv").open("a", encoding="utf-8") as sheet:
        sheet.write("half\thalf.mzML\tsample\t\t\nlost\tnowhere/lost.cdf\tsample\t\t\n")
    copy.change({"on_bad_run": "skip", "denovo": {"beams": 1}})
    copy.run()
    runs = tables.read(copy.folder / "results" / "runs" / "0001.parquet", tables.RUNS)
    rows = {row["run"]: row for row in runs.to_pylist()}
    assert [run for run, row in rows.items() if row["status"] == "failed"] == ["half", "lost"]
    assert "half.mzML" in rows["half"]["error"]
    assert "nowhere/lost.cdf: no such file" in rows["lost"]["error"]
    assert "6 runs (2 failed)" in (copy.folder / "results" / "logs" / "report.log").read_text(encoding="utf-8")
    assert copy.planned() == {}


def test_a_run_that_cannot_be_read_stops_a_campaign_with_one_line(campaign: Campaign) -> None:
    (campaign.folder / "half.mzML").write_bytes((ROOT / "resources/example/blank.mzML.gz").read_bytes()[:5000])
    campaign.write_sheet(("half", "half.mzML", "sample"))
    done = campaign.snakemake("convert")
    assert done.returncode == 1
    assert "\nspectus convert: half.mzML" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
