"""Dead letters: what could not be taken, kept with its origin, reason and bytes, so that it can be looked at
and mended.

The id is made of the origin, so reading the same record, line or request again keeps one letter. A `Fuse`
stops a worker that finds nearly everything bad: then the reader is wrong, not the mentions.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from tocsin.core.clock import from_micros, to_micros
from tocsin.core.errors import NotFound, TocsinError, WrongInput
from tocsin.core.ids import stable_id
from tocsin.store.schema import dead_letters

MAX_PAYLOAD_BYTES = 8 * 1024
MAX_MESSAGE_CHARS = 2000
MAX_LIST = 1000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One of them, as stored. `position` is the index within the record, the file's line or the request's
    item.
    """

    id: str
    source: str
    reason: str
    message: str
    at: datetime
    attempts: int
    topic: str | None
    partition: int | None
    offset: int | None
    position: int
    payload: bytes  # the first `MAX_PAYLOAD_BYTES`
    payload_size: int  # of the whole, in bytes
    payload_hash: (
        str  # SHA-256 of the whole, in hex; of the first bytes where only those were kept by the reader
    )
    replayed_at: datetime | None


def dead_letter_row(
    *,
    now: datetime,
    source: str,
    reason: str,
    message: str,
    payload: bytes,
    topic: str | None = None,
    partition: int | None = None,
    offset: int | None = None,
    position: int = 0,
    attempts: int = 1,
) -> Mapping[str, Any]:
    """The row of a dead letter, with its deterministic id.

    What came off the stream is known by topic, partition, offset and position; what never got there by
    source, position and content.
    """
    digest = hashlib.sha256(payload).hexdigest()
    if topic is not None:
        id = stable_id("dl", "stream", topic, partition, offset, position)
    else:
        id = stable_id("dl", "outside", source, position, digest)
    return {
        "id": id,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "position": position,
        "source": source[:256],
        "reason": reason[:64],
        "message": message.replace("\0", "\ufffd")[:MAX_MESSAGE_CHARS],
        "attempts": attempts,
        "at": now,
        "payload": payload[:MAX_PAYLOAD_BYTES],
        "payload_size": len(payload),
        "payload_hash": digest,
    }


def record_dead_letters(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Keep these rows, those that are kept already once; return how many were new. In the caller's write
    transaction.
    """
    wanted = {row["id"]: row for row in rows}
    ids = list(wanted)
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        for found in conn.execute(select(dead_letters.c.id).where(dead_letters.c.id.in_(chunk))):
            del wanted[found.id]
    if wanted:
        conn.execute(insert(dead_letters), [dict(row) for row in wanted.values()])
    return len(wanted)


def record_dead_letter(
    conn: Connection,
    *,
    now: datetime,
    source: str,
    reason: str,
    message: str,
    payload: bytes,
    topic: str | None = None,
    partition: int | None = None,
    offset: int | None = None,
    position: int = 0,
    attempts: int = 1,
) -> str:
    """Keep one dead letter, unless it is kept already; return its id. In the caller's write transaction."""
    row = dead_letter_row(
        now=now,
        source=source,
        reason=reason,
        message=message,
        payload=payload,
        topic=topic,
        partition=partition,
        offset=offset,
        position=position,
        attempts=attempts,
    )
    record_dead_letters(conn, [row])
    return str(row["id"])


def list_dead_letters(
    conn: Connection, limit: int = 100, cursor: str | None = None, source: str | None = None
) -> tuple[list[DeadLetter], str | None]:
    """The newest first, at most `limit`, and the cursor of the next page (None at the end). `WrongInput` for
    a bad cursor.
    """
    d = dead_letters
    limit = max(1, min(limit, MAX_LIST))
    query = select(d).order_by(d.c.at.desc(), d.c.id.desc()).limit(limit + 1)
    if source is not None:
        query = query.where(d.c.source == source)
    if cursor is not None:
        at, id = _position(cursor)
        query = query.where((d.c.at < at) | ((d.c.at == at) & (d.c.id < id)))
    found = [DeadLetter(**row._mapping) for row in conn.execute(query)]
    page = found[:limit]
    return page, f"{to_micros(page[-1].at)}.{page[-1].id}" if len(found) > limit else None


def get_dead_letter(conn: Connection, id: str) -> DeadLetter:
    """The dead letter with this id. Raises `NotFound`."""
    found = conn.execute(select(dead_letters).where(dead_letters.c.id == id)).one_or_none()
    if found is None:
        raise NotFound(f"no dead letter {id!r}; list them with: tocsin export dead-letters")
    return DeadLetter(**found._mapping)


def _position(cursor: str) -> tuple[datetime, str]:
    micros, _, id = cursor.partition(".")
    try:
        return from_micros(int(micros)), id
    except (ValueError, OverflowError):
        raise WrongInput(f"cursor {cursor[:64]!r} is none of ours: begin without one") from None


class FuseBlown(TocsinError):
    """Nearly everything is bad: whoever reads must stop and say so, not fill the store with dead letters."""


class Fuse:
    """Blows when, of the last `window` or so things, more than `share` were bad. Sees batches, never single
    things.
    """

    def __init__(self, window: int = 200, share: float = 0.9) -> None:
        self._window = window
        self._share = share
        self._batches: deque[tuple[int, int]] = deque()
        self._total = 0
        self._bad = 0

    def note(self, ok: int, bad: int) -> None:
        """Take in a batch. Raises `FuseBlown`, again with every batch until enough good ones have come."""
        self._batches.append((ok + bad, bad))
        self._total += ok + bad
        self._bad += bad
        while self._batches and self._total - self._batches[0][0] >= self._window:
            total, gone = self._batches.popleft()
            self._total -= total
            self._bad -= gone
        if self._total >= self._window and self._bad > self._share * self._total:
            raise FuseBlown(
                f"{self._bad} of the last {self._total} could not be read: not the format that was expected;"
                " see the dead letters, mend the source or its settings"
            )
