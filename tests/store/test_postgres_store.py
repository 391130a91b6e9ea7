"""The real store keeps every promise of the port, and a few of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contracts.store import *  # noqa: F403  # the contract's tests are collected here
from tests.engines.postgres import Postgres
from tests.stores import on_postgres, store_url
from tocsin.store.postgres import PostgresStore


@pytest.fixture
def make_store(postgres: Postgres, tmp_path: Path) -> Iterator[Callable[[], PostgresStore]]:
    made: list[PostgresStore] = []

    def make() -> PostgresStore:
        store = PostgresStore(url)
        store.migrate()
        made.append(store)
        return store

    with on_postgres(postgres):
        url = store_url(tmp_path)
        yield make
        for store in made:
            store.close()
