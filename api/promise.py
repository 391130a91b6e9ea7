"""A monitor's promise beside what came of it: the promised false alerts a week, the alerts that fired, and their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from alerts.verdicts import DUPLICATE, REAL, Judged, Precision, fired_since, judged_alerts, precision
from processors.detection.knowledge import Knowledge, knowledge
from processors.detection.outlook import Outlook, outlook
from tocsin.core.clock import WEEK
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import Defined

LOOKED_BACK: Final = timedelta(days=28)
LEAST: Final = timedelta(days=7)
"""A rate of less than a week says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """`promised` false alerts a week. Over `weeks`, `fired` alerts told people anything: people found `false` of them to be none,
    and said nothing of `unjudged` ones. Verdicts on alerts that told nobody are no part of that. The rates are None for the first
    week.
    """

    promised: float
    weeks: float
    fired: int
    false: int
    unjudged: int
    knowledge: Knowledge
    signals: tuple[Precision, ...]
    ahead: Outlook

    @property
    def fired_a_week(self) -> float | None:
        return self.fired / self.weeks if self.weeks >= LEAST / WEEK else None

    @property
    def false_a_week(self) -> float | None:
        return self.false / self.weeks if self.weeks >= LEAST / WEEK else None


def promise_of(conn: Connection, monitor: Defined[Monitor], now: datetime) -> Promise:
    """The promise of the monitor and what came of it in the last four weeks, or since it was defined."""
    span = min(LOOKED_BACK, max(timedelta(0), now - monitor.created_at))
    judged = [one for one in judged_alerts(conn, monitor.id, now - span) if one.told]
    fired = fired_since(conn, monitor.id, now - span)
    return Promise(
        promised=monitor.value.false_alerts_per_week,
        weeks=span / WEEK,
        fired=fired,
        false=_false(judged),
        unjudged=fired - len(judged),
        knowledge=knowledge(conn, monitor.id, monitor.value.series),
        signals=tuple(precision(conn, monitor.id)),
        ahead=outlook(conn, monitor.id, monitor.value),
    )


def _false(judged: Sequence[Judged]) -> int:
    return sum(one.verdict not in (REAL, DUPLICATE) for one in judged)
