"""A member of a consumer group on Kafka that is told where to read and commits nothing.

kafka-python calls listeners on its own thread, in the middle of a rebalance. The listeners only note what changed and hold
every assigned partition still: each is paused and has its own place, so that the client never asks for committed offsets or
falls back on a reset. The polling thread settles the notes: a kept partition goes on where it was, a gained one waits for `seek`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import kafka
import structlog
from kafka import ConsumerRebalanceListener, TopicPartition, errors
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from tocsin.core.clock import from_micros
from tocsin.core.errors import StreamUnavailable
from tocsin.stream.kafka.client import (
    EARLIEST,
    LATEST,
    READING,
    in_words,
    make_client,
    translated,
)
from tocsin.stream.kafka.topics import Topics
from tocsin.stream.kafka.unpacking import Unreadable, unpacks_within_bounds
from tocsin.stream.port import MAX_RECORD_BYTES, MENTIONS, Polled, Record, RecordGap

SESSION_TIMEOUT_MS = 10_000
HEARTBEAT_MS = 1_000
"""How soon the others of a group notice that somebody left or came."""

POLL_INTERVAL_MS = 60_000
FETCH_BYTES = 8 * 1024 * 1024
PARTITION_FETCH_BYTES = 1024 * 1024
# A record has 512 KB at most, so this number bounds how far a poll may exceed `max_bytes`.
RECORDS_A_TAKE = 32
A_RECORD_BYTES = 256
"""What a record costs beside its value. A stranger may write very many that are empty."""

SLICE_MS = 100
LEAST_WAIT_MS = 5
SIGN_EVERY_S = 2.0
SHOWN_BYTES = 2048
"""How much of a record that is too long goes into its dead letter."""

LEAVE_WITHIN_MS = 3_000
KNOW_WITHIN_S = 5.0
METADATA_AGE_MS = 30_000

log = structlog.get_logger("stream")


class KafkaConsumer:
    """See `tocsin.stream.port.Consumer`. Made by `KafkaStream.consumer`; `group` is the group's whole name."""

    def __init__(self, topics: Topics, topic: str, group: str, member: str) -> None:
        self._topics = topics
        self._topic = topic
        self._name = topics.name_of(topic)
        # Assignments; None where membership was lost.
        self._noted: deque[frozenset[int] | None] = deque()
        self._assigned: frozenset[int] = frozenset()
        self._next: dict[int, int] = {}
        self._paused: set[int] = set()
        self._identity: str | None = None
        # The log in which the places lie.
        self._log: str | None = None
        self._sign_at = time.monotonic()
        with translated(topics.url):
            self._client: kafka.KafkaConsumer = make_client(
                kafka.KafkaConsumer,
                **{**topics.config, "client_id": f"tocsin-{member[:40]}"},
                group_id=group,
                session_timeout_ms=SESSION_TIMEOUT_MS,
                heartbeat_interval_ms=HEARTBEAT_MS,
                max_poll_interval_ms=POLL_INTERVAL_MS,
                partition_assignment_strategy=[RoundRobinPartitionAssignor],
                fetch_max_bytes=FETCH_BYTES,
                max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
                metadata_max_age_ms=METADATA_AGE_MS,
                **READING,
            )
            unpacks_within_bounds(self._client)
            self._client.subscribe([self._name], listener=_Notes(self._client, self._noted))
            try:
                self._know_the_topic()
            except BaseException:
                self._client.close(autocommit=False, timeout_ms=0)
                raise

    def poll(self, timeout: timedelta, max_bytes: int = 4 * 1024 * 1024) -> Polled:
        self._topics.look_now_and_then()
        if self._log is not None and self._log != self._topics.cluster:
            self._leave_every_place()
        deadline = time.monotonic() + timeout.total_seconds()
        wait_ms = max(LEAST_WAIT_MS, min(SLICE_MS, timeout.total_seconds() * 1000))
        taken: dict[int, list[Record]] = {}
        gained: set[int] = set()
        lost: set[int] = set()
        gaps: list[RecordGap] = []
        size = 0
        while size < max_bytes:
            try:
                found, strayed = self._take(wait_ms)
                if not self._noted:
                    self._look_for_gaps(strayed, gaps)
            except StreamUnavailable:
                if taken or gaps:
                    # Records already taken are kept: the trouble shows again at the next poll.
                    break
                raise
            if self._noted:
                # The records just found may be from before the change, so each partition is read again from where it stands.
                came, went = self._settle()
                for partition in went:
                    taken.pop(partition, None)
                gained, lost = came, went
                break
            size += sum(len(record.value) + A_RECORD_BYTES for record in self._accept(found, taken))
            if not found and (taken or gaps or time.monotonic() >= deadline):
                break
            left_ms = (deadline - time.monotonic()) * 1000
            wait_ms = 0 if taken else max(LEAST_WAIT_MS, min(SLICE_MS, left_ms))
        if not (taken or gained or lost or gaps):
            taken = self._past_marks()
        if taken or gained or lost or gaps:
            self._sign_at = time.monotonic()
        elif time.monotonic() - self._sign_at > SIGN_EVERY_S:
            # kafka-python waits in silence for brokers that are away.
            self._topics.ping()
            self._sign_at = time.monotonic()
        records = [record for partition in taken.values() for record in partition]
        return Polled(records, self._assigned, frozenset(gained), frozenset(lost), gaps)

    def seek(self, partition: int, offset: int) -> None:
        if partition in self._assigned:
            # `cluster` tells one topic mentions from another.
            self._log = self._topics.cluster if self._topic == MENTIONS else None
            self._next[partition] = offset
            self._stand(partition)

    def pause(self, partitions: frozenset[int]) -> None:
        self._paused |= partitions & self._assigned
        for partition in partitions & self._assigned:
            # The partition was taken away at this very moment: the next poll says so.
            with suppress(KeyError):
                self._client.pause(self._tp(partition))

    def resume(self, partitions: frozenset[int]) -> None:
        self._paused -= partitions
        for partition in partitions & self._next.keys():
            self._stand(partition)

    def close(self) -> None:
        self._assigned, self._next = frozenset(), {}
        with translated(self._topics.url):
            self._client.close(autocommit=False, timeout_ms=LEAVE_WITHIN_MS)

    def _know_the_topic(self) -> None:
        """Wait until the client knows the topic's partitions.

        A client might join before that (tried). If such a client leads the group, it deals out no partitions for as long as
        `metadata_max_age_ms`.
        """
        until = time.monotonic() + KNOW_WITHIN_S
        while not self._client.partitions_for_topic(self._name):
            if time.monotonic() > until:
                raise errors.KafkaTimeoutError(f"nothing is known of topic {self._name} yet")
            time.sleep(0.05)

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._name, partition)

    def _take(self, wait_ms: float) -> tuple[dict[TopicPartition, list[Any]], dict[int, int | None]]:
        """The client's records, and the partitions whose place is not in the log (with the offset where it was cut, if known)."""
        try:
            return self._client.poll(timeout_ms=wait_ms, max_records=RECORDS_A_TAKE), {}
        except errors.OffsetOutOfRangeError as error:
            return {}, {tp.partition: None for tp in error.args[0]}
        except errors.LogTruncationError as error:
            cut = error.divergent_offsets
            return {}, {tp.partition: at.offset if at is not None else None for tp, at in cut.items()}
        except (errors.KafkaError, OSError, RuntimeError) as error:
            raise StreamUnavailable(
                f"the stream {self._topics.url} cannot be read just now: {in_words(error)}"
            ) from error

    def _accept(
        self, found: Mapping[TopicPartition, Sequence[Any]], taken: dict[int, list[Record]]
    ) -> list[Record]:
        """Add to `taken` those of the found records that follow from where each partition stands."""
        new: list[Record] = []
        for tp, entries in found.items():
            partition = tp.partition
            at = self._next.get(partition)
            if at is None or entries[0].offset < at:
                if at is not None:
                    self._stand(partition)
                continue
            records = [self._record(partition, entry) for entry in entries]
            self._next[partition] = records[-1].offset + 1
            taken.setdefault(partition, []).extend(records)
            new += records
        return new

    def _record(self, partition: int, entry: Any) -> Record:
        value, trouble = entry.value or b"", ""
        if isinstance(entry.value, Unreadable):
            trouble = entry.value.reason
        elif len(value) > MAX_RECORD_BYTES:
            trouble = f"a record of {len(value)} bytes; at most {MAX_RECORD_BYTES} are read"
            value = value[:SHOWN_BYTES]
        return Record(self._topic, partition, entry.offset, value, _received_at(entry), trouble)

    def _past_marks(self) -> dict[int, list[Record]]:
        """An empty record for each partition at whose end stand marks of transactions, or records that were taken back. These
        have offsets and are never handed out. Without the empty record such a partition would look unread until the next
        record.
        """
        found = {}
        for partition, at in self._next.items():
            # The broker is away, or the partition was taken away at this very moment.
            with suppress(errors.KafkaError, KeyError):
                end = self._client.position(self._tp(partition), timeout_ms=0)
                if end is not None and end > at:
                    self._next[partition] = end
                    found[partition] = [
                        Record(self._topic, partition, end - 1, b"", from_micros(time.time_ns() // 1000))
                    ]
        return found

    def _leave_every_place(self) -> None:
        """The topic was made anew: no place means anything in it. No partition is read before `seek` was called for it."""
        self._next, self._log = {}, None
        for partition in self._assigned:
            with suppress(KeyError):
                self._client.pause(self._tp(partition))

    def _look_for_gaps(self, strayed: Mapping[int, int | None], gaps: list[RecordGap]) -> None:
        if strayed and self._log is not None:
            self._topics.look_anew()
            if self._log != self._topics.cluster:
                self._leave_every_place()
        for partition, cut_at in strayed.items():
            wanted = self._next.get(partition)
            if wanted is None:
                continue
            first = self._topics.offsets(self._topic, EARLIEST, [partition])[partition]
            end = self._topics.offsets(self._topic, LATEST, [partition])[partition]
            if first <= wanted <= end and cut_at is None:
                # The leader had not caught up yet.
                self._stand(partition)
                continue
            available = cut_at if cut_at is not None else first if wanted < first else end
            del self._next[partition]
            with suppress(KeyError):
                self._client.pause(self._tp(partition))
            gaps.append(RecordGap(partition, wanted, available))

    def _settle(self) -> tuple[set[int], set[int]]:
        """Follow the listener's notes; return the partitions gained and those lost.

        A partition can be in both, because another member may have had it in between.
        """
        before = self._assigned
        now = before
        kept = set(before)
        while self._noted:
            noted = self._noted.popleft()
            identity = self._client.group_metadata().member_id if noted else None
            if noted is None or identity != self._identity:
                kept.clear()
            self._identity = identity if noted else self._identity
            now = noted if noted is not None else frozenset()
            kept &= now
        self._assigned = now
        self._next = {p: at for p, at in self._next.items() if p in kept}
        self._paused &= kept
        for partition in self._next:
            self._stand(partition)
        return set(now - kept), set(before - kept)

    def _stand(self, partition: int) -> None:
        """Make the client read from where this partition stands, if it may."""
        tp = self._tp(partition)
        # The partition was taken away at this very moment: the next poll says so.
        with suppress(ValueError, KeyError):
            self._client.seek(tp, self._next[partition])
            if partition in self._paused:
                self._client.pause(tp)
            else:
                self._client.resume(tp)


class _Notes(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """The listener on the client's thread. It asks nothing, decides nothing and raises nothing."""

    def __init__(self, client: kafka.KafkaConsumer, noted: deque[frozenset[int] | None]) -> None:
        self._client = client
        self._noted = noted

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        mine = list(assigned)
        for tp in mine:
            self._client.pause(tp)
            self._client.seek(tp, 0)
        self._noted.append(frozenset(tp.partition for tp in mine))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Do nothing: the partitions are not yet lost, and the next assignment says who has them.

        The client fetches nothing of them meanwhile.
        """

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:  # noqa: ARG002  # all of them, always
        self._noted.append(None)


def _received_at(entry: Any) -> datetime:
    """When the entry was received, as its appender says; the record's own time where the appender says nothing."""
    for key, value in entry.headers:
        if key == "at" and len(value) == 8:
            with suppress(OverflowError, ValueError):
                return from_micros(int.from_bytes(value, "big", signed=True))
    return from_micros(max(0, entry.timestamp) * 1000)
