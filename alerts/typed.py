"""Names of forgotten people in what people typed about alerts and escalations. The lines are found, so that a person reads
them. The name is taken out where that person says so. The record keeps the hash of the words as they were typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Column, Connection, Table, Text, and_, cast, or_, select, update

from alerts.forgetting import GONE
from tocsin.core.text import naming
from tocsin.store import schema as s
from tocsin.store.port import Store

PIECE: Final = 200
_KEPT: Final = re.compile(r"https?://|<")
_PARTS: Final = re.compile(r"(https?://[^\s<>'\"]+|<[^>]*>)")
_LINES: Final[tuple[tuple[Literal["alert", "escalation"], Table, str], ...]] = (
    ("alert", s.alert_timeline, "alert_id"),
    ("escalation", s.escalation_entries, "escalation_id"),
)
"""The kind of object, the table with the lines that people typed about it, and the column that names the object."""
_HELD: Final[tuple[tuple[Table, tuple[str, ...]], ...]] = (
    (s.alert_timeline, ("reason",)),
    (s.escalation_entries, ("text",)),
    (s.alerts, ("reason",)),
    (s.escalations, ("reason", "decisions")),
    (s.notices, ("subject", "body")),
)
"""Every column that typed words come to."""
_TYPED: Final = frozenset({"reason", "text", "subject", "html"})
"""The keys under which JSON holds typed words. What stands under other keys, such as who decided, nobody typed, and it stays."""


@dataclass(frozen=True, slots=True)
class Typed:
    """`count` lines of one alert or escalation name somebody. The lines themselves are left out: some are for Legal only."""

    kind: Literal["alert", "escalation"]
    id: str
    count: int


def typed_naming(conn: Connection, names: Sequence[str]) -> list[Typed]:
    """Where people typed one of these names, in the order of the ids."""
    found: dict[tuple[Literal["alert", "escalation"], str], int] = {}
    for kind, table, whose in _LINES:
        for row, _ in _hits(conn, table, dict(_HELD)[table], names):
            key = (kind, str(row[whose]))
            found[key] = found.get(key, 0) + 1
    return [Typed(kind, id, count) for (kind, id), count in sorted(found.items())]


def forget_typed(store: Store, names: Sequence[str]) -> int:
    """Take these names out of all that people typed, and out of the notices that told it. Returns how many lines changed."""
    lines = {table for _, table, _ in _LINES}
    changed = 0
    for table, columns in _HELD:
        with store.read() as conn:
            hits = [(row, values) for row, values in _hits(conn, table, columns, names)]
        for start in range(0, len(hits), PIECE):
            with store.write(alone=False) as conn:
                for row, values in hits[start : start + PIECE]:
                    mine = and_(*(one == row[one.name] for one in table.primary_key.columns))
                    conn.execute(update(table).where(mine).values(**values))
        changed += len(hits) if table in lines else 0
    return changed


def _without(name: str, value: Any, pattern: re.Pattern[str]) -> Any:
    """The value of that name with what the pattern finds taken out of its words."""
    if isinstance(value, Mapping):
        return {key: _without(key, one, pattern) for key, one in value.items()}
    if not isinstance(value, str) or name not in _TYPED:
        return value
    # Links and tags stay whole: they are ours, and somebody may still follow them.
    return "".join(part if _KEPT.match(part) else pattern.sub(GONE, part) for part in _PARTS.split(value))


def _hits(
    conn: Connection, table: Table, columns: Sequence[str], names: Sequence[str]
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    """The rows that have one of the names, each by its key, with the values of its columns as they are without."""
    if not names:
        return
    pattern, held = naming(names), [table.c[name] for name in columns]
    query = select(*table.primary_key.columns, *held).where(_may_hold(held, names))
    for row in conn.execute(query).mappings():
        after = {name: _without(name, row[name], pattern) for name in columns}
        if any(after[name] != row[name] for name in columns):
            yield dict(row), after


def _may_hold(columns: Sequence[Column[Any]], names: Sequence[str]) -> Any:
    """The condition that picks the few rows that may hold a name. One engine knows the capitals of ASCII only, so for other
    names it picks every row with words.
    """
    if all(name.isascii() for name in names):
        return or_(*(cast(one, Text).icontains(name, autoescape=True) for one in columns for name in names))
    return or_(*(one.is_not(None) for one in columns))
