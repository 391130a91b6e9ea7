"""A topic in memory that keeps the promises of `TopicLog`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ingest.source import FetchFailed
from ingest.topic_log import OutOfRange, TopicRecord
from tests.contracts.sources import NOW


@dataclass
class FakeTopic:
    """`records` by partition; the first of a list has the offset `oldest`."""

    records: dict[int, list[TopicRecord]] = field(default_factory=lambda: {0: [], 1: []})
    oldest: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})
    away: bool = False
    connections: int = 0

    def add(
        self,
        value: bytes | None,
        key: bytes | None = None,
        partition: int = 0,
        minute: int = 0,
        trouble: str = "",
    ) -> None:
        kept = self.records[partition]
        at = NOW - timedelta(hours=1) + timedelta(minutes=minute)
        kept.append(TopicRecord(partition, self.oldest[partition] + len(kept), at, key, value, trouble))

    def forget(self, partition: int, count: int) -> None:
        """Retention takes the oldest records away."""
        del self.records[partition][:count]
        self.oldest[partition] += count

    def connect(self, *_: object) -> FakeTopic:
        self.bounds()
        self.connections += 1
        return self

    def bounds(self) -> dict[int, tuple[int, int]]:
        if self.away:
            raise FetchFailed("the topic cannot be read: away")
        return {n: (self.oldest[n], self.oldest[n] + len(kept)) for n, kept in self.records.items()}

    def read(self, places: Mapping[int, int], most: int, wait: timedelta) -> list[TopicRecord]:
        found: list[TopicRecord] = []
        for partition, (oldest, end) in self.bounds().items():
            place = places.get(partition, end)
            if not oldest <= place <= end:
                raise OutOfRange
            found += self.records[partition][place - oldest :]
        return found[:most]

    def close(self) -> None:
        pass
