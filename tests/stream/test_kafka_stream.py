"""The stream on Apache Kafka keeps the contract of the port, and a few promises of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import kafka.record.default_records as batches
import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions
from kafka.errors import KafkaError
from structlog.testing import capture_logs

from tests.contracts.stream import *  # noqa: F403  # the contract's tests are collected here
from tests.contracts.stream import NOW, read
from tests.engines.kafka import Cluster
from tests.story.live import until
from tocsin.core.errors import StreamFull, StreamUnavailable, WrongInput
from tocsin.settings import StreamSettings
from tocsin.stream.kafka import capacity
from tocsin.stream.kafka.capacity import limits_of
from tocsin.stream.kafka.engine import KafkaStream
from tocsin.stream.kafka.unpacking import MOST_UNPACKED
from tocsin.stream.opening import open_stream
from tocsin.stream.port import MAX_RECORD_BYTES, MENTIONS

ROOT = Path(__file__).parents[2]
MakeStream = Callable[..., KafkaStream]
SMALL = {"max_bytes": 2 * 1024**2, "partitions": 1, "compression": "none"}


@pytest.fixture
def prefix() -> str:
    return f"{uuid.uuid4().hex[:12]}-"


@pytest.fixture
def make_stream(kafka: Cluster, prefix: str) -> Iterator[MakeStream]:
    made: list[KafkaStream] = []
    readers: list[Any] = []

    def make(**more: Any) -> KafkaStream:
        settings = StreamSettings(topic_prefix=prefix, **more.pop("settings", {}))
        stream = KafkaStream(kafka.url, settings, **more)
        made.append(stream)
        opened = stream.consumer

        def consumer(*args: Any, **options: Any) -> Any:
            readers.append(opened(*args, **options))
            return readers[-1]

        # One that a test leaves open would look for its broker for ever, once that has ended.
        stream.consumer = consumer  # type: ignore[method-assign]
        return stream

    yield make
    for reader in readers:
        with contextlib.suppress(StreamUnavailable):
            reader.close()
    for stream in made:
        stream.close()


@pytest.fixture
def admin(kafka: Cluster) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    yield client
    client.close()


def test_a_topic_is_made_with_what_it_keeps_and_who_must_confirm(
    make_stream: MakeStream, admin: KafkaAdminClient, prefix: str
) -> None:
    stream = make_stream(settings={"max_bytes": 64 * 1024**2, "retention_hours": 2})
    stream.ensure_topic("talk", 4)
    name = f"{prefix}talk"
    said = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
    values = {key: one["value"] for key, one in said["topic"][name].items()}
    assert values["retention.bytes"] == str(16 * 1024**2)
    assert values["retention.ms"] == str(2 * 3_600_000)
    assert values["min.insync.replicas"] == "1"
    assert values["unclean.leader.election.enable"] == "false"
    assert values["message.timestamp.type"] == "LogAppendTime"


def test_two_processes_may_make_a_topic_at_once(make_stream: MakeStream) -> None:
    streams = [make_stream() for _ in range(4)]
    together = threading.Barrier(len(streams))
    found: list[int] = []

    def make_it(stream: KafkaStream, wanted: int) -> None:
        together.wait()
        found.append(stream.ensure_topic("talk", wanted))

    threads = [
        threading.Thread(target=make_it, args=(stream, 3 + place)) for place, stream in enumerate(streams)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_topic_that_was_made_anew_is_another_log(
    make_stream: MakeStream, admin: KafkaAdminClient, prefix: str
) -> None:
    first = make_stream(topics={MENTIONS: 1}).cluster
    assert make_stream(topics={MENTIONS: 1}).cluster == first
    admin.delete_topics([prefix + MENTIONS])
    anew = make_stream(topics={MENTIONS: 1}).cluster
    assert anew != first
    assert len(anew) <= 64


def test_what_retention_took_is_a_gap(make_stream: MakeStream, admin: KafkaAdminClient, prefix: str) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    stream.append("talk", [(0, b"a"), (0, b"b"), (0, b"c")], NOW)
    admin.delete_records({TopicPartition(f"{prefix}talk", 0): 2})
    consumer = stream.consumer("talk", "readers", "one")
    settled_on(consumer, {0})
    consumer.seek(0, 0)
    polled = consumer.poll(timedelta(seconds=5))
    (gap,) = polled.gaps
    assert (gap.partition, gap.wanted, gap.available) == (0, 0, 2)
    assert not polled.records
    assert not consumer.poll(timedelta(milliseconds=500)).gaps
    consumer.seek(0, gap.available)
    assert [r.value for r in read(consumer, 1)] == [b"c"]
    consumer.close()


def test_trimming_deletes_only_in_a_log_that_is_the_callers_alone(
    make_stream: MakeStream, kafka: Cluster, prefix: str, admin: KafkaAdminClient
) -> None:
    shared = make_stream()
    shared.ensure_topic("talk", 1)
    shared.append("talk", [(0, b"a"), (0, b"b")], NOW)
    shared.trim("talk", {0: 1})
    assert shared.topics.offsets("talk", -2) == {0: 0}
    own = open_stream(kafka.url, Path(), prefix=f"{prefix}own-")
    assert isinstance(own, KafkaStream)
    own.ensure_topic("talk", 1)
    own.append("talk", [(0, b"a"), (0, b"b")], NOW)
    own.trim("talk", {0: 1})
    assert own.topics.offsets("talk", -2) == {0: 1}
    own.drop()
    shared.drop()
    assert f"{prefix}own-talk" not in admin.list_topics()
    assert f"{prefix}talk" in admin.list_topics()
    own.close()


def test_appends_are_refused_while_half_of_what_a_partition_keeps_is_unread(make_stream: MakeStream) -> None:
    read_to: dict[int, int] = {}
    asked: list[str] = []

    def read_so_far(cluster: str, topic: str) -> dict[int, int]:
        asked.append(f"{cluster} {topic}")
        return read_to

    stream = make_stream(settings=SMALL, topics={MENTIONS: 1}, read_so_far=read_so_far)
    stream.append(MENTIONS, [(0, os.urandom(MAX_RECORD_BYTES)) for _ in range(3)], NOW)
    assert asked == [f"{stream.cluster} {MENTIONS}"]
    other = make_stream(settings=SMALL, read_so_far=read_so_far)
    with pytest.raises(StreamFull, match="half of the 2097152 bytes that partition 0 of mentions may keep"):
        other.append(MENTIONS, [(0, b"one more")], NOW)
    with pytest.raises(StreamFull, match="try again"):
        other.append(MENTIONS, [(0, b"one more")], NOW)
    read_to[0] = 3
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            other.append(MENTIONS, [(0, b"one more")], NOW)
            break
        except StreamFull:
            time.sleep(0.1)
    assert stream.end_offsets(MENTIONS) == {0: 4}


def test_untold_sizes_are_named_once(make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without the right to describe the cluster gets no sizes, nor does any where a broker's disk failed."""
    monkeypatch.setattr(capacity, "_sizes", lambda admin, name: {})
    monkeypatch.setattr(capacity, "LOOK_EVERY_S", 0.0)
    stream = make_stream(settings=SMALL, topics={MENTIONS: 1}, read_so_far=lambda cluster, topic: {})
    with capture_logs() as logs:
        for _ in range(4):
            stream.append(MENTIONS, [(0, os.urandom(MAX_RECORD_BYTES))], NOW)
    assert [one["partitions"] for one in logs if "no broker tells how large" in one["event"]] == [[0]]


