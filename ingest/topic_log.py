"""The port of a topic that is read: what `ingest/sources/kafka_topic.py` needs of a Kafka, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """One record. `value` is None where the key was deleted. `trouble` says why it could not be read, if it could not."""

    partition: int
    offset: int
    at: datetime
    key: bytes | None
    value: bytes | None
    trouble: str = ""


class OutOfRange(Exception):  # what is asked for is not there, and somebody else decides what to read instead
    """A place is before the oldest record of its partition, or behind the newest."""


class TopicLog(Protocol):
    """The partitions of a topic. Raises `FetchFailed` where it cannot be read, and `OutOfRange` from `read`."""

    def bounds(self) -> dict[int, tuple[int, int]]:
        """The oldest offset and the one after the newest, of each partition."""
        ...

    def read(self, places: Mapping[int, int], most: int, wait: timedelta) -> list[TopicRecord]:
        """At most so many records from these places on, in the order of each partition; waits so long for the first."""
        ...

    def places(self) -> dict[int, int]:
        """Where each partition is read on after the last `read`: behind its records, and behind what no reader is given, such as
        the marks of transactions, records that were taken back, and places whose records were compacted away.
        """
        ...

    def close(self) -> None: ...
