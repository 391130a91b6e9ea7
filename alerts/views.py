"""Reading alerts for the API, the pages and the commands. `alerts/escalations/views.py` reads escalations.

Lists take `limit` (1 to 500) and an opaque `cursor`; the cost does not grow with the number of alerts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, func, or_, select

from alerts import states
from alerts.alert import Alert, columns, from_row, get
from alerts.held_by import HeldBy, held_by, last_hold, read_held
from alerts.message import top_posts
from alerts.severity import CLOCKS, severity
from alerts.speakers import with_speakers
from alerts.story import in_a_headline
from tocsin.core.cursor import decode_cursor, page_of
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import ever_defined, find_row
from tocsin.store import schema as s

MOST: Final = 500
SHOWN: Final = 100
"""The alerts on the overview. Nobody reads more at once; the list of alerts has all of them."""
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
SUPPRESSED_FOR: Final = timedelta(hours=72)
"""The time that a suppressed alert that is over still stands among the suppressed ones."""

_a = s.alerts.c
# This form, and not "is not null", lets the engine use the index.
_NOT_OVER: Final = _a.live > ""
_BY_NEED: Final = (
    case((and_(_a.status == states.FIRING, _a.calmed_at.is_(None)), 0), else_=1),
    _a.severity,
    _a.opened_at,
    _a.id,
)
# Made once, like the two below: the overview, and every live page, asks them.
# The ids first: rows are large, and sorting all of them costs more than reading those that are shown.
_GOING_ON: Final = (
    select(s.alerts, last_hold())
    .where(_a.id.in_(select(_a.id).where(_NOT_OVER).order_by(*_BY_NEED).limit(SHOWN)))
    .order_by(*_BY_NEED)
)
_SUPPRESSED_LATELY: Final = (
    select(s.alerts)
    .where(
        _a.live.is_(None),
        _a.opened_at >= bindparam("since", type_=_a.opened_at.type),
        _a.status == states.SUPPRESSED,
    )
    .order_by(_a.opened_at.desc(), _a.id)
    .limit(50)
)
_LIVE_SEVERITIES: Final = select(_a.monitor_id, _a.severity).where(
    _NOT_OVER,
    _a.status.in_(GROUPS["open"]),
    or_(_a.status != states.FIRING, _a.calmed_at.is_(None)),
)
"""As `Alert.calmed_unacknowledged` has it."""
_HOW_MANY: Final = select(func.count()).select_from(s.alerts).where(_NOT_OVER)


@dataclass(frozen=True, slots=True)
class Listing:
    """`items` in order, as JSON. `next_cursor` None: the list ends here."""

    items: list[dict[str, Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class StandingAlerts:
    """The alerts that are not over, by what they ask of people, and those that were suppressed lately."""

    live: tuple[Alert, ...]
    """Alerts that nobody has taken first, then the most severe, then the oldest."""
    calmed: tuple[Alert, ...]
    """Calmed, unacknowledged."""
    merged: tuple[Alert, ...]
    """Merged or dismissed, and not over yet."""
    suppressed: tuple[Alert, ...]
    left_out: int = 0
    """Further alerts that are not over."""
    severities: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By monitor, the severities of all its live alerts, those that are left out among them, the worst first."""
    holders: Mapping[str, HeldBy] = field(default_factory=dict)
    """The hold of each alert that something holds, by its id."""


def standing(conn: Connection, now: datetime) -> StandingAlerts:
    """A few queries, whatever the number of alerts. Shows `SHOWN` that are not over and 50 suppressed ones at most."""
    shown, holders = read_held(conn, conn.execute(_GOING_ON).all())
    lately = conn.execute(_SUPPRESSED_LATELY, {"since": now - SUPPRESSED_FOR})
    named = with_speakers(conn, shown)
    found = sorted_by_need(named, with_speakers(conn, [from_row(row) for row in lately]))
    if len(shown) < SHOWN:
        return replace(found, holders=holders)
    count = conn.execute(_HOW_MANY).scalar_one()
    severities = _by_monitor((row[0], row[1]) for row in conn.execute(_LIVE_SEVERITIES))
    return replace(found, left_out=count - SHOWN, severities=severities, holders=holders)


