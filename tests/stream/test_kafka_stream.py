"""Apache Kafka keeps every promise of the port, and a few of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.contracts.stream import *  # noqa: F403  # the contract's tests are collected here
from tests.engines.kafka import Cluster
from tocsin.settings import StreamSettings
from tocsin.stream.kafka import KafkaStream


@pytest.fixture
def make_stream(kafka: Cluster) -> Iterator[Callable[[], KafkaStream]]:
    made: list[KafkaStream] = []
    prefix = f"{uuid.uuid4().hex[:12]}-"

    def make() -> KafkaStream:
        made.append(KafkaStream(kafka.url, StreamSettings(topic_prefix=prefix)))
        return made[-1]

    yield make
    for stream in made:
        stream.close()
