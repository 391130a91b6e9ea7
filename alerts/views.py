"""Reading side: what the API and the page show. Plain values (JSON types and aware datetimes), one query a
list.

Lists take `limit` (1 to 500) and an opaque `cursor`, and return a `Page`; the cost does not grow with how
many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, and_, func, or_, select, type_coerce

from alerts import states
from alerts.alert import Alert, columns, from_row, get
from alerts.escalations import escalation
from alerts.escalations import states as escalation_states
from alerts.message import top_posts
from alerts.severity import CLOCKS, severity
from tocsin.core.clock import from_micros, to_micros
from tocsin.core.cursor import decode_cursor, page_of
from tocsin.core.errors import WrongInput
from tocsin.store import schema as s

MOST: Final = 500
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "open": (
        states.FIRING,
        states.ACKNOWLEDGED,
        states.SNOOZED,
        states.ESCALATED,
    ),
    "unanswered": (states.FIRING,),
    "any": states.STATUSES,
}
"""Names for several statuses at once, accepted wherever a status is."""


@dataclass(frozen=True, slots=True)
class Page:
    """`items` in order; `next_cursor` None: that was all."""

    items: list[dict[str, Any]]
    next_cursor: str | None


def list_alerts(
    conn: Connection,
    *,
    status: Sequence[str] = (),
    severity: Sequence[int] = (),
    monitor: str | None = None,
    kind: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """Alerts, newest first. `status` takes statuses and the names in `GROUPS`; `monitor` an id or a name.

    Raises `WrongInput` for an unknown status, `BadCursor` for a cursor of another list.
    """
    a = s.alerts
    where: list[ColumnElement[bool]] = []
    wanted = _statuses(status, states.STATUSES, GROUPS)
    if wanted:
        where.append(a.c.status.in_(wanted))
    if severity:
        where.append(a.c.severity.in_(tuple(severity)))
    if monitor is not None:
        where.append(or_(a.c.monitor_id == monitor, a.c.monitor == monitor))
    if kind is not None:
        where.append(a.c.kind == kind)
    after = decode_cursor(cursor, datetime, str)
    if after is not None:
        at, last = after
        where.append(or_(a.c.opened_at < at, and_(a.c.opened_at == at, a.c.id < last)))
    statement = select(a).where(*where).order_by(a.c.opened_at.desc(), a.c.id.desc())
    rows = conn.execute(statement.limit(_bounded(limit) + 1)).all()
    return _page(rows, limit, lambda row: alert_view(from_row(row)), lambda row: (row.opened_at, row.id))


def get_alert(conn: Connection, alert_id: str) -> dict[str, Any]:
    """One alert, with what may be done with it. Raises `NotFound`."""
    return alert_view(get(conn, alert_id))


def alert_view(alert: Alert) -> dict[str, Any]:
    """An alert as people see it: every column, why its severity is what it is, its clocks, what may be
    done.
    """
    values = columns(alert)
    clocks = CLOCKS[alert.severity]
    return values | {
        "reasons": list(severity(alert.the_facts).reasons),
        "calmed_unacknowledged": alert.calmed_unacknowledged,
        "open": alert.is_open,
        "severity_name": clocks.name,
        "acknowledge_by": alert.opened_at + clocks.acknowledge if clocks.acknowledge else None,
        "actions": [one for one in states.possible(alert.status) if one in _PEOPLE_MAY],
    }


def timeline(conn: Connection, alert_id: str) -> list[dict[str, Any]]:
    """Everything that happened to it, oldest first. Raises `NotFound`."""
    get(conn, alert_id)
    t = s.alert_timeline
    return [
        dict(row._mapping)
        for row in conn.execute(select(t).where(t.c.alert_id == alert_id).order_by(t.c.seq))
    ]


def evidence(conn: Connection, alert_id: str) -> dict[str, Any]:
    """What can be checked by hand, as it was judged, with the top posts' texts as they are kept now.
    Raises `NotFound`.
    """
    alert = get(conn, alert_id)
    return {
        "alert_id": alert.id,
        "version": alert.version,
        "facts": dict(alert.facts),
        **dict(alert.evidence),
        "top": top_posts(conn, alert.the_evidence.top),
    }


def notices(conn: Connection, alert_id: str) -> list[dict[str, Any]]:
    """Every notice about it and how it ended, oldest first, without the channels' targets. Raises
    `NotFound`.
    """
    get(conn, alert_id)
    n, r = s.notices, s.receipts
    rows = conn.execute(select(n).where(n.c.alert_id == alert_id).order_by(n.c.created_at, n.c.id)).all()
    mine = select(n.c.id).where(n.c.alert_id == alert_id)
    receipts: dict[str, list[dict[str, Any]]] = {}
    for row in conn.execute(select(r).where(r.c.notice_id.in_(mine)).order_by(r.c.notice_id, r.c.attempt)):
        receipts.setdefault(row.notice_id, []).append(dict(row._mapping))
    shown = [{name: value for name, value in row._mapping.items() if name != "target"} for row in rows]
    return [one | {"receipts": receipts.get(one["id"], [])} for one in shown]


def list_escalations(
    conn: Connection,
    *,
    status: Sequence[str] = (),
    team: str | None = None,
    now: datetime,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """The queue, by deadline: what runs out first stands first, then what no clock drives. `status` empty:
    all open ones.

    `team` pr or legal also shows what both are asked in. Raises `WrongInput` as `list_alerts` does.
    """
    e, a = s.escalations, s.alerts
    deadline = func.coalesce(type_coerce(e.c.deadline_at, BigInteger), _NEVER)
    where: list[ColumnElement[bool]] = []
    if status:
        where.append(
            e.c.status.in_(_statuses(status, escalation_states.STATUSES, {"any": escalation_states.STATUSES}))
        )
    else:
        where.append(e.c.closed_at.is_(None))
    if team is not None:
        where.append(e.c.team.in_((team, "both")))
    after = decode_cursor(cursor, datetime, str)
    if after is not None:
        at, last = after
        micros = to_micros(at)
        where.append(or_(deadline > micros, and_(deadline == micros, e.c.id > last)))
    statement = (
        select(e, a.c.monitor, a.c.kind, a.c.status.label("alert_status"))
        .join(a, a.c.id == e.c.alert_id)
        .where(*where)
        .order_by(deadline, e.c.id)
    )
    rows = conn.execute(statement.limit(_bounded(limit) + 1)).all()
    return _page(
        rows,
        limit,
        lambda row: _escalation_view(escalation.from_row(row), now, row.monitor, row.kind, row.alert_status),
        lambda row: (row.deadline_at or from_micros(_NEVER), row.id),
    )


def get_escalation(conn: Connection, item_id: str, *, role: str, now: datetime) -> dict[str, Any]:
    """One case with its entries; privileged notes only for Legal. Raises `NotFound`."""
    item = escalation.get(conn, item_id)
    alert = get(conn, item.alert_id)
    entries = [dict(row._mapping) for row in escalation.entries(conn, item.id, role)]
    return _escalation_view(item, now, alert.monitor, alert.kind, alert.status) | {"entries": entries}


def counts(conn: Connection) -> dict[str, int]:
    """How many alerts stand in each status: suppressed ones are countable too."""
    a = s.alerts
    found = {
        row.status: row.n
        for row in conn.execute(select(a.c.status, func.count().label("n")).group_by(a.c.status))
    }
    return {status: found.get(status, 0) for status in states.STATUSES}


def precision(conn: Connection) -> list[dict[str, Any]]:
    """Per rule (monitor and kind) how many alerts fired, and how many of these were dismissed for which
    reason.
    """
    t, a = s.alert_timeline, s.alerts
    rows = conn.execute(
        select(
            a.c.monitor_id,
            a.c.monitor,
            a.c.kind,
            t.c.action,
            t.c.reason,
            func.count(func.distinct(a.c.id)).label("n"),
        )
        .join(a, a.c.id == t.c.alert_id)
        .where(t.c.action.in_(("fire", "dismiss")))
        .group_by(a.c.monitor_id, a.c.monitor, a.c.kind, t.c.action, t.c.reason)
    )
    rules: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        new = {
            "monitor_id": row.monitor_id,
            "monitor": row.monitor,
            "kind": row.kind,
            "fired": 0,
            "dismissed": {},
        }
        rule = rules.setdefault((row.monitor_id, row.kind), new)
        if row.action == "fire":
            rule["fired"] += row.n
        else:
            rule["dismissed"][row.reason] = row.n
    return [rules[key] for key in sorted(rules)]


_PEOPLE_MAY: Final = frozenset(
    {"acknowledge", "snooze", "dismiss", "merge", "escalate", "resolve", "reopen", "raise", "lower"}
)
_NEVER: Final = to_micros(datetime(9000, 1, 1, tzinfo=UTC))


def _escalation_view(
    item: escalation.Escalation, now: datetime, monitor: str, kind: str, alert_status: str
) -> dict[str, Any]:
    actions = [
        one for one in escalation_states.possible(item.status) if one not in ("clear", "clear_part", "reject")
    ]
    if item.status in (escalation_states.CLAIMED, escalation_states.IN_REVIEW):
        actions.append("decide")
    return asdict(item) | {
        "monitor": monitor,
        "alert_kind": kind,
        "alert_status": alert_status,
        "teams": list(item.teams),
        "clocks": item.clocks(),
        "overdue": item.overdue(now),
        "actions": actions,
    }


def _page(rows: Sequence[Row[Any]], limit: int, view: Any, key: Any) -> Page:
    shown, more = page_of(rows, limit, key)
    return Page([view(row) for row in shown], more)


def _bounded(limit: int) -> int:
    if not 1 <= limit <= MOST:
        raise WrongInput(f"limit {limit}: between 1 and {MOST}")
    return limit


def _statuses(
    asked: Sequence[str], known: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    wanted: list[str] = []
    for one in asked:
        if one not in groups and one not in known:
            raise WrongInput(f"unknown status {one!r}; known: {', '.join((*groups, *known))}")
        wanted += groups.get(one, (one,))
    return tuple(dict.fromkeys(wanted))