def _by_monitor(live: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for monitor, rank in live:
        found.setdefault(monitor, []).append(rank)
    return {monitor: tuple(sorted(ranks)) for monitor, ranks in found.items()}


def sorted_by_need(going_on: Sequence[Alert], suppressed_lately: Sequence[Alert]) -> StandingAlerts:
    """Which alert stands where. A candidate is not shown: it is no alert for people yet."""
    shown = [one for one in going_on if one.status in GROUPS["open"]]
    live = [one for one in shown if not one.calmed_unacknowledged]
    return StandingAlerts(
        live=tuple(sorted(live, key=_need)),
        severities=_by_monitor((one.monitor_id, one.severity) for one in live),
        calmed=tuple(one for one in shown if one.calmed_unacknowledged),
        merged=tuple(one for one in going_on if one.status in (states.MERGED, states.DISMISSED)),
        suppressed=(*(one for one in going_on if one.status == states.SUPPRESSED), *suppressed_lately),
    )


def _need(alert: Alert) -> tuple[bool, bool, int, datetime]:
    """Alerts that nobody has taken first, calmed ones last; among these the most severe, then the oldest."""
    return not alert.needs_answer, alert.calmed_at is not None, alert.severity, alert.opened_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which alerts a list shows. `status` takes statuses and the names in `GROUPS`; `monitor` takes an id or a name."""

    status: Sequence[str] = ()
    severity: Sequence[int] = ()
    monitor: str | None = None
    kind: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Alerts, the newest first. `holders`: the hold of each alert that something holds, by its id. `next_cursor` None: the list
    ends here.
    """

    alerts: list[Alert]
    holders: Mapping[str, HeldBy]
    next_cursor: str | None


def find_alerts(conn: Connection, wanted: Wanted) -> Found:
    """A page of the list. Raises `WrongInput` for an unknown status, `NotFound` for an unknown monitor, `BadCursor` for a cursor
    of another list.
    """
    rows, more = _page(conn, wanted, [s.alerts, last_hold()])
    alerts, holders = read_held(conn, rows)
    return Found(with_speakers(conn, alerts), holders, more)


def find_versions(conn: Connection, wanted: Wanted) -> tuple[list[tuple[str, int]], str | None]:
    """Like `find_alerts`, but with the id and version of each alert, and the cursor. A caller that has this version need not
    read it again.
    """
    a = s.alerts
    rows, more = _page(conn, wanted, [a.c.id, a.c.version, a.c.opened_at])
    return [(row.id, row.version) for row in rows], more


def alerts_by_id(conn: Connection, ids: Collection[str]) -> tuple[dict[str, Alert], Mapping[str, HeldBy]]:
    """The alerts with these ids, as far as they exist, and what holds each, both by id."""
    if not ids:
        return {}, {}
    rows = conn.execute(select(s.alerts, last_hold()).where(s.alerts.c.id.in_(ids))).all()
    found, holders = read_held(conn, rows)
    return {one.id: one for one in found}, holders


def _page(conn: Connection, wanted: Wanted, what: Sequence[Any]) -> tuple[list[Row[Any]], str | None]:
    a = s.alerts
    newest = (a.c.opened_at.desc(), a.c.id.desc())
    # The ids first, from an index that covers the question. Only the rows that are shown, which are large, are read whole.
    found = select(a.c.id).where(*_where(wanted)).order_by(*newest).limit(bounded(wanted.limit) + 1)
    rows = conn.execute(select(*what).where(a.c.id.in_(found.scalar_subquery())).order_by(*newest)).all()
    if not rows and wanted.monitor is not None:
        _refuse_unknown(conn, wanted.monitor)
    return page_of(rows, wanted.limit, lambda row: (row.opened_at, row.id))


def _refuse_unknown(conn: Connection, monitor: str) -> None:
    """Raise `NotFound` where neither a monitor nor an alert has this id or name: an empty list would read as calm."""
    a = s.alerts
    told = select(a.c.id).where(or_(a.c.monitor_id == monitor, a.c.monitor == monitor)).limit(1)
    if conn.execute(told).first() is None and not ever_defined(conn, "monitor", monitor):
        find_row(conn, Monitor, monitor)


def _where(wanted: Wanted) -> list[ColumnElement[bool]]:
    a = s.alerts
    where: list[ColumnElement[bool]] = []
    statuses = known_statuses(wanted.status, states.STATUSES, GROUPS)
    if statuses:
        # Not by the index of statuses: a question for a status and something rare would read all its large rows.
        where.append(func.coalesce(a.c.status, "").in_(statuses))
    if wanted.severity:
        where.append(a.c.severity.in_(tuple(wanted.severity)))
    if wanted.monitor is not None:
        where.append(or_(a.c.monitor_id == wanted.monitor, a.c.monitor == wanted.monitor))
    if wanted.kind is not None:
        where.append(a.c.kind == wanted.kind)
    after = decode_cursor(wanted.cursor, datetime, str)
    if after is not None:
        at, last = after
        where.append(or_(a.c.opened_at < at, and_(a.c.opened_at == at, a.c.id < last)))
    return where


def list_alerts(conn: Connection, **wanted: Any) -> Listing:
    """The alerts of `find_alerts`, as JSON. `wanted` are the fields of `Wanted`."""
    found = find_alerts(conn, Wanted(**wanted))
    return Listing([alert_view(one, found.holders.get(one.id)) for one in found.alerts], found.next_cursor)


def get_alert(conn: Connection, alert_id: str) -> dict[str, Any]:
    """One alert as JSON. Raises `NotFound`."""
    found = get(conn, alert_id)
    return alert_view(found, held_by(conn, [found]).get(found.id))


def alert_view(alert: Alert, held: HeldBy | None = None) -> dict[str, Any]:
    """An alert as JSON: every column, why its severity is what it is, its clocks, what holds it, what may be done.

    There are no reasons where this version cannot read the facts.
    """
    clocks, facts = CLOCKS[alert.severity], alert.readable_facts
    return columns(alert) | {
        "reasons": list(severity(facts).reasons) if facts else [],
        "headline": in_a_headline(alert),
        "figures": figures(alert),
        "calmed_unacknowledged": alert.calmed_unacknowledged,
        "open": alert.is_open,
        "severity_name": clocks.name,
        "acknowledge_by": alert.opened_at + clocks.acknowledge if clocks.acknowledge else None,
        "held_by": asdict(held) if held else None,
        "actions": list(states.for_people(alert.status)),
    }


def figures(alert: Alert) -> dict[str, Any] | None:
    """What a wallboard shows of an alert, as it was judged: observed against expected, the tone, since when, by how many. None
    where this version cannot read them.
    """
    evidence, facts = alert.readable_evidence, alert.readable_facts
    if evidence is None or facts is None:
        return None
    known = not facts.learning
    return {
        "since": evidence.since,
        "window_start": evidence.window_start,
        "window_end": evidence.window_end,
        "observed": evidence.observed,
        "expected": evidence.expected if known else None,
        "lower": evidence.lower if known else None,
        "upper": evidence.upper if known else None,
        "ratio": facts.ratio if known else None,
        "count": evidence.count,
        "set_aside": alert.signal.left_out(evidence),
        "peak": evidence.peak or None,
        "authors": evidence.authors or (None if evidence.count else 0),
        "scored": evidence.negative + evidence.neutral + evidence.positive,
        "negative": evidence.negative,
        "negative_share": evidence.negative_share,
        "negative_usual": evidence.negative_baseline if known and not facts.thin else None,
        "triggers": dict(facts.triggers),
    }


def every_alert(conn: Connection) -> Iterator[tuple[Row[Any], Sequence[Row[Any]]]]:
    """Every alert with the lines of its timeline, both as stored, in the order in which the alerts were opened."""
    a, t = s.alerts, s.alert_timeline
    for row in conn.execute(select(a).order_by(a.c.opened_at, a.c.monitor, a.c.kind, a.c.id)).all():
        yield row, conn.execute(select(t).where(t.c.alert_id == row.id).order_by(t.c.seq)).all()


def timeline(conn: Connection, alert_id: str) -> list[dict[str, Any]]:
    """Everything that happened to the alert, oldest first. Raises `NotFound`."""
    get(conn, alert_id)
    t = s.alert_timeline
    return [
        dict(row._mapping)
        for row in conn.execute(select(t).where(t.c.alert_id == alert_id).order_by(t.c.seq))
    ]


def evidence(conn: Connection, alert_id: str) -> dict[str, Any]:
    """The evidence as it was judged, for checks by hand, with the top posts' texts as they are kept now. Raises `NotFound`."""
    alert = get(conn, alert_id)
    return {
        "alert_id": alert.id,
        "version": alert.version,
        "facts": dict(alert.facts),
        **dict(alert.evidence),
        "top": top_posts(conn, read.top) if (read := alert.readable_evidence) else [],
    }


def notices(conn: Connection, alert_id: str) -> list[dict[str, Any]]:
    """Every notice about the alert and how it ended, oldest first, without the channels' targets. Raises `NotFound`."""
    get(conn, alert_id)
    n, r = s.notices, s.receipts
    rows = conn.execute(select(n).where(n.c.alert_id == alert_id).order_by(n.c.created_at, n.c.id)).all()
    mine = select(n.c.id).where(n.c.alert_id == alert_id)
    receipts: dict[str, list[dict[str, Any]]] = {}
    for row in conn.execute(select(r).where(r.c.notice_id.in_(mine)).order_by(r.c.notice_id, r.c.attempt)):
        receipts.setdefault(row.notice_id, []).append(dict(row._mapping))
    shown = [{name: value for name, value in row._mapping.items() if name != "target"} for row in rows]
    return [one | {"receipts": receipts.get(one["id"], [])} for one in shown]


def bounded(limit: int) -> int:
    """`limit` if it is one that lists take. Raises `WrongInput`."""
    if not 1 <= limit <= MOST:
        raise WrongInput(Sentence("limit {limit}: between 1 and {most}", limit=limit, most=MOST))
    return limit


def known_statuses(
    asked: Sequence[str], known: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """The statuses asked for, those of a group included, each once. Raises `WrongInput` with the choices."""
    wanted: list[str] = []
    for one in asked:
        if one not in groups and one not in known:
            raise WrongInput(
                Sentence(
                    "unknown status {one}; known: {choices}",
                    one=repr(one),
                    choices=", ".join((*groups, *known)),
                )
            )
        wanted += groups.get(one, (one,))
    return tuple(dict.fromkeys(wanted))
