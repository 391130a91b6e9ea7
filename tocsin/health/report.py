"""The last report of each part on its own state: one row per component. The auditor, `tocsin doctor` and the web page read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, false, select

from tocsin.core.clock import passed
from tocsin.core.loop import WorkerLoop
from tocsin.health.roles import GONE_AFTER, PARTS
from tocsin.health.sources import COMPONENT_PREFIX, component_of
from tocsin.store import schema as s
from tocsin.store.port import Store
from tocsin.store.source_state import names_heard

EVERY = timedelta(seconds=10)

State = Literal["ok", "degraded", "blind", "failed"]

_OF_SOURCES: Final = s.health.c.component.startswith(COMPONENT_PREFIX, autoescape=True)
_h = s.health.c


def _troubled(late: ColumnElement[bool]) -> Select[Any]:
    troubled = select(s.health).where((_h.state != "ok") | late)
    return troubled.order_by(_h.state, _h.component).limit(20)


_LONG_AGO, _AHEAD = (bindparam(name, type_=_h.at.type) for name in ("long_ago", "ahead"))
# Made once: every page asks them.
_TROUBLED: Final = _troubled(false())
_TROUBLED_OR_GONE: Final = _troubled(_h.component.in_(PARTS) & ((_h.at < _LONG_AGO) | (_h.at > _AHEAD)))
_RAN: Final = select(_h.component).where(_h.component.in_(PARTS))
# Every look that judges anything asks it.
_TROUBLED_SOURCES: Final = (
    select(s.health).where(_OF_SOURCES, s.health.c.state != "ok").order_by(s.health.c.component)
)


def part_rows(conn: Connection) -> Sequence[Row[Any]]:
    """The last report of each part, in the order of the names. The rows of sources are left out."""
    h = s.health.c
    said = select(s.health).where(~_OF_SOURCES).order_by(h.component)
    return conn.execute(said).all()


def troubled_rows(conn: Connection, now: datetime, *, live: bool) -> Sequence[Row[Any]]:
    """The rows, 20 at most, that do not say `ok`, and of a `live` store also those of parts that are gone."""
    if not live:
        return conn.execute(_TROUBLED).all()
    span = {"long_ago": now - GONE_AFTER, "ahead": now + GONE_AFTER}
    return conn.execute(_TROUBLED_OR_GONE, span).all()


def source_rows(conn: Connection) -> dict[str, Row[Any]]:
    """The last report on each source, by its component (`tocsin.health.sources.component_of`)."""
    return {row.component: row for row in conn.execute(select(s.health).where(_OF_SOURCES))}


def troubled_sources(conn: Connection) -> Sequence[Row[Any]]:
    """The reports on sources that do not say `ok`, in the order of the names. One that says that nothing has come yet is left out
    as soon as something has: reports are older than what was pushed a moment ago.
    """
    found = conn.execute(_TROUBLED_SOURCES).all()
    if all(_was_heard(row) for row in found):
        return found
    heard = {component_of(name) for name in names_heard(conn)}
    return [row for row in found if _was_heard(row) or row.component not in heard]


def told_of_source(row: Row[Any]) -> str:
    """A report on a source that does not say `ok`, in words for the evidence of an alert: those that the page and the API have. A
    source that is heard and warns all the same is heard only in part.
    """
    name = row.component.removeprefix(COMPONENT_PREFIX)
    if row.state == "blind":
        return f"{name} is blind"
    if not _was_heard(row):
        return f"{name} was never heard"
    state = shown_state(row)
    return f"{name} is heard only in part" if state == "ok" else f"{name} is {state}"


def shown_state(row: Row[Any]) -> str:
    """The state of a source as the page and the API call it, such as "failing", with BLIND beside it where it is blind. A report
    of an older version has only its level, such as "degraded".
    """
    state = str(row.detail.get("state", row.state)) if isinstance(row.detail, dict) else str(row.state)
    return f"{state}, BLIND" if row.state == "blind" and state != row.state else state


def _was_heard(row: Row[Any]) -> bool:
    return bool(row.detail.get("heard", True)) if isinstance(row.detail, dict) else True


def forget_sources(conn: Connection, but: Collection[str]) -> dict[str, str]:
    """Remove the reports on sources that are not among these components. Return the states of those that stay."""
    h = s.health.c
    conn.execute(delete(s.health).where(_OF_SOURCES, h.component.not_in(but)))
    return {row.component: row.state for row in conn.execute(select(h.component, h.state).where(_OF_SOURCES))}


def write_reports(store: Store, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write these reports in the caller's transaction, each in the place of the last one on its component."""
    store.put(conn, s.health, rows)


def never_ran(conn: Connection) -> tuple[str, ...]:
    """The parts that have never reported, in the order of `PARTS`."""
    ran = set(conn.execute(_RAN).scalars())
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
        write_reports(self._store, conn, [row])
        self._last = (now, state)


def in_words(detail: object) -> str:
    """The detail of a row of `health` as a person reads it: its message or reason where it has one, else its fields."""
    if isinstance(detail, dict):
        said = detail.get("message") or detail.get("reason")
        return str(said) if said else ", ".join(f"{k}: {v}" for k, v in sorted(detail.items()))[:300]
    return "" if detail is None else str(detail)[:300]
