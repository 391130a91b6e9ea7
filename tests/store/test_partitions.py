"""On PostgreSQL a day of mentions is a partition: made when its first row comes, and dropped in one statement."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, inspect, select

from tests.engines.postgres import Postgres
from tests.store.test_search import row
from tests.stores import on_postgres, store_url
from tocsin.core.clock import minute_of
from tocsin.core.errors import StoreUnavailable
from tocsin.store import schema as s
from tocsin.store.opening import open_store
from tocsin.store.postgres.engine import PostgresStore
from tocsin.store.postgres.partitions import (
    PARTITIONED,
    days_of,
    drop_day_before,
    partition,
    start_of,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def url(postgres: Postgres, tmp_path: Path) -> Iterator[str]:
    with on_postgres(postgres):
        yield store_url(tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    made = open_store(url, Path(), durable=False)
    assert isinstance(made, PostgresStore)
    yield made
    made.close()


def mention(id: str, at: datetime) -> dict[str, Any]:
    return row(id, f"text {id}", created_at=at)


def match(id: str, at: datetime) -> dict[str, Any]:
    return {
        "monitor_id": "m",
        "source": "forum",
        "id": id,
        "created_at": at,
        "minute": minute_of(at),
        "partition": 0,
        "label": "neutral",
        "reach": 0,
        "signature": 0,
        "repost": False,
        "triggers": [],
    }


def keep(store: PostgresStore, *times: datetime) -> None:
    with store.write(alone=False) as conn:
        store.insert_new(conn, s.mentions, [mention(at.isoformat(), at) for at in times])
        store.insert_new(conn, s.matches, [match(at.isoformat(), at) for at in times])


def days(store: PostgresStore) -> set[str]:
    with store.read() as conn:
        tables = inspect(conn).get_table_names()
    return {name for name in tables if name.startswith(("mentions_", "matches_"))}


def counted(store: PostgresStore, table: Any) -> int:
    with store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def test_the_tables_that_grow_with_every_mention_are_those_with_days() -> None:
    assert [table.name for table in PARTITIONED] == ["matches", "mentions"]


@pytest.mark.parametrize(
    "at",
    [
        datetime(2011, 3, 11, 5, 46, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1066, 10, 14, 9, 0, tzinfo=UTC),
    ],
)
def test_a_mention_of_any_day_finds_a_place(store: PostgresStore, at: datetime) -> None:
    keep(store, at, at + timedelta(microseconds=1))
    with store.read() as conn:
        assert list(conn.execute(select(s.mentions.c.created_at).order_by("created_at")).scalars()) == [
            at,
            at + timedelta(microseconds=1),
        ]
        assert set(conn.execute(select(s.matches.c.minute)).scalars()) == {
            minute_of(at),
            minute_of(at + timedelta(microseconds=1)),
        }
    assert partition(s.mentions, at.date()) in days(store)


def test_both_tables_cut_the_days_at_the_same_instant() -> None:
    for at in (NOON, start_of(date(1969, 12, 31)), start_of(date(2026, 3, 2)) - timedelta(microseconds=1)):
        assert days_of(s.mentions, [mention("1", at)]) == days_of(s.matches, [match("1", at)]) == {at.date()}


def test_a_batch_that_is_rolled_back_leaves_the_day_and_no_row(store: PostgresStore) -> None:
    with pytest.raises(RuntimeError), store.write(alone=False) as conn:
        store.insert_new(conn, s.mentions, [mention("1", NOON)])
        raise RuntimeError
    assert counted(store, s.mentions) == 0
    keep(store, NOON)
    assert counted(store, s.mentions) == 1


def test_writers_that_meet_at_a_new_day_all_get_through(url: str, store: PostgresStore) -> None:
    others = [PostgresStore(url, durable=False) for _ in range(3)]
    failures: list[BaseException] = []

    def write(one: PostgresStore, place: int) -> None:
        try:
            for day in range(6):
                with one.write(alone=False) as conn:
                    rows = [
                        mention(f"{place}-{day}", NOON + day * DAY),
                        mention(f"{place}", NOON - day * DAY),
                    ]
                    one.insert_new(conn, s.mentions, rows)
        except BaseException as error:  # noqa: BLE001  # shown by the test
            failures.append(error)

    threads = [
        threading.Thread(target=write, args=(one, place)) for place, one in enumerate([store, *others])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.close()
    assert failures == []
    assert len(days(store)) == 2 * 11


def test_whole_days_are_dropped_the_oldest_first_and_a_day_partly_past_stays(store: PostgresStore) -> None:
    keep(store, NOON - 2 * DAY, NOON - DAY, NOON - DAY + timedelta(hours=1), NOON)
    with store.write() as conn:
        store.insert_new(
            conn,
            s.mention_versions,
            [
                {"source": "forum", "id": at.isoformat(), "rank_at": at, "hash": "h", "text": "older"}
                for at in (NOON - DAY, NOON)
            ],
        )
    dropped = []
    for _ in range(4):
        with store.write(alone=False) as conn:
            dropped.append(drop_day_before(conn, NOON))
    assert dropped == [1, 2, None, None]
    assert [counted(store, t) for t in (s.mentions, s.matches, s.mention_versions)] == [1, 1, 1]
    assert days(store) == {"mentions_20260301", "matches_20260301"}


def test_a_day_that_somebody_reads_is_dropped_the_next_time(store: PostgresStore) -> None:
    keep(store, NOON - 2 * DAY, NOON)
    with store.read() as reading:
        assert reading.execute(select(func.count()).select_from(s.mentions)).scalar_one() == 2
        with store.write(alone=False) as conn:
            assert drop_day_before(conn, NOON) is None
            conn.execute(
                select(func.count()).select_from(s.mentions)
            ).scalar_one()  # the transaction goes on undisturbed
    with store.write(alone=False) as conn:
        assert drop_day_before(conn, NOON) == 1


def test_a_day_that_was_dropped_is_made_again_for_who_remembers_it(url: str, store: PostgresStore) -> None:
    writer = PostgresStore(url, durable=False)
    keep(writer, NOON - 2 * DAY)
    with store.write(alone=False) as conn:
        assert drop_day_before(conn, NOON) == 1
    with pytest.raises(StoreUnavailable, match="dropped meanwhile; try again"):
        keep(writer, NOON - 2 * DAY)
    # The batch comes once more.
    keep(writer, NOON - 2 * DAY)
    assert counted(store, s.mentions) == 1
    writer.close()


def test_only_the_days_that_are_asked_for_are_looked_at(store: PostgresStore) -> None:
    keep(store, *(NOON + n * DAY for n in range(5)))
    m, t = s.mentions, s.matches
    with store.read() as conn:
        for query in (
            select(m.c.id).where(
                m.c.created_at >= NOON + DAY, m.c.created_at < NOON + DAY + timedelta(hours=1)
            ),
            select(t.c.id).where(t.c.minute == minute_of(NOON + DAY)),
        ):
            text = str(query.compile(conn.engine, compile_kwargs={"literal_binds": True}))
            plan = "\n".join(conn.exec_driver_sql(f"EXPLAIN {text}").scalars())
            assert "_20260302" in plan
            assert plan.count("_202603") == 1 or "_20260303" not in plan
