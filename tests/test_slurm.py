"""Repairs of Snakemake's SLURM executor, without SLURM; tests/slurm tries them on a real one."""

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spectus import slurm


def test_a_job_that_squeue_forgot_is_unknown_and_a_state_is_one_word() -> None:
    answer = {"1": "RUNNING", "2": "CANCELLED by 0"}
    assert slurm.complete_states(answer, ["1", "2", "3"], "squeue --name x") == {
        "1": "RUNNING", "2": "CANCELLED", "3": "UNKNOWN",
    }  # fmt: skip
    assert slurm.complete_states(answer, ["3"], "sacct --name x") == {"1": "RUNNING", "2": "CANCELLED"}


def test_only_jobs_of_rules_in_this_folder_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "a b"
    here.mkdir()
    rows = [
        f"1|{here}|rule_align",
        f"2|{tmp_path}|rule_align",
        f"3|{here}|(null)",
        f"4|{here}|rule_convert_chunk_w_1|x",
    ]
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\n" + "".join(f"echo '{row}'\n" for row in rows))
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert slurm.jobs_in_queue(here) == ["1", "4"]
    squeue.write_text("#!/bin/sh\necho 'slurm_load_jobs error: Unable to contact slurm controller' >&2\nexit 1\n")
    assert slurm.jobs_in_queue(here) == []
    monkeypatch.setenv("PATH", "/nowhere")
    assert slurm.jobs_in_queue(here) == []


class Answers:
    """A module like the plugin: `answer` is what SLURM says; None if it does not answer."""

    WorkflowError = RuntimeError
    answer: dict[str, str] | None = None

    def __init__(self) -> None:
        class Executor:
            module = self

            def __post_init__(self) -> None:
                pass

            async def check_active_jobs(self, active_jobs: list[Any]) -> AsyncIterator[Any]:
                states, _ = await self.module.query_job_status("squeue", SimpleNamespace(warning=lambda text: None))
                for job in active_jobs if states else []:
                    if states[job.external_jobid] not in ("UNKNOWN", "TIMEOUT", "OUT_OF_MEMORY"):
                        yield job

        self.Executor = Executor

    async def query_job_status(self, command: str, logger: Any) -> tuple[dict[str, str] | None, float | None]:
        return self.answer, None if self.answer is None else 0.1

    def get_min_job_age(self) -> int | None:
        return None


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    module = Answers()
    monkeypatch.setitem(sys.modules, "snakemake_executor_plugin_slurm", module)
    importlib.reload(slurm)
    slurm.install()
    yield module
    importlib.reload(slurm)


def waiting(plugin: Answers, jobs: list[Any]) -> list[Any]:
    async def ask() -> list[Any]:
        return [job async for job in plugin.Executor().check_active_jobs(jobs)]

    return asyncio.run(ask())


def job(number: str, rule: str, **wildcards: str) -> Any:
    return SimpleNamespace(
        external_jobid=number, job=SimpleNamespace(rule=SimpleNamespace(name=rule), wildcards_dict=wildcards)
    )


def test_silence_keeps_all_jobs_waiting_and_forgotten_jobs_end(plugin: Answers) -> None:
    jobs = [job("1", "align"), job("2", "search")]
    assert waiting(plugin, jobs) == jobs
    plugin.answer = {"2": "RUNNING"}
    assert waiting(plugin, jobs) == [jobs[1]]
    assert plugin.get_min_job_age() > 3600


def test_memory_and_time_grow_apart(plugin: Answers) -> None:
    plugin.answer = {"1": "TIMEOUT", "2": "OUT_OF_MEMORY", "3": "RUNNING"}
    waiting(plugin, [job("1", "convert_chunk", chunk="0001"), job("2", "align"), job("3", "search")])
    assert slurm.growth("convert_chunk", {"chunk": "0001"}, 2) == (1, 2)
    assert slurm.growth("convert_chunk", {"chunk": "0002"}, 1) == (1, 1)
    assert slurm.growth("align", {}, 2) == (2, 1)
    assert slurm.growth("search", {}, 2) == (1, 1)  # its node failed


def test_without_slurm_both_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "snakemake_executor_plugin_slurm", raising=False)
    assert slurm.growth("align", {}, 3) == (3, 3)


def test_jobs_of_an_earlier_run_stop_the_start(plugin: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "jobs_in_queue", lambda folder: ["7", "8"])
    executor = plugin.Executor()
    executor.workflow = SimpleNamespace(workdir_init="/campaign")  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match=r"2 jobs of an earlier run are still in the queue .* scancel 7 8"):
        executor.__post_init__()


def test_the_plugin_has_what_is_repaired() -> None:
    """A new version of the plugin must be looked at."""
    found = pytest.importorskip("snakemake_executor_plugin_slurm")
    for name in ("query_job_status", "get_min_job_age", "WorkflowError"):
        assert hasattr(found, name)
    assert {"check_active_jobs", "__post_init__"} <= vars(found.Executor).keys()
