"""The alerts that a replay fires, as figures for a program and as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from alerts.severity import CLOCKS
from tocsin.core.signal_kinds import SIGNAL_KINDS
from tocsin.store import schema as s

FIRING: Final = ("fire", "suppress", "merge")
"""The events for which a replay prints an alert. It prints no candidates."""


def fired_alerts(
    conn: Connection, fired: Mapping[str, datetime]
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """For each alert of `fired`, the time at which it would have fired, and the alert with the figures of that time.

    `worst` is the severity of the alert at the end of the replay.
    """
    a, e, g, t = s.alerts, s.alert_events, s.signals, s.alert_timeline
    for id, at in fired.items():
        alert = dict(conn.execute(select(a).where(a.c.id == id)).one()._mapping)
        here = (e.c.alert_id == id, e.c.at == at, e.c.kind.in_(FIRING))
        event = conn.execute(select(e.c.data).where(*here).order_by(e.c.seq).limit(1)).scalar_one()
        why = (t.c.alert_id == id, t.c.at == at, t.c.action.in_(FIRING))
        reason = conn.execute(select(t.c.reason).where(*why).order_by(t.c.seq).limit(1)).scalar_one()
        signal = conn.execute(
            select(g.c.facts, g.c.evidence, g.c.score)
            .where(g.c.fingerprint == alert["fingerprint"], g.c.tick <= at)
            .order_by(g.c.tick.desc(), g.c.id)
            .limit(1)
        ).one()
        yield (
            at,
            {
                **alert,
                **signal._mapping,
                "severity": event["severity"],
                "status": event["status"],
                "reason": reason,
                "worst": alert["severity"],
            },
        )


def in_a_line(alert: Mapping[str, Any]) -> str:
    """An alert on one line: severity, monitor, what was counted against the expected, and what became of it."""
    facts = alert["facts"]
    kind = SIGNAL_KINDS.of(alert["kind"])
    if kind.is_share:
        claim = f"{facts['observed']:.0%} {kind.counted}, usually {facts['expected']:.0%}"
    else:
        share = facts.get("negative_share")
        negative = f", {share:.0%} negative" if share is not None else ""
        claim = f"{facts['observed']:g} {kind.counted}, {facts['expected']:.3g} expected{negative}"
    name = CLOCKS[alert["severity"]].name
    why = f": {alert['reason']}" if alert["reason"] else ""
    rose = f", later SEV{alert['worst']}" if alert["worst"] < alert["severity"] else ""
    return f"SEV{alert['severity']} {name}{rose}  {alert['monitor']}  {claim}  [{alert['status']}{why}]"
