"""After the clock was set back: the times that it gave while it was ahead are moved back.

An alert whose next ring was set at a time that has not come yet would be silent until then. So its times keep their distance from
the moment when they were set, and that moment is now. Nothing rings twice for it: what had come due by that clock has rung.
Whatever else changes such an alert first, a signal or a person, moves its times, too (`Move.outcome`): afterwards nothing would
tell that they are ahead.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from alerts import states
from alerts.alert import Alert, from_row
from alerts.apply import apply
from alerts.change import Change, Move
from alerts.turn import Turn
from tocsin.core.clock import CLOCKS_APART
from tocsin.store import schema as s

_a = s.alerts.c


def ahead(now: datetime | ColumnElement[Any], later: datetime | ColumnElement[Any]) -> ColumnElement[bool]:
    """The live alerts that were changed after `later`, a time in the future, and wait for a time."""
    owed = or_(
        and_(_a.status == states.FIRING, _a.next_step_at > now),
        and_(_a.status == states.ACKNOWLEDGED, _a.ack_expires_at > now),
    )
    return and_(_a.live > "", _a.updated_at > later, owed)


def move_back(turn: Turn, limit: int) -> int:
    """Move the times of such alerts, at most `limit`. Returns of how many."""
    where = and_(ahead(turn.now, turn.now + CLOCKS_APART), _a.fingerprint.not_in(turn.passed_over))
    rows = turn.store.claim(turn.conn, s.alerts, where, (_a.updated_at, _a.id), limit)
    for row in rows:
        turn.attempt(row.fingerprint, partial(_moved, turn, from_row(row)))
    return len(rows)


def _moved(turn: Turn, alert: Alert) -> None:
    detail = {"the_clock_was_set_back_from": alert.updated_at.isoformat()}
    apply(turn, Change("moved back", alert, (Move(alert, "update", detail=detail),)))
