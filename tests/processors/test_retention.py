"""Retention deletes rows past their time, a bounded number at a time. The other rows stay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from processors import retention_runs
from processors.monitors import watched
from processors.pseudonyms import PSEUDONYM
from processors.retention import PIECE, take_out
from processors.retention_runs import EVERY, last_run, runs, work_on
from processors.storing.writer import Writer
from processors.understand import Understander, default_scorers
from tests.processors.batches import read_batch
from tests.stores import on_both_stores, store_at  # noqa: F401  # a fixture that acts by itself
from tocsin.core.errors import StoreUnavailable
from tocsin.core.mention import Author, Mention, encode_mentions
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.settings import Settings
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.search import matching, parse_search
from tocsin.stream.port import Record

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SETTINGS = Settings()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = store_at(tmp_path / "store.db")
    with made.write() as conn:
        repository.save(conn, Monitor(name="Brightwater", query="brightwater"), now=NOW, actor="test")
    yield made
    made.close()


def keep(
    store: Store,
    days: float,
    id: str = "1",
    text: str = "brightwater",
    author: str = "ada",
    edited: datetime | None = None,
) -> None:
    """Store a mention that was posted so many days ago."""
    mention = Mention(
        source="forum",
        id=id,
        text=text,
        created_at=NOW - timedelta(days=days),
        edited_at=edited,
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


def notice(body: dict[str, Any]) -> dict[str, Any]:
    """The row of a notice with this body."""
    names = ("alert_id", "person_id", "person", "channel", "kind", "subject", "status")
    at = {"created_at": NOW, "due_at": NOW, "severity": 1, "step": 0, "attempts": 1, "target": {}}
    return {"id": "n1", "body": body, **at, **dict.fromkeys(names, "x")}


def drop_all(store: Store) -> None:
    for _ in range(20):
        with store.write() as conn:
            if not sum(take_out(conn, NOW, SETTINGS).values()):
                return
    raise AssertionError("there is always something left")


NOON_OF_THE_FIRST_DAY_KEPT = NOW - timedelta(days=90)


def found(store: Store, typed: str) -> set[str]:
    with store.read() as conn:
        says = matching(conn, parse_search(typed))
        return set(conn.execute(select(s.mentions.c.id).where(says)).scalars())


def counted(store: Store, table: Any) -> int:
    with store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def test_nothing_young_is_touched(store: Store) -> None:
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


def test_the_sample_of_what_matched_nothing_lives_a_day(store: Store) -> None:
    keep(store, days=1.1, text="nothing to see")
    drop_all(store)
    assert counted(store, s.samples) == 0


def test_authors_are_pseudonymised_after_a_month_and_stay_the_same_person(store: Store) -> None:
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


@pytest.mark.parametrize("disguise", ["pseudonym:0", "PSEUDONYM:0"])
def test_who_calls_himself_a_pseudonym_gets_one_all_the_same(store: Store, disguise: str) -> None:
    keep(store, days=31, author=disguise)
    drop_all(store)
    with store.read() as conn:
        row = conn.execute(select(s.mentions)).one()
    assert (row.author_name, row.author_handle) == (None, None)
    assert row.author_id.startswith(PSEUDONYM)
    assert row.author_id != disguise


def test_mentions_go_after_their_time_and_their_tallies_and_identity_stay(store: Store) -> None:
    keep(store, days=91)
    drop_all(store)
    assert [counted(store, t) for t in (s.mentions, s.matches)] == [0, 0]
    assert [counted(store, t) for t in (s.seen, s.tallies)] == [1, 1]


def test_mentions_go_by_whole_days_the_same_on_every_engine(store: Store) -> None:
    midnight = NOON_OF_THE_FIRST_DAY_KEPT - timedelta(hours=12)
    for id, at in (("last", midnight - timedelta(microseconds=1)), ("first", midnight)):
        keep(store, days=(NOW - at) / timedelta(days=1), id=id)
    drop_all(store)
    with store.read() as conn:
        assert list(conn.execute(select(s.mentions.c.id)).scalars()) == ["first"]
        assert list(conn.execute(select(s.matches.c.id)).scalars()) == ["first"]


def test_what_is_dropped_is_found_no_more_and_what_stays_is(store: Store) -> None:
    keep(store, days=95, id="old")
    keep(store, days=5, id="young")
    drop_all(store)
    assert found(store, "brightwater") == {"young"}


def test_the_versions_of_a_mention_go_with_it(store: Store) -> None:
    for days, id in ((95, "old"), (5, "young")):
        keep(store, days, id)
        keep(store, days, id, "brightwater again", edited=NOW - timedelta(days=1))
    assert counted(store, s.mention_versions) == 2
    drop_all(store)
    with store.read() as conn:
        assert list(conn.execute(select(s.mention_versions.c.id)).scalars()) == ["young"]


def test_what_older_code_stored_becomes_searchable(store: Store) -> None:
    keep(store, days=1)
    with store.write() as conn:
        conn.execute(update(s.mentions).values(words=None))
    assert found(store, "brightwater") == set()
    drop_all(store)
    assert found(store, "brightwater") == {"1"}


def test_an_identity_outlives_everything_that_may_still_arrive(store: Store) -> None:
    keep(store, days=119)
    drop_all(store)
    assert counted(store, s.seen) == 1
    keep(store, days=121, id="2")
    drop_all(store)
    assert counted(store, s.seen) == 1


def test_tallies_go_after_25_months(store: Store) -> None:
    keep(store, days=762)
    drop_all(store)
    assert [counted(store, t) for t in (s.tallies, s.tally_parts)] == [0, 0]


def test_amendments_go_with_the_readings_of_their_windows(store: Store) -> None:
    row = {"monitor_id": "m", "partition": 0, "count": 1, "negative": 0, "scored": 1}
    old, young = (NOW - timedelta(days=days) for days in (770, 700))
    with store.write() as conn:
        store.insert_new(conn, s.amendments, [row | {"window_start": at} for at in (old, young)])
    drop_all(store)
    with store.read() as conn:
        assert list(conn.execute(select(s.amendments.c.window_start)).scalars()) == [young]


def keep_samples(store: Store, count: int) -> None:
    at = NOW - timedelta(days=3)
    rows = [
        {"source": "forum", "id": str(i), "created_at": at, "rate": 1.0, "mention": {}} for i in range(count)
    ]
    with store.write() as conn:
        store.insert_new(conn, s.samples, rows)


def test_one_call_does_a_bounded_piece(store: Store) -> None:
    keep_samples(store, PIECE + 1)
    with store.write() as conn:
        assert sum(take_out(conn, NOW, SETTINGS).values()) == PIECE
    assert counted(store, s.samples) == 1


def test_a_run_begins_by_itself_and_those_that_found_nothing_leave_one_row(store: Store) -> None:
    now = NOW
    for _ in range(3):
        assert not work_on(store, now, SETTINGS)
        now += EVERY
    work_on(store, now, SETTINGS)
    with store.read() as conn:
        assert [(one.taken, one.asked_by) for one in runs(conn)] == [({}, None)]
    keep(store, days=3, text="nothing to see")
    now += EVERY - timedelta(seconds=1)
    assert not work_on(store, now, SETTINGS)
    with store.read() as conn:
        assert len(runs(conn)) == 1
    now += timedelta(seconds=1)
    while work_on(store, now, SETTINGS):
        pass
    with store.read() as conn:
        assert [one.taken for one in runs(conn)] == [{"samples": 1}]


def test_a_piece_that_fails_takes_and_counts_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = NOW
    keep_samples(store, PIECE + 20)
    work_on(store, now, SETTINGS)
    real = retention_runs.take_out

    def dies(*given: object) -> dict[str, int]:
        real(*given)  # type: ignore[arg-type]
        raise StoreUnavailable("killed")

    with monkeypatch.context() as patched, pytest.raises(StoreUnavailable):
        patched.setattr(retention_runs, "take_out", dies)
        work_on(store, now, SETTINGS)
    with store.read() as conn:
        assert getattr(last_run(conn), "taken", None) == {"samples": PIECE}
    while work_on(store, now, SETTINGS):
        pass
    with store.read() as conn:
        assert getattr(last_run(conn), "taken", None) == {"samples": PIECE + 20}