def test_appends_are_refused_while_something_unread_is_older_than_half_of_what_is_kept(
    make_stream: MakeStream, admin: KafkaAdminClient, prefix: str
) -> None:
    settings = {"message.timestamp.type": "CreateTime", "retention.ms": "7200000"}
    admin.create_topics(
        {prefix + MENTIONS: {"num_partitions": 2, "replication_factor": 1, "configs": settings}},
        wait_for_metadata=True,
    )
    now = datetime.now(UTC)  # noqa: F405  # Kafka compares times with the clocks of its brokers
    writer = make_stream()
    writer.append(MENTIONS, [(0, b"lately")], now - timedelta(minutes=40))
    fresh = make_stream(read_so_far=lambda _cluster, _topic: {})
    fresh.append(MENTIONS, [(0, b"taken")], now)
    writer.append(MENTIONS, [(1, b"long ago")], now - timedelta(minutes=80))
    late = make_stream(read_so_far=lambda _cluster, _topic: {0: 2})
    with pytest.raises(StreamFull, match="older than half"):
        late.append(MENTIONS, [(0, b"refused")], now)
    done = make_stream(read_so_far=lambda _cluster, _topic: {0: 0, 1: 1})
    done.append(MENTIONS, [(0, b"taken")], now)


def test_a_poll_brings_about_as_much_as_it_was_asked_for_and_from_every_partition(
    make_stream: MakeStream,
) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 3)
    for _ in range(4):
        stream.append("talk", [(p, os.urandom(200_000)) for p in range(3) for _ in range(10)], NOW)
    consumer = stream.consumer("talk", "readers", "one")
    settled_on(consumer, {0, 1, 2})
    for partition in range(3):
        consumer.seek(partition, 0)
    seen: set[int] = set()
    count = polls = 0
    while count < 120:
        records = consumer.poll(timedelta(seconds=10), 1_000_000).records
        assert records
        assert sum(len(record.value) for record in records) < 10_000_000
        count += len(records)
        polls += 1
        if count < 60:
            seen |= {record.partition for record in records}
    assert seen == {0, 1, 2}
    assert polls > 3
    consumer.close()


