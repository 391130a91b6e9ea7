"""The words of a page that comes again: for how long already, who could not be reached, and what has changed; or why people are
asked anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from alerts.alert import Alert
from alerts.outbox import reach
from alerts.record import unanswered_since
from tocsin.core.clock import HOUR
from tocsin.core.sentences import Nth, Percentage, Sentence, listed
from tocsin.core.signal_kinds import SIGNAL_KINDS

ORDINALS: Final = (
    "the first hour",
    "the second hour",
    "the third hour",
    "the fourth hour",
    "the fifth hour",
    "the sixth hour",
    "the seventh hour",
    "the eighth hour",
    "the ninth hour",
    "the tenth hour",
    "the eleventh hour",
    "the twelfth hour",
)
UNKNOWN: Final = Sentence("unknown")
ANEW: Final = {
    "wake": Sentence("Asked again: the snooze has ended."),
    "reopen": Sentence("It is back: this alert was resolved before."),
}
"""The first line of a page that follows such a line of the timeline."""
NO_CHANGE: Final = Sentence("Nothing has changed since the last page.")


def still(conn: Connection, alert: Alert, now: datetime) -> list[str]:
    """The lines that a repeated page begins with."""
    unanswered = unanswered_since(conn, alert.id)
    lasted = how_long(now - (unanswered.at if unanswered is not None else alert.opened_at))
    lines: list[str] = [Sentence("Still, for {time}: nobody has answered.", time=lasted)]
    away = reach.could_not_be_reached(conn, alert.id)
    if away:
        lines.append(Sentence("Could not be reached: {people}.", people=", ".join(away)))
    return [*lines, *_changed(conn, alert)]


def asked_anew(conn: Connection, alert: Alert) -> str:
    """Why the first step of an alert that people knew before is asked anew. Empty where it asks for the first time."""
    line = unanswered_since(conn, alert.id)
    if line is None:
        return ""
    detail = line.detail or {}
    if line.action == "expire":
        who = detail.get("acknowledged_by") or "somebody"
        return Sentence("Asked again: the acknowledgement of {who} has expired.", who=who)
    if line.action == "worsen" and "from" in detail:
        return Sentence("Worse: rose from SEV{before} to SEV{now}", before=detail["from"], now=detail["to"])
    return ANEW.get(line.action, "")


def how_long(lasted: timedelta) -> Sentence:
    """The length of time in words: "12 minutes", "the third hour", "the 30th hour"."""
    if lasted < HOUR:
        minutes = max(1, lasted // timedelta(minutes=1))
        return Sentence("{n} minutes", n=minutes) if minutes > 1 else Sentence("a minute")
    number = lasted // HOUR + 1
    if number <= len(ORDINALS):
        return Sentence(ORDINALS[number - 1])
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return Sentence("the {nth} hour", nth=Nth(number, ending))


def _changed(conn: Connection, alert: Alert) -> list[str]:
    """The changes since the last page, against what that page said. Empty where there was none."""
    last = reach.last_said(conn, alert.id)
    if last is None or alert.readable_evidence is None:
        return []
    before, evidence = last.get("facts", {}), alert.the_evidence
    shown = Percentage if SIGNAL_KINDS.of(alert.kind).is_share else _counted
    changes = (
        _moved("severity {now}, was {before}", before.get("severity"), alert.severity, _severity),
        _moved("seen {now}, was {before}", before.get("observed"), evidence.observed, shown),
        _moved(
            "negative {now}, was {before}", before.get("negative_share"), evidence.negative_share, Percentage
        ),
    )
    told = [one for one in changes if one is not None]
    return [Sentence("Since the last page: {changes}.", changes=listed(told, "; "))] if told else [NO_CHANGE]


def _moved(pattern: str, before: Any, now: Any, shown: Callable[[Any], Any]) -> Sentence | None:
    """One figure that has changed, before and now. None where it shows no change."""
    old, new = (UNKNOWN if value is None else shown(value) for value in (before, now))
    said = Sentence(pattern, before=old, now=new)
    return said if said != Sentence(pattern, before=new, now=new) else None


def _severity(value: int) -> str:
    return f"SEV{value}"


def _counted(value: float) -> float | int:
    """A count as notices show it: whole from ten on, with one decimal below where it has one."""
    return round(value) if value >= 10 or value == int(value) else round(value, 1)
