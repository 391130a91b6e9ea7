"""One batch of records on its way in: this module decodes it, matches it and picks out what to store. No I/O.

A version that matches nothing costs no row, unless it says that it is an edit. An edit leaves its identity, so that an older
version that arrives later does not count.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final, TypeAlias

import msgspec

from processors.match import Matcher
from processors.understand import mention_facets
from processors.understand.language import mention_language
from tocsin.core.errors import BadMention
from tocsin.core.mention import Mention, decode_mention, decode_mentions, encode_mentions
from tocsin.intake.dead_letters import dead_letter_row
from tocsin.reading import check_time
from tocsin.reading.size import holds_more
from tocsin.stream.port import MAX_RECORD_BYTES, Record

Key: TypeAlias = tuple[str, str]
"""The identity of a mention: (source, id)."""
Rank: TypeAlias = tuple[datetime, str]
"""The rank of one version among the versions of a mention: `Mention.version_rank`."""
_MOST_SALTS = 4096
MOST_VALUES: Final = MAX_RECORD_BYTES
"""Values in one record. A record that Tocsin appends has fewer values than bytes; a record that a stranger packed may unpack to
many more.
"""

MOST_BAD: Final = 1000
"""The bad lines of one record that get a dead letter each. All further ones get one together."""


class MentionVersion:
    """One version of a mention as it came. `monitors` are those it matches: none for an edit without a match."""

    __slots__ = ("key", "mention", "monitors", "partition", "rank")

    def __init__(self, mention: Mention, partition: int, monitors: tuple[str, ...]) -> None:
        self.mention = mention
        self.partition = partition
        self.monitors = monitors
        self.key = mention.key
        # The rank hashes the text, so it is computed once.
        self.rank = mention.version_rank


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of a record that is not a mention, or a mention that cannot be kept."""

    record: Record
    position: int
    line: bytes
    message: str
    reason: str = "not_a_mention"
    # The lines that this one stands for.
    lines: int = 1

    def letter(self, now: datetime) -> Mapping[str, Any]:
        """The row of `dead_letters` for this line."""
        return dead_letter_row(
            now=now,
            source=self.record.topic,
            reason=self.reason,
            message=self.message,
            payload=self.line,
            topic=self.record.topic,
            partition=self.record.partition,
            offset=self.record.offset,
            position=self.position,
        )


@dataclass(slots=True)
class Batch:
    """The content of a batch of records, before anything is stored."""

    records: int = 0
    mentions: int = 0
    versions: list[MentionVersion] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    sampled: list[Mention] = field(default_factory=list)


@dataclass(slots=True)
class BatchOutcome:
    """The result of storing a batch, for counters and logs."""

    mentions: int = 0
    matched: int = 0
    stored: int = 0
    duplicates: int = 0
    edits: int = 0
    late: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """The range of times at which a stored mention may have been posted.

    Sources and pushes check it when a mention comes in. But anybody may write into a topic, and one row of the year 2099 or 1970
    would create a day of its own that retention does not expect.
    """

    now: datetime
    max_age: timedelta
    max_ahead: timedelta


def read_batches(
    records: Iterable[Record],
    matcher: Matcher,
    sample_rate: float,
    most_rows: Callable[[], int],
    times: Times | None = None,
) -> Iterator[tuple[list[Record], Batch]]:
    """The records in batches. A batch ends with the record that brings it to `most_rows()` mentions to store."""
    taken, batch, in_sample = list[Record](), Batch(), _Sample(sample_rate)
    for record in records:
        taken.append(record)
        _read(batch, (record,), matcher, in_sample, times)
        if len(batch.versions) + len(batch.sampled) >= most_rows():
            yield taken, batch
            taken, batch = [], Batch()
    if taken:
        yield taken, batch


def _read(
    batch: Batch,
    records: Sequence[Record],
    matcher: Matcher,
    in_sample: _Sample,
    times: Times | None = None,
) -> None:
    batch.records += len(records)
    for record in records:
        mentions = _decoded(record, batch)
        batch.mentions += len(mentions)
        matched = matcher.hits(mentions, mention_language, mention_facets)
        edits = [place for place, mention in enumerate(mentions) if mention.edited_at is not None]
        for place in sorted(matched.keys() | edits):
            if times is None or _in_time(times, mentions[place], place, record, batch):
                batch.versions.append(
                    MentionVersion(mentions[place], record.partition, matched.get(place, ()))
                )
        for place in in_sample.among(mentions):
            mention = mentions[place]
            if place in matched or mention.edited_at is not None:
                continue
            if times is None or _in_time(times, mention, place, record, batch):
                batch.sampled.append(mention)


def _in_time(times: Times, mention: Mention, place: int, record: Record, batch: Batch) -> bool:
    try:
        check_time(mention, times.now, max_age=times.max_age, max_ahead=times.max_ahead)
    except BadMention as error:
        batch.mentions -= 1
        line = encode_mentions([mention]).strip()
        batch.bad.append(BadLine(record, place, line, str(error), error.reason))
        return False
    return True


def _decoded(record: Record, batch: Batch) -> list[Mention]:
    if record.trouble:
        batch.bad.append(BadLine(record, 0, record.value, record.trouble, "unreadable_record"))
        return []
    if holds_more(record.value, MOST_VALUES):
        message = f"the record holds more than {MOST_VALUES:,} values"
        batch.bad.append(BadLine(record, 0, record.value, message, "unreadable_record"))
        return []
    try:
        return decode_mentions(record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        good, bad = _line_by_line(record)
        batch.bad += bad[:MOST_BAD]
        if len(bad) > MOST_BAD:
            batch.bad.append(_the_rest(record, bad[MOST_BAD:]))
        return good


def _line_by_line(record: Record) -> tuple[list[Mention], list[BadLine]]:
    good: list[Mention] = []
    bad: list[BadLine] = []
    for position, line in enumerate(record.value.splitlines()):
        if not line.strip():
            continue
        try:
            good.append(decode_mention(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            bad.append(BadLine(record, position, line, str(error)))
    return good, bad


def _the_rest(record: Record, rest: Sequence[BadLine]) -> BadLine:
    """Many bad lines as one: 200 KB of stray bytes are one accident, and no hundred thousand letters."""
    message = f"{len(rest)} more lines of this record are no mentions; the first: {rest[0].message}"
    return BadLine(record, rest[0].position, b"\n".join(one.line for one in rest), message, lines=len(rest))


class _Sample:
    """The choice of mentions without a match to keep for a while. A firehose asks it about nearly every mention."""

    def __init__(self, rate: float) -> None:
        self._below = ceil(rate * 2**32)
        self._salts = _Salts()

    def among(self, mentions: Sequence[Mention]) -> list[int]:
        """The places of the mentions that belong to the sample, whether or not they match."""
        if self._below <= 0:
            return []
        below, salts, crc32 = self._below, self._salts, zlib.crc32
        return [
            place
            for place, mention in enumerate(mentions)
            if crc32(mention.id.encode("utf-8", "surrogatepass"), salts[mention.source]) < below
        ]


class _Salts(dict[str, int]):
    """The salt of each source's hashes. It keeps the sample independent of the partition, which hashes the same two values."""

    def __missing__(self, source: str) -> int:
        if len(self) > _MOST_SALTS:
            self.clear()
        salt = self[source] = zlib.crc32(source.encode("utf-8", "surrogatepass"))
        return salt
