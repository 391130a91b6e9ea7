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
    """`records` by partition; the first of a list has the offset `oldest`. None is a place that no reader is given."""

    records: dict[int, list[TopicRecord | None]] = field(default_factory=lambda: {0: [], 1: []})
    oldest: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})
    away: bool = False
    polled: int = 1_000_000
    next: dict[int, int] = field(default_factory=dict)
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

    def add_marks(self, count: int, partition: int = 0) -> None:
        """So many marks of transactions, or places whose records were compacted away."""
        self.records[partition] += [None] * count

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
        """Of each partition at most `polled` places, as a broker gives so many bytes."""
        found: list[TopicRecord] = []
        for partition, (oldest, end) in self.bounds().items():
            place = places.get(partition, end)
            if not oldest <= place <= end:
                raise OutOfRange
            some = self.records[partition][place - oldest :][: self.polled]
            given = [one for one in some if one is not None][: most - len(found)]
            found += given
            is_whole = len(given) == len(some) - some.count(None)
            self.next[partition] = place + len(some) if is_whole else given[-1].offset + 1 if given else place
        return found

    def places(self) -> dict[int, int]:
        return dict(self.next)

    def close(self) -> None:
        pass
