"""A whole store copied into another one: every table and every value, byte for byte, and sequences go on where they stopped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, Table, insert, select

from ops.transfer import copy
from ops.transfer.export import KINDS
from tests.engines.postgres import Postgres
from tocsin.core.errors import WrongInput
from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.copying import OF_THE_STORE, Different
from tocsin.store.opening import open_store
from tocsin.store.port import Store
from tocsin.store.types import Json, UtcTime

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORDS = ("ketel", "Şişli ığdır", "țară Ăâ", "a\tb\n'\"\\", "", "\u202e€🙂", "Zz")
READ_BY_EXPORTS = {("definitions", "kind"): "monitor", ("tally_parts", "dimension"): "lang"}
ROWS = 45
Make = Callable[[], Store]


@pytest.fixture
def make(tmp_path: Path) -> Any:
    made: list[Store] = []

    def make(url: str = "sqlite") -> Store:
        folder = tmp_path / f"s{len(made)}"
        folder.mkdir()
        made.append(open_store(url, folder, durable=False))
        return made[-1]

    yield make
    for one in made:
        one.close()


def value(column: Column[Any], n: int) -> Any:
    """A value of this column's type for row `n`. Where the column is in a key or must be unique, every row has another value."""
    kind: Any = column.type
    if (column.table.name, column.name) in READ_BY_EXPORTS:
        return READ_BY_EXPORTS[column.table.name, column.name]
    if column.nullable and not column.unique and n % 3 == 0:
        return None
    if isinstance(kind, UtcTime):
        return NOON + timedelta(hours=7 * n, microseconds=n)
    if isinstance(kind, Json):
        return {"b": [n, None, 1.5], "a": WORDS[n % len(WORDS)]}
    # The type in which the database keeps a type of ours.
    kind = getattr(kind, "impl_instance", kind)
    if isinstance(kind, Boolean):
        return n % 2 == 0
    if isinstance(kind, Float):
        return n / 7
    if isinstance(kind, LargeBinary):
        return bytes(range(256)) * (n % 3)
    if isinstance(kind, Integer):
        return n + 1 if column.primary_key else n * 10**7
    return f"{n:04d}{WORDS[n % len(WORDS)]}"[: getattr(kind, "length", None) or 99]


def fill(store: Store) -> None:
    """Fill every table. `alert_events` has a hole at its end, as after the newest rows were deleted."""
    for table in s.metadata.sorted_tables:
        rows = [{c.name: value(c, n) for c in table.columns if c.name != "words"} for n in range(ROWS)]
        with store.write() as conn:
            store.insert_new(conn, table, rows)
    with store.write() as conn:
        newest = {"id": "newest", "alert_id": "a", "at": NOON, "kind": "k", "data": {}}
        given = conn.execute(insert(s.alert_events).values(**newest)).inserted_primary_key
        assert given is not None
        conn.execute(s.alert_events.delete().where(s.alert_events.c.id == "newest"))
        meta.put(conn, "mode", "live")


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    def rows(table: Table) -> list[tuple[Any, ...]]:
        query = select(table).order_by(*table.primary_key)
        if table is s.meta:
            query = query.where(table.c.key.not_in(OF_THE_STORE))
        with store.read() as conn:
            return [tuple(row) for row in conn.execute(query)]

    return {table.name: rows(table) for table in s.metadata.sorted_tables}


def copied(source: Store, target: Store) -> dict[str, int]:
    copy.prepare(target, "a test")
    with source.read() as conn:
        counts = copy.copy_store(conn, target)
    copy.finish(target)
    return counts


def next_number(store: Store) -> int:
    with store.write() as conn:
        row = {"id": "next", "alert_id": "a", "at": NOON, "kind": "k", "data": {}}
        conn.execute(insert(s.alert_events).values(**row))
        return int(
            conn.execute(select(s.alert_events.c.seq).where(s.alert_events.c.id == "next")).scalar_one()
        )


@pytest.mark.slow("fills and carries whole stores")
def test_every_table_arrives_whole_and_numbers_go_on(make: Make) -> None:
    source, target = make(), make()
    fill(source)
    counts = copied(source, target)
    assert set(counts) == set(s.metadata.tables)
    assert all(count >= ROWS for count in counts.values())
    assert everything(target) == everything(source)
    assert next_number(target) == next_number(source) == ROWS + 2


def test_to_the_real_engine_and_back_nothing_is_different(make: Any, postgres: Postgres) -> None:
    first, real, back = make(), make(postgres.database()), make()
    fill(first)
    copied(first, real)
    assert everything(real) == everything(first)
    with first.read() as one, real.read() as other:
        kinds = [compared.kind for compared in copy.compare_all(one, other)]
    assert kinds == list(KINDS)
    copied(real, back)
    assert everything(back) == everything(first)
    assert next_number(real) == next_number(back) == next_number(first) == ROWS + 2


@pytest.mark.slow("fills and carries whole stores")
def test_a_target_that_holds_anything_is_refused(make: Make) -> None:
    source, target = make(), make()
    fill(source)
    with target.write() as conn:
        meta.put(conn, "mode", "live")
    with pytest.raises(WrongInput, match="not empty"):
        copy.prepare(target, "a test")
    with pytest.raises(WrongInput, match="not empty"):
        copy.prepare(source, "a test")


@pytest.mark.slow("fills and carries whole stores")
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_what_was_interrupted_cannot_be_used_and_is_begun_anew(
    make: Any, engine: str, request: pytest.FixtureRequest
) -> None:
    url = "sqlite" if engine == "sqlite" else request.getfixturevalue("postgres").database()
    source, target = make(), make(url)
    fill(source)
    copy.prepare(target, "old.db")

    def die(table: str, _rows: int) -> None:
        if table == "signals":
            raise KeyboardInterrupt

    with source.read() as conn, pytest.raises(KeyboardInterrupt):
        copy.copy_store(conn, target, die)
    with target.write() as conn, pytest.raises(WrongInput, match=r"half filled from old\.db"):
        meta.claim_mode(conn, "live")
    assert everything(target) != everything(source)
    copied(source, target)
    assert everything(target) == everything(source)
    with target.write() as conn:
        meta.claim_mode(conn, "live")


@pytest.mark.slow("fills and carries whole stores")
def test_what_is_written_meanwhile_is_not_in_the_copy(make: Make) -> None:
    source, target = make(), make()
    fill(source)
    before = everything(source)
    wrote: list[int] = []

    def write(_table: str, _rows: int) -> None:
        if not wrote:
            wrote.append(next_number(source))

    copy.prepare(target, "a test")
    with source.read() as conn:
        copy.copy_store(conn, target, write)
    assert wrote
    after = everything(target)
    assert after == before


@pytest.mark.slow("fills and carries whole stores")
def test_a_line_that_differs_is_named(make: Make) -> None:
    source, target = make(), make()
    fill(source)
    copied(source, target)
    with target.write() as conn:
        conn.execute(s.notices.update().where(s.notices.c.step > 0).values(subject="another"))
    with source.read() as one, target.read() as other:
        assert copy.compare(one, other, "audit").lines == ROWS
        with pytest.raises(Different, match="notices: line 2 is another"):
            copy.compare(one, other, "notices")
    with target.write() as conn:
        conn.execute(s.dead_letters.delete().where(s.dead_letters.c.attempts == 0))
    with source.read() as one, target.read() as other, pytest.raises(Different, match="dead-letters"):
        copy.compare(one, other, "dead-letters")
