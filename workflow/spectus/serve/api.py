"""The REST interface: its paths, their answers, and the requests that they refuse."""

import logging
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Match

from spectus import __version__
from spectus.denovo.translator import Translator
from spectus.identify.search import library_name
from spectus.serve.access import Access, AccessControl
from spectus.serve.body import BodyLimit
from spectus.serve.identification import IdentificationSources, IdentificationWorker
from spectus.serve.identification_api import add_identifications
from spectus.serve.jobs import JobStatus, JobStore
from spectus.serve.limits import ServerLimits
from spectus.serve.messages import Accepted, Health, PredictionAnswer, PredictionRequest
from spectus.serve.metrics import MEDIA_TYPE, CountRequests, Metrics
from spectus.serve.page import HEADERS, service_page
from spectus.serve.predictions import Predictions, QueueFull
from spectus.serve.problems import COMMON, problems
from spectus.serve.reference_page import reference_page
from spectus.serve.run_worker import RunWorker
from spectus.serve.runs import RunStore
from spectus.serve.runs_api import RUNS_PATH, add_runs
from spectus.serve.worker import make_workers
from spectus.web.structure_drawing import standalone_structure

_ABOUT = """Identification of electron ionization (EI) mass spectra.

Post spectra to `/identifications`, one job for each. Then request `/identifications/{id}` repeatedly until its `status`
is `completed`, `failed` or `cancelled`. A job searches the libraries of the server, takes the structures that SpecTUS
proposes, and ranks all candidates by their calibrated probability.

Post a raw run to `/runs`. The server deconvolutes it and makes an identification of each component.

`/predictions` returns the structures of SpecTUS alone, as the published demo does. The server decodes several waiting
requests together. The answer to a request does not depend on other requests.
"""
_STOP_S = 5.0
"""Time that the workers get to finish when the server stops, s. Chosen: Docker kills after 10 s."""
_DRAWING_MAX_AGE_S = 86_400
"""Time for which a browser may keep a drawing, s. Chosen: one day; a drawing changes only with the version."""
_LEAST_GZIP = 1000
"""Smallest answer that is compressed, bytes. Chosen: smaller ones fit into one packet."""
_LOG = logging.getLogger("spectus")


@dataclass(frozen=True)
class _Parts:
    """What the paths of an application share."""

    translator: Translator
    limits: ServerLimits
    sources: IdentificationSources
    jobs: JobStore
    runs: RunStore
    predictions: Predictions
    metrics: Metrics = field(default_factory=Metrics)

    def workers(self) -> list[threading.Thread]:
        """Make the threads that compute, without starting them."""
        return [
            *make_workers(self.translator, self.predictions, self.limits),
            IdentificationWorker(self.jobs, self.sources),
            RunWorker(self.runs, self.jobs, self.limits.max_run),
        ]

    def unfinished(self) -> int:
        """Return the number of jobs that wait or run."""
        counts = self.predictions.counts()
        stored = (store.counts() for store in (self.jobs, self.runs))
        return counts["waiting"] + counts["running"] + sum(
            each[JobStatus.QUEUED] + each[JobStatus.RUNNING] for each in stored
        )  # fmt: skip


def create_app(
    translator: Translator, limits: ServerLimits, sources: IdentificationSources | None = None,
    jobs: JobStore | None = None, access: Access | None = None,
) -> FastAPI:  # fmt: skip
    """Create the application. Its workers start and end with it; `app.state.workers` lists them.

    Parameters
    ----------
    translator : Translator
        The loaded model.
    limits : ServerLimits
        Settings of the server.
    sources : IdentificationSources, optional
        What spectra are identified with; by default no library, the model, and the open reranker.
    jobs : JobStore, optional
        Where jobs are stored; by default in memory.
    access : Access, optional
        Who may use the server; by default everybody who reaches it.
    """
    store = jobs or JobStore(None, limits.keep_s)
    parts = _Parts(
        translator, limits, sources or IdentificationSources((), translator.name, "open"), store,
        RunStore(store.path, limits.keep_s), Predictions(limits),
    )  # fmt: skip
    parts.predictions.restore(store.kept_predictions())
    workers = parts.workers()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for worker in workers:
            worker.start()
        yield
        await run_in_threadpool(_stop, parts, workers)

    # FastAPI's own documentation pages load scripts from another host, which a closed network does not allow.
    app = FastAPI(
        title="SpecTUS", version=__version__, description=_ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None,
        responses=problems(COMMON),
    )  # fmt: skip
    app.state.workers = workers
    _add_middleware(app, parts, access or Access())
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(405, _refuse_method)
    add_identifications(app, store, limits)
    add_runs(app, parts.runs, store, limits)
    _add_predictions(app, translator, limits, parts.predictions)
    _add_state(app, parts)
    _add_pages(app, parts)
    return app


def _stop(parts: _Parts, workers: Sequence[threading.Thread]) -> None:
    """End the workers, and keep what they have not finished, or say that it is lost."""
    parts.predictions.close()
    parts.jobs.close()
    parts.runs.close()
    deadline = time.monotonic() + _STOP_S
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
    if parts.jobs.path is not None:
        parts.jobs.keep_predictions(parts.predictions.kept())
    elif lost := parts.unfinished():
        _LOG.warning("%d unfinished jobs are lost; --jobs FILE keeps them", lost)


