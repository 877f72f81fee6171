"""A campaign on SLURM has the tables of the same campaign on one core of one machine, byte for byte."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.campaigns import ROOT, Campaign

from .cluster import cluster, missing

pytestmark = pytest.mark.slurm

TARGET = "quantify"


def tables_of(campaign: Campaign) -> dict[str, bytes]:
    results = campaign.folder / "results"
    found = {str(path.relative_to(results)): path.read_bytes() for path in results.rglob("*.parquet")}
    assert {"features.parquet", "peak_areas.parquet", "quantitation/amounts.parquet"} <= found.keys()
    return found


def test_slurm_and_one_core_give_the_same_tables(tmp_path: Path) -> None:
    if absent := missing():
        pytest.skip(f"needs {', '.join(absent)}: apt install slurmctld slurmd slurm-client munge")
    local, remote = (Campaign.example(tmp_path / name, {"chunks": {"runs": 2}}) for name in ("local", "remote"))
    local.run(TARGET, "--cores", "1")
    command = [
        sys.executable, "-m", "snakemake", TARGET, "--snakefile", str(ROOT / "Snakefile"), "--directory",
        str(remote.folder), "--workflow-profile", str(ROOT / "profiles" / "slurm"),
        "--slurm-init-seconds-before-status-checks", "10",
    ]  # fmt: skip
    with cluster() as environment:
        environment = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert tables_of(remote) == tables_of(local)
