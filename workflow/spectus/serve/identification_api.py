"""The paths of the REST interface for identifications."""

from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from spectus.errors import InputError
from spectus.serve.jobs import Job, JobStatus, JobStore
from spectus.serve.limits import ServerLimits
from spectus.serve.problems import owner_of, problems
from spectus.serve.spectrum_text import spectra_of

SPECTRA_PATH = "/spectra"
_EXAMPLE = "NAME: unknown 1\nNum Peaks: 5\n50 159; 51 188; 52 195; 77 155; 78 1000\n"


class IdentificationRequest(BaseModel):
    """One or more EI spectra to identify."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [{"text": _EXAMPLE, "denovo": True}]})

    text: str = Field(
        min_length=1,
        description="the spectra as MSP, MGF, JCAMP-DX, SDF or MassBank records, as JSON with mz and intensity, or as "
        "pairs of m/z and intensity",
    )
    denovo: bool = Field(default=True, description="also take structures that the de novo model proposes")


class SpectraRequest(BaseModel):
    """A text with spectra."""

    text: str = Field(min_length=1, description="the spectra, in a format that `/identifications` takes")


class SpectrumRead(BaseModel):
    """A spectrum as the server reads it."""

    name: str
    mz: list[float] = Field(description="m/z, Th, ascending")
    intensity: list[float] = Field(description="intensity, base peak 1.0")
    reason: str | None = Field(default=None, description="why it cannot be identified; null if it can")


class SpectraRead(BaseModel):
    """The spectra of a text."""

    spectra: list[SpectrumRead]


class IdentificationJob(BaseModel):
    """A job, and its candidates once it is completed."""

    id: str
    name: str = Field(description="name of the spectrum")
    status: JobStatus
    candidates: list[dict[str, Any]] | None = Field(
        default=None,
        description="if completed: rows of the table `candidates`, by rank; the last is `none of these`. The "
        "documentation of the tables explains the columns",
    )
    note: str | None = Field(default=None, description="peaks that the de novo model could not take")
    reason: str | None = Field(default=None, description="if failed: why there is no result")

    @classmethod
    def of(cls, job: Job, with_candidates: bool = True) -> "IdentificationJob":
        """Return the message about a job."""
        candidates = job.candidates if with_candidates else None
        return cls(id=job.id, name=job.name, status=job.status, candidates=candidates, note=job.note, reason=job.reason)


class IdentificationJobs(BaseModel):
    """Several jobs."""

    jobs: list[IdentificationJob]


def add_identifications(app: FastAPI, jobs: JobStore, limits: ServerLimits) -> None:
    """Add the paths to an application.

    Parameters
    ----------
    app : FastAPI
        The application.
    jobs : JobStore
        The jobs.
    limits : ServerLimits
        Settings of the server.
    """

    @app.post(
        SPECTRA_PATH, summary="Read spectra without identifying them",
        responses=problems({422: "the text holds no spectrum"}),
    )  # fmt: skip
    def read(spectra: SpectraRequest) -> SpectraRead:
        try:
            rows = spectra_of(spectra.text)
        except InputError as error:
            raise HTTPException(422, str(error)) from error
        return SpectraRead(
            spectra=[
                SpectrumRead(
                    name=row["name"], mz=row["mz"] or [], intensity=row["intensity"] or [], reason=row["reason"]
                )
                for row in rows
            ]
        )

    @app.post(
        "/identifications",
        status_code=202,
        summary="Identify spectra",
        responses=problems({
            422: "the text holds no spectrum, or more than the server accepts at once",
            503: "too many jobs wait; `Retry-After` is the time to wait, in seconds",
        }),
    )  # fmt: skip
    def submit(request: Request, spectra: IdentificationRequest) -> IdentificationJobs:
        try:
            rows = spectra_of(spectra.text)
        except InputError as error:
            raise HTTPException(422, str(error)) from error
        if len(rows) > limits.max_waiting:
            raise HTTPException(422, f"{len(rows)} spectra are more than this server accepts ({limits.max_waiting})")
        added = jobs.add(rows, spectra.denovo, limits.max_waiting, owner_of(request))
        if added is None:
            said = f"too many jobs wait (at most {limits.max_waiting}); try again later"
            raise HTTPException(503, said, headers={"Retry-After": str(_RETRY_S)})
        return IdentificationJobs(jobs=[IdentificationJob.of(job) for job in added])

    @app.get("/identifications", summary="List the latest jobs")
    def listed(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> IdentificationJobs:
        latest = jobs.latest(limit, owner_of(request))
        return IdentificationJobs(jobs=[IdentificationJob.of(job, with_candidates=False) for job in latest])

    @app.get("/identifications/{id}", summary="Get a job", responses=problems({404: "no job has this id"}))
    def fetch(request: Request, id: str) -> IdentificationJob:
        return IdentificationJob.of(_found(jobs.get(id, owner_of(request))))

    @app.delete(
        "/identifications/{id}",
        summary="Cancel a job, and delete it with its result",
        responses=problems({404: "no job has this id"}),
    )
    def cancel(request: Request, id: str) -> IdentificationJob:
        return IdentificationJob.of(_found(jobs.remove(id, owner_of(request))))


_RETRY_S = 30
"""Time after which a client should try again, s. Chosen: a batch of identifications takes about as long on a CPU."""


def _found(job: Job | None) -> Job:
    if job is None:
        raise HTTPException(404, "no job has this id, or it was deleted")
    return job
