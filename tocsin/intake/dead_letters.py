"""Dead letters: what could not be taken, kept with its origin, reason and bytes, so that it can be looked at
and mended.

The id is made of the origin, so reading the same record, line or request again keeps one letter. A `Fuse`
stops a worker that finds nearly everything bad: then the reader is wrong, not the mentions. Handing letters
over again is `tocsin.intake.redeliver`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, LargeBinary, Select, func, select, update

from tocsin.core.cursor import decode_cursor, page_of
from tocsin.core.errors import NotFound, TocsinError
from tocsin.core.ids import stable_id
from tocsin.store.expiry import drop_some
from tocsin.store.schema import dead_letters
from tocsin.store.statements import insert_once

MAX_PAYLOAD_BYTES = 128 * 1024  # the longest text that is taken, written out as JSON, fits
SHOWN_BYTES = 2048  # of a payload, in lists
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
    payload: bytes  # the first `MAX_PAYLOAD_BYTES`; in lists the first `SHOWN_BYTES`
    payload_size: int  # of the whole, in bytes
    # SHA-256 of the whole, in hex; of the first bytes where only those were kept by the reader.
    payload_hash: str
    replayed_at: datetime | None

    @property
    def whole(self) -> bool:
        """Whether all of it was kept. Of a letter that was asked for by itself: lists bring beginnings."""
        return self.payload_size <= len(self.payload)

    @property
    def origin(self) -> str:
        """Where it was: `mentions/3 at 1207, line 2` on the stream, else `line or item 17`."""
        if self.topic is None:
            return f"line or item {self.position}"
        return f"{self.topic}/{self.partition} at {self.offset}, line {self.position}"


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
        "message": _kept(message),
        "attempts": attempts,
        "at": now,
        "payload": payload[:MAX_PAYLOAD_BYTES],
        "payload_size": len(payload),
        "payload_hash": digest,
    }


def record_dead_letters(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Keep these rows, each id once; return how many were new. In the caller's write transaction."""
    wanted = {row["id"]: row for row in rows}
    return sum(
        insert_once(conn, dead_letters, wanted[id]) for id in sorted(wanted)
    )  # by key: two that meet only wait


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
    conn: Connection,
    limit: int = 100,
    cursor: str | None = None,
    source: str | None = None,
    reason: str | None = None,
    waiting: bool | None = None,
) -> tuple[list[DeadLetter], str | None]:
    """The newest first, at most `limit`, and the cursor of the next page (None at the end).

    `waiting` True brings those not handed over again yet, False the others. Of payloads the beginning. Raises `BadCursor`.
    """
    d = dead_letters
    limit = max(1, min(limit, MAX_LIST))
    query = _chosen(
        select(*(_head() if column.name == "payload" else column for column in d.c)), source, reason, waiting
    )
    query = query.order_by(d.c.at.desc(), d.c.id.desc()).limit(limit + 1)
    after = decode_cursor(cursor, datetime, str)
    if after is not None:
        at, id = after
        query = query.where((d.c.at < at) | ((d.c.at == at) & (d.c.id < id)))
    found = [DeadLetter(**row._mapping) for row in conn.execute(query)]
    return page_of(found, limit, lambda letter: (letter.at, letter.id))


def count_dead_letters(conn: Connection, waiting: bool | None = None) -> int:
    """How many there are; `waiting` as in `list_dead_letters`."""
    query = _chosen(select(func.count()).select_from(dead_letters), None, None, waiting)
    return int(conn.execute(query).scalar_one())


def drop_dead_letters(conn: Connection, before: datetime, most: int) -> int:
    """Drop up to `most` letters that are older than `before`; return how many were."""
    return drop_some(conn, dead_letters, dead_letters.c.at < before, most)


def present_ids(conn: Connection, ids: Sequence[str]) -> set[str]:
    """Those of these ids that there is a letter with."""
    d, found = dead_letters.c, set[str]()
    for start in range(0, len(ids), 400):
        found |= set(conn.execute(select(d.id).where(d.id.in_(ids[start : start + 400]))).scalars())
    return found


def note_replay(conn: Connection, id: str, now: datetime) -> None:
    """The letter was handed over again."""
    d = dead_letters.c
    conn.execute(update(dead_letters).where(d.id == id).values(attempts=d.attempts + 1, replayed_at=now))


def note_bad_again(conn: Connection, id: str, reason: str, message: str) -> None:
    """The letter was tried again and is bad for this reason now."""
    d = dead_letters.c
    values = {"reason": reason[:64], "message": _kept(message)}
    conn.execute(update(dead_letters).where(d.id == id).values(attempts=d.attempts + 1, **values))


def _kept(message: str) -> str:
    """A message without what PostgreSQL does not store, and not longer than is kept."""
    return message.replace("\0", "\ufffd")[:MAX_MESSAGE_CHARS]


def waiting_ids(
    conn: Connection,
    limit: int,
    after: tuple[datetime, str] | None = None,
    source: str | None = None,
    reason: str | None = None,
) -> list[tuple[datetime, str]]:
    """Time and id of letters that were not replayed yet, the oldest first, those after `after`."""
    d = dead_letters
    query = _chosen(select(d.c.at, d.c.id), source, reason, True).order_by(d.c.at, d.c.id).limit(limit)
    if after is not None:
        query = query.where((d.c.at > after[0]) | ((d.c.at == after[0]) & (d.c.id > after[1])))
    return [(row.at, row.id) for row in conn.execute(query)]


def _chosen(query: Select[Any], source: str | None, reason: str | None, waiting: bool | None) -> Select[Any]:
    d = dead_letters
    if source is not None:
        query = query.where(d.c.source == source)
    if reason is not None:
        query = query.where(d.c.reason == reason)
    if waiting is not None:
        query = query.where(d.c.replayed_at.is_(None) if waiting else d.c.replayed_at.is_not(None))
    return query


def _head() -> Any:
    return func.substr(dead_letters.c.payload, 1, SHOWN_BYTES, type_=LargeBinary).label("payload")


def get_dead_letter(conn: Connection, id: str) -> DeadLetter:
    """The dead letter with this id. Raises `NotFound`."""
    found = conn.execute(select(dead_letters).where(dead_letters.c.id == id)).one_or_none()
    if found is None:
        raise NotFound(f"no dead letter {id[:64]!r}; list them with: tocsin dead-letters list")
    return DeadLetter(**found._mapping)


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
