"""The clocks of escalations: which have run out, whom that pages, and how they tighten when the severity rises.

A passed deadline makes an escalation overdue and pages the deputy, once per deadline. A deadline never decides
anything.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from alerts.actor import ENGINE
from alerts.alert import Alert
from alerts.alert import get as get_alert
from alerts.directory import Directory, Someone
from alerts.escalations.escalation import BEFORE_RELEASE, Escalation, from_row, of_alert, works_escalations
from alerts.escalations.paging import page
from alerts.escalations.record import flag
from alerts.severity import CLOCKS
from alerts.turn import Turn
from tocsin.core.sentences import Sentence, listed
from tocsin.store import schema as s

_e = s.escalations.c
_CLOCKS: Final[tuple[tuple[ColumnElement[Any], ColumnElement[bool]], ...]] = (
    (
        _e.assessment_due_at,
        and_(_e.assessed_at.is_(None), or_(_e.overdue_at.is_(None), _e.overdue_at < _e.assessment_due_at)),
    ),
    (_e.statement_due_at, or_(_e.overdue_at.is_(None), _e.overdue_at < _e.statement_due_at)),
)


# Not `in_`, whose SQL is put together anew at each execution: an idle engine asks each second.
_BEFORE_RELEASE: Final = or_(*(_e.status == one for one in BEFORE_RELEASE))


def to_page(now: datetime | ColumnElement[Any]) -> ColumnElement[bool]:
    """Escalations with a clock that ran out by `now` and whose deputy was not paged for it yet."""
    return and_(
        _e.closed_at.is_(None),
        _BEFORE_RELEASE,
        or_(*(and_(at <= now, not_yet) for at, not_yet in _CLOCKS)),
    )


def next_overdue(conn: Connection) -> datetime | None:
    """The time at which the next clock runs out for which nobody was paged."""
    return min(
        (moment for moment in conn.execute(_first_overdue()).one() if moment is not None), default=None
    )


@cache
def _first_overdue() -> Select[*tuple[Any, ...]]:
    running = (_e.closed_at.is_(None), _BEFORE_RELEASE)
    return select(
        *(select(func.min(at)).where(*running, not_yet).scalar_subquery() for at, not_yet in _CLOCKS)
    )


def page_overdue(turn: Turn, limit: int) -> int:
    """Page the deputy of each escalation whose clock ran out, and the fallback list too when the deputy was paged before."""
    where = and_(to_page(turn.now), _e.id.not_in(turn.passed_over))
    rows = turn.store.claim(turn.conn, s.escalations, where, (_e.deadline_at, _e.id), limit)
    for row in rows:
        turn.attempt(row.id, partial(_page_one, turn, row))
    return len(rows)


def _page_one(turn: Turn, row: Row[Any]) -> None:
    escalation = from_row(row)
    alert = get_alert(turn.conn, escalation.alert_id)
    over = ", ".join(name for name, at in escalation.clocks().items() if at <= turn.now)
    people = _deputies(turn.directory, alert, escalation, turn.now)
    flagged = flag(turn.by(ENGINE), escalation, "overdue", text=over, overdue_at=turn.now)
    names = [Sentence(name) for name, at in escalation.clocks().items() if at <= turn.now]
    why = Sentence(
        "Overdue: {what} of the escalation to {team}", what=listed(names), team=Sentence(escalation.for_whom)
    )
    page(turn, alert, flagged, people, "overdue", why)


def tighten(turn: Turn, alert: Alert) -> None:
    """The alert's severity rose: its open escalations take the stricter clocks from now on."""
    clocks, now = CLOCKS[alert.severity], turn.now
    for one in of_alert(turn.conn, alert.id):
        if one.status not in BEFORE_RELEASE:
            continue
        assessment = min(one.assessment_due_at or now + clocks.assessment, now + clocks.assessment)
        statement = one.statement_due_at
        if clocks.statement is not None:
            statement = min(statement or now + clocks.statement, now + clocks.statement)
        flag(
            turn.by(ENGINE),
            one,
            "tighten",
            text=f"SEV{one.severity} to SEV{alert.severity}",
            severity=alert.severity,
            assessment_due_at=assessment,
            statement_due_at=statement,
        )


def _deputies(directory: Directory, alert: Alert, escalation: Escalation, now: datetime) -> list[Someone]:
    policy = alert.the_policy
    people: dict[str, Someone] = {}
    for name in escalation.teams:
        team = directory.team(policy, name, now)
        for one in team[1:2] or directory.team(policy, "fallback", now)[:1] or team[:1]:
            people[one.id] = one
    holder = directory.people.get(escalation.claimed_by or "")
    if holder is not None and works_escalations(holder.person):
        people[holder.id] = holder
    elif escalation.claimed_by is not None:
        # Whoever has it cannot be asked any more, or is no person: the team's first choice is.
        first = [directory.team(policy, name, now)[:1] for name in escalation.teams]
        people |= {one.id: one for some in first for one in some}
    if escalation.overdue_at is not None:
        people |= {one.id: one for one in directory.team(policy, "fallback", now)}
    return list(people.values())
