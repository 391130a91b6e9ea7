"""The contract of every store. A test module of an engine gives the fixture `make_store` and imports `*` from here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from tocsin.core.errors import Conflict, Fenced, NotFound
from tocsin.definitions import repository
from tocsin.definitions.models import Person, Role
from tocsin.store import offsets
from tocsin.store import schema as s
from tocsin.store.offsets import Position
from tocsin.store.port import Store
from tocsin.stream.port import RecordGap

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
MakeStore = Callable[[], Store]


def tally(minute: int, count: int, **other: object) -> dict[str, object]:
    zeros = dict.fromkeys(("negative", "neutral", "positive", "unscored", "reach", "reposts", "triggered"), 0)
    return {
        "monitor_id": "m",
        "minute": minute,
        "partition": 0,
        "count": count,
        "authors": b"",
        **zeros,
        **other,
    }


def test_a_write_that_raises_leaves_nothing(make_store: MakeStore) -> None:
    store = make_store()
    with pytest.raises(RuntimeError), store.write() as conn:
        store.put(conn, s.meta, [{"key": "half", "value": "done"}])
        raise RuntimeError
    with store.read() as conn:
        assert conn.execute(select(s.meta).where(s.meta.c.key == "half")).all() == []


def test_times_come_back_as_they_went_in(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        store.put(
            conn,
            s.health,
            [{"component": "x", "at": NOW, "state": "ok", "detail": {"b": [1, None], "a": "ş"}}],
        )
    with store.read() as conn:
        row = conn.execute(select(s.health)).one()
    assert row.at == NOW
    assert row.detail == {"a": "ş", "b": [1, None]}


def test_a_time_without_an_offset_is_refused(make_store: MakeStore) -> None:
    store = make_store()
    with pytest.raises(Exception, match="without an offset"), store.write() as conn:
        store.put(
            conn, s.health, [{"component": "x", "at": NOW.replace(tzinfo=None), "state": "ok", "detail": {}}]
        )


def test_insert_new_counts_what_was_new_and_leaves_the_rest(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        assert store.insert_new(conn, s.meta, [{"key": "a", "value": "1"}, {"key": "b", "value": "1"}]) == 2
        assert store.insert_new(conn, s.meta, [{"key": "b", "value": "2"}, {"key": "c", "value": "2"}]) == 1
        assert store.insert_new(conn, s.meta, []) == 0
        values = {row.key: row.value for row in conn.execute(select(s.meta))}
    assert (values["a"], values["b"], values["c"]) == ("1", "1", "2")


def test_put_replaces_the_named_columns(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        store.put(conn, s.tallies, [tally(1, 5, reach=7)])
        store.put(conn, s.tallies, [tally(1, 9, reach=9, authors=b"xy")], ["authors"])
        row = conn.execute(select(s.tallies)).one()
    assert (row.count, row.reach, row.authors) == (5, 7, b"xy")


def test_add_sums_the_named_columns_and_leaves_the_rest(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        store.add(conn, s.tallies, [tally(1, 5, reach=7), tally(2, 1)], ["count", "reach"])
        store.add(conn, s.tallies, [tally(1, 2, reach=1, authors=b"z")], ["count", "reach"])
        rows = conn.execute(select(s.tallies).order_by(s.tallies.c.minute)).all()
    assert [(r.count, r.reach, r.authors) for r in rows] == [(7, 8, b""), (1, 0, b"")]


def test_add_sets_the_columns_that_are_put(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        store.add(conn, s.tallies, [tally(1, 5, reach=7, authors=b"a")], ["count"], ["authors"])
        twice = [tally(1, 2, reach=9, authors=b"b"), tally(1, 1, authors=b"c")]
        store.add(conn, s.tallies, twice, ["count"], ["authors"])
        row = conn.execute(select(s.tallies)).one()
    assert (row.count, row.reach, row.authors) == (8, 7, b"c")


@pytest.mark.parametrize("many", [3, 200])
def test_rows_that_are_said_to_be_fresh_and_are_not_are_stored_as_others(
    make_store: MakeStore, many: int
) -> None:
    store = make_store()

    def rows(value: str, first: int = 0) -> list[dict[str, object]]:
        return [{"key": f"k{n:04d}", "value": value} for n in range(first, first + many)]

    with store.write() as conn:
        assert store.insert_new(conn, s.meta, rows("a"), fresh=True) == many
        assert store.insert_new(conn, s.meta, rows("b", 1), fresh=True) == 1
        # After a wrong `fresh` before.
        assert store.insert_new(conn, s.meta, rows("c", 2), fresh=True) == 1
        store.put(conn, s.meta, rows("d", 3), fresh=True)
        store.add(conn, s.tallies, [tally(n, 1) for n in range(many)], ["count"], fresh=True)
        store.add(
            conn,
            s.tallies,
            [tally(n, 1, authors=b"z") for n in range(1, many)],
            ["count"],
            ["authors"],
            fresh=True,
        )
    with store.read() as conn:
        found = store.fetch(conn, s.meta, [(f"k{n:04d}",) for n in range(many + 3)], ["value"])
        tallies = store.fetch(conn, s.tallies, [("m", n, 0) for n in range(many)], ["count", "authors"])
    assert [value for _, (value,) in sorted(found.items())] == ["a"] * 3 + ["d"] * many
    assert tallies == {("m", n, 0): (2, b"z") if n else (1, b"") for n in range(many)}


def test_fetch_finds_rows_by_key_as_they_went_in(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        store.put(conn, s.tallies, [tally(1, 5, authors=b"xy"), tally(2, 1)])
        store.put(conn, s.health, [{"component": "x", "at": NOW, "state": "ok", "detail": {"a": "ş"}}])
        assert store.fetch(
            conn, s.tallies, {("m", 1, 0), ("m", 3, 0), ("n", 1, 0)}, ["count", "authors"]
        ) == {("m", 1, 0): (5, b"xy")}
        assert store.fetch(conn, s.health, [("x",)], ["detail", "at"]) == {("x",): ({"a": "ş"}, NOW)}
        assert store.fetch(conn, s.health, [], ["at"]) == {}


def test_a_row_that_lacks_a_column_gets_its_default(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        store.insert_new(conn, s.source_state, [{"name": "feed"}, {"name": "other"}])
        store.put(conn, s.source_state, [{"name": "feed", "received": 4}])
        rows = conn.execute(select(s.source_state).order_by(s.source_state.c.name)).all()
    assert [(r.name, r.failures, r.received) for r in rows] == [("feed", 0, 4), ("other", 0, 0)]


def test_many_rows_go_the_same_way_as_few(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        rows = [{"key": f"k{n:04d}", "value": str(n)} for n in range(500)]
        assert store.insert_new(conn, s.meta, rows[100:300]) == 200
        assert store.insert_new(conn, s.meta, rows) == 300
        store.put(conn, s.meta, [row | {"value": "new"} for row in rows[:200]])
        store.add(conn, s.tallies, [tally(n, n) for n in range(300)], ["count"])
        store.add(conn, s.tallies, [tally(n, 1, authors=b"z") for n in range(299, -1, -1)], ["count"])
        found = store.fetch(conn, s.meta, [(f"k{n:04d}",) for n in range(700)], ["value"])
        tallies = store.fetch(conn, s.tallies, [("m", n, 0) for n in range(300)], ["count", "authors"])
    assert found == {(f"k{n:04d}",): ("new" if n < 200 else str(n),) for n in range(500)}
    assert tallies == {("m", n, 0): (n + 1, b"") for n in range(300)}


def test_bulk_after_a_transaction_that_was_rolled_back(make_store: MakeStore) -> None:
    store = make_store()
    rows = [{"key": f"k{n:04d}", "value": str(n)} for n in range(200)]
    with pytest.raises(RuntimeError), store.write() as conn:
        store.insert_new(conn, s.meta, rows)
        raise RuntimeError
    with store.write() as conn:
        assert store.insert_new(conn, s.meta, rows) == 200


@pytest.mark.parametrize("many", [0, 200])
def test_one_key_twice_in_one_call_is_as_if_in_two(make_store: MakeStore, many: int) -> None:
    store = make_store()
    others = [{"key": f"k{n:04d}", "value": "x"} for n in range(many)]
    more = [tally(1000 + n, 0) for n in range(many)]
    with store.write() as conn:
        twice = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
        assert store.insert_new(conn, s.meta, [*twice, *others]) == 1 + many
        assert store.fetch(conn, s.meta, [("a",)], ["value"]) == {("a",): ("1",)}
        store.put(conn, s.meta, [*twice, *others])
        assert store.fetch(conn, s.meta, [("a",)], ["value"]) == {("a",): ("2",)}
        rows = [tally(1, 5, reach=1), tally(1, 3, reach=9, authors=b"z"), *more]
        store.add(conn, s.tallies, rows, ["count"])
        store.put(conn, s.tallies, [tally(2, 5, reach=1), tally(2, 3, reach=9), *more], ["count"])
        found = store.fetch(conn, s.tallies, [("m", 1, 0), ("m", 2, 0)], ["count", "reach", "authors"])
    assert found == {("m", 1, 0): (8, 1, b""), ("m", 2, 0): (3, 1, b"")}


def test_a_row_that_breaks_a_rule_is_loud_and_nothing_of_it_stays(make_store: MakeStore) -> None:
    store = make_store()
    for many in (1, 200):
        rows: list[dict[str, object]] = [{"key": f"k{n}", "value": "x"} for n in range(many)]
        with pytest.raises(IntegrityError), store.write() as conn:
            store.put(conn, s.meta, [*rows, {"key": "bad", "value": None}])
        with store.read() as conn:
            assert conn.execute(select(s.meta).where(s.meta.c.key.like("k%"))).all() == []


def test_writers_beside_others_add_to_one_row_and_lose_nothing(make_store: MakeStore) -> None:
    stores = [make_store() for _ in range(3)]

    def work(mine: Store, first: int) -> None:
        for turn in range(10):
            minutes = range(60) if (first + turn) % 2 else range(59, -1, -1)
            with mine.write(alone=False) as conn:
                mine.add(conn, s.tallies, [tally(minute, 1) for minute in minutes], ["count"])

    in_threads(*(partial(work, store, n) for n, store in enumerate(stores)))
    with stores[0].read() as conn:
        assert set(conn.execute(select(s.tallies.c.count)).scalars()) == {30}


def test_who_writes_alone_may_read_and_then_write(make_store: MakeStore) -> None:
    stores = [make_store() for _ in range(3)]
    with stores[0].write() as conn:
        stores[0].put(conn, s.meta, [{"key": "n", "value": "0"}])

    def work(mine: Store) -> None:
        for _ in range(15):
            with mine.write() as conn:
                value = conn.execute(select(s.meta.c.value).where(s.meta.c.key == "n")).scalar_one()
                conn.execute(update(s.meta).where(s.meta.c.key == "n").values(value=str(int(value) + 1)))

    in_threads(*(partial(work, store) for store in stores))
    with stores[0].read() as conn:
        assert conn.execute(select(s.meta.c.value).where(s.meta.c.key == "n")).scalar_one() == "45"


def test_numbers_of_events_appear_in_the_order_in_which_they_are_committed(make_store: MakeStore) -> None:
    stores, seen, missed = [make_store() for _ in range(3)], 0, list[int]()
    done = threading.Event()

    def work(mine: Store, who: int) -> None:
        for n in range(12):
            with mine.write() as conn:
                row = {"id": f"{who}-{n}", "alert_id": "a", "at": NOW, "kind": "k", "data": {}}
                conn.execute(insert(s.alert_events).values(**row))
                time.sleep(0.001 * who)

    def watch() -> None:
        nonlocal seen
        store, known = make_store(), set[int]()
        last = False
        while True:
            with store.read() as conn:
                found = list(conn.execute(select(s.alert_events.c.seq)).scalars())
            missed.extend(seq for seq in found if seq not in known and seq < max(known, default=0))
            known.update(found)
            seen = len(known)
            if last:
                return
            last = done.is_set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    in_threads(*(partial(work, store, n) for n, store in enumerate(stores)))
    done.set()
    watcher.join(timeout=30)
    assert (seen, missed) == (36, [])


def test_claims_beside_others_never_meet(make_store: MakeStore) -> None:
    stores = [make_store() for _ in range(3)]
    with stores[0].write() as conn:
        stores[0].put(conn, s.meta, [{"key": f"job{i:02d}", "value": "todo"} for i in range(40)])
    taken: list[str] = []

    def work(mine: Store) -> None:
        where = s.meta.c.key.like("job%") & (s.meta.c.value == "todo")
        while True:
            with mine.write(alone=False) as conn:
                rows = mine.claim(conn, s.meta, where, [s.meta.c.key], 3)
                mine.put(conn, s.meta, [{"key": r.key, "value": "done"} for r in rows])
            taken.extend(r.key for r in rows)
            with mine.read() as conn:
                if conn.execute(select(s.meta.c.key).where(where).limit(1)).first() is None:
                    return

    in_threads(*(partial(work, store) for store in stores))
    assert sorted(taken) == [f"job{i:02d}" for i in range(40)]


def test_two_that_take_a_partition_over_at_once_get_different_epochs(make_store: MakeStore) -> None:
    stores, epochs = [make_store() for _ in range(3)], list[int]()

    def work(mine: Store, who: str) -> None:
        for _ in range(8):
            with mine.write(alone=False) as conn:
                at = offsets.take_over(conn, "c", "mentions", 0, who, NOW)
            epochs.append(at.epoch)

    in_threads(*(partial(work, store, str(n)) for n, store in enumerate(stores)))
    assert sorted(epochs) == list(range(1, 25))


def test_a_gap_that_two_find_is_kept_once(make_store: MakeStore) -> None:
    stores = [make_store() for _ in range(3)]

    def work(mine: Store) -> None:
        with mine.write(alone=False) as conn:
            offsets.record_gap(conn, "c", "mentions", RecordGap(0, 5, 9), NOW)

    in_threads(*(partial(work, store) for store in stores))
    with stores[0].read() as conn:
        assert len(conn.execute(select(s.gaps)).all()) == 1


def in_threads(*works: Callable[[], None]) -> None:
    """Run these functions side by side. An error of one of them is raised here."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result(timeout=60)


