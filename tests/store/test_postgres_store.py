"""The PostgreSQL store keeps the contract of the port, and a few promises of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, make_url, select
from sqlalchemy.exc import ProgrammingError

from tests.contracts.store import *  # noqa: F403  # the contract's tests are collected here
from tests.contracts.store import in_threads
from tests.contracts.store_values import *  # noqa: F403  # and these
from tests.engines.postgres import Postgres, start_postgres
from tests.stores import on_postgres, store_at, store_url
from tocsin.core.errors import OutcomeUnknown, StoreUnavailable, WrongInput
from tocsin.settings import masked
from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.compiled import COMPILED
from tocsin.store.opening import open_store
from tocsin.store.postgres.dialect import ServerDialect
from tocsin.store.postgres.engine import PostgresStore
from tocsin.store.postgres.timeouts import Silences


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


def test_a_statement_is_compiled_once_for_all_stores_of_one_version_of_the_server(
    postgres: Postgres, tmp_path: Path
) -> None:
    asked = select(s.meta.c.value.label("asked_of_the_server_alone"))
    with on_postgres(postgres):
        for name in ("one", "another"):
            store = store_at(tmp_path / name)
            with store.read() as conn:
                conn.execute(asked).all()
            store.close()
    assert sum("asked_of_the_server_alone" in str(compiled) for compiled in COMPILED.values()) == 1
    older, newer = ServerDialect(), ServerDialect()
    assert older == newer and hash(older) == hash(newer)
    older.server_version_info, newer.server_version_info = (14, 1), (17, 0)
    assert older != newer


def test_its_password_is_shown_nowhere(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database()
    secret = str(make_url(url).password)
    store = PostgresStore(url)
    assert secret not in store.url and "***" not in store.url and str(postgres.port) in store.url
    store.close()
    said = [str(masked("store.url", url))]
    for wrong in (
        url.replace(secret, f"{secret}x"),
        url.replace(f":{postgres.port}/", ":1/"),
        url.replace(f":{postgres.port}/", ":port/"),
        url.rpartition("/")[0],
        f"{url}?sslmode=perhaps",
        f"{url}?password={secret}",
        f"{url}?no_such={secret[:3]}",
        f"{url}_not_there",
        url.replace(secret, f"a@{secret}"),
        url.replace(secret, f"a@{secret}/b:c"),
        url.replace(secret, f"a@b?{secret}"),
    ):
        with pytest.raises((WrongInput, StoreUnavailable)) as raised:
            open_store(wrong, tmp_path)
        said += [str(raised.value), str(raised.value.__cause__)]
    assert [words for words in said if secret in words] == []
    assert said[0].endswith(f":(set)@127.0.0.1:{postgres.port}/{make_url(url).database}")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("tocsin@{at}/{db}?sslmode=prefer&sslpassword=made-up&connect_timeout=3", "tocsin@{at}/{db}"),
        ("tocsin@/{db}?host={host}&port={port}", "tocsin@/{db}?host={host}&port={port}"),
        ("/{db}?user=tocsin&host={at}&host={at}", "tocsin@/{db}?host={at},{at}"),
        ("tocsin@/{db}?host={room}&port={port}", "tocsin@/{db}?host={room}&port={port}"),
    ],
)
def test_its_url_is_shown_as_people_write_it(postgres: Postgres, given: str, shown: str) -> None:
    url = make_url(postgres.database())
    at = f"127.0.0.1:{postgres.port}"
    words = {"at": at, "host": "127.0.0.1", "port": postgres.port, "db": url.database, "room": postgres.room}
    store = PostgresStore(f"postgresql://{given.format(**words)}", password=url.password)
    assert store.url == f"postgresql://{shown.format(**words)}"
    store.close()
    assert "made-up" not in str(masked("store.url", given))
    with pytest.raises(WrongInput, match="tocsin backup"):
        store.backup("monday.db")


def test_the_password_may_stand_apart(postgres: Postgres, tmp_path: Path) -> None:
    url = make_url(postgres.database())
    bare = f"postgresql://tocsin@127.0.0.1:{postgres.port}/{url.database}"
    open_store(bare, tmp_path, password=str(url.password)).close()
    with pytest.raises(StoreUnavailable, match=r"store\.password"):
        open_store(bare, tmp_path, password="wrong")


def test_a_server_that_is_not_there_is_said_within_seconds(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as away:
        open_store("postgresql://tocsin@127.0.0.1:1/d", tmp_path)
    assert str(away.value) == (
        "the store d at 127.0.0.1:1 cannot be used just now: Connection refused; start the server, or check store.url"
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("postgresql://tocsin:p@ss@127.0.0.1/d", "a second @: write an @ of the password as %40"),
        ("postgresql://tocsin@127.0.0.1:99999/d", "the port 99999: a port is a number from 1 to 65535"),
        ("postgresql://tocsin@127.0.0.1:0/d", "the port 0: a port is a number from 1 to 65535"),
    ],
)
def test_an_address_that_no_server_can_have_is_refused_and_not_waited_for(
    wrong: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(WrongInput) as refused:
        open_store(wrong, tmp_path)
    assert says in str(refused.value) and "p@ss" not in str(refused.value)


def test_a_database_that_is_no_utf_8_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    with postgres.admin() as conn:
        conn.execute("CREATE DATABASE latin OWNER tocsin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    with pytest.raises(WrongInput, match="ENCODING 'UTF8'"):
        open_store(postgres.url("latin"), tmp_path)


def test_connections_that_are_cut_are_said_and_made_anew(
    make_store: Callable[[], PostgresStore], postgres: Postgres
) -> None:
    store = make_store()
    with pytest.raises(StoreUnavailable), store.write() as conn:
        store.put(conn, s.meta, [{"key": "half", "value": "done"}])
        cut_all(postgres, store)
        store.put(conn, s.meta, [{"key": "whole", "value": "done"}])
    cut_all(postgres, store)
    with store.read() as conn:
        assert conn.execute(select(s.meta).where(s.meta.c.key == "half")).all() == []


def test_a_commit_whose_answer_is_lost_is_unknown(
    make_store: Callable[[], PostgresStore], postgres: Postgres
) -> None:
    store = make_store()
    with pytest.raises(OutcomeUnknown, match="read before deciding"), store.write() as conn:
        store.put(conn, s.meta, [{"key": "half", "value": "done"}])
        # Here nothing was kept; the caller of the commit cannot know that.
        cut_all(postgres, store)
    with store.read() as conn:
        assert conn.execute(select(s.meta).where(s.meta.c.key == "half")).all() == []


def test_who_waits_too_long_for_the_one_writer_is_told(make_store: Callable[[], PostgresStore]) -> None:
    store, other = make_store(), make_store()
    with store.write():
        with other.write(alone=False) as conn:
            other.put(conn, s.meta, [{"key": "beside", "value": "yes"}])
            with other.read() as reader:
                assert reader.execute(select(s.meta).where(s.meta.c.key == "beside")).all() == []
        event.listen(other._engine, "begin", lambda conn: conn.exec_driver_sql("SET LOCAL lock_timeout = 50"))
        with pytest.raises(StoreUnavailable, match="another writer"), other.write():
            pass


def test_two_that_wait_for_each_other_are_told_apart(make_store: Callable[[], PostgresStore]) -> None:
    store, other = make_store(), make_store()
    with store.write() as conn:
        store.put(conn, s.meta, [{"key": "a", "value": "0"}, {"key": "b", "value": "0"}])
    both = threading.Barrier(2)
    told: list[str] = []

    def change(mine: PostgresStore, first: str, second: str) -> None:
        try:
            with mine.write(alone=False) as conn:
                mine.put(conn, s.meta, [{"key": first, "value": second}])
                both.wait(10)
                mine.put(conn, s.meta, [{"key": second, "value": first}])
        except StoreUnavailable as error:
            told.append(str(error))

    in_threads(lambda: change(store, "a", "b"), lambda: change(other, "b", "a"))
    assert len(told) == 1 and "two transactions met" in told[0]


def test_a_read_writes_nothing(make_store: Callable[[], PostgresStore]) -> None:
    store = make_store()
    with pytest.raises(Exception, match="read-only"), store.read() as conn:
        store.put(conn, s.meta, [{"key": "a", "value": "0"}])


def test_a_statement_of_ours_that_is_wrong_stays_loud(make_store: Callable[[], PostgresStore]) -> None:
    store = make_store()
    with pytest.raises(ProgrammingError), store.read() as conn:
        conn.exec_driver_sql("SELECT nothing FROM nowhere")


@pytest.mark.engines("postgres")
def test_a_server_that_goes_and_comes_is_used_again(tmp_path: Path) -> None:
    with start_postgres({"fsync": "off"}) as server:
        store = open_store(server.database(), tmp_path)
        server.kill()
        with pytest.raises(StoreUnavailable), store.write():
            pass
        server.start()
        with store.write() as conn:
            store.put(conn, s.meta, [{"key": "a", "value": "0"}])
        store.close()


@pytest.mark.engines("postgres")
def test_a_server_that_is_frozen_is_away_and_used_again_when_it_thaws() -> None:
    quick = Silences(resting=1.0, reading=1.5, writing=1.6)
    with start_postgres({"fsync": "off"}) as server:
        store = PostgresStore(f"{server.database()}?connect_timeout=2", silences=quick)
        store.migrate()
        begun, frozen = threading.Barrier(4), threading.Barrier(4)
        told: dict[str, StoreUnavailable] = {}

        def caught(name: str, transaction: AbstractContextManager[Connection], rows: int) -> None:
            try:
                with transaction as conn:
                    conn.execute(select(s.meta)).all()
                    begun.wait(10)
                    frozen.wait(10)
                    if name == "read":
                        conn.execute(select(s.meta)).all()
                    elif rows:
                        store.put(
                            conn, s.meta, [{"key": f"{name}{n}", "value": "0" * 99} for n in range(rows)]
                        )
            except StoreUnavailable as error:
                told[name] = error

        def freeze() -> None:
            begun.wait(10)
            server.freeze()
            frozen.wait(10)

        in_threads(
            freeze,
            lambda: caught("read", store.read(), 0),
            lambda: caught("copy", store.write(alone=False), 3000),
            lambda: caught("commit", store.write(alone=False), 0),
        )
        # No new connection can be made either.
        with pytest.raises(StoreUnavailable), store.read():
            pass
        server.thaw()
        assert "no answer for 1.5 s" in str(told["read"]) and "no answer for 1.6 s" in str(told["copy"])
        assert [name for name, error in told.items() if isinstance(error, OutcomeUnknown)] == ["commit"]
        with store.write() as conn:
            store.put(conn, s.meta, [{"key": "a", "value": "0"}])
            keys = set(conn.execute(select(s.meta.c.key)).scalars())
        assert "a" in keys and "copy0" not in keys
        server.freeze()
        with (
            pytest.raises(StoreUnavailable),
            store.read(),
        ):  # a connection that was idle is tested first
            pass
        server.thaw()
        store.close()


def cut_all(server: Postgres, store: PostgresStore) -> None:
    """End every connection to the store's database, as a failing network does."""
    name = store.url.rpartition("/")[2]
    with server.admin() as conn:
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def test_a_full_disk_is_said_and_nothing_is_half_done_in_a_statement_or_at_commit(
    make_store: Callable[[], PostgresStore],
) -> None:
    """The server itself raises the error that it has for a full disk, once in a statement and once while it commits."""
    store = make_store()
    full = "RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'"
    with store.write() as conn:
        conn.exec_driver_sql(
            f"CREATE FUNCTION full_disk() RETURNS trigger AS $$ BEGIN {full}; END $$ LANGUAGE plpgsql"
        )
        conn.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON meta DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW WHEN (NEW.key = 'at commit') EXECUTE FUNCTION full_disk()"
        )
    with pytest.raises(StoreUnavailable, match="its disk is full"), store.write() as conn:
        meta.put(conn, "before", "it was full")
        conn.exec_driver_sql(f"DO $$ BEGIN {full}; END $$")
    with pytest.raises(StoreUnavailable, match="its disk is full") as refused, store.write() as conn:
        meta.put(conn, "at commit", "it was full")
    # COMMIT was refused, which is no unknown outcome: whoever tries again does nothing twice.
    assert not isinstance(refused.value, OutcomeUnknown)
    with store.write() as conn:
        assert meta.several(conn, ["before", "at commit"]) == {}
        meta.put(conn, "after", "there is room")


def test_a_server_process_that_is_killed_in_commit_leaves_an_unknown_outcome_and_the_store_goes_on(
    make_store: Callable[[], PostgresStore],
) -> None:
    store = make_store()
    with store.write() as conn:
        conn.exec_driver_sql(
            "CREATE FUNCTION killed() RETURNS trigger AS $$ BEGIN "
            "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END $$ LANGUAGE plpgsql"
        )
        conn.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER killed AFTER INSERT ON meta DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW WHEN (NEW.key = 'at commit') EXECUTE FUNCTION killed()"
        )
    with pytest.raises(StoreUnavailable), store.write() as conn:
        meta.put(conn, "at commit", "who knows")
    with store.write() as conn:
        # Whoever gets an unknown outcome reads before deciding: it was not kept.
        assert meta.get(conn, "at commit") is None
        meta.put(conn, "after", "it goes on")
