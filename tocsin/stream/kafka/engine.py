"""The real stream: Apache Kafka, through kafka-python.

No connection is made before it is needed, so a role starts while the broker is away and says so in its health. Every call is
bounded in time and raises `StreamUnavailable` instead of waiting for ever. The time of receipt (`at`) travels as a header. The
record's own timestamp is the broker's, because Kafka drops records by it, and a replay's clock stands years ago.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import structlog
from kafka import KafkaProducer, errors

from tocsin.core.clock import to_micros
from tocsin.core.errors import StreamUnavailable, WrongInput
from tocsin.settings import StreamSettings
from tocsin.stream.kafka.capacity import Capacity, ReadSoFar
from tocsin.stream.kafka.client import (
    MAX_BATCH_BYTES,
    REQUEST_MS,
    ProducerNetClient,
    codec_of,
    in_words,
    make_client,
    quieten,
    translated,
)
from tocsin.stream.kafka.consumer import KafkaConsumer
from tocsin.stream.kafka.topics import Topics
from tocsin.stream.port import MAX_RECORD_BYTES

APPEND_WITHIN_S = 12.0
"""After that an append has failed and nothing of it is tried again: longer than three brokers need for a new leader."""

RECEIVED_AT = "at"
BATCH_BYTES = 512 * 1024

log = structlog.get_logger("stream")


class KafkaStream:
    """See `tocsin.stream.port.Stream`.

    `prefix` goes before the names of topics and groups. With `own` the log is the caller's alone (a replay's): `trim` deletes
    the records that were read, and `drop` removes the topics. Without `own`, retention is Kafka's business. `topics` are made
    when the brokers are first reached. `read_so_far` says how far the topic mentions was read: appends are refused while half
    of the topic is unread.
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
        self.topics = Topics(url, settings, prefix, topics)
        self.prefix = self.topics.prefix
        self._codec = codec_of(settings)
        self._own = own
        self._trimmed: dict[str, dict[int, int]] = {}
        # The log of which `_trimmed` tells.
        self._trimmed_of: str | None = None
        self._capacity = Capacity(self.topics, self._trimmed, read_so_far)
        self._lock = threading.Lock()
        self._closed = False
        self._producer: _Producer | None = None
        quieten()

    @property
    def cluster(self) -> str:
        """Kafka's cluster, the topic mentions (a topic made anew is another log) and the prefix; at most 64 characters."""
        return self.topics.cluster

    def ensure_topic(self, topic: str, partitions: int) -> int:
        return self.topics.ensure(topic, partitions)

    def partitions(self, topic: str) -> int:
        return self.topics.partitions(topic)

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
        self._capacity.check(topic)
        micros = to_micros(at)
        headers = [(RECEIVED_AT, micros.to_bytes(8, "big", signed=True))]
        # Kafka knows no time before 1970.
        stamp = max(0, micros // 1000)
        name = self.topics.name_of(topic)
        with translated(self.url), self._producing() as producer:
            sent = [
                producer.send(name, value, headers=headers, partition=partition, timestamp_ms=stamp)
                for partition, value in records
            ]
            producer.flush(APPEND_WITHIN_S + REQUEST_MS / 1000)
            for one in sent:
                one.get(0)

    def end_offsets(self, topic: str) -> dict[int, int]:
        return self.topics.ends(topic)

    def trim(self, topic: str, before: dict[int, int]) -> None:
        """Note how far was read; Kafka drops records by its own retention. An `own` log is deleted up to there."""
        if self._trimmed_of != self.cluster:
            self._trimmed.clear()
            self._trimmed_of = self.cluster
        known = self._trimmed.setdefault(topic, {})
        moved = {p: offset for p, offset in before.items() if offset > known.get(p, 0)}
        known |= moved
        if self._own and moved:
            self.topics.delete_before(topic, moved)

    def consumer(self, topic: str, group: str, member: str) -> KafkaConsumer:
        self.partitions(topic)
        return KafkaConsumer(self.topics, topic, self.prefix + group, member)

    def drop(self) -> None:
        """Remove the topics of an `own` log that nobody will read again."""
        if self._own:
            self.topics.drop()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.retire()
        self.topics.close()

    def ping(self) -> None:
        """Raises `StreamUnavailable` where no broker answers."""
        self.topics.ping()

    @contextmanager
    def _producing(self) -> Iterator[KafkaProducer]:
        """The producer, made when it is first wanted. A producer that failed is let go, so that no record lingers in it."""
        with self._lock:
            if self._closed:
                raise StreamUnavailable(f"the stream {self.url} was closed")
            if self._producer is None:
                with self.topics.connecting():
                    self._producer = _Producer(self.topics.config, self._codec)
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
            ProducerNetClient,
            **config,
            enable_idempotence=True,
            acks="all",
            compression_type=codec,
            batch_size=BATCH_BYTES,
            max_request_size=MAX_BATCH_BYTES,
            # A batch fills for this long, or until flush().
            linger_ms=5,
            max_block_ms=REQUEST_MS,
            delivery_timeout_ms=int(APPEND_WITHIN_S * 1000),
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )

    def retire(self, within_s: float = 2) -> None:
        """End the producer's thread, and with it every record not yet sent: no caller waits for those any more."""
        try:
            self.client.close(timeout=within_s)
        except errors.KafkaError as error:
            # kafka-python 3.0.12 stops here, in the middle of closing. The thread would go on and later append records that
            # were reported as failed long ago.
            log.debug("a producer was left", reason=in_words(error))
            self.client._sender.force_close()
