"""Copies of a whole store into an empty one of either engine: for `tocsin move`, `backup` and `restore`.

A copy reads one snapshot and writes it table by table (`tocsin.store.copying`). Until the copy is finished, the target says in
`meta` that it is half filled, and nothing runs on it. A copy that was interrupted starts again and clears the target first. The
tables are those of `tocsin.store.schema`, so a new table needs no line here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from sqlalchemy import Connection

from ops.transfer.export import KINDS, export
from tocsin.core.errors import WrongInput
from tocsin.store import meta
from tocsin.store.copying import Different, OnRows, clear_table, copy_table, count_copied, filled_tables
from tocsin.store.port import Store
from tocsin.store.schema import metadata
from tocsin.store.sequences import go_on_after, last_given
from tocsin.store.unhurried import take_your_time


@dataclass(frozen=True, slots=True)
class Compared:
    """One kind of export, equal in both: how many lines, and SHA-256 over them in hex."""

    kind: str
    lines: int
    sha256: str


def prepare(target: Store, where_from: str) -> None:
    """Mark the target as half filled, and delete the rows that an interrupted copy left in it.

    Raises `WrongInput` where the target holds rows that are not from an interrupted copy.
    """
    with target.write() as conn:
        left = meta.get(conn, meta.FILLING)
        if left is None:
            full = next(filled_tables(conn), None)
            if full is not None:
                raise WrongInput(
                    f"the store {target.url.partition('?')[0]} is not empty (its table {full} has rows): name an empty one"
                )
        meta.put(conn, meta.FILLING, where_from)
    if left is not None:
        for table in metadata.sorted_tables:
            with target.write() as conn:
                take_your_time(conn)
                clear_table(conn, table)


def copy_store(
    source: Connection, target: Store, on_rows: OnRows = lambda _table, _rows: None
) -> dict[str, int]:
    """Copy every row that this snapshot sees into the prepared target; return the number of rows per table.

    The target stays marked as half filled until `finish`. Raises `Different` where a table did not take every row.
    """
    take_your_time(source)
    counts = {}
    for table in metadata.sorted_tables:
        counts[table.name] = copy_table(source, target, table, on_rows)
    with target.write() as conn:
        go_on_after(conn, last_given(source))
    with target.read() as conn:
        take_your_time(conn)
        for table in metadata.sorted_tables:
            found = count_copied(conn, table)
            if found != counts[table.name]:
                raise Different(f"{table.name}: {counts[table.name]} rows were copied, {found} are there")
    return counts


def finish(target: Store) -> None:
    """Mark the target as whole."""
    with target.write() as conn:
        meta.forget(conn, meta.FILLING)


def compare(one: Connection, other: Connection, kind: str) -> Compared:
    """Compare one kind of `tocsin export` byte for byte. Raises `Different` with the first line that is not equal."""
    digest, count = hashlib.sha256(), 0
    for count, (a, b) in enumerate(zip_longest(export(one, kind), export(other, kind)), 1):
        if a is None or b is None:
            side = "the old store ends" if a is None else "the new store ends"
            raise Different(f"{kind}: {side} before line {count} of the other")
        if a != b:
            raise Different(f"{kind}: line {count} is another one in the new store")
        digest.update(a)
    return Compared(kind, count, digest.hexdigest())


def compare_all(one: Connection, other: Connection) -> Iterator[Compared]:
    """Compare every kind that can be exported."""
    take_your_time(one)
    take_your_time(other)
    for kind in KINDS:
        yield compare(one, other, kind)


def in_a_line(rows: Mapping[str, int]) -> str:
    """The numbers of copied rows, in a line."""
    return ", ".join(f"{name} {count}" for name, count in sorted(rows.items()) if count and name != "meta")
