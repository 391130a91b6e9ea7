"""The copying of a table's rows from one store into another, in batches of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Table, delete, func, literal, select

from tocsin.core.errors import TocsinError
from tocsin.store import meta
from tocsin.store import schema as s
from tocsin.store.port import Store

# Rows in one batch. A wide table is one whose rows may be a hundred kilobytes long.
ROWS, WIDE_ROWS = 2000, 200
WIDE = frozenset({"mentions", "mention_versions", "samples", "dead_letters", "batches", "signals", "alerts"})
# Keys of `meta` that describe the target and are not copied.
OF_THE_STORE = frozenset({"schema", "schema_reads", meta.FILLING})

OnRows = Callable[[str, int], None]
"""A callback that gets a table's name and how many of its rows are copied so far."""


class Different(TocsinError):
    """Two stores that should be equal are not; the message says where."""


def copy_table(
    source: Connection, target: Store, table: Table, on_rows: OnRows = lambda _table, _rows: None
) -> int:
    """Copy every row of a table that this snapshot sees; return how many there are. Raises `Different` where the target had one
    of them already.
    """
    size = WIDE_ROWS if table.name in WIDE else ROWS
    query = select(table).execution_options(yield_per=size)
    if table.name == s.meta.name:
        query = query.where(table.c.key.not_in(OF_THE_STORE))
    if table.name == s.mentions.name:
        # Day after day, as PostgreSQL partitions them.
        query = query.order_by(table.c.created_at)
    count = 0
    for partition in source.execute(query).mappings().partitions(size):
        rows = [dict(row) for row in partition]
        with target.write() as conn:
            new = target.insert_new(conn, table, rows)
        if new != len(rows):
            raise Different(f"{table.name}: {len(rows) - new} rows were there already")
        count += len(rows)
        on_rows(table.name, count)
    return count


def clear_table(conn: Connection, table: Table) -> None:
    """Delete every row that a copy may have brought."""
    own = table.c.key.not_in(OF_THE_STORE) if table is s.meta else None
    conn.execute(delete(table) if own is None else delete(table).where(own))


def count_copied(conn: Connection, table: Table) -> int:
    """The number of rows that a copy may have brought: all but those that describe the store itself."""
    rows = select(func.count()).select_from(table)
    if table is s.meta:
        rows = rows.where(table.c.key.not_in(OF_THE_STORE))
    return int(conn.execute(rows).scalar_one())


def filled_tables(conn: Connection) -> Iterator[str]:
    """The names of the tables in which a copy would find rows."""
    for table in s.metadata.sorted_tables:
        some = select(literal(1)).select_from(table).limit(1)
        if table is s.meta:
            some = some.where(table.c.key.not_in(OF_THE_STORE))
        if conn.execute(some).first() is not None:
            yield table.name
