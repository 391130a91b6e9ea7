"""The content of an alert's page: the evidence as judged, the posts behind it, the day's chart, the record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, and_, or_, select

from api.pages.charts import ChartPoint
from api.pages.models import DAY, SLOT, SLOT_US, AlertRow, alert_row
from tocsin.core.clock import from_micros, to_micros
from tocsin.core.counts import NORMAL_95, interval_95, steady
from tocsin.core.errors import NotFound
from tocsin.core.signal import TopMention
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store import schema as s

_TEXT_SHOWN = 1200


@dataclass(frozen=True, slots=True)
class Post:
    """A mention as shown. `text` is None where it is no longer kept; `url` is http(s) or None."""

    source: str
    id: str
    text: str | None
    author: str
    handle: str | None
    reach: int
    network: str | None
    lang: str | None
    at: datetime | None
    label: str
    url: str | None
    folded: bool  # may hurt to read: shown when asked for


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A line of the record of what was done."""

    at: datetime
    actor: str
    role: str
    action: str
    from_status: str | None
    to_status: str | None
    text: str | None
    detail: dict[str, Any]
    privileged: bool = False
    seq: int = 0


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """A notice to somebody, and whether it arrived."""

    person: str
    channel: str
    kind: str
    status: str
    at: datetime
    attempts: int
    receipt: str | None


@dataclass(frozen=True, slots=True)
class EscalationRow:
    """An escalation item in a list."""

    id: str
    alert_id: str
    team: str
    status: str
    severity: int
    reason: str
    created_at: datetime
    created_by: str
    claimed_by: str | None
    deadline_at: datetime | None
    assessment_due_at: datetime | None
    assessed_at: datetime | None
    statement_due_at: datetime | None
    decisions: dict[str, Any]
    closed_at: datetime | None
    version: int
    monitor: str = ""
    alert_severity: int | None = None

    def overdue(self, now: datetime) -> bool:
        return self.closed_at is None and self.deadline_at is not None and self.deadline_at < now


@dataclass(frozen=True, slots=True)
class Card:
    """Everything on the page of one alert."""

    alert: AlertRow
    posts: tuple[Post, ...]
    chart: tuple[ChartPoint, ...]
    timeline: tuple[RecordLine, ...]
    notices: tuple[NoticeLine, ...]
    escalations: tuple[EscalationRow, ...]

    @property
    def seen(self) -> int:
        """The last line of the record that the page shows."""
        return self.timeline[0].seq if self.timeline else 0


def card(conn: Connection, alert_id: str, now: datetime, *, brief: bool = False) -> Card:
    """The alert with this id; `brief` leaves out the chart and the record. Raises `NotFound`."""
    a = s.alerts
    row = conn.execute(select(a).where(a.c.id == alert_id[:64])).one_or_none()
    if row is None:
        raise NotFound(f"no alert {alert_id[:64]!r}")
    alert = alert_row(row)
    top = tuple(alert.evidence.top[:5]) if alert.evidence else ()
    shown = posts(conn, top)
    if brief:
        return Card(alert, shown, (), (), (), ())
    until = now if alert.live else min(now, row.last_signal_at + timedelta(hours=1))
    return Card(
        alert=alert,
        posts=shown,
        chart=day_points(conn, alert.monitor_id, until),
        timeline=_timeline(conn, alert_id),
        notices=_notices(conn, alert_id),
        escalations=_escalations(conn, alert_id),
    )


def posts(conn: Connection, top: Sequence[TopMention]) -> tuple[Post, ...]:
    """The posts, in the order given: two short queries. An erased post is named as such, not left out."""
    if not top:
        return ()
    m, known = s.mentions, s.seen
    times = conn.execute(
        select(known.c.created_at).where(
            or_(*(and_(known.c.source == t.source, known.c.id == t.id) for t in top))
        )
    )
    found = {
        (r.source, r.id): r
        for r in conn.execute(
            select(*s.mention_columns).where(
                m.c.created_at.in_(list(times.scalars())),  # in which days to look, where days are kept apart
                or_(*(and_(m.c.source == t.source, m.c.id == t.id) for t in top)),
            )
        )
    }
    return tuple(post_of(found.get((t.source, t.id)), t) for t in top)


