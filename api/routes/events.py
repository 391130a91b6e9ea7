"""Server-sent events: everything that happens to alerts and escalations, as it happens.

`id` is the event's number. A client that comes back with Last-Event-ID goes on where it was. A client that was away too long gets
the event `reset`. It reads the lists again, then goes on from the id of that event. A comment every five seconds keeps proxies
from closing the connection. Before each event and each comment the caller is identified again, and a caller who may no longer
read is told nothing more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import Row
from starlette.concurrency import run_in_threadpool

from alerts.events import events_after, first_and_newest
from api.auth.guard import allows, identify
from api.auth.principal import Principal
from api.auth.rules import RULES
from api.live import MAX_CLIENTS_OF_ONE, Told
from api.problems import PROBLEMS, Problem
from api.state import AppState, State, Who
from tocsin.core.clock import iso
from tocsin.core.errors import TocsinError
from tocsin.core.sentences import Sentence
from tocsin.store.port import Store

router = APIRouter(prefix="/v1", tags=["events"])

PING_S = 5.0
BATCH = 200
# A missing number may belong to a transaction that is still being written. The stream of events waits this long for it.
SETTLE = timedelta(seconds=5)


@router.get(
    "/events",
    summary="What happens, as it happens (SSE)",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        429: PROBLEMS[429],
        503: PROBLEMS[503],
    },
)
async def events(
    request: Request,
    state: State,
    who: Who,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=64)] = None,
) -> StreamingResponse:
    """The events after Last-Event-ID, or from now on. Events carry ids and figures, never a post or the text of a note."""
    if state.hub.full:
        raise Problem(
            503,
            "too-many-clients",
            Sentence("all places for event clients are taken"),
            headers={"Retry-After": "30"},
        )
    if state.hub.has_all(_caller(who)):
        detail = Sentence(
            "one caller may have {n} event clients: end some, or share one among the readers",
            n=MAX_CLIENTS_OF_ONE,
        )
        raise Problem(429, "too-many-clients", detail, headers={"Retry-After": "30"})
    return StreamingResponse(
        _stream(request, state, _caller(who), last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _caller(who: Principal) -> str:
    return f"{who.kind}:{who.id}"


async def _may_read(request: Request, state: AppState) -> bool:
    """Whether the caller still may read events: a key may be revoked meanwhile, a session ended, a role taken away."""
    who = await identify(request, state)
    return who is not None and allows(RULES["GET", "/v1/events"], who)


async def _stream(request: Request, state: AppState, caller: str, last: str | None) -> AsyncIterator[bytes]:
    state.hub.enter(caller)
    try:
        seq, reset = await run_in_threadpool(_start, state, last)
        yield b"retry: 3000\n\n"
        if reset:
            yield f"id: {seq}\nevent: reset\ndata: {{}}\n\n".encode()
        while not state.hub.stopped:
            news = await state.news.ask(seq)
            if not await _may_read(request, state):
                return
            for one in news:
                yield one.lines
                seq = one.seq
            if not news and not await state.hub.wait_for_newer(seq, PING_S):
                if state.hub.stopped:
                    return
                yield b": ping\n\n"
            elif not news:
                await state.hub.pause()
    except TocsinError:
        # The store is away: the client comes back with its last id.
        return
    finally:
        state.hub.leave(caller)


def _start(state: AppState, last: str | None) -> tuple[int, bool]:
    with state.store.read() as conn:
        first, newest = first_and_newest(conn)
    if last is None:
        return newest, False
    known = last.isascii() and last.isdigit() and (first or 1) - 1 <= int(last) <= newest
    return (int(last), False) if known else (newest, True)


def news(store: Store, after: Sequence[int], now: datetime) -> Mapping[int, Sequence[Told]]:
    """The events after each of these numbers that can be told now, `BATCH` of each at most, in one read."""
    with store.read() as conn:
        rows = {seq: events_after(conn, seq, BATCH) for seq in after}
    return {seq: [Told(row.seq, _event(row)) for row in _settled(rows[seq], seq, now)] for seq in after}


def _settled(rows: Sequence[Row[Any]], seq: int, now: datetime) -> Iterator[Row[Any]]:
    for row in rows:
        if row.seq != seq + 1 and abs(now - row.at) < SETTLE:
            return
        yield row
        seq = row.seq


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
