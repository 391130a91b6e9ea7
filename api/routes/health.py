"""Routes for machines, outside /v1: whether the process is alive, whether it is ready, and its metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.metrics import CONTENT_TYPE, stream_lag
from api.state import State, visitor_of
from tocsin.core.errors import TocsinError
from tocsin.health.disk import disk_trouble
from tocsin.store import meta

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Alive?")
async def alive() -> dict[str, str]:
    """200 as long as the process answers. The answer asks no other part."""
    return {"status": "ok"}


@router.get(
    "/readyz", summary="Ready to work?", responses={503: {"description": "The store or the stream is away."}}
)
def ready(request: Request, state: State) -> JSONResponse:
    """200 when store and stream can be reached and written, else 503. Only callers who may read are told why."""
    checks: dict[str, Any] = {}
    try:
        with state.store.read() as conn:
            meta.get(conn, "mode")
        checks["store"] = "ok"
    except TocsinError as error:
        checks["store"] = str(error)
    try:
        checks["stream_lag_records"] = stream_lag(state.store, state.stream)
        checks["stream"] = "ok"
    except TocsinError as error:
        checks["stream"] = str(error)
    disk = disk_trouble(state.settings)
    if disk is not None:
        checks["disk"] = disk.words
    good = checks["store"] == "ok" and checks["stream"] == "ok" and "disk" not in checks
    body: dict[str, Any] = {"status": "ready" if good else "not ready"}
    visitor = visitor_of(request)
    if visitor is not None and visitor.may_read:
        body["checks"] = checks
    return JSONResponse(body, 200 if good else 503, {} if good else {"Retry-After": "5"})


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(state: State) -> Response:
    """The metrics. Requests from this machine need no key; others need a key with the scope `metrics`."""
    text = state.metrics.text(state.store, state.stream, state.now(), state.hub.clients)
    return Response(text, media_type=CONTENT_TYPE)
