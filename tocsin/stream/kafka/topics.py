"""The topics of one Kafka: making them, describing them, asking where they begin and end.

The engine, its consumers and its limits stand on this module. No connection is made before it is needed. Every call is bounded in
time, and raises `StreamUnavailable` instead of waiting on.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from kafka import KafkaAdminClient, TopicPartition, errors

from tocsin.core.errors import NotFound, StreamUnavailable
from tocsin.settings import StreamSettings
from tocsin.stream.kafka.client import (
    LATEST,
    MAX_BATCH_BYTES,
    REQUEST_MS,
    checked_prefix,
    client_settings,
    make_client,
    translated,
)
from tocsin.stream.port import MENTIONS

RETRY_WITHIN_S = 2.0
CONNECT_AGAIN_S = 1.0
REPLICAS = 3
IDENTITY_CHARS = 64
LOOK_EVERY_S = 5.0
"""How soon a running process notices that the topic mentions was deleted and made anew."""

T = TypeVar("T")
log = structlog.get_logger("stream")


class Topics:
    """The topics behind one address, under one prefix. Thread-safe.

    `made` (name: partitions) are made when the brokers are first reached.
    """

    def __init__(
        self,
        url: str,
        settings: StreamSettings,
        prefix: str | None = None,
        made: Mapping[str, int] | None = None,
    ) -> None:
        self.url = url
        self.prefix = checked_prefix(settings.topic_prefix if prefix is None else prefix)
        self.config = client_settings(url, settings)
        self._settings = settings
        self._made = dict(made or {})
        self._lock = threading.Lock()
        self._closed = False
        self._admin: KafkaAdminClient | None = None
        self._failed: tuple[float, StreamUnavailable] | None = None
        self._counts: dict[str, int] = {}
        self._kafka: str | None = None
        self._cluster: str | None = None
        self._looked_at = 0.0

    @property
    def cluster(self) -> str:
        """Kafka's cluster, the topic mentions (a topic made anew is another log) and the prefix; at most 64 characters."""
        if self._cluster is not None:
            return self._cluster
        found = self._described(MENTIONS)
        identity = self._identity(found)
        if found:
            self._looked_at = time.monotonic()
            self._cluster = identity
        return identity

    def look_now_and_then(self) -> None:
        """Do what `look_anew` does, if the last look is `LOOK_EVERY_S` ago."""
        if self._cluster is not None and time.monotonic() - self._looked_at > LOOK_EVERY_S:
            self.look_anew()

    def look_anew(self) -> None:
        """Ask whether the topic mentions is still the one that `cluster` names. If it was made anew, `cluster` is another one
        from now on. Raises `StreamUnavailable` where the topic is there no more.
        """
        found = self._described(MENTIONS)
        if found is None:
            raise gone(self.name_of(MENTIONS))
        self._looked_at = time.monotonic()
        before, now = self._cluster, self._identity(found)
        if before not in (None, now):
            log.error("a topic was made anew: it is read from its beginning", topic=self.name_of(MENTIONS))
            # It may have more partitions now, or fewer.
            self._counts = {}
        self._cluster = now

    def _identity(self, mentions: Mapping[str, Any] | None) -> str:
        if self._kafka is None:
            self._kafka = str(self.ask(lambda admin: admin.describe_cluster())["cluster_id"])
        topic = _short_id(mentions["topic_id"]) if mentions else ""
        return _shortened(".".join(part for part in (self._kafka, topic, self.prefix) if part))

    def ensure(self, topic: str, partitions: int) -> int:
        if topic not in self._counts:
            self.ask(lambda admin: self._make_topic(admin, topic, partitions))
        return self.partitions(topic)

    def partitions(self, topic: str) -> int:
        if topic not in self._counts:
            found = self._described(topic)
            if found is None:
                raise NotFound(f"the stream {self.url} has no topic {self.name_of(topic)!r}")
            self._counts[topic] = len(found["partitions"])
        return self._counts[topic]

    def ends(self, topic: str) -> dict[int, int]:
        """The next offset of each partition."""
        self.look_now_and_then()
        return self.offsets(topic, LATEST)

    def offsets(self, topic: str, spec: int, partitions: Sequence[int] | None = None) -> dict[int, int]:
        """One offset of each partition: the first (`EARLIEST`), the next (`LATEST`), or the first at or after `spec`.

        `spec` is in milliseconds since 1970; the offset is -1 where no record is that late.
        """
        name = self.name_of(topic)
        wanted = range(self.partitions(topic)) if partitions is None else partitions
        specs = {TopicPartition(name, partition): spec for partition in wanted}
        found = self.ask(lambda admin: admin.list_partition_offsets(specs, timeout_ms=REQUEST_MS))
        return {tp.partition: at.offset for tp, at in sorted(found.items())}

    def delete_before(self, topic: str, first: Mapping[int, int]) -> None:
        """Delete the records before these offsets."""
        wanted = {TopicPartition(self.name_of(topic), p): offset for p, offset in first.items()}
        self.ask(lambda admin: admin.delete_records(wanted, timeout_ms=REQUEST_MS))

    def drop(self) -> None:
        """Remove every topic that was made or asked about here."""
        if self._counts:
            names = [self.name_of(topic) for topic in self._counts]
            self.ask(lambda admin: admin.delete_topics(names, timeout_ms=REQUEST_MS, raise_errors=False))
            self._counts, self._cluster = {}, None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()

    def ping(self) -> None:
        """Raises `StreamUnavailable` where no broker answers."""
        with translated(self.url):
            self._connected().describe_topics([])

    def name_of(self, topic: str) -> str:
        """Kafka's name for this topic."""
        return self.prefix + topic

    def ask(self, question: Callable[[KafkaAdminClient], T]) -> T:
        """Ask the brokers, and ask again after a failure that passes within moments (a leader moves, a connection breaks)."""
        until = time.monotonic() + RETRY_WITHIN_S
        pause = 0.05
        with translated(self.url):
            while True:
                try:
                    return question(self._connected())
                except errors.RetriableError:
                    if time.monotonic() + pause > until:
                        raise
                    time.sleep(pause)
                    pause *= 2

    def _connected(self) -> KafkaAdminClient:
        with self._lock:
            if self._closed:
                raise StreamUnavailable(f"the stream {self.url} was closed")
            if self._admin is not None:
                return self._admin
            with self.connecting():
                admin = make_client(KafkaAdminClient, **self.config)
                try:
                    for topic, partitions in self._made.items():
                        self._make_topic(admin, topic, partitions)
                except BaseException:
                    admin.close()
                    raise
            self._admin = admin
            return admin

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Connect in the block. A moment after one caller found no broker, the next raises `StreamUnavailable` at once."""
        if self._failed is not None and time.monotonic() - self._failed[0] < CONNECT_AGAIN_S:
            raise self._failed[1]
        try:
            with translated(self.url):
                yield
        except StreamUnavailable as error:
            self._failed = (time.monotonic(), error)
            raise

    def _described(self, topic: str) -> Mapping[str, Any] | None:
        return self.ask(lambda admin: _describe(admin, self.name_of(topic)))

    def _make_topic(self, admin: KafkaAdminClient, topic: str, partitions: int) -> None:
        """Make the topic unless it is there. Another process may make it at the same moment without harm."""
        name = self.name_of(topic)
        found = _describe(admin, name)
        if found is None:
            # Brokers that are named but not there yet count too: a Kafka that is just starting must not cost us copies.
            brokers = max(len(admin.describe_cluster()["brokers"]), len(self.config["bootstrap_servers"]))
            replicas = self._settings.replication or min(REPLICAS, brokers)
            try:
                admin.create_topics(
                    {
                        name: {
                            "num_partitions": partitions,
                            "replication_factor": replicas,
                            "configs": topic_settings(self._settings, partitions, replicas),
                        }
                    },
                    timeout_ms=REQUEST_MS,
                )
            except errors.TopicAlreadyExistsError:
                pass
            except errors.InvalidReplicationFactorError as error:
                raise StreamUnavailable(
                    f"the stream {self.url} has too few brokers just now for {replicas} copies of {name}:"
                    " they are waited for; or set stream.replication"
                ) from error
            else:
                log.info("a topic was made", topic=name, partitions=partitions, replicas=replicas)
            admin.wait_for_topics([name], timeout_ms=REQUEST_MS)
            found = _describe(admin, name)
        if found is not None:
            self._counts[topic] = len(found["partitions"])


def topic_settings(settings: StreamSettings, partitions: int, replicas: int) -> dict[str, str]:
    """The settings of a new topic: segments small enough to be dropped in time, and never a leader that lost records."""
    kept_ms = settings.retention_hours * 3_600_000
    kept_bytes = max(MAX_BATCH_BYTES, settings.max_bytes // partitions)
    return {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": str(MAX_BATCH_BYTES),
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(max(1, replicas - 1)),
        "retention.bytes": str(kept_bytes),
        "retention.ms": str(kept_ms),
        "segment.bytes": str(min(128 * 1024**2, max(MAX_BATCH_BYTES, kept_bytes // 8))),
        "segment.ms": str(max(60_000, kept_ms // 8)),
        "unclean.leader.election.enable": "false",
    }


def _describe(admin: KafkaAdminClient, name: str) -> Mapping[str, Any] | None:
    (found,) = admin.describe_topics([name])
    error = errors.for_code(found["error_code"])
    if error is errors.UnknownTopicOrPartitionError:
        return None
    if error is not errors.NoError:
        raise error(f"topic {name}")
    described: Mapping[str, Any] = found
    return described


def gone(name: str) -> StreamUnavailable:
    """The error for a topic that was deleted."""
    return StreamUnavailable(
        f"the topic {name} is not there any more: it is waited for; what starts next, also tocsin doctor, makes it anew"
    )


def _short_id(topic_id: Any) -> str:
    return uuid.UUID(str(topic_id)).hex[:20]


def _shortened(identity: str) -> str:
    if len(identity) <= IDENTITY_CHARS:
        return identity
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return f"{identity[: IDENTITY_CHARS - 17]}~{digest}"
