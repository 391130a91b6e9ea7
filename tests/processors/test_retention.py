"""What is past its time goes, a bounded piece at a time; the rest stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from processors.batch import Writer, read_batch
from processors.retention import PIECE, PSEUDONYM, drop_expired
from processors.understand import Understander, default_scorers
from processors.watch import watched
from tocsin.core.mention import Author, Mention, encode_mentions
from tocsin.definitions import Monitor
from tocsin.settings import Settings
from tocsin.store import defined
from tocsin.store import schema as s
from tocsin.store.sqlite import SqliteStore
from tocsin.stream.port import Record

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SETTINGS = Settings()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "store.db", durable=False)
    made.migrate()
    with made.write() as conn:
        defined.save(conn, Monitor(name="Brightwater", query="brightwater"), now=NOW, actor="test")
    yield made
    made.close()


def keep(
    store: SqliteStore, days: float, id: str = "1", text: str = "brightwater", author: str = "ada"
) -> None:
    """Store a mention that was posted so many days ago."""
    mention = Mention(
        source="forum",
        id=id,
        text=text,
        created_at=NOW - timedelta(days=days),
        author=Author(id=author, name="Ada L.", handle="ada", followers=12),
    )
    writer = Writer(store, Understander(default_scorers()), sample_rate=1.0)
    with store.read() as conn:
        matcher = watched(conn).matcher
    prepared = writer.understand(
        read_batch([Record("mentions", 0, 0, encode_mentions([mention]), NOW)], matcher, 1.0)
    )
    with store.write() as conn:
        writer.write(conn, prepared, NOW)


def drop_all(store: SqliteStore) -> None:
    for _ in range(20):
        with store.write() as conn:
            if not drop_expired(conn, NOW, SETTINGS):
                return
    raise AssertionError("there is always something left")


def counted(store: SqliteStore, table: Any) -> int:
    with store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def test_nothing_young_is_touched(store: SqliteStore) -> None:
    keep(store, days=1)
    keep(store, days=0.5, id="2", text="nothing to see")
    drop_all(store)
    assert [counted(store, t) for t in (s.mentions, s.matches, s.seen, s.tallies, s.samples)] == [
        1,
        1,
        1,
        1,
        1,
    ]


def test_the_sample_of_what_matched_nothing_lives_a_day(store: SqliteStore) -> None:
    keep(store, days=1.1, text="nothing to see")
    drop_all(store)
    assert counted(store, s.samples) == 0


def test_authors_are_pseudonymised_after_a_month_and_stay_the_same_person(store: SqliteStore) -> None:
    keep(store, days=31)
    keep(store, days=32, id="2")
    keep(store, days=33, id="3", author="ben")
    drop_all(store)
    with store.read() as conn:
        rows = conn.execute(select(s.mentions).order_by(s.mentions.c.id)).all()
    assert {(row.author_name, row.author_handle) for row in rows} == {(None, None)}
    assert all(row.author_id.startswith(PSEUDONYM) for row in rows)
    assert rows[0].author_id == rows[1].author_id != rows[2].author_id
    assert rows[0].followers == 12


def test_mentions_go_after_their_time_and_their_tallies_and_identity_stay(store: SqliteStore) -> None:
    keep(store, days=91)
    drop_all(store)
    assert [counted(store, t) for t in (s.mentions, s.matches)] == [0, 0]
    assert [counted(store, t) for t in (s.seen, s.tallies)] == [1, 1]


def test_an_identity_outlives_everything_that_may_still_arrive(store: SqliteStore) -> None:
    keep(store, days=119)
    drop_all(store)
    assert counted(store, s.seen) == 1
    keep(store, days=121, id="2")
    drop_all(store)
    assert counted(store, s.seen) == 1


def test_tallies_go_after_25_months(store: SqliteStore) -> None:
    keep(store, days=762)
    drop_all(store)
    assert [counted(store, t) for t in (s.tallies, s.tally_parts)] == [0, 0]


def test_one_call_does_a_bounded_piece(store: SqliteStore) -> None:
    rows = [
        {"source": "forum", "id": str(i), "created_at": NOW - timedelta(days=3), "rate": 1.0, "mention": {}}
        for i in range(PIECE + 1)
    ]
    with store.write() as conn:
        store.insert_new(conn, s.samples, rows)
    with store.write() as conn:
        assert drop_expired(conn, NOW, SETTINGS) == PIECE
    assert counted(store, s.samples) == 1
