"""Repairs of Snakemake's SLURM executor (snakemake-executor-plugin-slurm 2.8) in the process that submits the jobs.

The plugin waits for ever if no `squeue` of a poll is answered, if SLURM has forgotten a job that ended, and if `sacct`
answers "CANCELLED by 0". It submits jobs a second time that an earlier Snakemake left in the queue. It tells nobody why
a job failed, so that time and memory of the next attempt grow together.
"""

import logging
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

_LOG = logging.getLogger("spectus")

_PLUGIN = "snakemake_executor_plugin_slurm"

_OUT_OF_TIME = {"TIMEOUT", "DEADLINE"}
_OUT_OF_MEMORY = {"OUT_OF_MEMORY", "FAILED", "CANCELLED"}
"""Without control groups, a job that is killed for its memory ends as FAILED or CANCELLED."""
_FOR_EVER_S = 10**9
"""In place of MinJobAge, s: the plugin need not turn to `sacct`, since a forgotten job is no problem any more."""
_ANSWER_S = 60
"""Longest time for an answer of `squeue`, s: that of the plugin."""

_failures: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
"""States in which the attempts of a job ended, by its rule and wildcards."""


def growth(rule: str, wildcards: Mapping[str, str], attempt: int) -> tuple[int, int]:
    """Tell how many times the memory and the time of its first attempt a job needs.

    Parameters
    ----------
    rule, wildcards
        The job.
    attempt
        Number of the attempt, from 1.

    Returns
    -------
    memory, time
        Each is 1 and grows by 1 with every attempt that ended for the lack of it. Where the executor does not tell why
        an attempt ended, both are the number of the attempt.
    """
    if not _is_installed():
        return attempt, attempt
    ended = _failures[_key(rule, wildcards)]
    return 1 + sum(ended[state] for state in _OUT_OF_MEMORY), 1 + sum(ended[state] for state in _OUT_OF_TIME)


def install() -> None:
    """Repair the plugin if Snakemake has loaded it."""
    plugin: Any = sys.modules.get(_PLUGIN)
    if plugin is None or _is_installed():
        return
    try:
        _repair(plugin)
    except AttributeError as error:  # another version of the plugin
        _LOG.warning("%s is not the version 2.8 that was tested (%s)", _PLUGIN, error)


def _is_installed() -> bool:
    return hasattr(sys.modules.get(_PLUGIN), "repaired_by_spectus")


def _key(rule: str, wildcards: Mapping[str, str]) -> tuple[str, ...]:
    return (rule, *(f"{name}={value}" for name, value in sorted(wildcards.items())))


def _repair(plugin: Any) -> None:
    check, query, begin = plugin.Executor.check_active_jobs, plugin.query_job_status, plugin.Executor.__post_init__
    waiting: list[Any] = []

    async def check_active_jobs(self: Any, active_jobs: list[Any]) -> AsyncIterator[Any]:
        waiting[:] = active_jobs
        async for job in check(self, active_jobs):
            yield job

    async def query_job_status(command: str, logger: Any) -> tuple[dict[str, str], float]:
        answer, seconds = await query(command, logger)
        if answer is None:
            logger.warning("SLURM does not answer; the jobs are taken to go on and asked for again")
            return {job.external_jobid: "RUNNING" for job in waiting}, 0.0
        states = complete_states(answer, [job.external_jobid for job in waiting], command)
        for submitted in waiting:
            if (state := states.get(submitted.external_jobid, "")) in _OUT_OF_TIME | _OUT_OF_MEMORY:
                _failures[_key(submitted.job.rule.name, submitted.job.wildcards_dict)][state] += 1
        return states, seconds

    def __post_init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if left := jobs_in_queue(Path(self.workflow.workdir_init)):
            raise plugin.WorkflowError(
                f"{len(left)} jobs of an earlier run are still in the queue and would be submitted twice. "
                f"Wait until they have ended, or cancel them: scancel {' '.join(left)}"
            )
        begin(self, *args, **kwargs)

    plugin.Executor.check_active_jobs = check_active_jobs
    plugin.Executor.__post_init__ = __post_init__
    plugin.query_job_status = query_job_status
    plugin.get_min_job_age = lambda: _FOR_EVER_S
    plugin.repaired_by_spectus = True


def complete_states(answer: Mapping[str, str], submitted: Iterable[str], command: str) -> dict[str, str]:
    """Complete what SLURM says about the jobs.

    Parameters
    ----------
    answer
        State by the number of the job.
    submitted
        Numbers of the jobs that have been submitted and have not ended yet, as far as is known.
    command
        The command that gave the answer.

    Returns
    -------
    dict of str to str
        States in one word. A job that `squeue` does not know any more is UNKNOWN: SLURM forgot it after its end, and
        the plugin then lets Snakemake look for the outputs. To `sacct`, such a job may be too new.
    """
    states = {number: (state.split() or [""])[0] for number, state in answer.items()}
    if command.lstrip().startswith("squeue"):
        states |= {number: "UNKNOWN" for number in submitted if number not in states}
    return states


def jobs_in_queue(folder: Path) -> list[str]:
    """List the jobs of rules that this user has in the queue with `folder` as their working directory.

    Returns
    -------
    list of str
        Their numbers; none if `squeue` does not answer.
    """
    command = ["squeue", "--noheader", "--user", str(os.getuid()), "--format", "%i|%Z|%k"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [line.split("|", 2) for line in done.stdout.splitlines() if line.count("|") >= 2]
    here = folder.resolve()
    return [number for number, where, comment in rows if comment.startswith("rule_") and Path(where).resolve() == here]