def test_two_claimers_never_get_the_same_row(make_store: MakeStore) -> None:
    store, other = make_store(), make_store()
    with store.write() as conn:
        store.put(conn, s.meta, [{"key": f"job{i}", "value": "todo"} for i in range(40)])
    taken: list[str] = []

    def work(mine: Store) -> None:
        while True:
            with mine.write() as conn:
                where = s.meta.c.key.like("job%") & (s.meta.c.value == bindparam("state"))
                rows = mine.claim(conn, s.meta, where, [s.meta.c.key], 3, {"state": "todo"})
                mine.put(conn, s.meta, [{"key": r.key, "value": "done"} for r in rows])
            if not rows:
                return
            taken.extend(r.key for r in rows)

    workers = [threading.Thread(target=work, args=(one,)) for one in (store, other, store)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    assert sorted(taken) == sorted(f"job{i}" for i in range(40))


def test_a_reader_sees_one_moment(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        store.put(conn, s.meta, [{"key": "a", "value": "1"}])
    with store.read() as reader:
        before = reader.execute(select(s.meta.c.value).where(s.meta.c.key == "a")).scalar_one()
        with store.write() as conn:
            store.put(conn, s.meta, [{"key": "a", "value": "2"}])
        after = reader.execute(select(s.meta.c.value).where(s.meta.c.key == "a")).scalar_one()
    assert (before, after) == ("1", "1")


def test_opening_again_finds_everything_and_migrating_twice_is_harmless(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        store.put(conn, s.meta, [{"key": "kept", "value": "yes"}])
    again = make_store()
    again.migrate()
    with again.read() as conn:
        assert conn.execute(select(s.meta.c.value).where(s.meta.c.key == "kept")).scalar_one() == "yes"


def test_offsets_move_only_from_where_they_are(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        at = offsets.take_over(conn, "c", "mentions", 3, "one", NOW)
        assert at == Position(0, 1)
        at = offsets.advance(conn, "c", "mentions", 3, at, 10, 7, NOW)
    with pytest.raises(Fenced), store.write() as conn:
        offsets.advance(conn, "c", "mentions", 3, Position(0, 1), 5, 7, NOW)
    with store.read() as conn:
        assert offsets.stored(conn, "c", "mentions") == {3: 10}


def test_who_was_taken_over_from_is_fenced_and_leaves_nothing(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        old = offsets.take_over(conn, "c", "mentions", 0, "one", NOW)
    with store.write() as conn:
        new = offsets.take_over(conn, "c", "mentions", 0, "two", NOW)
    with pytest.raises(Fenced), store.write() as conn:
        store.put(conn, s.meta, [{"key": "derived", "value": "x"}])
        offsets.advance(conn, "c", "mentions", 0, old, 4, 0, NOW)
    with store.write() as conn:
        offsets.advance(conn, "c", "mentions", 0, new, 4, 0, NOW)
        assert conn.execute(select(s.meta).where(s.meta.c.key == "derived")).all() == []


def test_offsets_of_another_stream_mean_nothing(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        offsets.advance(
            conn, "c", "mentions", 0, offsets.take_over(conn, "c", "mentions", 0, "one", NOW), 4, 0, NOW
        )
        assert offsets.take_over(conn, "another", "mentions", 0, "one", NOW) == Position(0, 1)


def test_definitions_keep_their_id_and_every_version(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        first = repository.save(conn, Person(name="Ada"), now=NOW, actor="test")
        same = repository.save(conn, Person(name="Ada"), now=NOW + timedelta(hours=1), actor="test")
        renamed = repository.save(
            conn, Person(name="Ada B", role=Role.PR), now=NOW, actor="test", id=first.id
        )
        assert (same.version, renamed.version, renamed.id) == (1, 2, first.id)
        assert [version for version, *_ in repository.history(conn, "person", first.id)] == [1, 2]
        assert repository.find(conn, Person, "Ada B").value.role is Role.PR
        with pytest.raises(NotFound, match="known: Ada B"):
            repository.find(conn, Person, "Ada")


def test_a_stale_version_of_a_definition_is_a_conflict(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        one = repository.save(conn, Person(name="Ada"), now=NOW, actor="test")
        repository.save(conn, Person(name="Ada", role=Role.PR), now=NOW, actor="test", expected_version=1)
        with pytest.raises(Conflict, match="version 2"):
            repository.save(conn, Person(name="Ada"), now=NOW, actor="test", id=one.id, expected_version=1)


def test_a_deleted_name_is_free_again_with_another_id(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        one = repository.save(conn, Person(name="Ada"), now=NOW, actor="test")
        repository.delete(conn, Person, "Ada", now=NOW, actor="test")
        two = repository.save(conn, Person(name="Ada"), now=NOW, actor="test")
        assert one.id != two.id
        assert [d.id for d in repository.listed(conn, Person)] == [two.id]


def test_a_generation_grows_with_every_change_of_its_kind(make_store: MakeStore) -> None:
    store = make_store()
    with store.write() as conn:
        assert repository.generation(conn, "person") == 0
        repository.save(conn, Person(name="Ada"), now=NOW, actor="test")
        repository.save(conn, Person(name="Ada"), now=NOW, actor="test")
        assert repository.generation(conn, "person") == 1
        assert repository.generation(conn, "monitor") == 0
