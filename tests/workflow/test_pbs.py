"""The PBS profile against a stand-in for PBS that runs the jobs on this machine."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .campaigns import ROOT, Campaign

STATUS = ROOT / "profiles" / "pbs" / "status.sh"
# Each call is noted. A job runs in the background; its number and end are kept in files.
QSUB = """#!/usr/bin/env bash
set -eu
cd "$(dirname "$0")/../queue"
n=$(( $(ls -d job.* 2>/dev/null | wc -l) + 1 ))
mkdir job.$n
printf '%s\\n' "$*" >>calls
script=${@: -1}
( bash "$script" >job.$n/output 2>&1; echo $? >job.$n/ended ) </dev/null >/dev/null 2>&1 &
echo "$n.server"
"""
QSTAT = """#!/usr/bin/env bash
number=${@: -1}
job="$(dirname "$0")/../queue/job.${number%.server}"
[ -d "$job" ] || { echo "qstat: Unknown Job Id $number" >&2; exit 153; }
echo "Job Id: $number"
if [ -f "$job/ended" ]; then
    echo "    job_state = F"
    echo "    Exit_status = $(cat "$job/ended")"
else
    echo "    job_state = R"
fi
"""


@pytest.fixture
def pbs(tmp_path: Path) -> dict[str, str]:
    """The environment in which the stand-in is found."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "queue").mkdir()
    for name, text in (("qsub", QSUB), ("qstat", QSTAT), ("qdel", "#!/bin/sh\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def state(environment: dict[str, str], number: str) -> str:
    done = subprocess.run([str(STATUS), number], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_state_of_a_job(pbs: dict[str, str], tmp_path: Path) -> None:
    job = tmp_path / "queue" / "job.1"
    job.mkdir()
    assert state(pbs, "1.server") == "running"
    (job / "ended").write_text("0\n")
    assert state(pbs, "1.server") == "success"
    (job / "ended").write_text("271\n")
    assert state(pbs, "1.server") == "failed"
    assert state(pbs, "2.server") == "success"  # forgotten: Snakemake looks for the outputs
    (tmp_path / "bin" / "qstat").write_text("#!/bin/sh\necho cannot connect to server >&2\nexit 111\n")
    assert state(pbs, "1.server") == "running"


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("snakemake_executor_plugin_cluster_generic") is None,
    reason="needs snakemake-executor-plugin-cluster-generic",
)
def test_the_pbs_profile_runs_a_campaign(campaign: Campaign, pbs: dict[str, str], tmp_path: Path) -> None:
    campaign.change({"predict": {"molecules": None}, "denovo": {"beams": 1}})
    done = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory",
            str(campaign.folder), "--workflow-profile", str(ROOT / "profiles" / "pbs"), "--latency-wait", "5",
            "--seconds-between-status-checks", "1",
        ],
        env={name: value for name, value in pbs.items() if name != "PYTHONPATH"},
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (campaign.folder / "results" / "report" / "report.html").exists()
    calls = (tmp_path / "queue" / "calls").read_text().splitlines()
    asked = {re.search(r"-N spectus_(\w+)", call)[1]: call for call in calls}  # type: ignore[index]
    assert "-l select=1:ncpus=1:mem=4000mb -l walltime=3600 " in asked["convert_chunk"]
    assert re.search(r"-l select=1:ncpus=8:mem=8000mb:ngpus=1 -l walltime=\d+ -q gpu ", asked["denovo_chunk"])
