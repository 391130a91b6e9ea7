"""The real engines for whoever asks: one Apache Kafka and one PostgreSQL a run, started when the first test wants them.

Where they cannot be had (Kafka's jars come from Maven Central once) the tests that need them are left out, and the run says so in
its first and last line; with TOCSIN_REQUIRE_ENGINES=1 (as in CI) that is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.engines import EnginesUnavailable
from tests.engines.kafka import Cluster, start_kafka
from tests.engines.postgres import Postgres, start_postgres


def _missing(error: EnginesUnavailable) -> None:
    if os.environ.get("TOCSIN_REQUIRE_ENGINES") == "1":
        pytest.fail(f"a real engine is demanded: {error}")
    pytest.skip(f"LEFT OUT: {error}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL; `postgres.database()` gives the URL of a new, empty database."""
    try:
        server = start_postgres({"fsync": "off"})
    except EnginesUnavailable as error:
        _missing(error)
        return
    with server:
        yield server


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """A running Apache Kafka of one broker; tests keep apart by their topics' prefix."""
    try:
        cluster = start_kafka()
    except EnginesUnavailable as error:
        _missing(error)
        return
    with cluster:
        yield cluster
