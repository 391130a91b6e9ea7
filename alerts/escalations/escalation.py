"""The escalation queue: a case that PR and Legal work, ordered by deadline.

Every function takes the transaction, the item's id, who does it, the time and the version that was seen
(None: any), and returns the item as it is afterwards. A passed deadline makes an item overdue and pages the
deputy, once per deadline; it never decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, insert, or_, select, update

from alerts import record, states
from alerts.actor import ENGINE, Actor
from alerts.alert import Alert
from alerts.alert import get as get_alert
from alerts.context import Context
from alerts.directory import NOBODY, Directory, Someone, monitor_facts
from alerts.escalations import states as es
from alerts.message import alert_message
from alerts.outbox import queue
from alerts.paging import situation
from alerts.severity import CLOCKS
from alerts.suppression.order import BEFORE_A_PERSON, first
from tocsin.core.clock import iso
from tocsin.core.errors import Conflict, NotAllowed, NotFound, WrongInput
from tocsin.core.ids import stable_id
from tocsin.store import audit
from tocsin.store import schema as s

TEAMS: Final[dict[str, tuple[str, ...]]] = {"pr": ("pr",), "legal": ("legal",), "both": ("pr", "legal")}
DECISIONS: Final = ("clear", "reject")
BEFORE_RELEASE: Final = (es.QUEUED, es.CLAIMED, es.IN_REVIEW, es.CLEARED)
MAX_TEXT = 20_000
ADMIN = "admin"
LEGAL = "legal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One case in the queue, as stored. `decisions` is {team: {decision, by, by_id, at, reason}}."""

    id: str
    alert_id: str
    team: str
    status: str
    severity: int
    reason: str
    created_at: datetime
    created_by: str
    claimed_by: str | None
    claimed_at: datetime | None
    assessment_due_at: datetime | None
    assessed_at: datetime | None
    statement_due_at: datetime | None
    deadline_at: datetime | None
    overdue_at: datetime | None
    decisions: Mapping[str, Any]
    closed_at: datetime | None
    version: int

    @property
    def teams(self) -> tuple[str, ...]:
        """Who has to clear it."""
        return TEAMS[self.team]

    def clocks(self) -> dict[str, datetime]:
        """The clocks that still run: assessment until it is done, statement until it is released."""
        running: dict[str, datetime] = {}
        if self.status not in BEFORE_RELEASE:
            return running
        if self.assessed_at is None and self.assessment_due_at is not None:
            running["first assessment"] = self.assessment_due_at
        if self.statement_due_at is not None:
            running["holding statement"] = self.statement_due_at
        return running

    def overdue(self, now: datetime) -> bool:
        """Whether a clock has run out."""
        return any(at <= now for at in self.clocks().values())


_FIELDS = tuple(field.name for field in fields(Escalation))
_e = s.escalations.c


def create(
    conn: Connection, context: Context, alert: Alert, team: str, actor: Actor, now: datetime, reason: str
) -> Escalation:
    """Open a case for `team` (pr, legal or both) and page its first choice. Raises `Conflict` where one is
    open already.
    """
    check_team(conn, alert, team)
    clocks = CLOCKS[alert.severity]
    count = conn.execute(select(func.count()).where(_e.alert_id == alert.id)).scalar_one()
    item = Escalation(
        id=stable_id("esc", alert.id, team, count),
        alert_id=alert.id,
        team=team,
        status=es.QUEUED,
        severity=alert.severity,
        reason=record.bounded(reason) or "",
        created_at=now,
        created_by=actor.name,
        claimed_by=None,
        claimed_at=None,
        assessment_due_at=now + clocks.assessment,
        assessed_at=None,
        statement_due_at=now + clocks.statement if clocks.statement else None,
        deadline_at=now + clocks.assessment,
        overdue_at=None,
        decisions={},
        closed_at=None,
        version=1,
    )
    conn.execute(insert(s.escalations).values(**asdict(item)))
    _tell(conn, item, "create", actor, now, None, text=reason)
    directory = context.directory(conn)
    people = {one.id: one for name in item.teams for one in directory.team(alert.the_policy, name, now)[:1]}
    todo = f"Escalated to {_named(item)} by {actor.name}: {_first_line(reason)}"
    _page(conn, context, alert, item, list(people.values()), "page", now, todo)
    return item


