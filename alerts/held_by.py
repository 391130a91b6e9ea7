"""What holds an alert back just now, and until when: a silence, an expected event, a holiday, or the night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from alerts import states
from alerts.alert import Alert
from tocsin.core.clock import from_micros, to_micros
from tocsin.definitions.models import Silence
from tocsin.definitions.repository import listed
from tocsin.store import schema as s

KINDS: Final = {"silence": "silence", "expected event": "expected_event", "holiday": "holiday"}
"""What a reason begins with, before a colon and a name, and the kind that it means."""
WAITS: Final = "waits "
"""What the reason of the night begins with: it has no name."""


@dataclass(frozen=True, slots=True)
class HeldBy:
    """`kind`: silence, expected_event, holiday or night. `name` is empty for the night. `until`: None where it is over or was
    ended, and the next signal lets the alert fire.
    """

    kind: str
    name: str
    until: datetime | None


def held_by(conn: Connection, alerts: Iterable[Alert]) -> dict[str, HeldBy]:
    """What holds each of these alerts, by its id. What nothing holds is absent."""
    alerts = list(alerts)
    steps = {
        one.id: one.next_step_at
        for one in alerts
        if one.status == states.FIRING and one.next_step_at is not None
    }
    found = _steps(conn, steps) if steps else {}
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


def _steps(conn: Connection, steps: Mapping[str, datetime]) -> dict[str, HeldBy]:
    """The alerts whose next step is due when what held the step before says so."""
    t = s.alert_timeline.c
    rows = conn.execute(
        select(t.alert_id, t.detail)
        .where(t.alert_id.in_(list(steps)), t.action == "hold")
        .order_by(t.alert_id, t.seq)
    )
    last: dict[str, Mapping[str, Any]] = {row.alert_id: row.detail for row in rows}
    found = {}
    for id, detail in last.items():
        until = from_micros(to_micros(datetime.fromisoformat(detail["until"])))
        told = told_by(str(detail["waits"]), until) if until == steps[id] else None
        if told is not None:
            found[id] = told
    return found


def _with_its_end(told: HeldBy, alert: Alert, silences: Iterable[Silence]) -> HeldBy:
    mine = (None, alert.monitor, alert.monitor_id)
    ends = [one.ends_at for one in silences if one.name == told.name and one.monitor in mine]
    return HeldBy(told.kind, told.name, max(ends, default=None))
