"""The topic mentions is deleted and made anew under a processor: it goes on at the new beginning, and doubles nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError
from sqlalchemy import select

from processors.worker import StreamProcessor
from tests.contracts.stream import NOW
from tests.engines.kafka import Cluster
from tests.stores import prepare
from tests.story.live import until
from tocsin.core.clock import SimulatedClock
from tocsin.core.errors import StreamUnavailable
from tocsin.core.mention import Mention, encode_mentions
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import save
from tocsin.intake.handover import HandOver
from tocsin.settings import Settings, StreamSettings
from tocsin.store import offsets
from tocsin.store import schema as s
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.stream.kafka.engine import KafkaStream
from tocsin.stream.port import MENTIONS


class Line:
    """A processor at work between a topic on Kafka and an embedded store."""

    def __init__(self, kafka: Cluster, folder: Path) -> None:
        self._kafka = kafka
        self._prefix = f"{uuid.uuid4().hex[:12]}-"
        prepare(folder / "store.db")
        self.store = SqliteStore(folder / "store.db", durable=False)
        with self.store.write() as conn:
            save(conn, Monitor(name="Kvikkado", query="kvikkado"), now=NOW, actor="test")
        self.stream = self.opened()
        settings = Settings.model_validate({"data": folder})
        self.processor = StreamProcessor(self.store, self.stream, settings, SimulatedClock(NOW))

    def opened(self, partitions: int = 2) -> KafkaStream:
        """The stream as a process finds it that starts now: the topic is made where it is not there."""
        settings = StreamSettings(topic_prefix=self._prefix)
        return KafkaStream(self._kafka.url, settings, topics={MENTIONS: partitions})

    def append(self, *ids: str) -> None:
        for id in ids:
            mention = Mention("shop", id, f"kvikkado {id}", NOW)
            self.stream.append(MENTIONS, [(0, encode_mentions([mention]))], NOW)

    def delete_the_topic(self) -> None:
        name = self._prefix + MENTIONS
        admin = KafkaAdminClient(bootstrap_servers=self._kafka.bootstrap)
        admin.delete_topics([name])
        until(lambda: self._is_gone(admin, name), "the topic to be gone")
        admin.close()

    def _is_gone(self, admin: KafkaAdminClient, name: str) -> bool:
        (found,) = admin.describe_topics([name])
        return bool(found["error_code"] == UnknownTopicOrPartitionError.errno)

    def make_it_anew(self, partitions: int = 2) -> None:
        anew = self.opened(partitions)
        anew.ping()
        anew.close()

    def turn(self) -> None:
        """What the loop does."""
        try:
            self.processor.once(timedelta(milliseconds=100))
        except StreamUnavailable:
            self.processor.read_again()

    def kept(self) -> set[str]:
        with self.store.read() as conn:
            return set(conn.execute(select(s.mentions.c.id)).scalars())

    def stores(self, *ids: str) -> None:
        """Turn until these mentions are stored; no other is, and each is tallied once."""

        def stored() -> bool:
            self.turn()
            return self.kept() == set(ids)

        until(stored, "the mentions to be stored")
        with self.store.read() as conn:
            assert sum(conn.execute(select(s.tallies.c.count)).scalars()) == len(ids)

    def gaps(self) -> list[tuple[int, int]]:
        with self.store.read() as conn:
            return [(one.from_offset, one.to_offset) for one in offsets.lost_records(conn)]

    def close(self) -> None:
        with suppress(StreamUnavailable):
            self.processor.close()
        self.stream.close()
        self.store.close()


@pytest.fixture
def line(kafka: Cluster, tmp_path: Path) -> Iterator[Line]:
    one = Line(kafka, tmp_path)
    yield one
    one.close()


def test_a_shorter_topic_is_read_from_its_beginning(line: Line) -> None:
    """Its end lay before the reader's place: that was called a gap, and the reader went on behind what was there."""
    line.append("a", "b", "c")
    line.stores("a", "b", "c")
    line.delete_the_topic()
    line.make_it_anew()
    line.append("d")
    line.stores("a", "b", "c", "d")
    line.append("e")
    line.stores("a", "b", "c", "d", "e")
    assert line.gaps() == []


def test_a_longer_topic_is_read_from_its_beginning(line: Line) -> None:
    """The reader's place lay in it, so what stood before was never read."""
    line.append("a", "b")
    line.stores("a", "b")
    before = line.stream.cluster
    line.delete_the_topic()
    line.make_it_anew()
    line.append("c", "d", "e", "f")
    # A running process does this every five seconds.
    line.stream.topics.look_anew()
    assert line.stream.cluster != before
    line.stores("a", "b", "c", "d", "e", "f")
    assert line.gaps() == []


def test_what_was_known_to_be_unread_in_the_deleted_topic_is_a_gap(line: Line) -> None:
    line.append("a", "b")
    line.stores("a", "b")
    line.append("lost-1", "lost-2", "lost-3")
    assert line.processor.lag() == 3
    line.delete_the_topic()
    with pytest.raises(StreamUnavailable, match="is not there any more"):
        line.stream.topics.look_anew()
    line.make_it_anew()
    line.stream.topics.look_anew()
    line.append("c")
    line.stores("a", "b", "c")
    assert line.gaps() == [(2, 5)]
    # What the old topic is known to hold counts no more.
    assert line.processor.lag() == 0


def test_what_is_handed_over_goes_to_the_partitions_that_the_new_topic_has(line: Line) -> None:
    """Sources and pushes wrote to those of the old one, and were refused until they were started again."""
    hand = HandOver(line.stream, partitions=2, max_mentions=1, clock=SimulatedClock(NOW))
    ids = [str(number) for number in range(12)]
    hand.hand_over([Mention("shop", id, f"kvikkado {id}", NOW) for id in ids[:6]])
    line.stores(*ids[:6])
    line.delete_the_topic()
    line.make_it_anew(partitions=1)
    line.stream.topics.look_anew()
    hand.hand_over([Mention("shop", id, f"kvikkado {id}", NOW) for id in ids[6:]])
    line.stores(*ids)
