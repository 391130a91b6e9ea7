"""Dead letters: what could not be taken, why, and how it began."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import and_, or_, select

from api.house import InHouse
from api.paging import Cursor, Limit, Page, decode_cursor, page_of
from api.problems import PROBLEMS
from tocsin.core.clock import from_micros, to_micros
from tocsin.store import schema as s

router = APIRouter(prefix="/v1", tags=["dead letters"])

SHOWN_BYTES = 2048


class DeadLetterOut(BaseModel):
    """One letter; `topic`, `partition` and `offset` are null where it never reached the stream."""

    id: str
    at: datetime
    source: str
    reason: str
    message: str
    attempts: int
    topic: str | None
    partition: int | None
    offset: int | None
    position: int = Field(description="Index within the record, the file's line, or the request's item.")
    payload: str = Field(description="How it began, as far as it is text.")
    payload_size: int
    payload_hash: str
    replayed_at: datetime | None


@router.get(
    "/dead-letters",
    response_model=Page[DeadLetterOut],
    summary="List dead letters",
    responses={422: PROBLEMS[422]},
)
def list_dead_letters(
    house: InHouse,
    source: Annotated[str | None, Query(max_length=256)] = None,
    reason: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """The newest first."""
    d = s.dead_letters
    statement = select(d).order_by(d.c.at.desc(), d.c.id)
    if source is not None:
        statement = statement.where(d.c.source == source)
    if reason is not None:
        statement = statement.where(d.c.reason == reason)
    after = decode_cursor(cursor, int, str)
    if after is not None:
        at = from_micros(after[0])
        statement = statement.where(or_(d.c.at < at, and_(d.c.at == at, d.c.id > after[1])))
    with house.store.read() as conn:
        found = conn.execute(statement.limit(limit + 1)).all()
    rows, more = page_of(found, limit, lambda row: (to_micros(row.at), row.id))
    names = [name for name in DeadLetterOut.model_fields if name != "payload"]
    items = [
        {name: row._mapping[name] for name in names}
        | {"payload": bytes(row.payload[:SHOWN_BYTES]).decode("utf-8", "replace").replace("\0", "\ufffd")}
        for row in rows
    ]
    return {"items": items, "next_cursor": more}