def _add_middleware(app: FastAPI, parts: _Parts, access: Access) -> None:
    """Add what every request passes, the innermost first."""
    app.add_middleware(
        BodyLimit, max_bytes=parts.limits.max_body, max_s=parts.limits.body_s, streamed=frozenset({RUNS_PATH})
    )
    app.add_middleware(AccessControl, access=access)
    app.add_middleware(GZipMiddleware, minimum_size=_LEAST_GZIP)
    if access.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=access.origins, allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Content-Encoding"], expose_headers=["Retry-After"],
        )  # fmt: skip
    app.add_middleware(CountRequests, metrics=parts.metrics)


def _add_predictions(app: FastAPI, translator: Translator, limits: ServerLimits, predictions: Predictions) -> None:
    @app.post(
        "/predictions",
        status_code=202,
        summary="Request structures for a spectrum",
        responses=problems({
            422: "the spectrum cannot be used, or the body does not fit the schema",
            503: "the queue is full; `Retry-After` is the time to wait, in seconds",
        }),
    )  # fmt: skip
    async def submit(request: PredictionRequest) -> Accepted:
        if problem := request.problem(limits, translator.model.config):
            raise HTTPException(422, problem)
        try:
            added = predictions.add(request.spectrum(), request.num_candidates, request.target())
            return Accepted(id=added.id)
        except QueueFull as full:
            raise HTTPException(
                503,
                f"the queue is full ({limits.max_waiting} requests); {full}",
                headers={"Retry-After": str(full.retry_after_s)},
            ) from full

    @app.get(
        "/predictions/{id}",
        summary="Get the answer",
        responses=problems({404: "no request has this id, or its answer was deleted"}),
    )
    async def fetch(id: str) -> PredictionAnswer:
        prediction = predictions.get(id)
        if prediction is None:
            kept = f"the server keeps at most {limits.max_kept} answers, each for {limits.keep_s / 3600:g} h"
            raise HTTPException(404, f"no prediction has this id; {kept}")
        return PredictionAnswer.of(prediction)


def _add_state(app: FastAPI, parts: _Parts) -> None:
    translator, limits, config = parts.translator, parts.limits, parts.translator.model.config

    @app.get(
        "/health", summary="State of the server", responses={503: {"model": Health, "description": "no worker runs"}}
    )
    async def health(response: Response) -> Health:
        alive = all(worker.is_alive() for worker in app.state.workers)
        response.status_code = 200 if alive else 503
        return Health(
            status="ok" if alive else "failed", version=__version__, model=translator.name, sha256=translator.sha256,
            device=str(translator.model.device), max_mz=config.max_mz,
            max_peaks=min(limits.max_peaks, config.max_peaks), max_candidates=limits.max_candidates,
            identifications=parts.jobs.counts(), runs=parts.runs.counts(), **parts.predictions.counts(),
        )  # fmt: skip

    @app.get(
        "/metrics", summary="Figures for monitoring, in the text format of Prometheus",
        response_class=PlainTextResponse,
    )  # fmt: skip
    def metrics() -> PlainTextResponse:
        counts = parts.predictions.counts()
        predictions = {"queued": counts["waiting"], "running": counts["running"], "kept": counts["kept"]}
        states = {"identification": parts.jobs.counts(), "run": parts.runs.counts(), "prediction": predictions}
        alive = Counter(worker.name for worker in app.state.workers if worker.is_alive())
        return PlainTextResponse(
            parts.metrics.text(states, alive, __version__, translator.name), media_type=MEDIA_TYPE
        )  # fmt: skip


def _add_pages(app: FastAPI, parts: _Parts) -> None:
    translator, limits = parts.translator, parts.limits

    @app.get(
        "/structures.svg",
        summary="Draw a structure",
        response_class=Response,
        responses={200: {"content": {"image/svg+xml": {}}}, **problems({422: "the SMILES is not a molecule"})},
    )
    def drawing(smiles: Annotated[str, Query(max_length=500, examples=["c1ccccc1O"])]) -> Response:
        svg = standalone_structure(smiles)
        if svg is None:
            raise HTTPException(422, "the SMILES is not a molecule")
        return Response(
            svg, media_type="image/svg+xml", headers={"Cache-Control": f"max-age={_DRAWING_MAX_AGE_S}", **HEADERS}
        )

    libraries = [library_name(path) for path in parts.sources.libraries]
    rendered = service_page(translator.name, libraries, min(10, limits.max_candidates), limits.max_candidates)

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(rendered, headers=HEADERS)

    @app.get("/docs", include_in_schema=False)
    def reference() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()), headers=HEADERS)


async def _refuse_method(request: Request, _: Exception) -> JSONResponse:
    """Answer 405 with all methods of the path, also those of its other routes."""
    allowed = {
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
    return JSONResponse({"detail": "the path has no such method"}, 405, {"Allow": ", ".join(sorted(allowed))})


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    """Answer 422 with the first error of a request. The given value is not repeated: it may be NaN or confidential."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    more = f" (and {len(faults) - 1} more errors)" if len(faults) > 1 else ""
    return JSONResponse({"detail": _said(faults[0]) + more if faults else str(error)}, 422)


def _said(fault: dict[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return f"the body is not valid JSON: {fault.get('ctx', {}).get('error', fault['msg'])}"
    place: Sequence[str | int] = fault["loc"][1:]
    where = ", ".join(f"value {part + 1}" if isinstance(part, int) else part for part in place) or "body"
    return f"{where}: {fault['msg']}"