def check_team(conn: Connection, alert: Alert, team: str) -> None:
    """Raises `WrongInput` for an unknown team, `Conflict` where a case of this alert is open for it
    already.
    """
    if team not in TEAMS:
        raise WrongInput(f"unknown team {team!r}; choose one of: {', '.join(TEAMS)}")
    for item in of_alert(conn, alert.id):
        if item.status not in es.ENDED and set(item.teams) & set(TEAMS[team]):
            raise Conflict(f"{item.id} is open for {item.team} already; work that one")


def claim(
    conn: Connection, item_id: str, actor: Actor, now: datetime, expected_version: int | None = None
) -> Escalation:
    """Take it in hand. What waits to page about it is taken back."""
    item = _seen(conn, item_id, expected_version)
    queue.cancel_for_escalation(conn, item.id, now)
    return _change(conn, item, "claim", actor, now, claimed_by=actor.name, claimed_at=now)


def release_claim(
    conn: Connection, item_id: str, actor: Actor, now: datetime, expected_version: int | None = None
) -> Escalation:
    """Put it back into the queue."""
    item = _seen(conn, item_id, expected_version)
    return _change(conn, item, "release_claim", actor, now, claimed_by=None, claimed_at=None)


def reassign(
    conn: Connection,
    item_id: str,
    actor: Actor,
    now: datetime,
    to: str,
    expected_version: int | None = None,
) -> Escalation:
    """Give it to the person named `to`."""
    item = _seen(conn, item_id, expected_version)
    d = s.definitions
    known = conn.execute(
        select(d.c.id).where(d.c.kind == "person", d.c.name == to, d.c.deleted_at.is_(None))
    ).first()
    if known is None:
        raise NotFound(f"no person {to!r} to give {item.id} to")
    return _change(conn, item, "reassign", actor, now, text=f"to {to}", claimed_by=to, claimed_at=now)


def review(
    conn: Connection, item_id: str, actor: Actor, now: datetime, expected_version: int | None = None
) -> Escalation:
    """Begin (or, when something new came up, begin again) the review; earlier decisions are void."""
    item = _seen(conn, item_id, expected_version)
    return _change(conn, item, "review", actor, now, decisions={})


def assessed(
    conn: Connection,
    item_id: str,
    actor: Actor,
    now: datetime,
    text: str,
    expected_version: int | None = None,
) -> Escalation:
    """The first assessment is done; its clock stops. Done twice, the first time stands."""
    item = _seen(conn, item_id, expected_version)
    _refuse_ended(item, "assess")
    if item.assessed_at is not None:
        return item
    return _flag(conn, item, "assessed", actor, now, text=text, assessed_at=now)


def decide(
    conn: Connection,
    item_id: str,
    actor: Actor,
    now: datetime,
    team: str,
    decision: str,
    reason: str,
    expected_version: int | None = None,
) -> Escalation:
    """Clear or reject for `team`; the item is cleared when every team has cleared, rejected when one rejects.

    Deciding on a claimed item begins its review. Raises `NotAllowed` when the actor is not of that team, or
    would be the only one to clear what they escalated themselves; `WrongInput` for an unknown decision or a
    team that is not asked.
    """
    item = _seen(conn, item_id, expected_version)
    if decision not in DECISIONS:
        raise WrongInput(f"unknown decision {decision!r}; choose one of: {', '.join(DECISIONS)}")
    if team not in item.teams:
        raise WrongInput(f"{team!r} is not asked in {item.id}; asked: {', '.join(item.teams)}")
    if actor.role not in (team, ADMIN):
        raise NotAllowed(f"{actor.name} has the role {actor.role}; {team} decides for {team}")
    if not reason.strip():
        raise WrongInput("a decision needs a reason")
    if item.status == es.CLAIMED:
        item = _change(conn, item, "review", actor, now, decisions={})
    made = {
        "decision": decision,
        "by": actor.name,
        "by_id": actor.id,
        "at": iso(now),
        "reason": record.bounded(reason),
    }
    decisions = {**item.decisions, team: made}
    detail = {"team": team, "decision": decision}
    if decision == "reject":
        queue.cancel_for_escalation(conn, item.id, now)
        return _change(
            conn, item, "reject", actor, now, text=reason, detail=detail, decisions=decisions, closed_at=now
        )
    cleared = all(decisions.get(name, {}).get("decision") == "clear" for name in item.teams)
    if cleared and {one["by"] for one in decisions.values()} == {item.created_by}:
        raise NotAllowed(f"{actor.name} escalated {item.id}: somebody else must clear it too")
    action = "clear" if cleared else "clear_part"
    return _change(conn, item, action, actor, now, text=reason, detail=detail, decisions=decisions)