def test_a_killed_member_hands_over_and_one_that_slept_past_its_session_has_lost_everything(
    make_stream: MakeStream, kafka: Cluster, prefix: str
) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 6)
    everything = frozenset(range(6))
    mine = stream.consumer("talk", "readers", "one")
    with (
        Apart(kafka.url, prefix, "talk", "readers") as killed,
        Apart(kafka.url, prefix, "talk", "readers") as asleep,
    ):
        wait_until(lambda: len(killed.has()[0]) == 2 and len(asleep.has()[0]) == 2, mine, 30)
        # Until this member has followed the last rebalance, it still counts all six partitions as its own.
        wait_until(lambda: len(mine.poll(timedelta(0)).assigned) == 2, mine, 30)
        before = asleep.has()[0]
        killed.signal(signal.SIGKILL)
        asleep.signal(signal.SIGSTOP)
        wait_until(lambda: mine.poll(timedelta(0)).assigned == everything, mine, 30)
        assert asleep.has()[0] == before
        asleep.signal(signal.SIGCONT)
        wait_until(lambda: len(asleep.has()[0]) == 3, mine, 30)
        assert asleep.has()[1] >= before
    mine.close()


def test_closing_leaves_no_thread_behind_nor_does_a_broker_that_is_not_there(
    make_stream: MakeStream,
) -> None:
    before = set(threading.enumerate())
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    stream.append("talk", [(0, b"x")], NOW)
    consumer = stream.consumer("talk", "readers", "one")
    assert len(read(consumer, 1)) == 1
    assert set(threading.enumerate()) - before
    consumer.close()
    stream.close()
    nowhere = KafkaStream("kafka://127.0.0.1:9", StreamSettings())
    with pytest.raises(StreamUnavailable, match="no broker of the stream kafka"):
        nowhere.end_offsets("talk")
    nowhere.close()
    assert set(threading.enumerate()) == before
    with pytest.raises(StreamUnavailable, match="closed"):
        stream.append("talk", [(0, b"x")], NOW)


