"""The words of a page that comes again: for how long already, who could not be reached, and what has changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from alerts.alert import Alert
from alerts.message import figure
from alerts.outbox import reach

HOUR: Final = timedelta(hours=1)
ORDINALS: Final = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
)


def still(conn: Connection, alert: Alert, now: datetime) -> list[str]:
    """The lines that a repeated page begins with."""
    lines = [f"Still, for {how_long(now - alert.opened_at)}: nobody has answered."]
    away = reach.could_not_be_reached(conn, alert.id)
    if away:
        lines.append(f"Could not be reached: {', '.join(away)}.")
    return [*lines, *_changed(conn, alert)]


def how_long(lasted: timedelta) -> str:
    """The length of time in words: "12 minutes", "the third hour", "the 30th hour"."""
    if lasted < HOUR:
        minutes = max(1, lasted // timedelta(minutes=1))
        return f"{minutes} minutes" if minutes > 1 else "a minute"
    number = lasted // HOUR + 1
    if number <= len(ORDINALS):
        return f"the {ORDINALS[number - 1]} hour"
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"the {number}{ending} hour"


def _changed(conn: Connection, alert: Alert) -> list[str]:
    """What has changed since the last page, as that page said it. Empty where there was none."""
    last = reach.last_said(conn, alert.id)
    if last is None or alert.readable_evidence is None:
        return []
    before, evidence = last.get("facts", {}), alert.the_evidence
    figures = (
        ("severity", before.get("severity"), alert.severity, lambda value: f"SEV{value}"),
        ("seen", before.get("observed"), evidence.observed, lambda value: figure(alert, value)),
        ("negative", before.get("negative_share"), evidence.negative_share, lambda value: f"{value:.0%}"),
    )
    changes = [_moved(*one) for one in figures]
    told = "; ".join(one for one in changes if one)
    return [f"Since the last page: {told}." if told else "Nothing has changed since the last page."]


def _moved(name: str, before: Any, now: Any, shown: Any) -> str:
    """One figure that has changed, before and now. Empty where it shows no change."""
    old, new = (shown(value) if value is not None else "unknown" for value in (before, now))
    return f"{name} {new}, was {old}" if old != new else ""
