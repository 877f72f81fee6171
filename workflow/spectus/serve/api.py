"""The REST interface: its paths, their answers, and the requests that they refuse."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse

from spectus import __version__
from spectus.denovo.translator import Translator
from spectus.serve.body import BodyLimit
from spectus.serve.limits import ServerLimits
from spectus.serve.messages import Accepted, Health, PredictionAnswer, PredictionRequest, Problem
from spectus.serve.page import HEADERS, service_page
from spectus.serve.predictions import Predictions, QueueFull
from spectus.serve.worker import make_workers
from spectus.web.structure_drawing import standalone_structure

_ABOUT = """SpecTUS proposes molecular structures for electron ionization (EI) mass spectra.

Post a spectrum to `/predictions`. Then request `/predictions/{id}` repeatedly until its `status` is `completed` or
`failed`. The server decodes several waiting requests together. The answer to a request does not depend on other
requests.
"""
_STOP_S = 5.0
"""Time that the workers get to finish when the server stops, s. Chosen: Docker kills after 10 s."""
_DRAWING_MAX_AGE_S = 86_400
"""Time for which a browser may keep a drawing, s. Chosen: one day; a drawing changes only with the version."""


def create_app(translator: Translator, limits: ServerLimits) -> FastAPI:
    """Create the application. Its workers start and end with it; `app.state.workers` lists them.

    Parameters
    ----------
    translator : Translator
        The loaded model.
    limits : ServerLimits
        Settings of the server.
    """
    predictions = Predictions(limits)
    workers = make_workers(translator, predictions, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for worker in workers:
            worker.start()
        yield
        predictions.close()
        deadline = time.monotonic() + _STOP_S
        for worker in workers:
            await run_in_threadpool(worker.join, max(0.0, deadline - time.monotonic()))

    # FastAPI's own documentation pages load scripts from another host, which a closed network does not allow.
    app = FastAPI(
        title="SpecTUS", version=__version__, description=_ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.workers = workers
    app.add_middleware(BodyLimit, max_bytes=limits.max_body)
    app.add_exception_handler(RequestValidationError, _refuse)
    _add_predictions(app, translator, limits, predictions)
    _add_pages(app, translator, limits, predictions)
    return app


def _add_predictions(app: FastAPI, translator: Translator, limits: ServerLimits, predictions: Predictions) -> None:
    @app.post(
        "/predictions",
        status_code=202,
        summary="Request structures for a spectrum",
        responses=_problems({
            413: "the body is too large",
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
        responses=_problems({404: "no request has this id, or its answer was deleted"}),
    )
    async def fetch(id: str) -> PredictionAnswer:
        prediction = predictions.get(id)
        if prediction is None:
            kept = f"the server keeps at most {limits.max_kept} answers, each for {limits.keep_s / 3600:g} h"
            raise HTTPException(404, f"no prediction has this id; {kept}")
        return PredictionAnswer.of(prediction)


def _add_pages(app: FastAPI, translator: Translator, limits: ServerLimits, predictions: Predictions) -> None:
    config = translator.model.config

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
            **predictions.counts(),
        )  # fmt: skip

    @app.get(
        "/structures.svg",
        summary="Draw a structure",
        response_class=Response,
        responses={200: {"content": {"image/svg+xml": {}}}, **_problems({422: "the SMILES is not a molecule"})},
    )
    def drawing(smiles: Annotated[str, Query(max_length=500, examples=["c1ccccc1O"])]) -> Response:
        svg = standalone_structure(smiles)
        if svg is None:
            raise HTTPException(422, "the SMILES is not a molecule")
        return Response(
            svg, media_type="image/svg+xml", headers={"Cache-Control": f"max-age={_DRAWING_MAX_AGE_S}", **HEADERS}
        )

    rendered = service_page(translator.name, min(10, limits.max_candidates), limits.max_candidates)

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(rendered, headers=HEADERS)


def _problems(about: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem, "description": text} for code, text in about.items()}


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
