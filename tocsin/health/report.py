"""The last report of each part on its own state: one row per component. The auditor, `tocsin doctor` and the web page read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, false, select

from tocsin.core.clock import passed
from tocsin.core.loop import WorkerLoop
from tocsin.health.roles import GONE_AFTER, PARTS
from tocsin.health.sources import COMPONENT_PREFIX
from tocsin.store import schema as s
from tocsin.store.port import Store

EVERY = timedelta(seconds=10)

State = Literal["ok", "degraded", "blind", "failed"]


def part_rows(conn: Connection) -> Sequence[Row[Any]]:
    """The last report of each part, in the order of the names. The rows of sources are left out."""
    h = s.health.c
    said = select(s.health).where(h.component.not_like(f"{COMPONENT_PREFIX}%")).order_by(h.component)
    return conn.execute(said).all()


def troubled_rows(conn: Connection, now: datetime, *, live: bool) -> Sequence[Row[Any]]:
    """The rows, 20 at most, that do not say `ok`, and of a `live` store also those of parts that are gone."""
    h = s.health.c
    off = (h.at < now - GONE_AFTER) | (h.at > now + GONE_AFTER)
    late = (h.component.in_(PARTS) & off) if live else false()
    troubled = select(s.health).where((h.state != "ok") | late).order_by(h.state, h.component)
    return conn.execute(troubled.limit(20)).all()


def never_ran(conn: Connection) -> tuple[str, ...]:
    """The parts that have never reported, in the order of `PARTS`."""
    c = s.health.c.component
    ran = set(conn.execute(select(c).where(c.in_(PARTS))).scalars())
    return tuple(part for part in PARTS if part not in ran)


class Reporter:
    """Writes one component's row, at most every `EVERY` while its state stays the same."""

    def __init__(self, store: Store, component: str) -> None:
        self._store = store
        self._component = component
        self._last: tuple[datetime, State] | None = None

    def is_due(self, now: datetime, state: State) -> bool:
        """Whether a report is due, or the state has changed."""
        return self._last is None or self._last[1] != state or passed(EVERY, self._last[0], now)

    def say(self, now: datetime, state: State, **detail: Any) -> None:
        """Report, if a report is due. Raises `StoreUnavailable` when the store cannot be written."""
        if self.is_due(now, state):
            with self._store.write(alone=False) as conn:
                self.write(conn, now, state, detail)

    def say_trouble(self, now: datetime, loop: WorkerLoop, **detail: Any) -> None:
        """Report the trouble that keeps a worker from working: an engine that is away, or an error that nobody expected. A
        conflict is no trouble.
        """
        if loop.trouble is not None:
            state: State = "failed" if loop.failing else "degraded"
            self.say(now, state, reason=loop.trouble, unexpected_errors=loop.unexpected, **detail)

    def write(self, conn: Connection, now: datetime, state: State, detail: Mapping[str, Any]) -> None:
        """Report in the caller's transaction, due or not."""
        row = {"component": self._component, "at": now, "state": state, "detail": dict(detail)}
        self._store.put(conn, s.health, [row])
        self._last = (now, state)


def in_words(detail: object) -> str:
    """The detail of a row of `health` as a person reads it: its message or reason where it has one, else its fields."""
    if isinstance(detail, dict):
        said = detail.get("message") or detail.get("reason")
        return str(said) if said else ", ".join(f"{k}: {v}" for k, v in sorted(detail.items()))[:300]
    return "" if detail is None else str(detail)[:300]
