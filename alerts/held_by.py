"""What holds an alert back just now, and until when: a silence, an expected event, a holiday, or the night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, case, select

from alerts import states
from alerts.alert import Alert, from_row
from tocsin.core.clock import from_micros, to_micros
from tocsin.definitions.models import Silence
from tocsin.definitions.repository import listed
from tocsin.store import schema as s

KINDS: Final = {"silence": "silence", "expected event": "expected_event", "holiday": "holiday"}
"""The kind of a hold, by the words of its reason before the colon and the name."""
WAITS: Final = "waits "
"""The beginning of the reason of a night, which has no name."""


@dataclass(frozen=True, slots=True)
class HeldBy:
    """`kind`: silence, expected_event, holiday or night. `name` is empty for the night. `until`: None where it is over or was
    ended, and the next signal lets the alert fire.
    """

    kind: str
    name: str
    until: datetime | None


def last_hold() -> ColumnElement[Any]:
    """The column `last_hold` of a query of alerts: the detail of what held the last step, where a step is still to come."""
    a, t = s.alerts.c, s.alert_timeline.c
    newest = select(t.detail).where(t.alert_id == a.id, t.action == "hold").order_by(t.seq.desc()).limit(1)
    # A case, so that the engine looks only for the alerts that something may hold.
    firing = and_(a.status == states.FIRING, a.next_step_at.is_not(None))
    return case((firing, newest.scalar_subquery())).label("last_hold")


def read_held(conn: Connection, rows: Sequence[Row[Any]]) -> tuple[list[Alert], dict[str, HeldBy]]:
    """The alerts of rows that have `last_hold`, in their order, and what holds them, by their ids."""
    alerts = [from_row(row) for row in rows]
    return alerts, _held(conn, alerts, {row.id: row.last_hold for row in rows if row.last_hold is not None})


def held_by(conn: Connection, alerts: Iterable[Alert]) -> dict[str, HeldBy]:
    """What holds each of these alerts, by its id. An alert that nothing holds is absent."""
    alerts = list(alerts)
    stepping = [one.id for one in alerts if one.status == states.FIRING and one.next_step_at is not None]
    if not stepping:
        return _held(conn, alerts, {})
    asked = select(s.alerts.c.id, last_hold()).where(s.alerts.c.id.in_(stepping))
    holds = {row.id: row.last_hold for row in conn.execute(asked) if row.last_hold is not None}
    return _held(conn, alerts, holds)


def _held(
    conn: Connection, alerts: Sequence[Alert], last: Mapping[str, Mapping[str, Any]]
) -> dict[str, HeldBy]:
    found = {
        one.id: told
        for one in alerts
        if one.id in last and (told := _of_a_step(last[one.id], one.next_step_at)) is not None
    }
    silenced = [one for one in alerts if one.status == states.SUPPRESSED and one.live]
    named = {one.id: told for one in silenced if (told := told_by(one.reason or "", None))}
    silences = [one.value for one in listed(conn, Silence)] if named else []
    for one in silenced:
        if one.id in named:
            found[one.id] = _with_its_end(named[one.id], one, silences)
    return found


def told_by(reason: str, until: datetime | None) -> HeldBy | None:
    """What a reason names; None for a reason of another kind."""
    begins, _, name = reason.partition(": ")
    if name and begins in KINDS:
        return HeldBy(KINDS[begins], name, until)
    return HeldBy("night", "", until) if reason.startswith(WAITS) else None


def _of_a_step(hold: Mapping[str, Any], next_step_at: datetime | None) -> HeldBy | None:
    """The hold of the next step, if the step is due when the hold says so. A later step has another time."""
    until = from_micros(to_micros(datetime.fromisoformat(hold["until"])))
    return told_by(str(hold["waits"]), until) if until == next_step_at else None


def _with_its_end(told: HeldBy, alert: Alert, silences: Iterable[Silence]) -> HeldBy:
    mine = (None, alert.monitor, alert.monitor_id)
    ends = [one.ends_at for one in silences if one.name == told.name and one.monitor in mine]
    return HeldBy(told.kind, told.name, max(ends, default=None))
