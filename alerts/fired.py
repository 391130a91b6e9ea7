"""The alerts that fired, with the figures of that time, for replays and back-tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from alerts.on_signal import AUTOMATED, COPIES, REPOSTS, SET_ASIDE
from tocsin.store import schema as s

FIRING: Final = ("fire", "suppress", "merge")
"""The events for which a replay prints an alert. It prints no candidates."""

RINGS: Final = ("fire",)
"""Those of them with which people are told."""

ASIDE: Final = frozenset({COPIES, AUTOMATED, REPOSTS})
"""The reasons of an alert whose whole window was set aside."""


def fired_alerts(
    conn: Connection, fired: Mapping[str, datetime]
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """For each alert of `fired`, the time at which it would have fired, and the alert with the figures of that time.

    `worst` is the severity of the alert at the end of the replay.
    """
    a, e, t = s.alerts, s.alert_events, s.alert_timeline
    for id, at in fired.items():
        alert = dict(conn.execute(select(a).where(a.c.id == id)).one()._mapping)
        here = (e.c.alert_id == id, e.c.at == at, e.c.kind.in_(FIRING))
        event = conn.execute(select(e.c.data).where(*here).order_by(e.c.seq).limit(1)).scalar_one()
        why = (t.c.alert_id == id, t.c.at == at, t.c.action.in_(FIRING))
        reason = conn.execute(select(t.c.reason).where(*why).order_by(t.c.seq).limit(1)).scalar_one()
        signal = _signal(conn, alert["fingerprint"], at, event["score"], aside=reason in ASIDE)
        yield (
            at,
            {
                **alert,
                **{name: signal._mapping[name] for name in ("facts", "evidence", "score")},
                "severity": event["severity"],
                "status": event["status"],
                "reason": reason,
                "worst": alert["severity"],
            },
        )


def _signal(conn: Connection, story: str, at: datetime, score: float, *, aside: bool) -> Row[Any]:
    """The signal by which an alert of the story fired at that time. One tick may have written several: of copies in the window
    that closed, say, and of a crisis in the next.
    """
    g = s.signals.c
    newest = select(func.max(g.tick)).where(g.fingerprint == story, g.tick <= at).scalar_subquery()
    of_tick = select(s.signals).where(g.fingerprint == story, g.tick == newest).order_by(g.window_end, g.id)
    found = conn.execute(of_tick).all()
    mine = [one for one in found if (one.state == SET_ASIDE) == aside] or found
    return next((one for one in mine if one.score == score), mine[-1])


def has_alert(conn: Connection, monitor: str, statuses: Sequence[str], severity: int) -> bool:
    """Whether the monitor of this name has an alert in one of these statuses, at least as grave as this severity."""
    a = s.alerts.c
    query = select(a.id).where(a.monitor == monitor, a.status.in_(statuses), a.severity <= severity)
    return conn.execute(query.limit(1)).first() is not None
