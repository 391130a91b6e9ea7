"""A topic on somebody else's Kafka, read from where one says. Nothing is committed there, and no group is joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import kafka
from kafka import TopicPartition, errors

from ingest.source import FetchFailed
from ingest.topic_log import OutOfRange, TopicLog, TopicRecord
from tocsin.core.clock import from_micros
from tocsin.core.errors import WrongInput
from tocsin.net import certificates, checked_socket
from tocsin.settings import Ingest, StreamSettings
from tocsin.stream.kafka.client import READING, client_settings, in_words, make_client, quieten
from tocsin.stream.kafka.unpacking import Unreadable, unpacks_within_bounds

FETCH_BYTES, PARTITION_FETCH_BYTES = 4 * 1024 * 1024, 1024 * 1024


def connect(servers: Sequence[str], topic: str, given: StreamSettings, ingest: Ingest) -> TopicLog:
    """A connection to the topic. The servers that are named are checked like every address that people type."""
    failure: FetchFailed | None = None
    reached = []
    timeout = timedelta(seconds=ingest.fetch_timeout_s / len(servers))
    for server in servers:
        host, _, port = server.rpartition(":")
        try:
            checked_socket(host.strip("[]"), int(port), ingest.allowed_private_networks, timeout).close()
            reached.append(server)
        except (OSError, WrongInput) as error:
            failure = FetchFailed(f"{server} cannot be reached: {error}"[:300])
    if failure is not None and not reached:
        raise failure
    config = client_settings(f"kafka://{','.join(reached)}", given)
    if given.security.endswith("SSL"):
        # The authorities of every other way out; kafka-python would take the machine's alone.
        config["ssl_context"] = certificates()
    return ForeignTopic(config, topic)


class ForeignTopic:
    """See `TopicLog`. `config` is kafka-python's."""

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        quieten()
        self._topic = topic
        self._next: dict[int, int] = {}
        with said(topic):
            self._client: kafka.KafkaConsumer = make_client(
                kafka.KafkaConsumer,
                **config,
                group_id=None,
                fetch_max_bytes=FETCH_BYTES,
                max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
                **READING,
            )
            unpacks_within_bounds(self._client)

    def bounds(self) -> dict[int, tuple[int, int]]:
        with said(self._topic):
            there = self._client.partitions_for_topic(self._topic)
            if not there:
                raise FetchFailed(f"there is no topic {self._topic!r}, or this account may not see it")
            parts = [TopicPartition(self._topic, n) for n in sorted(there)]
            oldest, ends = self._client.beginning_offsets(parts), self._client.end_offsets(parts)
        return {part.partition: (oldest[part], ends[part]) for part in parts}

    def read(self, places: Mapping[int, int], most: int, wait: timedelta) -> list[TopicRecord]:
        with said(self._topic):
            if set(places) != set(self._next):
                self._client.assign([TopicPartition(self._topic, n) for n in sorted(places)])
                self._next = {}
            for partition, offset in places.items():
                if self._next.get(partition) != offset:
                    self._client.seek(TopicPartition(self._topic, partition), offset)
                    self._next[partition] = offset
            try:
                polled = self._client.poll(timeout_ms=int(wait.total_seconds() * 1000), max_records=most)
            except (errors.OffsetOutOfRangeError, errors.NoOffsetForPartitionError) as error:
                self._next = {}
                raise OutOfRange(str(error)) from None
            for partition in places:
                at = self._client.position(TopicPartition(self._topic, partition), timeout_ms=0)
                self._next[partition] = max(self._next[partition], at or 0)
        return [_record(one) for batch in polled.values() for one in batch]

    def places(self) -> dict[int, int]:
        return dict(self._next)

    def close(self) -> None:
        with suppress(errors.KafkaError, OSError, RuntimeError):
            self._client.close(autocommit=False, timeout_ms=0)


def _record(one: Any) -> TopicRecord:
    at = from_micros(max(0, one.timestamp) * 1000)
    trouble = one.value.reason if isinstance(one.value, Unreadable) else ""
    return TopicRecord(one.partition, one.offset, at, one.key, one.value, trouble)


@contextmanager
def said(topic: str) -> Iterator[None]:
    """Turn kafka-python's errors into `FetchFailed`, in one line that holds no secret."""
    try:
        yield
    except errors.SaslAuthenticationFailedError:
        raise FetchFailed(
            f"the Kafka of the topic {topic!r} does not sign us in: check username, password and mechanism"
        ) from None
    except errors.AuthorizationError as error:
        raise FetchFailed(f"the Kafka of the topic {topic!r} forbids this: {in_words(error)}") from None
    except (errors.KafkaError, OSError, RuntimeError) as error:
        raise FetchFailed(f"the topic {topic!r} cannot be read: {in_words(error)}") from None
