"""Every registered kind of source keeps the contract of its port, each in a world of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ingest.kinds import KINDS, make_source
from ingest.source import Source, SourceContext
from ingest.sources.kafka_topic import KafkaTopicSettings, KafkaTopicSource
from tests.contracts.loopback import Loopback
from tests.contracts.loopback import loopback as loopback
from tests.contracts.networks import bench_of
from tests.contracts.sources import *  # noqa: F403  # the contract's tests are collected here
from tests.contracts.sources import NAME, NOW, Bench
from tests.ingest.fake_imap import PASSWORD, FakeImap, Mailbox, letter
from tests.ingest.fake_topic import FakeTopic
from tests.ingest.house import line
from tests.ingest.networks import NETWORKS
from tocsin.definitions.models import SourceDef
from tocsin.definitions.source_kinds import SOURCE_KINDS, source_kind
from tocsin.settings import Ingest

INGEST = Ingest.model_validate({"allowed_private_networks": ["127.0.0.0/8"], "fetch_timeout_s": 5})


def maker(kind: str, **settings: Any) -> Callable[[], Source]:
    """A function that makes the source from its definition."""
    return lambda: make_source(SourceDef.model_validate({"name": NAME, "kind": kind} | settings), INGEST)


def nothing(*_: object) -> None:
    pass


def file_bench(tmp_path: Path) -> Bench:
    path = tmp_path / "posts.jsonl"

    def leave() -> None:
        path.unlink()

    def offer(posts: Sequence[str]) -> None:
        path.write_bytes(b"".join(map(line, posts)))

    odd = (
        {"inode": 7, "offset": 5, "head_bytes": 3, "head_hash": "0"},
        {"inode": 0, "offset": 10**9},
        {"delimiter": "::", "header": ["id"], "format": "csv"},
        {"head_bytes": -1, "head_hash": "x"},
    )
    return Bench(maker("file", path=str(path)), offer, path.write_bytes, leave, odd)


def push_bench(_tmp_path: Path) -> Bench:
    return Bench(maker("push"), nothing, nothing, nothing)


def imap_bench(_tmp_path: Path) -> Bench:
    """Letters on a mail server; rubbish is what the server says instead."""
    server = mail_server()
    mailbox = server.mailbox = Mailbox()

    def offer(posts: Sequence[str]) -> None:
        mailbox.fault = None
        mailbox.letters = {n: (NOW, letter(f"{id}@klant.example")) for n, id in enumerate(posts, 1)}

    def spoil(body: bytes) -> None:
        mailbox.fault = body

    odd = ({"validity": 6, "uid": 9}, {"validity": 7, "uid": 2**40})
    make = maker("imap", **server.settings())
    return Bench(make, offer, spoil, mailbox.leave, odd, lambda id: f"{id}@klant.example")


@cache
def mail_server() -> FakeImap:
    """One for all tests of this file; it ends with the test run."""
    return FakeImap()


def kafka_bench(_tmp_path: Path) -> Bench:
    """Records in memory; `test_kafka_topic.py` reads a real topic."""
    topic = FakeTopic()
    fields = {"id": "$key", "text": "text", "created_at": "$timestamp"}
    settings = KafkaTopicSettings(
        servers=("broker.example:9092",), topic="posts", fields=fields, first="earliest"
    )

    def offer(posts: Sequence[str]) -> None:
        topic.away = False
        told = {record.key for record in topic.records[0]}
        for id in posts:
            if id.encode() not in told:
                topic.add(b'{"text": "De ketel lekt"}', key=id.encode())

    def spoil(body: bytes) -> None:
        topic.add(body, key=b"rubbish")

    def leave() -> None:
        topic.away = True

    def make() -> Source:
        return KafkaTopicSource(SourceContext(NAME, INGEST), settings, topic.connect)

    odd = ({"offsets": {"0": 10**9}}, {"offsets": {"7": 1}}, {"offsets": []}, {"heard": "never"})
    return Bench(make, offer, spoil, leave, odd)


BENCHES: dict[str, Callable[[Path], Bench]] = {
    "file": file_bench,
    "push": push_bench,
    "imap": imap_bench,
    "kafka": kafka_bench,
}


@pytest.fixture(params=[*BENCHES, *NETWORKS])
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    if request.param in NETWORKS:
        network = NETWORKS[request.param]
        for name, value in network.environment.items():
            monkeypatch.setenv(name, value)
        made = bench_of(network, loopback)
    else:
        monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
        made = BENCHES[request.param](tmp_path)
    sources: list[Source] = []

    def make() -> Source:
        sources.append(made.make())
        return sources[-1]

    with contextlib.ExitStack() as ends:
        ends.callback(lambda: [one.close() for one in sources])
        yield replace(made, make=make)


def test_every_kind_is_held_to_the_contract() -> None:
    assert {*BENCHES, *NETWORKS} == set(KINDS) == set(SOURCE_KINDS)


def test_secrets_are_said_by_one_type() -> None:
    spelt = {
        path.name
        for path in (Path(__file__).parents[2] / "ingest").rglob("*.py")
        if "(env|file)" in path.read_text("utf-8")
        or "pattern=patterns.ENV_OR_FILE" in path.read_text("utf-8")
    }
    assert spelt == {"places.py"}


def test_a_kind_that_nobody_registered_is_a_plain_one() -> None:
    gone = source_kind("mailbox")
    assert (gone.kind, gone.asked, gone.fixes_source, gone.reads_files) == ("mailbox", True, False, False)
