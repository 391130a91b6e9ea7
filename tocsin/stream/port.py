"""The stream: an append-only log of records in topics and partitions, behind one port with an embedded and a real engine.

Positions are not the stream's business. The store keeps them, in the same transaction as the facts that were derived from the
records (`tocsin.store.offsets`). A consumer therefore never commits; its caller says where to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

MENTIONS = "mentions"
SIGNALS = "signals"
ALERT_EVENTS = "alert-events"
MAX_RECORD_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the log. `value` is at most `MAX_RECORD_BYTES`; `appended_at` is the appender's clock.

    `trouble` is empty, or says why the value is not what was written: it could not be unpacked, or it is too long. Such an
    entry may stand for several before it that could not be read.
    """

    topic: str
    partition: int
    offset: int
    value: bytes
    appended_at: datetime
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class RecordGap:
    """Records that are no longer there: those from `wanted` up to, not including, `available` are lost to us."""

    partition: int
    wanted: int
    available: int


@dataclass(frozen=True, slots=True)
class Polled:
    """The result of one poll. `assigned` are this consumer's partitions now; `gained` and `lost` count since the last poll."""

    records: Sequence[Record] = ()
    assigned: frozenset[int] = frozenset()
    gained: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    gaps: Sequence[RecordGap] = field(default=())


class Consumer(Protocol):
    """One member of a group on one topic. Used by one thread.

    A gained partition yields no records until `seek` was called for it. After a `RecordGap` a partition yields none until the
    next `seek`. A partition's records come in the order of their offsets. The only holes are those that a `RecordGap` reports.
    """

    def poll(self, timeout: timedelta, max_bytes: int = 4 * 1024 * 1024) -> Polled:
        """Wait up to `timeout` for records; keep the membership alive. Raises `StreamUnavailable` when the stream is away."""
        ...

    def seek(self, partition: int, offset: int) -> None: ...

    def pause(self, partitions: frozenset[int]) -> None: ...

    def resume(self, partitions: frozenset[int]) -> None: ...

    def close(self) -> None:
        """Leave the group at once, so that others take over within seconds."""
        ...


class Stream(Protocol):
    """A log. Thread-safe but for its consumers."""

    url: str

    @property
    def cluster(self) -> str:
        """The identity of this log, at most 64 characters: offsets of another log mean nothing here."""
        ...

    def ensure_topic(self, topic: str, partitions: int) -> int:
        """Make the topic if it is not there; return how many partitions it has (which may be another number)."""
        ...

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has; raises `NotFound` where there is no such topic."""
        ...

    def append(self, topic: str, records: Sequence[tuple[int, bytes]], at: datetime) -> None:
        """Append each `(partition, value)` in order. On return every record is durable; after an error, any of them may be.

        Raises `StreamFull` when half of what is kept is still unread (the caller answers "later"), `StreamUnavailable` when
        the stream is away, `WrongInput` for a value over `MAX_RECORD_BYTES`.
        """
        ...

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Per partition the offset that the next record will get."""
        ...

    def trim(self, topic: str, before: dict[int, int]) -> None:
        """Everything before these offsets may be dropped. An engine with its own retention may ignore it."""
        ...

    def drop(self) -> None:
        """Remove what this stream has in a log that others use too, where it is the caller's alone and nobody will read it again.

        A log that is a file of its own, or belongs to everybody, stays.
        """
        ...

    def consumer(self, topic: str, group: str, member: str) -> Consumer: ...

    def close(self) -> None: ...
