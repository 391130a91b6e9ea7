"""Messages about input that could not be taken: of pushes, of imports, and in answers that are kept for a repeated request. A
message may quote the input, so an erasure takes the name out of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, Text, and_, cast, select, update

from alerts.forgetting import GONE
from tocsin.core.text import naming
from tocsin.intake.pushes import REFUSALS
from tocsin.store import schema as s
from tocsin.store.port import Store

PIECE: Final = 200
_HELD: Final[tuple[tuple[Table, Column[Any]], ...]] = (
    (s.imports, s.imports.c.reasons),
    REFUSALS,
    (s.idempotency, s.idempotency.c.body),
)
_MESSAGE: Final = "message"


def count_refusals(conn: Connection, names: Sequence[str]) -> int:
    """The imports, pushes and kept answers that have one of these names in a message."""
    return sum(1 for table, column in _HELD for _ in _hits(conn, table, column, names))


def forget_refusals(store: Store, names: Sequence[str]) -> int:
    """Take these names out of the messages. Returns how many imports, pushes and kept answers changed."""
    changed = 0
    for table, column in _HELD:
        with store.read() as conn:
            hits = list(_hits(conn, table, column, names))
        for start in range(0, len(hits), PIECE):
            with store.write(alone=False) as conn:
                for key, value in hits[start : start + PIECE]:
                    mine = and_(*(one == key[one.name] for one in table.primary_key.columns))
                    conn.execute(update(table).where(mine).values({column.name: value}))
        changed += len(hits)
    return changed


def _hits(
    conn: Connection, table: Table, column: Column[Any], names: Sequence[str]
) -> Iterator[tuple[Mapping[str, Any], Any]]:
    if not names:
        return
    pattern = naming(names)
    # Most have refused nothing, and have no message.
    query = select(*table.primary_key.columns, column).where(cast(column, Text).contains(f'"{_MESSAGE}"'))
    for row in conn.execute(query).mappings():
        value = row[column.name]
        if (after := _without(value, pattern)) != value:
            yield dict(row), after


def _without(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: pattern.sub(GONE, one)
            if name == _MESSAGE and isinstance(one, str)
            else _without(one, pattern)
            for name, one in value.items()
        }
    return [_without(one, pattern) for one in value] if isinstance(value, list) else value