def day_points(conn: Connection, monitor_id: str, until: datetime) -> tuple[ChartPoint, ...]:
    """The 24 hours up to `until` in slots of 15 minutes: counted, expected, and the interval of the expected. A slot of which
    not every window is closed yet shows the closed ones, in all three figures.

    The interval of a slot follows the detector's formula (`tocsin.core.counts`) with the spread that its readings were judged by.
    """
    r = s.readings
    last = (to_micros(until) - 1) // SLOT_US
    first = last - int(DAY / SLOT) + 1
    rows: dict[int, list[Row[Any]]] = {}
    query = select(r).where(
        r.c.monitor_id == monitor_id,
        r.c.kind == SIGNAL_KINDS.lead.kind,
        r.c.window_start >= from_micros(first * SLOT_US),
        r.c.window_start < from_micros((last + 1) * SLOT_US),
    )
    for row in conn.execute(query):
        rows.setdefault(to_micros(row.window_start) // SLOT_US, []).append(row)
    return tuple(_slot(from_micros(n * SLOT_US), rows.get(n, [])) for n in range(first, last + 1))


def safe_url(url: str | None) -> str | None:
    """The address if a browser may follow it: http or https with a host, of a sane length."""
    if not url or len(url) > 2000:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def escalation_row(row: Row[Any], monitor: str = "", alert_severity: int | None = None) -> EscalationRow:
    """The stored row."""
    return EscalationRow(
        id=row.id,
        alert_id=row.alert_id,
        team=row.team,
        status=row.status,
        severity=row.severity,
        reason=row.reason,
        created_at=row.created_at,
        created_by=row.created_by,
        claimed_by=row.claimed_by,
        deadline_at=row.deadline_at,
        assessment_due_at=row.assessment_due_at,
        assessed_at=row.assessed_at,
        statement_due_at=row.statement_due_at,
        decisions=dict(row.decisions or {}),
        closed_at=row.closed_at,
        version=row.version,
        monitor=monitor,
        alert_severity=alert_severity,
    )


# -- pieces ------------------------------------------------------------------------------------------------------------------


def post_of(row: Row[Any] | None, top: TopMention) -> Post:
    """A stored mention as a page shows it; `top` says what stays of one that is no longer kept."""
    if row is None:
        return Post(top.source, top.id, None, "", None, top.reach, None, None, None, top.label, None, False)
    text = f"{row.title}\n{row.text}" if row.title else row.text
    if len(text) > _TEXT_SHOWN:
        text = text[:_TEXT_SHOWN].rstrip() + "…"
    return Post(
        source=row.source,
        id=row.id,
        text=text.replace("\x00", ""),
        author=row.author_name or row.author_handle or row.author_id or "",
        handle=row.author_handle,
        reach=row.followers or top.reach,
        network=row.network,
        lang=row.lang,
        at=row.created_at,
        label=row.label,
        url=safe_url(row.url),
        folded="violence" in (row.triggers or ()),
    )


def _slot(at: datetime, rows: Sequence[Row[Any]]) -> ChartPoint:
    if not rows:
        return ChartPoint(at, None)
    # by its mapping: a row has a method of that name
    value, over = float(sum(r._mapping["count"] for r in rows)), any(bool(r.over) for r in rows)
    details = [r.detail for r in rows if isinstance(r.detail, dict)]
    due = [float(d["window_expected"]) for d in details if isinstance(d.get("window_expected"), int | float)]
    if len(due) < len(rows):
        return ChartPoint(at, value, over=over)
    expected = sum(due)
    sigmas = [found for found in (_sigma(r) for r in rows) if found is not None]
    if not sigmas:
        return ChartPoint(at, value, expected, over=over)
    lower, upper = interval_95(expected, sum(sigmas) / len(sigmas))
    return ChartPoint(at, value, expected, lower, upper, over)


def _sigma(row: Row[Any]) -> float | None:
    """The spread that the reading was judged by, read back from its interval."""
    found = (steady(row.upper) - steady(row.expected)) / NORMAL_95
    return found if math.isfinite(found) and found > 0 else None


def _timeline(conn: Connection, alert_id: str) -> tuple[RecordLine, ...]:
    t = s.alert_timeline
    found = conn.execute(select(t).where(t.c.alert_id == alert_id).order_by(t.c.seq.desc()).limit(200))
    return tuple(
        RecordLine(
            r.at,
            r.actor,
            r.role,
            r.action,
            r.from_status,
            r.to_status,
            r.reason,
            dict(r.detail or {}),
            seq=r.seq,
        )
        for r in found
    )


def _notices(conn: Connection, alert_id: str) -> tuple[NoticeLine, ...]:
    n, r = s.notices, s.receipts
    found = conn.execute(
        select(n, r.c.detail.label("receipt"), r.c.at.label("received_at"))
        .join(r, (r.c.notice_id == n.c.id) & (r.c.attempt == n.c.attempts), isouter=True)
        .where(n.c.alert_id == alert_id)
        .order_by(n.c.created_at.desc(), n.c.id)
        .limit(100)
    )
    return tuple(
        NoticeLine(x.person, x.channel, x.kind, x.status, x.ended_at or x.created_at, x.attempts, x.receipt)
        for x in found
    )


def _escalations(conn: Connection, alert_id: str) -> tuple[EscalationRow, ...]:
    e = s.escalations
    found = conn.execute(select(e).where(e.c.alert_id == alert_id).order_by(e.c.created_at, e.c.id).limit(20))
    return tuple(escalation_row(r) for r in found)