def note(
    conn: Connection,
    item_id: str,
    actor: Actor,
    now: datetime,
    text: str,
    privileged: bool = False,
    expected_version: int | None = None,
) -> Escalation:
    """Write a note; a privileged one, which only Legal may write, is visible to Legal only."""
    item = _seen(conn, item_id, expected_version)
    if privileged and actor.role != LEGAL:
        raise NotAllowed(f"{actor.name} has the role {actor.role}; privileged notes are Legal's")
    return _flag(conn, item, "note", actor, now, text=text, privileged=privileged)


def request_info(
    conn: Connection,
    context: Context,
    item_id: str,
    actor: Actor,
    now: datetime,
    of: str,
    text: str,
    expected_version: int | None = None,
) -> Escalation:
    """Ask the person named `of` for something; they are told. The clocks run on."""
    item = _seen(conn, item_id, expected_version)
    _refuse_ended(item, "ask about")
    one = context.directory(conn).people.get(of)
    if one is None:
        raise NotFound(f"no person {of!r} to ask about {item.id}")
    asked = _flag(conn, item, "request_info", actor, now, text=text, detail={"of": of})
    alert = get_alert(conn, item.alert_id)
    _page(conn, context, alert, asked, [one], "told", now, f"{actor.name} asks you: {_first_line(text)}")
    return asked


def release(
    conn: Connection, item_id: str, actor: Actor, now: datetime, expected_version: int | None = None
) -> Escalation:
    """The words are out (a person put them there); the statement's clock stops."""
    item = _seen(conn, item_id, expected_version)
    return _change(conn, item, "release", actor, now)


def close(
    conn: Connection,
    item_id: str,
    actor: Actor,
    now: datetime,
    text: str = "",
    expected_version: int | None = None,
) -> Escalation:
    """The case is done."""
    item = _seen(conn, item_id, expected_version)
    return _change(conn, item, "close", actor, now, text=text or None, closed_at=now)


def withdraw(
    conn: Connection,
    item_id: str,
    actor: Actor,
    now: datetime,
    reason: str,
    expected_version: int | None = None,
) -> Escalation:
    """It was not needed after all; says why."""
    item = _seen(conn, item_id, expected_version)
    if not reason.strip():
        raise WrongInput("withdrawing needs a reason")
    queue.cancel_for_escalation(conn, item.id, now)
    return _change(conn, item, "withdraw", actor, now, text=reason, closed_at=now)


def get(conn: Connection, item_id: str) -> Escalation:
    """The item with this id. Raises `NotFound`."""
    row = conn.execute(select(s.escalations).where(_e.id == item_id)).one_or_none()
    if row is None:
        raise NotFound(f"no escalation {item_id!r}")
    return from_row(row)


def from_row(row: Row[Any]) -> Escalation:
    """The value of one row of `escalations`."""
    mapping = row._mapping
    return Escalation(**{name: mapping[name] for name in _FIELDS})


def of_alert(conn: Connection, alert_id: str) -> list[Escalation]:
    """Every item of this alert, oldest first."""
    found = conn.execute(select(s.escalations).where(_e.alert_id == alert_id).order_by(_e.created_at, _e.id))
    return [from_row(row) for row in found]


def entries(conn: Connection, item_id: str, role: str) -> Sequence[Row[Any]]:
    """What happened to it, oldest first. Privileged notes only for Legal."""
    x = s.escalation_entries
    statement = select(x).where(x.c.escalation_id == item_id).order_by(x.c.seq)
    if role != LEGAL:
        statement = statement.where(x.c.privileged.is_(False))
    return conn.execute(statement).all()


def overdue(now: datetime) -> ColumnElement[bool]:
    """Items with a clock that ran out and whose deputy was not yet paged for it."""
    return and_(
        _e.closed_at.is_(None),
        _e.status.in_(BEFORE_RELEASE),
        or_(*(and_(at <= now, not_yet) for at, not_yet in _CLOCKS)),
    )


