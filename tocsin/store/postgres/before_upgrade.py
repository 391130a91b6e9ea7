"""The copy of a PostgreSQL store before its upgrade: an embedded store of the same schema, row by row from one snapshot."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, Table, inspect

from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.copying import copy_table
from tocsin.store.migrations import upgrade
from tocsin.store.search import index_due
from tocsin.store.sequences import go_on_after, last_given
from tocsin.store.sqlite.engine import SqliteStore
from tocsin.store.unhurried import take_your_time

_SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
      FROM pg_class c WHERE c.relkind IN ('r', 'm') AND c.relnamespace = current_schema()::regnamespace"""


def prefix_of(where: str) -> str:
    """What the names of the copies of this store begin with: several stores may share a folder."""
    return f"{re.sub(r'[^0-9A-Za-z]+', '-', where).strip('-')}."


def size_of(conn: Connection) -> int:
    """The bytes that the tables of the store take, with their indexes."""
    return int(conn.exec_driver_sql(_SIZE).scalar_one())


def write_copy(source: Connection, part: Path, schema: int) -> None:
    """Copy all that this snapshot of a store of this schema sees into a new embedded store of the same schema."""
    take_your_time(source)
    target = SqliteStore(part, durable=False)
    try:
        upgrade.migrate(target, str(part), to=schema)
        for table in _tables(target):
            copy_table(source, target, table)
        with target.write() as conn:
            go_on_after(conn, last_given(source))
            if inspect(conn).has_table("mention_words"):
                index_due(conn)
            if half := meta.get(source, meta.FILLING):
                meta.put(conn, meta.FILLING, half)
    finally:
        target.close()


def _tables(store: SqliteStore) -> list[Table]:
    """The tables of this store with the columns that they have there. A column has no default, which later code gave it."""
    here = MetaData()
    with store.read() as conn:
        present = inspect(conn)
        return [
            Table(
                table.name,
                here,
                *(
                    Column(column.name, column.type, primary_key=column.primary_key)
                    for one in present.get_columns(table.name)
                    for column in [table.c[one["name"]]]
                ),
            )
            for table in s.metadata.sorted_tables
            if present.has_table(table.name)
        ]
