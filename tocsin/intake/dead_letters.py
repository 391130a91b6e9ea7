"""Dead letters: input that could not be taken, kept with its origin, reason and bytes, so that people can inspect and mend it.

A letter's id is made of its origin, so reading the same record, line or request again keeps one letter. A `Fuse` stops a
worker that finds nearly everything bad: then the reader is wrong, not the mentions. `tocsin.intake.redeliver` hands letters
over again.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, LargeBinary, Row, Select, delete, func, select, update

from tocsin.core.cursor import decode_cursor, page_of
from tocsin.core.errors import NotFound, TocsinError
from tocsin.core.ids import stable_id
from tocsin.core.sentences import Sentence
from tocsin.core.text import naming
from tocsin.store.expiry import drop_some
from tocsin.store.schema import dead_letters
from tocsin.store.statements import insert_once

# The longest text that is taken fits, written out as JSON.
MAX_PAYLOAD_BYTES = 128 * 1024
# Bytes of a payload that lists bring.
SHOWN_BYTES = 2048
MAX_MESSAGE_CHARS = 2000
MAX_LIST = 1000
_STRING = re.compile(rb'"([^"\\]{1,256})"')


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter, as stored. `position` is the index within the record, the line of the file or the item of the request."""

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
    # The first `MAX_PAYLOAD_BYTES`; in lists the first `SHOWN_BYTES`.
    payload: bytes
    # Of the whole payload, in bytes.
    payload_size: int
    # SHA-256 in hex of the whole payload, or of its first bytes where the reader kept only those.
    payload_hash: str
    replayed_at: datetime | None

    @property
    def whole(self) -> bool:
        """Whether the whole payload was kept. Ask a letter from `get_dead_letter`: lists bring only the beginning."""
        return self.payload_size <= len(self.payload)

    @property
    def origin(self) -> str:
        """The origin in words: `mentions/3 at 1207, line 2` on the stream, else `line or item 17`."""
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

    Input from the stream is identified by topic, partition, offset, position and content: another log of the same name, such as
    the one that an installation moves to, has other input in the same place. Input that never reached the stream is identified by
    source, position and content.
    """
    digest = hashlib.sha256(payload).hexdigest()
    if topic is not None:
        id = stable_id("dl", "stream", topic, partition, offset, position, digest)
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
    """Keep these rows, each id once. Returns the number of new rows. In the caller's write transaction."""
    wanted = {row["id"]: row for row in rows}
    # In the order of the ids, so that two writers that meet wait for each other and do not deadlock.
    return sum(insert_once(conn, dead_letters, wanted[id]) for id in sorted(wanted))


def record_dead_letter(conn: Connection, row: Mapping[str, Any]) -> str:
    """Keep one dead letter, unless it is kept already. Returns its id. In the caller's write transaction."""
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
    """The dead letters, newest first, at most `limit`, and the cursor of the next page (None at the end).

    `waiting` True brings the letters that were not handed over again yet, False the others. Only the beginning of each payload
    comes. Raises `BadCursor`.
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
    """The number of dead letters; `waiting` as in `list_dead_letters`."""
    query = _chosen(select(func.count()).select_from(dead_letters), None, None, waiting)
    return int(conn.execute(query).scalar_one())


def known_by_letters(conn: Connection) -> tuple[set[str], set[str]]:
    """The sources (or topics) and the reasons that the letters have."""
    d = dead_letters.c
    sources, reasons = (set(conn.execute(select(one).distinct()).scalars()) for one in (d.source, d.reason))
    return sources, reasons


def drop_dead_letters(conn: Connection, before: datetime, most: int) -> int:
    """Drop up to `most` letters that are older than `before`. Returns the number of dropped letters."""
    return drop_some(conn, dead_letters, dead_letters.c.at < before, most)


def oldest_letter(conn: Connection) -> datetime | None:
    """When the oldest letter was made."""
    at = dead_letters.c.at
    found: datetime | None = conn.execute(select(at).order_by(at).limit(1)).scalar_one_or_none()
    return found


def every_letter(conn: Connection) -> Iterator[Row[Any]]:
    """Every letter with its whole row, by source, reason and payload: an order that two runs over the same input share."""
    d = dead_letters.c
    yield from conn.execute(select(dead_letters).order_by(d.source, d.reason, d.payload_hash, d.id))


def letters_naming(
    conn: Connection, names: Sequence[str], after: str = "", most: int = 100
) -> tuple[list[str], str | None]:
    """The letters among the next `most` whose payload or message has one of these names as a whole word; and the id to go on
    behind, None at the end.
    """
    d = dead_letters.c
    query = select(d.id, d.payload, d.message).where(d.id > after).order_by(d.id).limit(most)
    rows = conn.execute(query).all()
    named = naming(names)
    found = [row.id for row in rows if named.search(f"{row.payload.decode(errors='replace')} {row.message}")]
    return found, rows[-1].id if len(rows) == most else None


def letters_holding(
    conn: Connection, source: str, values: Set[str], after: str = "", most: int = 100
) -> tuple[list[str], str | None]:
    """The letters of a source, among the next `most`, whose payload has one of these values as a string of its JSON; and the id
    to go on behind, None at the end.
    """
    d = dead_letters.c
    query = select(d.id, d.payload).where(d.source == source, d.id > after).order_by(d.id).limit(most)
    rows, wanted = conn.execute(query).all(), {value.encode() for value in values}
    found = [row.id for row in rows if not wanted.isdisjoint(_STRING.findall(row.payload))]
    return found, rows[-1].id if len(rows) == most else None


def drop_letters(conn: Connection, ids: Sequence[str]) -> None:
    """Drop these letters."""
    conn.execute(delete(dead_letters).where(dead_letters.c.id.in_(ids)))


def present_ids(conn: Connection, ids: Sequence[str]) -> set[str]:
    """The ids among these for which there is a letter."""
    d, found = dead_letters.c, set[str]()
    for start in range(0, len(ids), 400):
        found |= set(conn.execute(select(d.id).where(d.id.in_(ids[start : start + 400]))).scalars())
    return found


def note_replay(conn: Connection, id: str, now: datetime) -> None:
    """Note that the letter was handed over again."""
    d = dead_letters.c
    conn.execute(update(dead_letters).where(d.id == id).values(attempts=d.attempts + 1, replayed_at=now))


def note_bad_again(conn: Connection, id: str, reason: str, message: str) -> None:
    """Note that the letter was tried again and is bad for this reason now."""
    d = dead_letters.c
    values = {"reason": reason[:64], "message": _kept(message)}
    conn.execute(update(dead_letters).where(d.id == id).values(attempts=d.attempts + 1, **values))


def _kept(message: str) -> str:
    """The message without NUL, which PostgreSQL does not store, cut to `MAX_MESSAGE_CHARS`."""
    return message.replace("\0", "\ufffd")[:MAX_MESSAGE_CHARS]


def waiting_ids(
    conn: Connection,
    limit: int,
    after: tuple[datetime, str] | None = None,
    source: str | None = None,
    reason: str | None = None,
) -> list[tuple[datetime, str]]:
    """Time and id of the letters after `after` that were not replayed yet, the oldest first."""
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
        raise NotFound(
            Sentence("no dead letter {id}; list them with: tocsin dead-letters list", id=repr(id[:64]))
        )
    return DeadLetter(**found._mapping)


class FuseBlown(TocsinError):
    """Nearly everything is bad: the reader must stop and say so, not fill the store with dead letters."""


class Fuse:
    """Blows when more than `share` of about the last `window` lines were bad. The fuse counts whole batches of them."""

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
