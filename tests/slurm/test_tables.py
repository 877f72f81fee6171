"""A campaign on SLURM has the tables of the same campaign on one core of one machine, byte for byte."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflow.campaigns import ROOT, Campaign

from .cluster import cluster, missing

pytestmark = pytest.mark.slurm

TARGET = "quantify"
SETTINGS = {"chunks": {"runs": 2}}
LIMIT_S = 1800
"""Longest time of a campaign. Chosen: ten times what it takes on two idle cores."""


def tables_of(campaign: Campaign) -> dict[str, bytes]:
    results = campaign.folder / "results"
    found = {str(path.relative_to(results)): path.read_bytes() for path in results.rglob("*.parquet")}
    assert {"features.parquet", "peak_areas.parquet", "quantitation/amounts.parquet"} <= found.keys()
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of a run on one core of this machine."""
    if absent := missing():
        pytest.skip(f"needs {', '.join(absent)}: apt install slurmctld slurmd slurm-client munge")
    campaign = Campaign.example(tmp_path_factory.mktemp("local"), SETTINGS)
    campaign.run(TARGET, "--cores", "1")
    return tables_of(campaign)


@contextlib.contextmanager
def submitted(campaign: Campaign) -> Iterator[tuple[dict[str, str], "subprocess.Popen[bytes]"]]:
    """Snakemake in the background, which sends the jobs of a campaign to a cluster, and has to end well."""
    command = [
        sys.executable, "-m", "snakemake", TARGET, "--snakefile", str(ROOT / "Snakefile"), "--directory",
        str(campaign.folder), "--workflow-profile", str(ROOT / "profiles" / "slurm"),
        "--slurm-init-seconds-before-status-checks", "10",
    ]  # fmt: skip
    log = campaign.folder / "snakemake.log"
    with cluster() as environment, log.open("wb") as said:
        environment = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        try:
            yield environment, process
            assert process.wait(LIMIT_S) == 0, log.read_text()
        finally:
            process.kill()


def test_slurm_and_one_core_give_the_same_tables(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    remote = Campaign.example(tmp_path, SETTINGS)
    with submitted(remote):
        pass
    assert tables_of(remote) == undisturbed


def test_a_preempted_job_is_put_back_and_the_tables_are_the_same(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    remote = Campaign.example(tmp_path, SETTINGS)
    with submitted(remote) as (environment, process):
        put_back = preempt(remote.folder / "results" / "logs", environment, process)
    assert put_back, (remote.folder / "snakemake.log").read_text()
    assert tables_of(remote) == undisturbed


def preempt(logs: Path, environment: dict[str, str], process: "subprocess.Popen[bytes]") -> set[str]:
    """Take the node for urgent jobs, each time while a command of a stage runs; returns the jobs that were put back.

    A command begins its log when it starts. Some end before SLURM looks at the queue again.
    """
    seen: set[Path] = set()
    deadline = time.monotonic() + LIMIT_S
    while process.poll() is None and not restarted(environment):
        assert time.monotonic() < deadline
        if started := set(logs.rglob("*.log")) - seen:
            seen |= started
            urgent = ["sbatch", "--partition", "urgent", "--exclusive", "--output", "/dev/null", "--wrap", "sleep 3"]
            subprocess.run(urgent, env=environment, capture_output=True, check=True)
        time.sleep(0.3)
    return restarted(environment)


def restarted(environment: dict[str, str]) -> set[str]:
    """The jobs that SLURM has put back."""
    said = subprocess.run(["scontrol", "show", "job"], env=environment, capture_output=True, text=True, check=False)
    return set(re.findall(r"JobId=(\d+)(?:.|\n(?!\n))*?Restarts=[1-9]", said.stdout))
