"""Alerts that reach nobody: somebody must answer, and no notice has arrived anywhere for too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, or_, select

from alerts import states
from alerts.directory import NOBODY
from alerts.ladder import CRISES, PACE
from alerts.outbox import queue, reach
from tocsin.store import schema as s

PATIENCE: Final = 2
"""An alert that has reached somebody reaches nobody when a notice fails that was made this many paces later, or more."""
PACE_OF_THE_REST: Final = timedelta(minutes=30)
LATELY: Final = timedelta(hours=25)
"""A notice that failed longer ago says nothing of now: an unanswered alert rings each day at least."""

_a, _n = s.alerts.c, s.notices.c


@dataclass(frozen=True, slots=True)
class Unreached:
    """An alert that reaches nobody: `since` it last did, or since it opened. `people` could not be reached; none where the
    policy names nobody.
    """

    alert_id: str
    monitor: str
    severity: int
    since: datetime
    people: tuple[str, ...]

    @property
    def words(self) -> str:
        """The finding in one line."""
        names = f"{', '.join(self.people)} could not be reached"
        why = names if self.people else "the policy names nobody who is active"
        return f"SEV{self.severity} {self.monitor} reaches nobody since {self.since:%H:%MZ}: {why}"


def unreached(conn: Connection, now: datetime, mildest: int = CRISES) -> list[Unreached]:
    """The alerts that ask for an answer and reach nobody, down to the severity `mildest`; the worst and oldest first."""
    found = []
    for row in _with_lost_notices(conn, now, mildest):
        reached_at = _reached_at(conn, row.id)
        if reached_at is not None and not _too_long_ago(row, reached_at):
            continue
        people = tuple(reach.could_not_be_reached(conn, row.id))
        found.append(Unreached(row.id, row.monitor, row.severity, reached_at or row.opened_at, people))
    return found


def _with_lost_notices(conn: Connection, now: datetime, mildest: int) -> Sequence[Row[Any]]:
    lost = or_(_n.status.in_(queue.LOST), and_(_n.status == queue.SENT, _n.person_id == NOBODY.id))
    firing = (_a.live > "", _a.status == states.FIRING, _a.calmed_at.is_(None), _a.severity <= mildest)
    query = (
        select(_a.id, _a.monitor, _a.severity, _a.opened_at, func.max(_n.created_at).label("lost"))
        .join(s.notices, _n.alert_id == _a.id)
        .where(lost, _n.due_at > now - LATELY, *queue.ASKED, *firing)
        .group_by(_a.id, _a.monitor, _a.severity, _a.opened_at)
    )
    return list(conn.execute(query.order_by(_a.severity, _a.opened_at, _a.id).limit(50)))


def _reached_at(conn: Connection, alert_id: str) -> datetime | None:
    sent = (_n.alert_id == alert_id, _n.status == queue.SENT, _n.person_id != NOBODY.id, *queue.ASKED)
    found: datetime | None = conn.execute(select(func.max(_n.ended_at)).where(*sent)).scalar_one()
    return found


def _too_long_ago(row: Row[Any], reached_at: datetime) -> bool:
    patience = PATIENCE * PACE.get(row.severity, PACE_OF_THE_REST)
    return bool(row.lost - reached_at > patience)
