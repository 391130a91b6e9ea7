"""Handing mentions over to the stream: the one way in for sources, pushes over HTTP and replays.

Mentions go to the partition that their identity fixes, in the order given, several in a record. Hand-over comes before
progress: the caller stores its own position only after the hand-over has returned. When a hand-over raises, any part of the
mentions may have arrived. The caller hands the same mentions over again, and the unique key on (source, id) lets each count
once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from tocsin.core.clock import Clock
from tocsin.core.errors import WrongInput
from tocsin.core.ids import source_crc
from tocsin.core.mention import Handed, Mention, MentionLine, encode_mentions
from tocsin.settings import StreamSettings
from tocsin.store.source_state import count_received
from tocsin.stream.port import MAX_RECORD_BYTES, MENTIONS, Stream


class HandOver:
    """Fills records of at most `max_mentions` mentions and `MAX_RECORD_BYTES`, and appends them to the topic `mentions`."""

    def __init__(self, stream: Stream, *, partitions: int, max_mentions: int, clock: Clock) -> None:
        self._stream = stream
        self._wanted = partitions
        # The topic is made at the first hand-over, not before.
        self._made = False
        self._max_mentions = max_mentions
        self._clock = clock

    @classmethod
    def to(cls, stream: Stream, settings: StreamSettings, clock: Clock) -> HandOver:
        """The hand-over that the settings `[stream]` describe: the partitions of a new topic, and the mentions of a record."""
        return cls(
            stream,
            partitions=settings.partitions,
            max_mentions=settings.record_max_mentions,
            clock=clock,
        )

    def hand_over(self, mentions: Sequence[Handed], now: datetime | None = None) -> None:
        """Append the mentions. On return every one is durable. `now` is the time at which they were received (default: the
        clock's).

        Raises `StreamFull` when too much is unread, and `StreamUnavailable` when the stream is away.
        """
        if not mentions:
            return
        if not self._made:
            self._stream.ensure_topic(MENTIONS, self._wanted)
            self._made = True
        # Asked each time: a topic that was made anew may have fewer.
        records = records_of(mentions, self._stream.partitions(MENTIONS), self._max_mentions)
        self._stream.append(MENTIONS, records, now or self._clock.now())


def records_of(mentions: Sequence[Handed], partitions: int, max_mentions: int) -> list[tuple[int, bytes]]:
    """The records that carry these mentions, as `(partition, value)`."""
    lines_of: list[list[bytes]] = [[] for _ in range(partitions)]
    adds = [lines.append for lines in lines_of]
    crc32 = zlib.crc32
    named, begun = "", source_crc("")
    for mention in mentions:
        if mention.source != named:
            named, begun = mention.source, source_crc(mention.source)
        line = mention.line if isinstance(mention, MentionLine) else line_of(mention)
        # `partition_of`, written out here for speed: this line runs for every mention of a firehose.
        adds[crc32(mention.id.encode("utf-8", "surrogatepass"), begun) % partitions](line)
    return [(p, value) for p, lines in enumerate(lines_of) for value in _filled(lines, max_mentions)]


def _filled(lines: Sequence[bytes], max_mentions: int) -> Iterator[bytes]:
    """The lines, joined into values of at most `max_mentions` lines and `MAX_RECORD_BYTES`."""
    for start in range(0, len(lines), max_mentions):
        value = b"".join(lines[start : start + max_mentions])
        if len(value) <= MAX_RECORD_BYTES:
            yield value
            continue
        first, size = start, 0
        for at in range(start, min(start + max_mentions, len(lines))):
            if size + len(lines[at]) > MAX_RECORD_BYTES:
                yield b"".join(lines[first:at])
                first, size = at, 0
            size += len(lines[at])
        yield b"".join(lines[first : start + max_mentions])


def line_of(mention: Mention) -> bytes:
    """The mention as one line of a record. A mention that is too large for a record loses the parts that matter least, and
    `truncated` says so. Raises `WrongInput` where the other fields alone are too large.

    Such a mention is rare within the sizes that `tocsin.reading` lets through: a text of control characters grows sixfold in
    JSON.
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
    mentions: Sequence[Handed] = (),
    rejected: int = 0,
) -> None:
    """Count the mentions that came through a source in its `source_state`, and note that the source answered.

    In the caller's write transaction, after the hand-over. The ingest worker calls this for fetched mentions, the API for
    pushed ones, several mentions at a time.
    """
    posted = [mention.created_at for mention in mentions]
    count_received(
        conn,
        source,
        now=now,
        received=len(mentions),
        rejected=rejected,
        posted=(min(posted), max(posted)) if posted else None,
    )
