"""Reading escalations: the queue, one escalation and its history, as the API and the pages show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, func, or_, select, type_coerce

from alerts import alert as alerts
from alerts.escalations.escalation import LEGAL, Escalation, from_row, get, is_overdue, works_escalations
from alerts.escalations.states import STATUSES
from alerts.views import Listing, bounded, known_statuses
from tocsin.core.clock import from_micros, to_micros
from tocsin.core.cursor import decode_cursor, page_of
from tocsin.definitions.models import Person
from tocsin.definitions.repository import kind_of, listed, names
from tocsin.store import schema as s

_NEVER: Final = to_micros(datetime(9000, 1, 1, tzinfo=UTC))
_e, _a = s.escalations.c, s.alerts.c


@dataclass(frozen=True, slots=True)
class EscalationRow:
    """An escalation, with what a list says of its alert."""

    escalation: Escalation
    monitor: str
    alert_kind: str
    alert_status: str


@dataclass(frozen=True, slots=True)
class History:
    """The history of an escalation, oldest first, as far as one reader may see it."""

    entries: Sequence[Mapping[str, Any]]
    hidden: int
    """How many privileged notes are left out for this reader."""
    last: int
    """The number of the last entry, hidden ones included."""


def find_escalations(
    conn: Connection,
    *,
    status: Sequence[str] = (),
    team: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[list[EscalationRow], str | None]:
    """The queue and the cursor of its next page. The clock that runs out first stands first, escalations without a
    clock last; the more severe of two equals goes before. `status` empty: all that have not ended.

    `team` pr or legal also shows the escalations for both. Raises `WrongInput` for an unknown status or another list's
    cursor.
    """
    deadline = func.coalesce(type_coerce(_e.deadline_at, BigInteger), _NEVER)
    where = [*_for_team(team)]
    if status:
        where.append(_e.status.in_(known_statuses(status, STATUSES, {"any": STATUSES})))
    else:
        where.append(_e.closed_at.is_(None))
    after = decode_cursor(cursor, datetime, int, str)
    if after is not None:
        at, severity, last = to_micros(after[0]), after[1], after[2]
        less_severe = or_(_e.severity > severity, and_(_e.severity == severity, _e.id > last))
        where.append(or_(deadline > at, and_(deadline == at, less_severe)))
    statement = _with_alert().where(*where).order_by(deadline, _e.severity, _e.id)
    rows = conn.execute(statement.limit(bounded(limit) + 1)).all()
    shown, more = page_of(
        rows, limit, lambda row: (row.deadline_at or from_micros(_NEVER), row.severity, row.id)
    )
    return [_row(row) for row in shown], more


def ended_escalations(conn: Connection, team: str | None, limit: int) -> list[EscalationRow]:
    """The escalations that have ended, the last one first."""
    ended = _with_alert().where(_e.closed_at.is_not(None), *_for_team(team))
    rows = conn.execute(ended.order_by(_e.closed_at.desc(), _e.id).limit(bounded(limit)))
    return [_row(row) for row in rows]


def count_open(conn: Connection, now: datetime) -> tuple[int, int]:
    """The number of escalations that have not ended, and the number of these that are overdue."""
    counted = select(func.count(), func.count(_e.id).filter(is_overdue(now))).where(_e.closed_at.is_(None))
    number, overdue = conn.execute(counted).one()
    return number, overdue


def open_by_team(conn: Connection) -> list[tuple[str, int]]:
    """For each team, the number of escalations that have not ended."""
    counted = select(_e.team, func.count()).where(_e.closed_at.is_(None)).group_by(_e.team)
    return [(row[0], row[1]) for row in conn.execute(counted)]


def history(conn: Connection, escalation_id: str, role: str | None) -> History:
    """The history of an escalation, for a reader of this role: privileged notes are for Legal only."""
    x = s.escalation_entries
    rows = conn.execute(select(x).where(x.c.escalation_id == escalation_id).order_by(x.c.seq)).all()
    shown = [dict(row._mapping) for row in rows if role == LEGAL or not row.privileged]
    return History(shown, len(rows) - len(shown), rows[-1].seq if rows else 0)


def held_by_nobody(conn: Connection) -> list[Escalation]:
    """The open escalations that a person has who works none any more: ended, not active, or of another role."""
    open_ones = select(s.escalations).where(_e.closed_at.is_(None), _e.claimed_by.is_not(None))
    held = [from_row(row) for row in conn.execute(open_ones.order_by(_e.created_at, _e.id))]
    if not held:
        return []
    working = {one.name for one in listed(conn, Person) if works_escalations(one.value)}
    people = {*names(conn, kind_of(Person), ended=True).values()}
    return [one for one in held if one.claimed_by in people - working]


def every_escalation(conn: Connection) -> Iterator[tuple[EscalationRow, History]]:
    """Every escalation with its history for a reader without a role, in the order in which they were made."""
    for row in conn.execute(_with_alert().order_by(_e.created_at, _a.monitor, _e.team, _e.id)).all():
        yield _row(row), history(conn, row.id, None)


def list_escalations(
    conn: Connection,
    *,
    status: Sequence[str] = (),
    team: str | None = None,
    now: datetime,
    limit: int = 50,
    cursor: str | None = None,
) -> Listing:
    """The queue as JSON."""
    found, more = find_escalations(conn, status=status, team=team, limit=limit, cursor=cursor)
    return Listing([escalation_view(one, now) for one in found], more)


def get_escalation(
    conn: Connection, escalation_id: str, *, role: str | None, now: datetime
) -> dict[str, Any]:
    """One escalation with its history, as JSON, for a reader of this role. Raises `NotFound`."""
    escalation = get(conn, escalation_id)
    alert = alerts.get(conn, escalation.alert_id)
    shown = escalation_view(EscalationRow(escalation, alert.monitor, alert.kind, alert.status), now)
    return shown | {"entries": history(conn, escalation.id, role).entries}


def escalation_view(row: EscalationRow, now: datetime) -> dict[str, Any]:
    """An escalation as JSON: every column, the clocks that run, what may be done."""
    escalation = row.escalation
    return asdict(escalation) | {
        "monitor": row.monitor,
        "alert_kind": row.alert_kind,
        "alert_status": row.alert_status,
        "teams": list(escalation.teams),
        "clocks": escalation.clocks(),
        "overdue": escalation.overdue(now),
        "actions": list(escalation.actions),
    }


def _with_alert() -> Select[Any]:
    return select(s.escalations, _a.monitor, _a.kind, _a.status.label("alert_status")).join(
        s.alerts, _a.id == _e.alert_id
    )


def _row(row: Any) -> EscalationRow:
    return EscalationRow(from_row(row), row.monitor, row.kind, row.alert_status)


def _for_team(team: str | None) -> list[ColumnElement[bool]]:
    return [_e.team.in_((team, "both"))] if team is not None else []
