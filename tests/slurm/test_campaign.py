"""The example campaign through a real SLURM on this machine, as `snakemake --profile slurm` at the root."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.campaigns import EXAMPLE

from .cluster import cluster, missing

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as a clone has it, run on a cluster of its own; the jobs are listed in jobs.txt."""
    if absent := missing():
        pytest.skip(f"needs {', '.join(absent)}: apt install slurmctld slurmd slurm-client munge")
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("config", "envs", "profiles", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    shutil.copy(ROOT / "slurm", folder, follow_symlinks=False)
    (folder / "resources").symlink_to(ROOT / "resources")
    # Structures are edited for half as long as in the example: what is tested is the way of the jobs.
    settings = folder / "config" / "config.yaml"
    text = settings.read_text(encoding="utf-8")
    assert text.count("effort: normal") == 1
    settings.write_text(text.replace("effort: normal", "effort: low"), encoding="utf-8")
    with cluster() as environment:
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm"]
        # The profile waits half a minute for each job, which on a real cluster is little.
        hurry = ["--slurm-init-seconds-before-status-checks", "10"]
        environment = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
        # Half an hour was too little on two cores at a load of 12: structure editing alone takes minutes of CPU.
        done = subprocess.run(
            [*command, *hurry], cwd=folder, env=environment, capture_output=True, text=True, timeout=5400, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        asked = ["squeue", "-h", "-t", "all", "-o", "%k|%P|%N|%C|%m|%T|%l|%M"]
        jobs = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout
    (folder / "jobs.txt").write_text(jobs)
    return folder


@pytest.fixture
def jobs(checkout: Path) -> dict[str, dict[str, str]]:
    """What SLURM says of each job, by the rule's name."""
    columns = ("comment", "partition", "node", "cpus", "memory", "state", "limit", "time")
    rows = [
        dict(zip(columns, line.split("|"), strict=True)) for line in (checkout / "jobs.txt").read_text().splitlines()
    ]
    return {row["comment"].removeprefix("rule_").partition("_wildcards_")[0]: row for row in rows}


def test_every_stage_ran_as_a_job(jobs: dict[str, dict[str, str]]) -> None:
    assert set(jobs) == set(EXAMPLE) - {"all"}
    assert {job["state"] for job in jobs.values()} == {"COMPLETED"}


def test_only_the_translation_took_a_gpu_node(jobs: dict[str, dict[str, str]]) -> None:
    places = {rule: (job["partition"], job["node"], job["cpus"]) for rule, job in jobs.items()}
    assert places.pop("denovo_chunk") == ("gpu", "g1", "8")
    assert {(partition, node) for partition, node, _ in places.values()} == {("cpu", "c1")}
    assert {rule for rule, (_, _, cpus) in places.items() if cpus != "1"} == {"identify"}


def test_the_report_is_there_and_a_second_run_does_nothing(checkout: Path) -> None:
    assert (checkout / "results" / "report" / "report.html").stat().st_size > 100_000
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    again = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run"], cwd=checkout, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert "Nothing to be done" in again.stdout + again.stderr
