"""The stream, and the code that works with it, while brokers die, freeze, refuse or come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import select
from structlog.testing import capture_logs

from ops.runtime import open_runtime
from processors.worker import StreamProcessor
from tests.contracts.stream import read
from tests.engines.kafka import Cluster, start_kafka
from tocsin.core.errors import StreamUnavailable
from tocsin.settings import StreamSettings
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.stream.kafka.engine import KafkaStream
from tocsin.stream.port import MENTIONS, Consumer, Record

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PATIENCE_S = 60.0

pytestmark = pytest.mark.engines("kafka")


@pytest.fixture(scope="module")
def broker() -> Iterator[Cluster]:
    # A Kafka of its own, which the test may kill.
    with start_kafka() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    until(lambda: set(threading.enumerate()) <= before)


@pytest.fixture
def stream(broker: Cluster) -> Iterator[KafkaStream]:
    made = KafkaStream(
        broker.url, StreamSettings(topic_prefix=f"{time.monotonic_ns()}-"), topics={MENTIONS: 2}
    )
    yield made
    made.close()


def until(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def patiently(stream: KafkaStream, records: list[tuple[int, bytes]]) -> int:
    """Append until the stream takes the records. Returns how often it did not."""
    refused = 0
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            stream.append(MENTIONS, records, NOW)
            return refused
        except StreamUnavailable:
            refused += 1
            assert time.monotonic() < deadline


def everything(stream: KafkaStream, group: str) -> list[Record]:
    until(lambda: bool(ends(stream)))
    consumer = stream.consumer(MENTIONS, group, "one")
    records = read(consumer, sum(ends(stream).values()))
    consumer.close()
    return records


def ends(stream: KafkaStream) -> dict[int, int]:
    try:
        return stream.end_offsets(MENTIONS)
    except StreamUnavailable:
        return {}


def test_a_broker_that_starts_again_in_the_middle_loses_and_repeats_nothing_that_was_confirmed(
    broker: Cluster, stream: KafkaStream
) -> None:
    taken: list[bytes] = []
    unsure: list[bytes] = []
    stop = threading.Event()

    def append() -> None:
        count = 0
        while not stop.is_set():
            batch = [(p, f"{count}-{p}".encode()) for p in (0, 1)]
            count += 1
            try:
                stream.append(MENTIONS, batch, NOW)
                taken.extend(value for _, value in batch)
            except StreamUnavailable:
                unsure.extend(value for _, value in batch)

    consumer = stream.consumer(MENTIONS, "readers", "one")
    thread = threading.Thread(target=append)
    thread.start()
    try:
        assert len(read(consumer, 20)) >= 20
        broker.brokers[0].kill()
        with pytest.raises(StreamUnavailable, match="no broker of the stream"):
            for _ in range(50):
                consumer.poll(timedelta(milliseconds=200))
        broker.brokers[0].start()
        broker.brokers[0].wait()
        before = len(taken)
        until(lambda: len(taken) > before + 20)
    finally:
        stop.set()
        thread.join()
    assert len(read_on(consumer, 5)) >= 5
    consumer.close()
    found = everything(stream, "afterwards")
    values = [record.value for record in found]
    assert set(taken) <= set(values)
    assert {value for value in values if values.count(value) > 1} <= set(unsure)
    for partition in (0, 1):
        order = [int(r.value.split(b"-")[0]) for r in found if r.partition == partition]
        assert [r.offset for r in found if r.partition == partition] == list(range(len(order)))
        sure = [n for n in order if f"{n}-{partition}".encode() in set(taken)]
        assert sure == sorted(sure)


def read_on(consumer: object, count: int) -> list[Record]:
    """Read as `read` does, and wait while the broker is not there yet."""
    records: list[Record] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(records) < count and time.monotonic() < deadline:
        try:
            records += read(consumer, count - len(records))  # type: ignore[arg-type]  # any consumer will do
        except StreamUnavailable:
            time.sleep(0.1)
    return records


def test_a_frozen_broker_is_said_in_bounded_time_and_found_again_when_it_thaws(
    broker: Cluster, stream: KafkaStream
) -> None:
    stream.append(MENTIONS, [(0, b"before")], NOW)
    consumer = stream.consumer(MENTIONS, "readers", "one")
    assert len(read(consumer, 1)) == 1
    with closing(consumer):
        _frozen_and_thawed(broker, stream, consumer)


def _frozen_and_thawed(broker: Cluster, stream: KafkaStream, consumer: Consumer) -> None:
    broker.brokers[0].freeze()
    try:
        outcomes: list[object] = []

        def tried(what: Callable[[], object]) -> None:
            try:
                outcomes.append(what())
            except StreamUnavailable as error:
                outcomes.append(error)

        def poll() -> None:
            for _ in range(100):
                consumer.poll(timedelta(milliseconds=100))

        asked = [
            threading.Thread(target=tried, args=(what,))
            for what in (
                lambda: stream.end_offsets(MENTIONS),
                lambda: stream.append(MENTIONS, [(0, b"meanwhile")], NOW),
                poll,
            )
        ]
        worked_before = time.process_time()
        for thread in asked:
            thread.start()
        for thread in asked:
            thread.join(PATIENCE_S)
        assert [type(outcome) for outcome in outcomes] == [StreamUnavailable] * 3
        # They wait for twelve seconds. They do not ask again as fast as they can.
        assert time.process_time() - worked_before < 2.5
    finally:
        broker.brokers[0].thaw()
    patiently(stream, [(0, b"after")])
    values = [record.value for record in everything(stream, "afterwards")]
    assert values[0] == b"before"
    assert b"after" in values
    assert read_on(consumer, 1)[-1].value == b"after"


def test_who_reads_waits_for_a_broker_that_is_away_says_so_and_goes_on_by_itself(
    broker: Cluster, tmp_path: Path
) -> None:
    settings = tmp_path / "tocsin.toml"
    settings.write_text('[stream]\ntopic_prefix = "waits-"\npartitions = 2\n', encoding="utf-8")
    stop = threading.Event()
    broker.brokers[0].kill()
    with (
        open_runtime(settings, tmp_path / "data", stream=broker.url, durable=False) as runtime,
        capture_logs() as logs,
    ):
        worker = StreamProcessor(runtime.store, runtime.stream, runtime.settings, runtime.clock)
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            until(lambda: state(runtime.store) == "degraded")
            broker.brokers[0].start()
            broker.brokers[0].wait()
            until(lambda: state(runtime.store) == "ok")
        finally:
            stop.set()
            thread.join(PATIENCE_S)
    said = [(one["event"], one["worker"]) for one in logs if one["log_level"] == "warning"]
    assert said == [("a worker waits", "processors")]
    structlog.reset_defaults()


def state(store: Store) -> str | None:
    with store.read() as conn:
        found = conn.execute(select(s.health.c.state).where(s.health.c.component == "processors"))
        return found.scalar_one_or_none()


def test_three_brokers_lose_the_leader_and_appends_and_polls_go_on() -> None:
    with start_kafka(3) as brokers:
        stream = KafkaStream(brokers.url, StreamSettings(), topics={MENTIONS: 3})
        patiently(stream, [(p, b"first") for p in range(3)])
        consumer = stream.consumer(MENTIONS, "readers", "one")
        assert len(read_on(consumer, 3)) == 3
        leaders = stream.topics.ask(lambda admin: admin.describe_topics([MENTIONS]))[0]["partitions"]
        assert {len(one["replica_nodes"]) for one in leaders} == {3}
        leader = next(one["leader_id"] for one in leaders if one["partition_index"] == 0)
        brokers.brokers[leader - 1].kill()
        patiently(stream, [(p, b"second") for p in range(3)])
        # A record that was refused and appended again may be there twice. So read until every partition has given its record.
        second: set[int] = set()
        deadline = time.monotonic() + PATIENCE_S
        while second != {0, 1, 2}:
            second |= {r.partition for r in read_on(consumer, 1) if r.value == b"second"}
            assert time.monotonic() < deadline
        consumer.close()
        stream.close()
        for broker in brokers.brokers:
            # Stopped in order, two of three would wait for the third before they end.
            broker.kill()


def test_accounts_and_tls_are_asked_for_and_a_wrong_password_is_said_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    accounts = 'username="broker" password="between" user_broker="between" user_tocsin="open sesame"'
    settings = {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_SSL",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.plaintext.plain.sasl.jaas.config": f"{module} required {accounts};",
        **certified(tmp_path),
    }
    (tmp_path / "password").write_text("open sesame\n")
    monkeypatch.setenv("WRONG_PASSWORD", "hush hush")
    account: dict[str, Any] = {
        "security": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_username": "tocsin",
        "sasl_password": f"file:{tmp_path / 'password'}",
        "tls_ca_file": tmp_path / "broker.pem",
    }
    with start_kafka(1, settings) as guarded:
        right = KafkaStream(guarded.url, StreamSettings(**account), topics={MENTIONS: 1})
        right.append(MENTIONS, [(0, b"x")], NOW)
        consumer = right.consumer(MENTIONS, "readers", "one")
        assert [record.value for record in read(consumer, 1)] == [b"x"]
        consumer.close()
        right.close()
        for wrong, said in (
            ({"sasl_password": "env:WRONG_PASSWORD"}, "does not sign us in"),
            ({"tls_ca_file": None}, "cannot be trusted: .*certificate"),
        ):
            stream = KafkaStream(guarded.url, StreamSettings(**account | wrong))
            with capture_logs() as logs, pytest.raises(StreamUnavailable, match=said) as refused:
                stream.end_offsets(MENTIONS)
            assert "hush" not in f"{refused.value} {logs}"
            stream.close()


def certified(folder: Path) -> dict[str, str]:
    """Make a key and a certificate for 127.0.0.1. Returns the broker's settings. `broker.pem` in `folder` is for clients."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate = made.public_bytes(Encoding.PEM)
    (folder / "broker.pem").write_bytes(certificate)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "keystore.pem").write_bytes(secret + certificate)
    return {
        "ssl.keystore.location": str(folder / "keystore.pem"),
        "ssl.keystore.type": "PEM",
        "ssl.truststore.location": str(folder / "broker.pem"),
        "ssl.truststore.type": "PEM",
    }
