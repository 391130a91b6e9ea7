"""Alerts that reach nobody: somebody must answer, and no notice has arrived anywhere for too long. And people whom no notice
reached, although others were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, case, func, or_, select

from alerts import states
from alerts.directory import NOBODY
from alerts.ladder import CRISES, PACE
from alerts.outbox import queue, reach
from alerts.severity import CLOCKS
from tocsin.store import schema as s

PATIENCE: Final = 2
"""Paces after which an alert that has reached somebody counts as reaching nobody: a notice that was made so much later has
failed."""
PACE_OF_THE_REST: Final = timedelta(minutes=30)
LATELY: Final = timedelta(hours=25)
"""A notice that failed longer ago says nothing of now: an unanswered alert rings each day at least."""
LATELY_IN_A_CRISIS: Final = timedelta(hours=1)
"""The same for SEV1 and SEV2: short, because every page of the site asks."""

_a, _n = s.alerts.c, s.notices.c
# Both made once: every page of the site asks them.
_WITH_LOST_NOTICES: Final = (
    select(_a.id, _a.monitor, _a.severity, _a.opened_at, func.max(_n.created_at).label("lost"))
    .join(s.notices, _n.alert_id == _a.id)
    .where(
        or_(_n.status.in_(queue.LOST), and_(_n.status == queue.SENT, _n.person_id == NOBODY.id)),
        _n.due_at > bindparam("since", type_=_n.due_at.type),
        *queue.ASKED,
        _a.live > "",
        _a.status == states.FIRING,
        _a.calmed_at.is_(None),
        _a.severity <= bindparam("mildest"),
    )
    .group_by(_a.id, _a.monitor, _a.severity, _a.opened_at)
    .order_by(_a.severity, _a.opened_at, _a.id)
    .limit(50)
)
# A case, and not a condition: the engine must look for the alerts, not for every notice that was ever sent.
_ARRIVED: Final = case((and_(_n.status == queue.SENT, _n.person_id != NOBODY.id), _n.ended_at))
_REACHED_AT: Final = (
    select(_n.alert_id, func.max(_ARRIVED, type_=_n.ended_at.type).label("at"))
    .where(_n.alert_id.in_(bindparam("alert_ids", expanding=True)), *queue.ASKED)
    .group_by(_n.alert_id)
)


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
    rows = _with_lost_notices(conn, now, mildest)
    reached = _reached_at(conn, [row.id for row in rows]) if rows else {}
    return [
        _unreached(conn, row, reached.get(row.id))
        for row in rows
        if row.id not in reached or _too_long_ago(row, reached[row.id])
    ]


def people_not_reached(conn: Connection, now: datetime) -> list[tuple[str, str]]:
    """The people whom no notice reached about an alert that has reached others, and about an escalation that is open: the id of
    alert or escalation, and the words.
    """
    rows = _with_lost_notices(conn, now, max(CLOCKS))
    nobody = {one.alert_id for one in unreached(conn, now, max(CLOCKS))}
    asked = [(row, reach.could_not_be_reached(conn, row.id)) for row in rows if row.id not in nobody]
    found = [
        (row.id, f"SEV{row.severity} {row.monitor}: {', '.join(people)} could not be reached")
        for row, people in asked
        if people
    ]
    return found + [
        (row.id, f"{row.monitor}, escalation to {row.team}: {row.person} could not be reached")
        for row in _not_reached_by_escalations(conn, now)
    ]


def _not_reached_by_escalations(conn: Connection, now: datetime) -> Sequence[Row[Any]]:
    e = s.escalations.c
    got = s.notices.alias("got")
    same = (got.c.escalation_id == _n.escalation_id, got.c.person_id == _n.person_id)
    reached = select(got.c.id).where(*same, got.c.status.in_(queue.HOPEFUL)).exists()
    query = (
        select(e.id, e.team, _a.monitor, _n.person)
        .join(s.alerts, _a.id == e.alert_id)
        .join(s.notices, _n.escalation_id == e.id)
        .where(e.closed_at.is_(None), _n.status.in_(queue.LOST), _n.due_at > now - LATELY, ~reached)
        .distinct()
        .order_by(e.id, _n.person)
    )
    return list(conn.execute(query.limit(50)))


def _unreached(conn: Connection, row: Row[Any], reached_at: datetime | None) -> Unreached:
    people = tuple(reach.could_not_be_reached(conn, row.id))
    return Unreached(row.id, row.monitor, row.severity, reached_at or row.opened_at, people)


def _with_lost_notices(conn: Connection, now: datetime, mildest: int) -> Sequence[Row[Any]]:
    lately = LATELY if mildest > CRISES else LATELY_IN_A_CRISIS
    return list(conn.execute(_WITH_LOST_NOTICES, {"since": now - lately, "mildest": mildest}))


def _reached_at(conn: Connection, alert_ids: Sequence[str]) -> dict[str, datetime]:
    """The time at which each of these alerts last reached somebody. An alert that never did is left out."""
    rows = conn.execute(_REACHED_AT, {"alert_ids": alert_ids})
    return {row.alert_id: row.at for row in rows if row.at is not None}


def _too_long_ago(row: Row[Any], reached_at: datetime) -> bool:
    patience = PATIENCE * PACE.get(row.severity, PACE_OF_THE_REST)
    return bool(row.lost - reached_at > patience)
