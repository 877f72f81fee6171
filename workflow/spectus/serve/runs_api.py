"""The paths of the REST interface for raw runs."""

import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from spectus.serve.body import BodyRefused, body_pieces
from spectus.serve.jobs import JobStatus, JobStore
from spectus.serve.limits import ServerLimits
from spectus.serve.problems import owner_of, problems
from spectus.serve.run_worker import best_of
from spectus.serve.runs import RunJob, RunStore

RUNS_PATH = "/runs"
_RETRY_S = 60
"""Time after which a client should try again, s. Chosen: a deconvolution takes about as long."""
_MOST = 100
"""Components that are identified unless the client says otherwise. Chosen: they take some minutes on a CPU."""


class RunComponent(BaseModel):
    """A component of a run: a compound with its spectrum."""

    component: int = Field(description="number within the run, by retention time")
    rt_s: float = Field(description="retention time, s")
    area: float | None = Field(description="peak area, counts x s")
    snr: float | None = Field(description="signal-to-noise ratio of the apex")
    purity: float | None = Field(description="share of the ion current under the peak that it explains, 0-1")
    confidence: float | None = Field(description="probability that it is a compound, not an artifact, 0-1")
    n_peaks: int | None = Field(description="peaks in the spectrum")
    identification: str | None = Field(default=None, description="id of its identification; null if it has none")
    status: JobStatus | None = Field(default=None, description="state of its identification")
    name: str | None = Field(default=None, description="name of the first candidate")
    formula: str | None = None
    smiles: str | None = None
    probability: float | None = Field(default=None, description="of the first candidate, 0-1")
    level: str | None = Field(default=None, description="identification level of the first candidate")


class RunAnswer(BaseModel):
    """A raw run, and its components once it is deconvoluted."""

    id: str
    name: str
    status: JobStatus = Field(description="state of the deconvolution")
    progress: str = Field(description="what is being done, in words")
    components: list[RunComponent] | None = Field(default=None, description="by retention time; null until completed")
    note: str | None = Field(default=None, description="what was assumed or left out")
    reason: str | None = Field(default=None, description="if failed: why there are no components")


class RunAnswers(BaseModel):
    """Several runs."""

    runs: list[RunAnswer]


def add_runs(app: FastAPI, runs: RunStore, jobs: JobStore, limits: ServerLimits) -> None:
    """Add the paths to an application.

    Parameters
    ----------
    app : FastAPI
        The application.
    runs : RunStore
        The runs.
    jobs : JobStore
        The identifications of their components.
    limits : ServerLimits
        Settings of the server.
    """

    @app.post(
        RUNS_PATH,
        status_code=202,
        summary="Deconvolute a raw run and identify its components",
        responses=problems({
            413: "the run is too large",
            422: "the body is empty, or a parameter is wrong",
            503: "too many runs wait; `Retry-After` is the time to wait, in seconds",
        }),
        openapi_extra={"requestBody": {
            "required": True,
            "description": "the raw file, such as ANDI/netCDF, mzML, mzXML, JCAMP-DX or Agilent data.ms; or a zip "
            "archive of a vendor's folder, such as run.D",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }},
    )  # fmt: skip
    async def submit(
        request: Request,
        name: Annotated[str, Query(min_length=1, max_length=200, description="name of the run")] = "run",
        denovo: Annotated[bool, Query(description="also take structures that the de novo model proposes")] = False,
        most: Annotated[int, Query(ge=1, le=1000, description="components to identify, by area")] = _MOST,
    ) -> RunAnswer:
        file, added = runs.new_file(), None
        try:
            await _receive(request, file, limits)
            shown = re.sub(r"[\x00-\x1f\x7f]", " ", name).strip() or "run"
            added = runs.add(shown, file, denovo, most, owner_of(request))
        finally:
            if added is None:
                file.unlink(missing_ok=True)
        if added is None:
            raise HTTPException(503, "too many runs wait; try again later", {"Retry-After": str(_RETRY_S)})
        return _answer(added, jobs)

    @app.get(RUNS_PATH, summary="List the latest runs")
    def listed(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> RunAnswers:
        latest = runs.latest(limit, owner_of(request))
        return RunAnswers(runs=[_answer(run, jobs, with_components=False) for run in latest])

    @app.get(RUNS_PATH + "/{id}", summary="Get a run", responses=problems({404: "no run has this id"}))
    def fetch(request: Request, id: str) -> RunAnswer:
        return _answer(_found(runs.get(id, owner_of(request))), jobs)

    @app.delete(
        RUNS_PATH + "/{id}",
        summary="Cancel a run and the identifications of its components, and delete them",
        responses=problems({404: "no run has this id"}),
    )
    def cancel(request: Request, id: str) -> RunAnswer:
        run = _found(runs.remove(id, owner_of(request)))
        answer = _answer(run, jobs)
        for component in run.components or []:
            if name := component.get("identification"):
                jobs.remove(name, run.owner)
        return answer


async def _receive(request: Request, file: Path, limits: ServerLimits) -> None:
    """Write the body of a request to a file."""
    try:
        with file.open("wb") as out:
            async for piece in body_pieces(request.scope, request.receive, limits.max_run, limits.run_body_s):
                await run_in_threadpool(out.write, piece)
            size = out.tell()
    except BodyRefused as refused:
        raise HTTPException(refused.status, refused.detail, {"Connection": "close"}) from refused
    if not size:
        raise HTTPException(422, "the body is empty; send the raw run as it is")


def _answer(run: RunJob, jobs: JobStore, with_components: bool = True) -> RunAnswer:
    components = [_component(each, jobs, run.owner) for each in run.components or []]
    return RunAnswer(
        id=run.id, name=run.name, status=run.status, progress=_progress(run, components), note=run.note,
        reason=run.reason, components=components if with_components and run.components is not None else None,
    )  # fmt: skip


def _component(facts: dict[str, Any], jobs: JobStore, owner: str) -> RunComponent:
    name = facts.get("identification")
    job = jobs.get(name, owner) if name else None
    if job is None:
        return RunComponent(**facts)
    return RunComponent(**facts, status=job.status, **best_of(job.candidates))


def _progress(run: RunJob, components: list[RunComponent]) -> str:
    if run.status is JobStatus.QUEUED:
        return "waits"
    if run.status is JobStatus.RUNNING:
        return "is deconvoluted"
    if run.status is not JobStatus.COMPLETED:
        return str(run.status)
    asked = [each for each in components if each.identification]
    open_jobs = sum(each.status in (JobStatus.QUEUED, JobStatus.RUNNING) for each in asked)
    return f"{len(components)} components, {len(asked) - open_jobs} of {len(asked)} identifications ended"


def _found(run: RunJob | None) -> RunJob:
    if run is None:
        raise HTTPException(404, "no run has this id, or it was deleted")
    return run
