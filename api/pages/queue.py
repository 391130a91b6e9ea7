"""What the escalation queue and one item of it show. The queue is ordered by deadline; what has none comes last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from api.pages.card import Card, EscalationRow, RecordLine, card, escalation_row
from tocsin.core.errors import NotFound
from tocsin.store import schema as s


@dataclass(frozen=True, slots=True)
class Item:
    """Everything on the page of one escalation item. `hidden` privileged notes are left out for this reader."""

    row: EscalationRow
    alert: Card
    history: tuple[RecordLine, ...]
    hidden: int
    beside: tuple[EscalationRow, ...]
    seen: int  # the last line of the record, hidden ones included


def queue(conn: Connection, *, team: str | None, closed: bool, limit: int = 200) -> tuple[EscalationRow, ...]:
    """Open items by deadline, or the closed ones, the newest first."""
    e, a = s.escalations, s.alerts
    query = select(e, a.c.monitor, a.c.severity.label("alert_severity")).join(a, a.c.id == e.c.alert_id)
    if team in ("pr", "legal"):
        query = query.where(e.c.team == team)
    if closed:
        query = query.where(e.c.closed_at.is_not(None)).order_by(e.c.closed_at.desc(), e.c.id)
    else:
        query = query.where(e.c.closed_at.is_(None)).order_by(
            e.c.deadline_at.is_(None), e.c.deadline_at, e.c.severity, e.c.id
        )
    return tuple(escalation_row(r, r.monitor, r.alert_severity) for r in conn.execute(query.limit(limit)))


def item(conn: Connection, id: str, now: datetime, *, privileged: bool) -> Item:
    """The item with this id, as somebody may see it who may read privileged notes, or may not. Raises `NotFound`."""
    e, n = s.escalations, s.escalation_entries
    row = conn.execute(select(e).where(e.c.id == id[:64])).one_or_none()
    if row is None:
        raise NotFound(f"no escalation {id[:64]!r}")
    entries = conn.execute(
        select(n).where(n.c.escalation_id == row.id).order_by(n.c.seq.desc()).limit(300)
    ).all()
    shown = tuple(
        RecordLine(
            x.at,
            x.actor,
            x.role,
            x.action,
            x.from_status,
            x.to_status,
            x.text,
            dict(x.detail or {}),
            bool(x.privileged),
        )
        for x in entries
        if privileged or not x.privileged
    )
    about = card(conn, row.alert_id, now, brief=True)
    others = conn.execute(
        select(e).where(e.c.alert_id == row.alert_id, e.c.id != row.id).order_by(e.c.created_at)
    ).all()
    return Item(
        row=escalation_row(row, about.alert.monitor, about.alert.severity),
        alert=about,
        history=shown,
        hidden=len(entries) - len(shown),
        beside=tuple(escalation_row(x) for x in others),
        seen=max((x.seq for x in entries), default=0),
    )