def next_overdue(conn: Connection) -> datetime | None:
    """When the next clock runs out that nobody was paged for."""
    moments = [
        conn.execute(
            select(func.min(at)).where(_e.closed_at.is_(None), _e.status.in_(BEFORE_RELEASE), not_yet)
        ).scalar_one()
        for at, not_yet in _CLOCKS
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def page_overdue(conn: Connection, context: Context, now: datetime, limit: int) -> int:
    """Page the deputy (and, when that was done before, the fallback list) of each item whose clock ran
    out.
    """
    rows = context.store.claim(conn, s.escalations, overdue(now), (_e.deadline_at, _e.id), limit)
    for row in rows:
        item = from_row(row)
        alert = get_alert(conn, item.alert_id)
        clocks = ", ".join(name for name, at in item.clocks().items() if at <= now)
        people = _deputies(context.directory(conn), alert, item, now)
        flagged = _flag(conn, item, "overdue", ENGINE, now, text=clocks, overdue_at=now)
        _page(
            conn,
            context,
            alert,
            flagged,
            people,
            "overdue",
            now,
            f"Overdue: {clocks} of the case at {_named(item)}",
        )
    return len(rows)


def tighten(conn: Connection, alert: Alert, now: datetime) -> None:
    """The alert's severity rose: its open items take the stricter clocks from now on."""
    clocks = CLOCKS[alert.severity]
    for item in of_alert(conn, alert.id):
        if item.status not in BEFORE_RELEASE:
            continue
        assessment = min(item.assessment_due_at or now + clocks.assessment, now + clocks.assessment)
        statement = item.statement_due_at
        if clocks.statement is not None:
            statement = min(statement or now + clocks.statement, now + clocks.statement)
        _flag(
            conn,
            item,
            "tighten",
            ENGINE,
            now,
            text=f"SEV{item.severity} to SEV{alert.severity}",
            severity=alert.severity,
            assessment_due_at=assessment,
            statement_due_at=statement,
        )


def by_deadline() -> Sequence[ColumnElement[Any]]:
    """The queue's order: the clock that runs out first, then what no clock drives, each by age."""
    return (case((_e.deadline_at.is_(None), 1), else_=0), _e.deadline_at, _e.created_at, _e.id)


_CLOCKS: Final[tuple[tuple[ColumnElement[Any], ColumnElement[bool]], ...]] = (
    (
        _e.assessment_due_at,
        and_(_e.assessed_at.is_(None), or_(_e.overdue_at.is_(None), _e.overdue_at < _e.assessment_due_at)),
    ),
    (_e.statement_due_at, or_(_e.overdue_at.is_(None), _e.overdue_at < _e.statement_due_at)),
)


def _deputies(directory: Directory, alert: Alert, item: Escalation, now: datetime) -> list[Someone]:
    policy = alert.the_policy
    people: dict[str, Someone] = {}
    for name in item.teams:
        team = directory.team(policy, name, now)
        for one in team[1:2] or directory.team(policy, "fallback", now)[:1] or team[:1]:
            people[one.id] = one
    holder = directory.people.get(item.claimed_by or "")
    if holder is not None:
        people[holder.id] = holder
    if item.overdue_at is not None:
        people |= {one.id: one for one in directory.team(policy, "fallback", now)}
    return list(people.values())


def _page(
    conn: Connection,
    context: Context,
    alert: Alert,
    item: Escalation,
    people: Sequence[Someone],
    kind: str,
    now: datetime,
    todo: str,
) -> None:
    monitor = monitor_facts(conn, alert.monitor_id)
    directory = context.directory(conn)
    for one in people or [NOBODY]:
        at = situation(alert, directory, monitor, now, severity=item.severity, person=one.person)
        verdict = first(BEFORE_A_PERSON, at)
        message = alert_message(
            conn,
            alert,
            kind=kind,
            zone=one.person.timezone if one is not NOBODY else monitor.zone.key,
            now=now,
            reasons=(),
            why_now=todo,
            todo=_clocks_line(item, one, monitor.zone.key),
            link=f"{context.base_url}/escalations/{item.id}",
        )
        queue.queue(
            conn,
            alert_id=alert.id,
            escalation_id=item.id,
            one=one,
            channels=queue.chosen_channels(one, item.severity),
            kind=kind,
            severity=item.severity,
            step=0,
            message=message,
            now=now,
            due_at=verdict.until if verdict and verdict.until else now,
        )


def _clocks_line(item: Escalation, one: Someone, zone: str) -> str:
    where = ZoneInfo(one.person.timezone if one is not NOBODY else zone)
    due = [f"{name} by {at.astimezone(where):%H:%M}" for name, at in item.clocks().items()]
    return f"Due: {', '.join(due)}" if due else "No clock runs."


def _seen(conn: Connection, item_id: str, expected_version: int | None) -> Escalation:
    item = get(conn, item_id)
    if expected_version is not None and expected_version != item.version:
        raise Conflict(
            f"the escalation {item.id} is at version {item.version}, you saw {expected_version}: read it again"
        )
    return item


def _refuse_ended(item: Escalation, what: str) -> None:
    if item.status in es.ENDED:
        es.after(item.status, what)


def _change(
    conn: Connection,
    item: Escalation,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    text: str | None = None,
    detail: Mapping[str, Any] | None = None,
    **values: Any,
) -> Escalation:
    """Take the arrow `action` and write all that goes with it."""
    return _write(conn, item, es.after(item.status, action), action, actor, now, text, detail, False, values)


def _flag(
    conn: Connection,
    item: Escalation,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    text: str | None = None,
    detail: Mapping[str, Any] | None = None,
    privileged: bool = False,
    **values: Any,
) -> Escalation:
    """Something that is written down without a change of status."""
    return _write(conn, item, item.status, action, actor, now, text, detail, privileged, values)


def _write(
    conn: Connection,
    item: Escalation,
    status: str,
    action: str,
    actor: Actor,
    now: datetime,
    text: str | None,
    detail: Mapping[str, Any] | None,
    privileged: bool,
    values: Mapping[str, Any],
) -> Escalation:
    changed = replace(item, **values, status=status, version=item.version + 1)
    running = changed.clocks()
    changed = replace(changed, deadline_at=min(running.values()) if running else None)
    old, new = asdict(item), asdict(changed)
    written = conn.execute(
        update(s.escalations)
        .where(_e.id == item.id, _e.version == item.version)
        .values(**{name: value for name, value in new.items() if old[name] != value})
    )
    if written.rowcount != 1:
        raise Conflict(f"the escalation {item.id} changed since you looked: read it again")
    _tell(conn, changed, action, actor, now, item.status, text=text, detail=detail, privileged=privileged)
    if status in es.ENDED and status != item.status:
        _stand_down(conn, changed, actor, now)
    return changed


def _stand_down(conn: Connection, item: Escalation, actor: Actor, now: datetime) -> None:
    """The last case has ended: the alert goes back to whoever had acknowledged it, and that expires as
    usual.
    """
    alert = get_alert(conn, item.alert_id)
    if alert.status != states.ESCALATED or any(
        one.status not in es.ENDED for one in of_alert(conn, alert.id)
    ):
        return
    expires = now + timedelta(minutes=alert.the_policy.acknowledge_expires_minutes)
    record.change(
        conn, alert, "stand_down", actor, now, detail={"escalation": item.id}, ack_expires_at=expires
    )


def _tell(
    conn: Connection,
    item: Escalation,
    action: str,
    actor: Actor,
    now: datetime,
    before: str | None,
    *,
    text: str | None = None,
    detail: Mapping[str, Any] | None = None,
    privileged: bool = False,
) -> None:
    x = s.escalation_entries
    last = conn.execute(select(func.max(x.c.seq)).where(x.c.escalation_id == item.id)).scalar_one()
    if text is not None and len(text) > MAX_TEXT:
        raise WrongInput(f"a text may have {MAX_TEXT} characters, this one has {len(text)}")
    conn.execute(
        insert(x).values(
            escalation_id=item.id,
            seq=(last or 0) + 1,
            at=now,
            actor=actor.name,
            role=actor.role,
            action=action,
            from_status=before,
            to_status=item.status,
            text=text,
            privileged=privileged,
            detail=dict(detail) if detail is not None else None,
        )
    )
    audit.append(
        conn,
        at=now,
        actor=actor.name,
        role=actor.role,
        action=f"escalation.{action}",
        object=item.id,
        detail={
            "alert": item.alert_id,
            "from": before,
            "to": item.status,
            "text_sha256": audit.text_hash(text) if text else None,
            **(detail or {}),
        },
    )
    data = {
        "id": item.id,
        "alert_id": item.alert_id,
        "team": item.team,
        "status": item.status,
        "severity": item.severity,
        "deadline_at": iso(item.deadline_at) if item.deadline_at else None,
        "claimed_by": item.claimed_by,
        "version": item.version,
    }
    record.event(conn, item.alert_id, f"escalation.{action}", now, data, item.version, escalation_id=item.id)


def _named(item: Escalation) -> str:
    return {"pr": "PR", "legal": "Legal", "both": "PR and Legal"}[item.team]


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:120]
