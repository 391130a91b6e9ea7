"""The real stream: Apache Kafka, through kafka-python.

Nothing is connected before it is needed, so a role starts while the broker is away and says so in its health. Every call is
bounded in time and raises `StreamUnavailable` instead of waiting for ever. When a record was received (`at`) travels as a header:
the record's own timestamp is the broker's, because Kafka drops records by it, and a replay's clock stands years ago.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import structlog
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition, errors

from tocsin.core.clock import to_micros
from tocsin.core.errors import NotFound, StreamUnavailable, WrongInput
from tocsin.settings import StreamSettings
from tocsin.stream.kafka.capacity import ReadSoFar, Room
from tocsin.stream.kafka.client import (
    LATEST,
    MAX_BATCH_BYTES,
    REQUEST_MS,
    checked_prefix,
    client_settings,
    codec_of,
    in_words,
    make_client,
    quieten,
    translated,
)
from tocsin.stream.kafka.consumer import KafkaConsumer
from tocsin.stream.port import MAX_RECORD_BYTES, MENTIONS

APPEND_WITHIN_S = 12.0
"""After that an append has failed and nothing of it is tried again: longer than three brokers need for a new leader."""

RECEIVED_AT = "at"
BATCH_BYTES = 512 * 1024
RETRY_WITHIN_S = 2.0
CONNECT_AGAIN_S = 1.0
REPLICAS = 3
IDENTITY_CHARS = 64

T = TypeVar("T")
log = structlog.get_logger("stream")


class KafkaStream:
    """See `tocsin.stream.port.Stream`.

    `prefix` goes before the names of topics and groups. With `own` the log is the caller's alone (a replay's): `trim` deletes
    what was read, `drop` removes its topics; else retention is Kafka's business. `topics` are made when the brokers are first
    reached. `read_so_far` says how far the topic mentions was read: appends are refused while half of it is unread.
    """

    def __init__(
        self,
        url: str,
        settings: StreamSettings,
        *,
        prefix: str | None = None,
        own: bool = False,
        topics: Mapping[str, int] | None = None,
        read_so_far: ReadSoFar | None = None,
    ) -> None:
        self.url = url
        self.prefix = checked_prefix(settings.topic_prefix if prefix is None else prefix)
        self._settings = settings
        self._config = client_settings(url, settings)
        self._codec = codec_of(settings)
        self._own = own
        self._topics = dict(topics or {})
        self._room = Room(self, read_so_far)
        self._lock = threading.Lock()
        self._closed = False
        self._admin: KafkaAdminClient | None = None
        self._failed: tuple[float, StreamUnavailable] | None = None
        self._producer: _Producer | None = None
        self._counts: dict[str, int] = {}
        self._cluster: str | None = None
        self._trimmed: dict[str, dict[int, int]] = {}
        quieten()

    @property
    def cluster(self) -> str:
        """Kafka's cluster, the topic mentions (one made anew is another log) and the prefix; at most 64 characters."""
        if self._cluster is not None:
            return self._cluster
        cluster = str(self.ask(lambda admin: admin.describe_cluster())["cluster_id"])
        found = self._described(MENTIONS)
        topic = _short_id(found["topic_id"]) if found else ""
        identity = _shortened(".".join(part for part in (cluster, topic, self.prefix) if part))
        if found:
            self._cluster = identity
        return identity

    def ensure_topic(self, topic: str, partitions: int) -> int:
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

    def append(self, topic: str, records: Sequence[tuple[int, bytes]], at: datetime) -> None:
        if not records:
            return
        for _, value in records:
            if len(value) > MAX_RECORD_BYTES:
                raise WrongInput(f"a record of {len(value)} bytes is over the limit of {MAX_RECORD_BYTES}")
        count = self.partitions(topic)
        for partition, _ in records:
            if not 0 <= partition < count:
                raise WrongInput(f"topic {topic} has partitions 0 to {count - 1}, not {partition}")
        self._room.check(topic)
        micros = to_micros(at)
        headers = [(RECEIVED_AT, micros.to_bytes(8, "big", signed=True))]
        stamp = max(0, micros // 1000)  # Kafka knows no time before 1970
        name = self.name_of(topic)
        with translated(self.url), self._producing() as producer:
            sent = [
                producer.send(name, value, headers=headers, partition=partition, timestamp_ms=stamp)
                for partition, value in records
            ]
            producer.flush(APPEND_WITHIN_S + REQUEST_MS / 1000)
            for one in sent:
                one.get(0)

    def end_offsets(self, topic: str) -> dict[int, int]:
        return self.offsets(topic, LATEST)

    def offsets(self, topic: str, spec: int, partitions: Sequence[int] | None = None) -> dict[int, int]:
        """Per partition the first offset (`EARLIEST`), the next (`LATEST`), or the first at or after `spec` (milliseconds since
        1970), which is -1 where there is none."""
        name = self.name_of(topic)
        wanted = range(self.partitions(topic)) if partitions is None else partitions
        specs = {TopicPartition(name, partition): spec for partition in wanted}
        found = self.ask(lambda admin: admin.list_partition_offsets(specs, timeout_ms=REQUEST_MS))
        return {tp.partition: at.offset for tp, at in sorted(found.items())}

    def trim(self, topic: str, before: dict[int, int]) -> None:
        """Kafka drops by its own retention: this only says how far was read. An `own` log is deleted up to there."""
        known = self._trimmed.setdefault(topic, {})
        moved = {p: offset for p, offset in before.items() if offset > known.get(p, 0)}
        known |= moved
        if self._own and moved:
            name = self.name_of(topic)
            first = {TopicPartition(name, p): offset for p, offset in moved.items()}
            self.ask(lambda admin: admin.delete_records(first, timeout_ms=REQUEST_MS))

    def consumer(self, topic: str, group: str, member: str) -> KafkaConsumer:
        self.partitions(topic)
        return KafkaConsumer(self, topic, self.prefix + group, member, self._config)

    def drop(self) -> None:
        """Remove the topics of an `own` log, when nobody will read it again."""
        if self._own and self._counts:
            names = [self.name_of(topic) for topic in self._counts]
            self.ask(lambda admin: admin.delete_topics(names, timeout_ms=REQUEST_MS, raise_errors=False))
            self._counts, self._cluster = {}, None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            admin, self._admin = self._admin, None
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.retire()
        if admin is not None:
            admin.close()

    def ping(self) -> None:
        """Raises `StreamUnavailable` where no broker answers."""
        with translated(self.url):
            self._connected().describe_topics([])

    def name_of(self, topic: str) -> str:
        """What Kafka calls this topic."""
        return self.prefix + topic

    def trimmed(self, topic: str) -> Mapping[int, int]:
        """How far this process was told that the topic was read."""
        return self._trimmed.get(topic, {})

    def ask(self, question: Callable[[KafkaAdminClient], T]) -> T:
        """Ask the brokers; what passes within moments (a leader that moves, a connection that broke) is tried again."""
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
            with self._connecting():
                admin = make_client(KafkaAdminClient, **self._config)
                try:
                    for topic, partitions in self._topics.items():
                        self._make_topic(admin, topic, partitions)
                except BaseException:
                    admin.close()
                    raise
            self._admin = admin
            return admin

    @contextmanager
    def _connecting(self) -> Iterator[None]:
        """Under the lock: whoever waited for it while somebody else found no broker need not look as long again."""
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
        """Make it unless it is there; that another process makes it at the same moment does no harm."""
        name = self.name_of(topic)
        found = _describe(admin, name)
        if found is None:
            # Brokers that are named and not there yet count: a Kafka that is just starting must not cost us copies.
            brokers = max(len(admin.describe_cluster()["brokers"]), len(self._config["bootstrap_servers"]))
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

    @contextmanager
    def _producing(self) -> Iterator[KafkaProducer]:
        """The producer, made when it is first wanted. One that failed is let go, so that nothing lingers in it."""
        with self._lock:
            if self._closed:
                raise StreamUnavailable(f"the stream {self.url} was closed")
            if self._producer is None:
                with self._connecting():
                    self._producer = _Producer(self._config, self._codec)
            producer = self._producer
            producer.users += 1
        failed = True
        try:
            yield producer.client
            failed = False
        finally:
            with self._lock:
                producer.users -= 1
                if failed and self._producer is producer:
                    self._producer = None
                idle = self._producer is not producer and not producer.users
            if idle:
                producer.retire(0)


class _Producer:
    """An idempotent producer, and how many appends are using it."""

    def __init__(self, config: Mapping[str, Any], codec: str | None) -> None:
        self.users = 0
        self.client: KafkaProducer = make_client(
            KafkaProducer,
            **config,
            enable_idempotence=True,
            acks="all",
            compression_type=codec,
            batch_size=BATCH_BYTES,
            max_request_size=MAX_BATCH_BYTES,
            linger_ms=5,  # flush() ends it; until then a batch fills
            max_block_ms=REQUEST_MS,
            delivery_timeout_ms=int(APPEND_WITHIN_S * 1000),
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )

    def retire(self, within_s: float = 2) -> None:
        """End its thread, and with it whatever it has not sent: nobody waits for that any more."""
        try:
            self.client.close(timeout=within_s)
        except errors.KafkaError as error:
            # It stops there, in the middle of closing: its thread would go on, and append later what has long been said to have
            # failed (kafka-python 3.0.12).
            log.debug("a producer was left", reason=in_words(error))
            self.client._sender.force_close()


def topic_settings(settings: StreamSettings, partitions: int, replicas: int) -> dict[str, str]:
    """How a topic is made: segments small enough to be dropped in time, and never a leader that lost records."""
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


def _short_id(topic_id: Any) -> str:
    return uuid.UUID(str(topic_id)).hex[:20]


def _shortened(identity: str) -> str:
    if len(identity) <= IDENTITY_CHARS:
        return identity
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return f"{identity[: IDENTITY_CHARS - 17]}~{digest}"
