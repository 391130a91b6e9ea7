"""A topic of somebody else's Kafka: the mapping, what is gone, what is deleted, and a real broker."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import kafka as kafka_python
import pytest

from ingest.kinds import make_source
from ingest.source import Cursor, Fetched, FetchFailed, Gap, Removed, SourceContext
from ingest.sources.kafka_topic import KafkaTopicSettings, KafkaTopicSource
from tests.contracts.sources import NOW
from tests.engines.kafka import Cluster
from tests.ingest.fake_topic import FakeTopic
from tocsin.core.mention import whole
from tocsin.definitions.models import SourceDef
from tocsin.settings import Ingest

INGEST = Ingest.model_validate({"allowed_private_networks": ["127.0.0.0/8"]})
FIELDS = {
    "id": "$key",
    "text": "body.text",
    "created_at": "at",
    "author.id": "who",
    "lang": "=tr",
    "hashtags": "tags",
}


def source(topic: FakeTopic, **settings: Any) -> KafkaTopicSource:
    given = {
        "servers": ["broker.example:9092"],
        "topic": "posts",
        "first": "earliest",
        "fields": FIELDS,
    } | settings
    return KafkaTopicSource(
        SourceContext("bus", INGEST), KafkaTopicSettings.model_validate(given), topic.connect
    )


def post(text: str = "Kombi bozuldu", **fields: Any) -> bytes:
    return json.dumps({"body": {"text": text}, "at": 1_772_362_800_000, "who": 7} | fields).encode()


def test_a_record_becomes_a_mention_by_the_mapping() -> None:
    topic = FakeTopic()
    topic.add(post(tags=["kombi"]), key=b"a")
    (mention,) = map(whole, source(topic, network="forum").fetch(None, NOW).mentions)
    assert (mention.id, mention.text, mention.lang, mention.network) == ("a", "Kombi bozuldu", "tr", "forum")
    assert mention.created_at == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert (mention.author and mention.author.id, mention.hashtags) == ("7", ("kombi",))


def test_without_a_mapping_records_are_mentions_as_tocsin_writes_them() -> None:
    topic = FakeTopic()
    topic.add(b'{"id": "1", "text": "hoi", "created_at": "2026-03-01T11:00:00Z", "source": "theirs"}')
    (mention,) = map(whole, source(topic, fields={}).fetch(None, NOW).mentions)
    assert (mention.source, mention.id, mention.network) == ("bus", "1", "kafka")


@pytest.mark.parametrize(
    ("at", "year"),
    [(1_772_362_800, 2026), (1_772_362_800_000, 2026), (1_772_362_800_000_000, 2026), (0, 1970)],
)
def test_times_may_be_numbers(at: int, year: int) -> None:
    topic = FakeTopic()
    topic.add(post(at=at), key=b"a")
    (mention,) = map(whole, source(topic).fetch(None, NOW).mentions)
    assert mention.created_at.year == year


def test_a_record_that_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on() -> None:
    topic = FakeTopic()
    for value in (b"{", b"[]", post(at="yesterday"), post(at=10**30), b"\xff", post()):
        topic.add(value, key=b"k")
    topic.add(b"", key=b"k", trouble="cannot be unpacked")
    fetched = source(topic).fetch(None, NOW)
    assert len(fetched.mentions) == 1
    assert [one.position for one in fetched.bad] == [0, 1, 2, 3, 4, 6]
    assert str(fetched.bad[-1].error) == "cannot be unpacked"


def test_a_deleted_key_is_a_deleted_mention() -> None:
    topic = FakeTopic()
    topic.add(None, key=b"a")
    topic.add(None)
    assert source(topic).fetch(None, NOW).removed == [Removed(id="a")]
    assert source(topic, fields=FIELDS | {"id": "$place"}).fetch(None, NOW).removed == []


def test_it_begins_with_the_latest_unless_told_otherwise_and_reads_partitions_that_come_later() -> None:
    topic = FakeTopic()
    topic.add(post(), key=b"old")
    bus = source(topic, first="latest")
    first = bus.fetch(None, NOW)
    assert (first.mentions, first.cursor) == ([], {"offsets": {"0": 1, "1": 0}})
    topic.records[2], topic.oldest[2] = [], 0
    topic.add(post(), key=b"new", partition=2)
    bus.close()
    assert [one.id for one in bus.fetch(first.cursor, NOW).mentions] == ["new"]


def test_what_no_reader_is_given_is_passed_in_bounded_steps_and_never_twice() -> None:
    topic = FakeTopic(polled=1000)
    topic.add(post(), key=b"a")
    topic.add_marks(5_000)
    topic.add(post(), key=b"b")
    topic.add_marks(2_000)
    bus = source(topic)
    found: list[str] = []
    cursor: Cursor | None = None
    places = []
    while True:
        fetched = bus.fetch(cursor, NOW)
        cursor = fetched.cursor
        found += [one.id for one in fetched.mentions]
        places.append(cursor["offsets"]["0"] if cursor else 0)
        if not fetched.more:
            break
    assert (found, places) == (["a", "b"], [*range(1000, 8000, 1000), 7002, 7002])
    # The marks go with time, after the records: nothing is missed, and a new process begins behind them.
    topic.forget(0, 7_002)
    later = source(topic).fetch(cursor, NOW)
    assert (later.mentions, later.gaps, later.cursor) == ([], [], cursor)


def test_records_that_are_gone_are_a_gap() -> None:
    topic = FakeTopic()
    topic.add(post(), key=b"a", minute=1)
    bus = source(topic)
    cursor = bus.fetch(None, NOW).cursor
    for n in range(2, 6):
        topic.add(post(), key=str(n).encode(), minute=n)
    topic.forget(0, 3)
    # First it is told that its place is gone, then it looks what is there.
    again = bus.fetch(cursor, NOW)
    assert (again.cursor, again.more) == (cursor, True)
    fetched = bus.fetch(again.cursor, NOW)
    assert [one.id for one in fetched.mentions] == ["4", "5"]
    began = NOW - timedelta(hours=1)
    reason = "the topic no longer had what came next"
    assert fetched.gaps == [Gap(began + timedelta(minutes=1), began + timedelta(minutes=4), reason)]
    assert bus.fetch(fetched.cursor, NOW).gaps == []


def test_a_topic_that_was_made_anew_is_read_from_its_beginning() -> None:
    topic = FakeTopic()
    for n in range(5):
        topic.add(post(), key=str(n).encode(), minute=n)
    cursor = source(topic).fetch(None, NOW).cursor
    anew = FakeTopic()
    anew.add(post(), key=b"new", minute=9)
    fetched = source(anew).fetch(cursor, NOW)
    assert [one.id for one in fetched.mentions] == ["new"]
    assert len(fetched.gaps) == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"fields": {"txt": "a"}}, "no field of a mention"),
        ({"fields": {"id": "$kee", "text": "a", "created_at": "b"}}, "no path"),
        ({"fields": {"id": "a"}}, "lacks text, created_at"),
        ({"servers": ["broker"]}, "not host:port"),
        ({"password": "plain"}, "pattern"),
    ],
)
def test_settings_that_could_not_work_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        source(FakeTopic(), **settings)


def test_a_private_broker_is_refused() -> None:
    definition = SourceDef.model_validate(
        {"name": "bus", "kind": "kafka", "servers": ["127.0.0.1:9"], "topic": "posts"}
    )
    with pytest.raises(FetchFailed, match="loopback address; list its network"):
        make_source(definition, Ingest.model_validate({})).fetch(None, NOW)


@pytest.mark.slow("a real broker")
def test_on_a_real_topic_the_place_moves_past_what_transactions_leave(kafka: Cluster) -> None:
    name = f"foreign-{time.time_ns()}"
    producer = kafka_python.KafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=name)
    definition = SourceDef.model_validate(
        {"name": "bus", "kind": "kafka", "servers": kafka.bootstrap.split(","), "topic": name,
         "fields": FIELDS, "first": "earliest"}
    )  # fmt: skip
    bus = make_source(definition, INGEST)
    admin = kafka_python.KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1, "configs": {}}})
        producer.init_transactions()
        for number in range(6):
            producer.begin_transaction()
            producer.send(name, key=str(number).encode(), value=post()).get(10)
            producer.abort_transaction() if number else producer.commit_transaction()
        cursor, found, ends = None, list[str](), time.monotonic() + 20
        # Each transaction has a record and a mark.
        while cursor is None or cursor["offsets"] != {"0": 12}:
            fetched = bus.fetch(cursor, datetime.now(UTC))
            cursor = fetched.cursor
            found += [one.id for one in fetched.mentions]
            assert time.monotonic() < ends, cursor
        assert found == ["0"]
    finally:
        bus.close()
        producer.close()
        admin.close()


@pytest.mark.slow("a real broker")
def test_a_real_topic_is_read_and_its_retention_is_a_gap(kafka: Cluster) -> None:
    name = f"foreign-{time.time_ns()}"
    admin = kafka_python.KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    producer = kafka_python.KafkaProducer(bootstrap_servers=kafka.bootstrap)
    definition = SourceDef.model_validate(
        {"name": "bus", "kind": "kafka", "servers": kafka.bootstrap.split(","), "topic": name,
         "fields": FIELDS, "first": "earliest"}
    )  # fmt: skip
    bus = make_source(definition, INGEST)
    now = datetime.now(UTC)

    def send(*keys: str) -> None:
        for key in keys:
            producer.send(name, key=key.encode(), value=post()).get(10)

    def hear(cursor: Cursor | None, wanted: int) -> tuple[list[str], Fetched]:
        found: list[str] = []
        ends = time.monotonic() + 20
        gaps: list[Gap] = []
        while True:
            fetched = bus.fetch(cursor, now)
            cursor, gaps = fetched.cursor, gaps + list(fetched.gaps)
            found += [one.id for one in fetched.mentions]
            if len(found) >= wanted:
                return found, Fetched(cursor=cursor, gaps=gaps)
            assert time.monotonic() < ends

    try:
        with pytest.raises(FetchFailed, match="no topic"):
            bus.fetch(None, now)
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1, "configs": {}}})
        send("a", "b")
        found, first = hear(None, 2)
        assert found == ["a", "b"]
        send("c", "d", "e")
        admin.delete_records({kafka_python.TopicPartition(name, 0): 4})
        found, second = hear(first.cursor, 1)
        assert found == ["e"]
        assert second.cursor is not None and second.cursor["offsets"] == {"0": 5}
    finally:
        bus.close()
        producer.close()
        admin.close()
