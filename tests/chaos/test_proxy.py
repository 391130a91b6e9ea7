"""The proxy really does to PostgreSQL what the suite says. Without that, a green chaos run would mean nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import insert, select

from tests.chaos.proxy import Proxy, Side
from tests.engines.postgres import Postgres
from tocsin.core.errors import OutcomeUnknown, StoreUnavailable
from tocsin.store import schema as s
from tocsin.store.postgres.engine import PostgresStore


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    with Proxy(postgres.port) as one:
        yield one


def through(proxy: Proxy, url: str) -> psycopg.Connection[tuple[int]]:
    head, _, tail = url.rpartition("127.0.0.1:")
    return psycopg.connect(f"{head}127.0.0.1:{proxy.port}/{tail.partition('/')[2]}", connect_timeout=5)


def rows(url: str) -> int:
    with psycopg.connect(url) as conn:
        found = conn.execute("SELECT count(*) FROM t").fetchone()
    assert found is not None
    return int(found[0])


def test_everything_passes_until_it_is_told_otherwise(proxy: Proxy, url: str) -> None:
    with through(proxy, url) as conn:
        conn.execute("CREATE TABLE t (id int, big text)")
        conn.execute("INSERT INTO t SELECT n, repeat('x', 10000) FROM generate_series(1, 100) n")
    with through(proxy, url) as conn:
        assert len(conn.execute("SELECT * FROM t").fetchall()) == 100
    assert proxy.counts.commits == 2


@pytest.mark.parametrize(("side", "kept"), [("before", 0), ("after", 1)])
def test_a_commit_is_cut_before_or_after_the_server_has_done_it(
    proxy: Proxy, url: str, side: Side, kept: int
) -> None:
    with through(proxy, url) as conn:
        conn.execute("CREATE TABLE t (id int)")
    done = proxy.cut_commit(side, skip=1)
    with through(proxy, url) as conn:
        conn.execute("SELECT 1")
    assert not done.is_set()
    conn = through(proxy, url)
    conn.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg.OperationalError):
        conn.commit()
    assert done.is_set()
    assert rows(url) == kept
    with through(proxy, url) as conn:
        conn.execute("INSERT INTO t VALUES (2)")
    assert rows(url) == kept + 1


def test_connections_are_cut_refused_and_let_in_again(proxy: Proxy, url: str) -> None:
    conn = through(proxy, url)
    assert proxy.cut() == 1
    with pytest.raises(psycopg.OperationalError):
        conn.execute("SELECT 1")
    proxy.refuse(True)
    with pytest.raises(psycopg.OperationalError):
        through(proxy, url)
    proxy.refuse(False)
    with through(proxy, url) as conn:
        conn.execute("SELECT 1")


def test_in_silence_nothing_passes_and_then_everything_does(proxy: Proxy, url: str) -> None:
    with through(proxy, url) as conn, ThreadPoolExecutor(1) as pool:
        proxy.silence(True)
        answer = pool.submit(lambda: conn.execute("SELECT 7").fetchone())
        with pytest.raises(TimeoutError):
            answer.result(0.3)
        proxy.silence(False)
        assert answer.result(20) == (7,)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_store_whose_connection_is_cut_says_that_it_is_away_and_works_again(
    proxy: Proxy, postgres: Postgres, side: Side
) -> None:
    database = postgres.database().rpartition("/")[2]
    store = PostgresStore(postgres.url(database, proxy.port))
    store.migrate()

    def note(key: str) -> None:
        with store.write(alone=False) as conn:
            store.insert_new(conn, s.meta, [{"key": key, "value": "1"}])

    def cut_in_the_middle() -> None:
        with store.write(alone=False) as conn:
            store.insert_new(conn, s.meta, [{"key": "cut", "value": "1"}])
            proxy.cut()
            conn.execute(insert(s.meta).values(key="cut too", value="1"))

    with pytest.raises(StoreUnavailable):
        cut_in_the_middle()
    proxy.cut_commit(side)
    with pytest.raises(OutcomeUnknown):
        note("unsure")
    note("again")
    with store.read() as conn:
        kept = {row.key for row in conn.execute(select(s.meta.c.key))}
    store.close()
    assert kept >= {"again"}
    assert ("cut" in kept, "cut too" in kept, "unsure" in kept) == (False, False, side == "after")
