"""What Snakemake plans to do, with both profiles."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .campaigns import EXAMPLE, PLAIN, ROOT, Campaign


def test_the_example_is_twelve_jobs_and_a_target(campaign: Campaign) -> None:
    assert campaign.planned() == EXAMPLE


def test_jobs_grow_with_runs_over_the_batch_and_features_over_the_part(campaign: Campaign) -> None:
    campaign.change({"batch": {"runs": 3, "features_per_run": 100, "spectra": 150}})
    expected = {**EXAMPLE, "convert_batch": 2, "deconvolve_batch": 2, "translate_part": 3}
    assert campaign.planned() == expected


def test_a_thousand_runs_are_tens_of_jobs(campaign: Campaign) -> None:
    raw = ROOT / "resources" / "example" / "blank.mzML.gz"
    campaign.write_sheet(*((f"run_{number}", raw, "sample") for number in range(1000)))
    planned = campaign.planned()
    assert planned == {**EXAMPLE, "convert_batch": 50, "deconvolve_batch": 50, "translate_part": 10}


def test_every_stage_is_a_target(campaign: Campaign) -> None:
    stages = {
        "convert", "deconvolve", "calibrate", "align", "library", "molecules", "predict", "search", "translate", "rank",
        "report", "all",
    }  # fmt: skip
    assert set(campaign.run("--list-target-rules").split("\n")) >= stages


@pytest.mark.parametrize(
    ("target", "rules"),
    [
        ("library", {"library_table"}),
        ("molecules", {"molecule_list"}),
        ("predict", {"molecule_list", "predict_part"}),
        ("deconvolve", {"convert_batch", "deconvolve_batch"}),
        ("translate", {"convert_batch", "deconvolve_batch", "calibrate", "align", "translate_part"}),
    ],
)
def test_a_target_makes_what_it_needs_and_no_more(campaign: Campaign, target: str, rules: set[str]) -> None:
    assert set(campaign.planned(target)) == rules | {target}


def test_a_library_that_is_parquet_already_is_used_as_it_is(campaign: Campaign) -> None:
    (campaign.folder / "mine.parquet").write_bytes(b"PAR1")
    campaign.change({"libraries": ["mine.parquet"]})
    assert "library_table" not in campaign.planned()


def test_molecules_are_predicted_in_parts_and_searched(campaign: Campaign) -> None:
    (campaign.folder / "molecules.smi").write_text("CCO ethanol\n")
    forward = campaign.folder / "forward"
    forward.mkdir()
    (forward / "config.json").write_text("{}")
    campaign.change({"forward": {"molecules": "molecules.smi", "model": "forward", "parts": 3}})
    assert campaign.planned() == {**PLAIN, "predict_part": 3}
    assert campaign.planned("predict") == {"predict_part": 3, "predict": 1}
    plan = campaign.run("--dry-run", "--printshellcmds")
    assert "search" in plan
    assert plan.count("--forward forward") == 1
    assert " results/predicted/predicted-3-of-3.parquet" in plan


def test_a_campaign_that_predicts_nothing_builds_no_list(campaign: Campaign) -> None:
    campaign.change({"forward": {"molecules": None}})
    assert campaign.planned() == PLAIN


def test_the_section_molecules_says_how_the_list_is_built(campaign: Campaign) -> None:
    (campaign.folder / "held out.txt").write_text("0\n")
    (campaign.folder / "library.parquet").write_bytes(b"PAR1")
    changes = {
        "sources": ["chemicals", "molsets"], "derivatives": ["meox", "tms"], "partial": True, "max_mass": 450,
        "held_out": "held out.txt", "without": "library.parquet", "split": "valid", "sample": 7, "seed": 3,
    }  # fmt: skip
    campaign.change({"molecules": changes})
    said = campaign.run("molecules", "--dry-run", "--printshellcmds")
    for option in (
        "--sources chemicals,molsets --derivatives=meox,tms --partial", "--max-mass 450 --held-out 'held out.txt'",
        "--without library.parquet --split valid", "--sample 7 --seed 3 --out results/molecules.csv",
    ):  # fmt: skip
        assert option in said


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The repository as a clone has it, without results."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("config", "envs", "profiles", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "Snakefile", folder)
    shutil.copy(ROOT / "slurm", folder, follow_symlinks=False)
    (folder / "resources").symlink_to(ROOT / "resources")
    return folder


@pytest.mark.parametrize("profile", [["--profile", "slurm"], ["--workflow-profile", "slurm"], []])
def test_every_profile_plans_the_example_at_the_root(checkout: Path, profile: list[str]) -> None:
    command = [sys.executable, "-m", "snakemake", *profile, "--dry-run", "--printshellcmds"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "convert: raw runs of batch 0001 to mzML" in done.stdout
    assert ("profiles/default" in done.stderr) == ("--workflow-profile" not in profile)


def test_the_default_profile_overrides_nothing_of_the_slurm_profile() -> None:
    """Snakemake reads profiles/default after what `--profile` names, and the later one wins, key by key."""
    files = (ROOT / "profiles" / name / "profile.yaml" for name in ("default", "slurm"))
    default, slurm = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in files)
    both = default.keys() & slurm.keys()
    assert {key: default[key] for key in both} == {key: slurm[key] for key in both}
    assert default.keys() - both == {"cores", "resources"}
    assert default["resources"] == {"local_gpu": 1}
    assert slurm["set-resources"]["translate_part"]["local_gpu"] == 0
