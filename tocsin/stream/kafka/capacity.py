"""Back-pressure: which share of a topic on Kafka is unread, and whether the topic takes more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from tocsin.core.errors import StoreUnavailable, StreamFull
from tocsin.stream.kafka.client import EARLIEST
from tocsin.stream.kafka.topics import Topics, gone
from tocsin.stream.port import MENTIONS

LOOK_EVERY_S = 5.0
LOOK_AGAIN_WHEN_FULL_S = 1.0
LIMITS_EVERY_S = 300.0

ReadSoFar = Callable[[str, str], Mapping[int, int]]
"""(cluster, topic) -> per partition the next offset that will be read."""

log = structlog.get_logger("stream")


class Capacity:
    """Back-pressure: refuses appends while half of what a topic keeps is unread, so that no unread record is ever dropped.

    The look is repeated every few seconds. A partition's unread bytes are its share of unread offsets times its size on disk.
    Where retention is by time, no unread record may be older than half of it.
    """

    def __init__(
        self, topics: Topics, trimmed: Mapping[str, Mapping[int, int]], read_so_far: ReadSoFar | None
    ) -> None:
        """`trimmed` holds how far each topic was read, as this process was told. It is looked at anew each time."""
        self._topics = topics
        self._trimmed = trimmed
        self._read_so_far = read_so_far
        self._lock = threading.Lock()
        self._look_at: dict[str, float] = {}
        self._full: dict[str, str] = {}
        self._limits: dict[str, tuple[float, _Limits]] = {}
        self._untold: set[str] = set()

    def check(self, topic: str) -> None:
        """Raises `StreamFull`."""
        has_reader = self._read_so_far is not None and topic == MENTIONS
        if not has_reader and not self._trimmed.get(topic):
            return
        with self._lock:
            if time.monotonic() >= self._look_at.get(topic, 0.0):
                full = self._look(topic, has_reader)
                self._look_at[topic] = time.monotonic() + (LOOK_AGAIN_WHEN_FULL_S if full else LOOK_EVERY_S)
                self._full[topic] = full
            if self._full[topic]:
                raise StreamFull(f"{self._full[topic]} is unread: try again when processing caught up")

    def _look(self, topic: str, has_reader: bool) -> str:
        topics = self._topics
        read = dict(self._trimmed.get(topic, {}))
        if has_reader:
            assert self._read_so_far is not None
            try:
                for partition, offset in self._read_so_far(topics.cluster, topic).items():
                    read[partition] = max(offset, read.get(partition, 0))
            except StoreUnavailable as error:
                log.debug("how far was read is not known just now", reason=str(error))
        limits = self._limits_of(topic)
        first, end = topics.offsets(topic, EARLIEST), topics.ends(topic)
        unread = {p: end[p] - max(first[p], read.get(p, 0)) for p in end}
        if not any(count > 0 for count in unread.values()):
            return ""
        if limits.bytes is not None:
            sizes = topics.ask(lambda admin: _sizes(admin, topics.name_of(topic)))
            self._warn_where_untold(topic, [p for p, count in unread.items() if count > 0 and p not in sizes])
            for partition, count in unread.items():
                kept = end[partition] - first[partition]
                if kept > 0 and 2 * sizes.get(partition, 0) * count > limits.bytes * kept:
                    return f"half of the {limits.bytes} bytes that partition {partition} of {topic} may keep"
        if limits.age is not None and has_reader:
            # The brokers' clocks stamp the records, so the real clock is compared, never a simulated one.
            half = topics.offsets(topic, int((time.time() - limits.age.total_seconds() / 2) * 1000))
            for partition, fresh in half.items():
                oldest = end[partition] if fresh < 0 else fresh
                if unread[partition] > 0 and max(first[partition], read.get(partition, 0)) < oldest:
                    return f"what is older than half of the time that {topic} is kept"
        return ""

    def _warn_where_untold(self, topic: str, partitions: list[int]) -> None:
        """Say once that nothing refuses appends before Kafka drops unread records; and once more after sizes were told."""
        if not partitions:
            self._untold.discard(topic)
        elif topic not in self._untold:
            self._untold.add(topic)
            log.warning(
                "no broker tells how large partitions are on disk, so appends are not refused when Kafka is about to drop "
                "unread records: this account needs the right to describe the cluster (docs/engines.md)",
                topic=topic,
                partitions=partitions[:10],
            )

    def _limits_of(self, topic: str) -> _Limits:
        """The topic's limits. Kafka's tools may change them, so they are asked for now and then."""
        asked_at, limits = self._limits.get(topic, (0.0, None))
        if limits is None or time.monotonic() - asked_at > LIMITS_EVERY_S:
            limits = self._topics.ask(lambda admin: limits_of(admin, self._topics.name_of(topic)))
            self._limits[topic] = (time.monotonic(), limits)
        return limits


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a topic keeps: bytes of each partition, and for how long. None means no limit."""

    bytes: int | None
    age: timedelta | None


def limits_of(admin: KafkaAdminClient, name: str) -> _Limits:
    """What the topic of this name keeps. Raises `StreamUnavailable` where it is there no more."""
    wanted = {"retention.bytes": None, "retention.ms": None}
    found = admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name, wanted)], config_filter="all"
    )["topic"].get(name)
    # Brokers name a deleted topic without settings.
    if found is None or not found.keys() >= wanted.keys():
        raise gone(name)
    kept, age = (int(found[key]["value"]) for key in wanted)
    return _Limits(None if kept < 0 else kept, None if age < 0 else timedelta(milliseconds=age))


def _sizes(admin: KafkaAdminClient, name: str) -> dict[int, int]:
    """Bytes on disk of each partition's largest replica.

    Empty where this account has no right to ask, and where the broker cannot tell the sizes of a folder.
    """
    sizes: dict[int, int] = {}
    for broker in admin.describe_log_dirs([name]):
        for folder in broker["log_dirs"]:
            for topic in folder["topics"]:
                for one in topic["partitions"]:
                    index = one["partition_index"]
                    sizes[index] = max(sizes.get(index, 0), one["partition_size"])
    return sizes
