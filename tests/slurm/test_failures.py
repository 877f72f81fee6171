"""What Snakemake does on a real SLURM when a job or SLURM itself fails. One small workflow stands for the campaign."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .cluster import cluster, controller, missing

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slurm

COMMON = f"""
import sys
sys.path.insert(0, {str(ROOT / "workflow")!r})
from spectus import slurm
if workflow.is_main_process:
    slurm.install()
def memory(wildcards, attempt, rulename):
    return 400 * slurm.growth(rulename, dict(wildcards.items()), attempt)[0]
def minutes(wildcards, attempt, rulename):
    return {{first}}.get(rulename, 10) * slurm.growth(rulename, dict(wildcards.items()), attempt)[1]
rule all:
    input: {{targets}}
"""
RULE = """
rule {name}:
    output: "{name}.txt"
    resources: mem_mb=memory, runtime=minutes
    shell: {command!r}
"""
# Late on a busy machine, where the start of the job alone takes a minute.
SLOW = "if [ ! -e tried ]; then touch tried; sleep 100; fi; touch {output}"
HOG = f"{sys.executable} -c 'import time; held = bytearray(500_000_000); time.sleep(8)' && touch {{output}}"


def workflow(folder: Path, first: Mapping[str, int] | None = None, **commands: str) -> Path:
    """Write a workflow of one rule for each command, whose first attempt has 400 MB and 10 or `first` minutes."""
    folder.mkdir(exist_ok=True)
    rules = "".join(RULE.format(name=name, command=command) for name, command in commands.items())
    targets = ", ".join(f'"{name}.txt"' for name in commands)
    (folder / "Snakefile").write_text(
        COMMON.replace("{targets}", targets).replace("{first}", repr(dict(first or {}))) + rules
    )
    return folder


def start(folder: Path, environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    """Snakemake in the background, which asks SLURM every few seconds."""
    command = [
        sys.executable, "-m", "snakemake", "--executor", "slurm", "--jobs", "4", "--latency-wait", "5",
        "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3", *arguments,
    ]  # fmt: skip
    log = (folder / "snakemake.log").open("a")
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, text=True)


def ended(process: "subprocess.Popen[str]", folder: Path, seconds: float) -> tuple[int, str]:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"Snakemake still waits\n{(folder / 'snakemake.log').read_text()[-3000:]}")
    return process.returncode, (folder / "snakemake.log").read_text()


def asked(environment: dict[str, str], columns: str) -> list[list[str]]:
    command = ["squeue", "-h", "-t", "all", "-o", columns]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
    return [line.split("|") for line in said.splitlines()]


def node_state(environment: dict[str, str], node: str) -> str:
    command = ["sinfo", "-h", "-n", node, "-o", "%T"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


@contextlib.contextmanager
def started(min_job_age: int = 86400) -> Iterator[dict[str, str]]:
    if absent := missing():
        pytest.skip(f"needs {', '.join(absent)}: apt install slurmctld slurmd slurm-client munge")
    with cluster(min_job_age=min_job_age) as environment:
        yield {name: value for name, value in environment.items() if name != "PYTHONPATH"}


def until(reached: object, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.3)


def test_memory_and_time_grow_each_for_its_own_cause(tmp_path: Path) -> None:
    """The first attempts have 400 MB, and the slow one has 1 minute."""
    folder = workflow(tmp_path / "w", first={"slow": 1}, hog=HOG, slow=SLOW)
    with started() as environment:
        code, said = ended(start(folder, environment, "--retries", "1"), folder, 500)
        assert code == 0, said
        jobs = sorted((comment, memory, limit) for comment, memory, limit in asked(environment, "%k|%m|%l"))
    assert jobs == [
        ("rule_hog", "400M", "10:00"), ("rule_hog", "800M", "10:00"),
        ("rule_slow", "400M", "1:00"), ("rule_slow", "400M", "2:00"),
    ]  # fmt: skip


def test_a_controller_that_is_silent_and_forgets_jobs_stops_nothing(tmp_path: Path) -> None:
    """For 100 s no `squeue` is answered. The job ends in this time, and SLURM forgets it at once."""
    folder = workflow(tmp_path / "w", one="touch started && sleep 20 && touch {output}")
    with started(min_job_age=2) as environment:
        process = start(folder, environment)
        until((folder / "started").exists)
        os.kill(controller(environment), signal.SIGSTOP)
        time.sleep(100)
        os.kill(controller(environment), signal.SIGCONT)
        code, said = ended(process, folder, 300)
    assert code == 0, said
    assert "SLURM does not answer" in said
    assert (folder / "one.txt").exists()


def test_jobs_of_a_killed_snakemake_are_not_submitted_twice(tmp_path: Path) -> None:
    folder = workflow(tmp_path / "w", one="sleep 25 && touch {output}")
    with started() as environment:
        process = start(folder, environment)
        until(lambda: ["R"] in asked(environment, "%t"))
        process.kill()
        process.wait()
        subprocess.run(
            [sys.executable, "-m", "snakemake", "--unlock"],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=True,
        )
        code, said = ended(start(folder, environment, "--rerun-incomplete"), folder, 60)
        assert code != 0
        number = asked(environment, "%i")[0][0]
        assert "1 jobs of an earlier run are still in the queue and would be submitted twice. " in said
        assert f"scancel {number}" in said
        subprocess.run(["scancel", number], env=environment, check=True)
        until(lambda: ["R"] not in asked(environment, "%t") and ["CG"] not in asked(environment, "%t"))
        code, said = ended(start(folder, environment, "--rerun-incomplete"), folder, 200)
        assert code == 0, said


SLOW_AT_FIRST = "echo started >>started; if [ $(wc -l <started) = 1 ]; then sleep 300; fi; touch {output}"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[tuple[dict[str, str], "subprocess.Popen[str]"]]:
    """A job that runs, and goes on for minutes unless it is started again."""
    with started() as environment:
        process = start(workflow(folder, one=SLOW_AT_FIRST), environment, "--slurm-requeue")
        until((folder / "started").exists)
        yield environment, process
        code, said = ended(process, folder, 280)
    assert code == 0, said
    assert (folder / "one.txt").exists()
    assert (folder / "started").read_text() == "started\n" * 2


def test_a_job_that_is_put_back_runs_again(tmp_path: Path) -> None:
    with running(tmp_path / "w") as (environment, _):
        number = asked(environment, "%i")[0][0]
        subprocess.run(["scontrol", "requeue", number], env=environment, check=True)


def test_a_job_whose_node_fails_runs_again(tmp_path: Path) -> None:
    """The node is down under the job, and comes back."""
    with running(tmp_path / "w") as (environment, _):
        update = ["scontrol", "update", "nodename=c1"]
        subprocess.run([*update, "state=down", "reason=test"], env=environment, check=True)
        until(lambda: ["R"] not in asked(environment, "%t"))
        # A node that answers SLURM meanwhile is up by itself, and SLURM then refuses to resume it.
        subprocess.run([*update, "state=resume"], env=environment, check=False)
        until(lambda: "down" not in node_state(environment, "c1"))
