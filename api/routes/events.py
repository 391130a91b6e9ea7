"""Server-sent events: everything that happens to alerts and escalations, as it happens.

`id` is the event's number. A client that comes back with Last-Event-ID goes on where it was. A client that was away too long gets
the event `reset`. It reads the lists again, then goes on from the id of that event. A comment every 15 seconds keeps proxies from
closing the connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from sqlalchemy import Row
from starlette.concurrency import run_in_threadpool

from alerts.events import events_after, first_and_newest
from api.problems import PROBLEMS, Problem
from api.state import AppState, State
from tocsin.core.clock import iso
from tocsin.core.errors import TocsinError

router = APIRouter(prefix="/v1", tags=["events"])

PING_S = 15.0
BATCH = 200
# A missing number may belong to a transaction that is still being written. The stream of events waits this long for it.
SETTLE = timedelta(seconds=5)


@router.get(
    "/events",
    summary="What happens, as it happens (SSE)",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, 503: PROBLEMS[503]},
)
async def events(
    state: State,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=64)] = None,
) -> StreamingResponse:
    """The events after Last-Event-ID, or from now on. Events carry ids and figures, never a post or the text of a note."""
    if state.hub.full:
        raise Problem(
            503, "too-many-clients", "all places for event clients are taken", headers={"Retry-After": "30"}
        )
    return StreamingResponse(
        _stream(state, last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(state: AppState, last: str | None) -> AsyncIterator[bytes]:
    state.hub.enter()
    try:
        seq, reset = await run_in_threadpool(_start, state, last)
        yield b"retry: 3000\n\n"
        if reset:
            yield f"id: {seq}\nevent: reset\ndata: {{}}\n\n".encode()
        while not state.hub.stopped:
            rows = await run_in_threadpool(_next, state, seq)
            for row in rows:
                yield _event(row)
                seq = row.seq
            if not rows and not await state.hub.wait_for_newer(seq, PING_S):
                if state.hub.stopped:
                    return
                yield b": ping\n\n"
            elif not rows:
                await state.hub.pause()
    except TocsinError:
        return  # the store is away: the client comes back with its last id
    finally:
        state.hub.leave()


def _start(state: AppState, last: str | None) -> tuple[int, bool]:
    with state.store.read() as conn:
        first, newest = first_and_newest(conn)
    if last is None:
        return newest, False
    known = last.isascii() and last.isdigit() and (first or 1) - 1 <= int(last) <= newest
    return (int(last), False) if known else (newest, True)


def _next(state: AppState, seq: int) -> Sequence[Row[Any]]:
    now = state.now()
    with state.store.read() as conn:
        rows = events_after(conn, seq, BATCH)
    told: list[Row[Any]] = []
    for row in rows:
        if row.seq != seq + 1 and abs(now - row.at) < SETTLE:
            break
        told.append(row)
        seq = row.seq
    return told


def _event(row: Row[Any]) -> bytes:
    scope = "escalation" if row.escalation_id else "alert"
    body = {
        "id": row.id,
        "alert_id": row.alert_id,
        "escalation_id": row.escalation_id,
        "at": iso(row.at),
        "data": row.data,
    }
    return f"id: {row.seq}\nevent: {scope}.{row.kind}\ndata: ".encode() + msgspec.json.encode(body) + b"\n\n"