@pytest.mark.parametrize(
    ("url", "settings", "said"),
    [
        ("kafka://", {}, "is not kafka://host:port"),
        ("kafka://broker", {}, "is not kafka://host:port"),
        ("kafka://broker:99999", {}, "is not kafka://host:port"),
        ("kafka://one:9092,,two:9092", {}, "is not kafka://host:port"),
        ("kafka://me:hush@broker:9092", {}, "stream.sasl_username"),
        ("kafka://broker:9092", {"topic_prefix": "a b"}, "topic_prefix = 'a b'"),
        ("kafka://broker:9092", {"security": "SASL_SSL"}, "wants stream.sasl_username"),
        ("kafka://broker:9092", {"sasl_username": "me"}, "SASL_SSL or SASL_PLAINTEXT uses them"),
        ("kafka://broker:9092", {"security": "SSL", "tls_ca_file": "/no.pem"}, "tls_ca_file = '/no.pem'"),
        (
            "kafka://broker:9092",
            {"security": "SASL_SSL", "sasl_username": "me", "sasl_password": "hush"},
            "env:NAME or file:PATH",
        ),
    ],
)
def test_a_wrong_address_or_setting_is_refused_before_anything_is_reached(
    url: str, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    # A password comes past the settings, which refuse it in plain text by themselves.
    password = {"sasl_password": settings.get("sasl_password")}
    given = StreamSettings(**settings | {"sasl_password": None}).model_copy(update=password)
    with pytest.raises(WrongInput) as refused:
        open_stream(url, tmp_path, settings=given)
    assert said in str(refused.value)
    assert "hush" not in str(refused.value)


def wait_until(said: Callable[[], bool], consumer: Any, within_s: float) -> None:
    """Poll until `said` is true."""
    until = time.monotonic() + within_s
    while not said():
        consumer.poll(timedelta(milliseconds=100))
        assert time.monotonic() < until


def settled_on(consumer: Any, partitions: set[int]) -> None:
    until = time.monotonic() + 15
    while consumer.poll(timedelta(milliseconds=100)).assigned != partitions:
        assert time.monotonic() < until


class Apart:
    """A member, `tests/stream/member.py`, in a process of its own."""

    def __init__(self, url: str, prefix: str, topic: str, group: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stream.member", url, prefix, topic, group],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._out, False)
        self._said = b""

    def has(self) -> tuple[set[int], set[int]]:
        """The partitions that the member has, and those that it ever said it lost."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._out, 65536):
                self._said += piece
        has: set[int] = set()
        lost: set[int] = set()
        for line in self._said.splitlines(keepends=True):
            if line.endswith(b"\n"):
                said = json.loads(line)
                has = (has - set(said["lost"])) | set(said["gained"])
                lost |= set(said["lost"])
        return has, lost

    def signal(self, what: signal.Signals) -> None:
        self._process.send_signal(what)

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def test_what_a_transaction_took_back_is_not_read_and_its_marks_leave_nothing_unread(
    make_stream: MakeStream, kafka: Cluster, prefix: str
) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    stream.append("talk", [(0, b"ours")], NOW)
    stranger = KafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"{prefix}stranger")
    stranger.init_transactions()
    for kept in (False, True):
        stranger.begin_transaction()
        stranger.send(f"{prefix}talk", b"kept" if kept else b"taken back", partition=0)
        stranger.flush()
        stranger.commit_transaction() if kept else stranger.abort_transaction()
    stranger.close()
    records = read(stream.consumer("talk", "readers", "one"), 3)
    # The last one is the mark of the last transaction, and holds nothing.
    assert [(one.offset, one.value) for one in records] == [(0, b"ours"), (3, b"kept"), (4, b"")]
    assert stream.end_offsets("talk") == {0: 5}


# -- what a stranger with rights on the brokers does ----------------------------------------------------


def test_a_batch_that_is_compressed_wrongly_does_not_get_in_and_the_next_records_are_read(
    make_stream: MakeStream, kafka: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    stranger = KafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type="gzip", retries=0)
    with monkeypatch.context() as wrongly:
        wrongly.setattr(batches, "gzip_encode", lambda data: b"\x1f\x8bno gzip at all" + bytes(data[:7]))
        with pytest.raises(KafkaError):
            stranger.send(f"{prefix}talk", b"x" * 4000, partition=0).get(30)
    stranger.send(f"{prefix}talk", b"y" * 4000, partition=0).get(30)
    stranger.close()
    stream.append("talk", [(0, b"ours")], NOW)
    assert [one.value for one in read(stream.consumer("talk", "readers", "one"), 2)] == [b"y" * 4000, b"ours"]


def test_records_are_read_however_they_were_packed_and_one_that_cannot_be_read_stops_nothing(
    make_stream: MakeStream, admin: KafkaAdminClient, prefix: str, kafka: Cluster
) -> None:
    stream = make_stream()
    stream.ensure_topic("talk", 1)
    packed = ["gzip", "lz4", "snappy", "zstd", "producer"]
    for codec in packed:
        told = ConfigResource(ConfigResourceType.TOPIC, f"{prefix}talk", {"compression.type": codec})
        admin.alter_configs([told])
        stream.append("talk", [(0, codec.encode() * 500)], NOW)
    stranger = KafkaProducer(
        bootstrap_servers=kafka.bootstrap,
        compression_type="gzip",
        max_request_size=2 * MOST_UNPACKED,
    )
    # Brokers look neither at the names of headers nor at how much comes out of a batch.
    stranger.send(f"{prefix}talk", b"named", headers=[(NoText("x"), b"")], partition=0).get(30)
    stranger.send(f"{prefix}talk", bytes(MOST_UNPACKED + 1), partition=0).get(30)
    stranger.close()
    stream.append("talk", [(0, b"ours")], NOW)
    got = read(stream.consumer("talk", "readers", "one"), 8)
    assert [one.value for one in got] == [*(codec.encode() * 500 for codec in packed), b"", b"", b"ours"]
    said = [one.trouble.split(" of this partition")[0] for one in got]
    assert said == [*[""] * 5, "the records 5 to 5", "the records 6 to 6", ""]


class NoText(str):
    """A name that is not UTF-8 where it is written."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


def test_partitions_that_a_stranger_adds_are_read_too(
    make_stream: MakeStream, admin: KafkaAdminClient, prefix: str, kafka: Cluster
) -> None:
    stream = make_stream(topics={MENTIONS: 1})
    stream.append(MENTIONS, [(0, b"before")], NOW)
    admin.create_partitions({prefix + MENTIONS: NewPartitions(3)})
    stranger = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    stranger.send(prefix + MENTIONS, b"after", partition=2).get(30)
    stranger.close()
    anew = make_stream(topics={MENTIONS: 1})
    assert anew.partitions(MENTIONS) == 3
    got = read(anew.consumer(MENTIONS, "readers", "one"), 2)
    assert {(one.partition, one.value) for one in got} == {(0, b"before"), (2, b"after")}


def test_a_topic_that_is_deleted_under_a_reader_and_made_anew_is_another_log_for_who_opens_it(
    make_stream: MakeStream, admin: KafkaAdminClient, prefix: str
) -> None:
    stream = make_stream(topics={MENTIONS: 1})
    stream.append(MENTIONS, [(0, b"old")], NOW)
    consumer = stream.consumer(MENTIONS, "readers", "one")
    assert [one.value for one in read(consumer, 1)] == [b"old"]
    old = stream.cluster
    admin.delete_topics([prefix + MENTIONS])

    def is_said() -> bool:
        try:
            limits_of(admin, prefix + MENTIONS)
        except StreamUnavailable:
            return True
        return False

    until(is_said, "a push to hear that the topic is gone")
    anew = make_stream(topics={MENTIONS: 1})
    assert anew.cluster != old
    anew.append(MENTIONS, [(0, b"new")], NOW)
    with contextlib.suppress(StreamUnavailable):
        assert [one.value for one in consumer.poll(timedelta(milliseconds=200)).records] in ([], [b"new"])
    fresh = anew.consumer(MENTIONS, "others", "two")
    assert [one.value for one in read(fresh, 1)] == [b"new"]
