"""The real store keeps every promise of the port, and a few of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.contracts.store import *  # noqa: F403  # the contract's tests are collected here
from tests.engines.postgres import Postgres
from tocsin.store.postgres import PostgresStore


@pytest.fixture
def make_store(postgres: Postgres) -> Iterator[Callable[[], PostgresStore]]:
    url = postgres.database()
    made: list[PostgresStore] = []

    def make() -> PostgresStore:
        store = PostgresStore(url)
        store.migrate()
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()
