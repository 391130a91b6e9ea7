"""Steps that are held by a silence or an expected event are looked at again when one of these was changed or ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from alerts import states
from alerts.alert import Alert, from_row
from alerts.apply import apply
from alerts.change import Change, Move
from alerts.turn import Turn
from tocsin.core.clock import from_micros, to_micros
from tocsin.store import meta
from tocsin.store import schema as s

HOLDERS: Final = ("generation:expected_event", "generation:silence")
"""The places where the changes of what holds steps are counted."""

SEEN: Final = "alerts:holders_seen"
"""Key of `meta`: the stamp of the holders for which every held step was looked at."""

STAMP: Final = "definitions"
"""The field of a hold's detail that keeps the stamp under which the step was held."""


def stamp(conn: Connection) -> str:
    """A text that changes with every change of a silence or an expected event."""
    return joined(meta.several(conn, HOLDERS))


def changed(conn: Connection) -> bool:
    """Whether a silence or an expected event changed since every held step was looked at."""
    return tells_a_change(meta.several(conn, (*HOLDERS, SEEN)))


def tells_a_change(kept: Mapping[str, str]) -> bool:
    """`changed`, by the values of these keys of `meta`."""
    return kept.get(SEEN, joined({})) != joined({key: kept[key] for key in HOLDERS if key in kept})


def look_again(turn: Turn, limit: int) -> int:
    """Make at most `limit` held steps due now; returns how many. What still holds them holds them again."""
    if not changed(turn.conn):
        return 0
    now_stamp = stamp(turn.conn)
    rows, passed_over = _held(turn, now_stamp), set(turn.passed_over)
    # A story that is deferred is looked at when it is tried again.
    mine = [row for row in rows if row.fingerprint not in passed_over][:limit]
    done = [turn.attempt(row.fingerprint, partial(_release, turn, from_row(row))) for row in mine]
    if done.count(True) == len(rows):
        meta.put(turn.conn, SEEN, now_stamp)
    return len(mine)


def _release(turn: Turn, alert: Alert) -> bool:
    apply(turn, Change("looked at again", alert, (Move(alert, "update", {"next_step_at": turn.now}),)))
    return True


def _held(turn: Turn, now_stamp: str) -> list[Row[Any]]:
    """The firing alerts whose next step is held, and was held under another stamp."""
    a, t = s.alerts.c, s.alert_timeline.c
    rows = turn.conn.execute(
        select(s.alerts, t.detail.label("hold"))
        .join(s.alert_timeline, (t.alert_id == a.id) & (t.action == "hold"))
        .where(a.live > "", a.status == states.FIRING, a.next_step_at > turn.now)
        .order_by(a.severity, a.id, t.seq)
    )
    last = {row.id: row for row in rows}
    return [row for row in last.values() if _holds(row) and row.hold.get(STAMP, "") != now_stamp]


def _holds(row: Row[Any]) -> bool:
    """Whether this hold, and no later step, says when the alert's next step is due."""
    until = from_micros(to_micros(datetime.fromisoformat(row.hold["until"])))
    return bool(until == row.next_step_at)


def joined(counts: Mapping[str, str]) -> str:
    """The stamp of these counts, as `meta.several` gives them."""
    return " ".join(f"{key}={value}" for key, value in sorted(counts.items()))
