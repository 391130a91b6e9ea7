"""Handing mentions over to the stream: the one way in for sources, pushes over HTTP and replays.

Mentions go to the partition that their identity fixes, in the order given, several in a record. Hand-over
comes before progress: whoever calls this stores its own position only after it returned. When it raises, any
part may have arrived; the same mentions are handed over again, and the unique key on (source, id) makes once
of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, insert, select, update

from tocsin.core.clock import Clock
from tocsin.core.errors import WrongInput
from tocsin.core.ids import partition_of
from tocsin.core.mention import Mention, encode_mentions
from tocsin.store.schema import source_state
from tocsin.stream.port import MAX_RECORD_BYTES, MENTIONS, Stream


class HandOver:
    """Fills records of at most `max_mentions` mentions and `MAX_RECORD_BYTES`, and appends them to the topic
    mentions.
    """

    def __init__(self, stream: Stream, *, partitions: int, max_mentions: int, clock: Clock) -> None:
        self._stream = stream
        self._wanted = partitions
        self._partitions: int | None = None  # the topic is made when something is handed over, not before
        self._max_mentions = max_mentions
        self._clock = clock

    def hand_over(self, mentions: Sequence[Mention], now: datetime | None = None) -> None:
        """Append the mentions; on return every one is durable. `now` is when they were received (default: the
        clock's).

        Raises `StreamFull` when too much is unread and `StreamUnavailable` when the stream is away.
        """
        if not mentions:
            return
        if self._partitions is None:
            self._partitions = self._stream.ensure_topic(MENTIONS, self._wanted)
        records = records_of(mentions, self._partitions, self._max_mentions)
        self._stream.append(MENTIONS, records, now or self._clock.now())


def records_of(mentions: Sequence[Mention], partitions: int, max_mentions: int) -> list[tuple[int, bytes]]:
    """The records that carry these mentions, as `(partition, value)`."""
    records: list[tuple[int, bytes]] = []
    open_lines: dict[int, list[bytes]] = {}
    open_bytes: dict[int, int] = {}
    for mention in mentions:
        line = line_of(mention)
        partition = partition_of(mention.source, mention.id, partitions)
        lines = open_lines.setdefault(partition, [])
        size = open_bytes.get(partition, 0) + len(line)
        if lines and (len(lines) >= max_mentions or size > MAX_RECORD_BYTES):
            records.append((partition, b"".join(lines)))
            lines.clear()
            size = len(line)
        lines.append(line)
        open_bytes[partition] = size
    records.extend((partition, b"".join(lines)) for partition, lines in open_lines.items() if lines)
    return records


def line_of(mention: Mention) -> bytes:
    """The mention as one line of a record. One that is too large for a record loses what matters least, and
    says so.

    Within the sizes that `tocsin.reading` lets through that is rare: a text of control characters grows
    sixfold in JSON.
    """
    line = encode_mentions([mention])
    if len(line) <= MAX_RECORD_BYTES:
        return line
    for lighter in (
        {"extra": {"_dropped": ["everything: too large for a record"]}},
        {"links": (), "media": (), "hashtags": ()},
    ):
        mention = msgspec.structs.replace(mention, truncated=True, **lighter)
        line = encode_mentions([mention])
        if len(line) <= MAX_RECORD_BYTES:
            return line
    text = mention.text
    while text:
        text = text[: len(text) // 2]
        line = encode_mentions([msgspec.structs.replace(mention, text=text)])
        if len(line) <= MAX_RECORD_BYTES:
            return line
    raise WrongInput(f"the fields of mention {mention.id[:64]!r} besides its text are too large for a record")


def note_received(
    conn: Connection,
    source: str,
    *,
    now: datetime,
    mentions: Sequence[Mention] = (),
    rejected: int = 0,
) -> None:
    """Count what came through a source in its `source_state`, and that it answered. In the caller's write
    transaction.

    Called after the hand-over, by the ingest worker for what it fetched and by the API for what was pushed.
    """
    first = min((mention.created_at for mention in mentions), default=None)
    last = max((mention.created_at for mention in mentions), default=None)
    s = source_state
    if conn.execute(select(s.c.name).where(s.c.name == source)).scalar_one_or_none() is None:
        conn.execute(
            insert(s).values(
                name=source,
                failures=0,
                received=len(mentions),
                rejected=rejected,
                first_event_at=first,
                last_event_at=last,
                last_success_at=now,
            )
        )
        return
    found = conn.execute(select(s.c.first_event_at, s.c.last_event_at).where(s.c.name == source)).one()
    conn.execute(
        update(s)
        .where(s.c.name == source)
        .values(
            received=s.c.received + len(mentions),
            rejected=s.c.rejected + rejected,
            failures=0,
            last_success_at=now,
            first_event_at=min((at for at in (first, found.first_event_at) if at), default=None),
            last_event_at=max((at for at in (last, found.last_event_at) if at), default=None),
        )
    )
