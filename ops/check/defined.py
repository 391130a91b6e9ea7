"""Definitions as a person at a terminal asks about them: a row for each, which cannot steer the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import Connection

from tocsin.core.clock import iso
from tocsin.core.text import escaped_cell
from tocsin.definitions.models import KINDS
from tocsin.definitions.repository import ended, listed

HEADER: Final = ("name", "id", "version", "changed", "what it says")
MOST_ENDED: Final = 500


def table(conn: Connection, kind: str) -> Iterator[tuple[str, ...]]:
    """The header, and a row for each living definition of this kind in the order of the names."""
    yield HEADER
    for one in listed(conn, KINDS[kind]):
        changed = iso(one.updated_at)
        yield escaped_cell(one.name), one.id, str(one.version), changed, escaped_cell(_SAYS[kind](one.value))


def ended_table(conn: Connection, kind: str) -> Iterator[tuple[str, ...]]:
    """The header, and a row for each ended definition of this kind, the newest end first."""
    yield HEADER[:2]
    for id, name in ended(conn, kind, MOST_ENDED):
        yield escaped_cell(name), id


def _monitor(one: Any) -> str:
    return one.query if one.enabled else f"paused; {one.query}"


def _person(one: Any) -> str:
    return one.role.value if one.active else f"inactive; {one.role.value}"


def _policy(one: Any) -> str:
    return "; ".join(f"after {step.after_minutes} min {', '.join(step.targets)}" for step in one.steps)


def _times(one: Any) -> str:
    return f"{one.monitor or 'all monitors'}, {iso(one.starts_at)} to {iso(one.ends_at)}"


_SAYS: Final[dict[str, Callable[[Any], str]]] = {
    "monitor": _monitor,
    "person": _person,
    "policy": _policy,
    "schedule": lambda one: ", ".join(one.rotation),
    "silence": _times,
    "expected_event": _times,
}
