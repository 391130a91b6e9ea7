"""Verdicts: what a person says of an alert afterwards, and the precision of each signal that follows, per monitor.

The reason of a dismissal is a verdict. Whoever resolves an alert may give one, and anybody who may answer may give one later.
The last verdict counts. A duplicate says that the story was told twice. It does not say whether the story was real, so it is
no part of the precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, func, insert, select, update

from alerts import states
from alerts.actor import Actor
from alerts.alert import Alert
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.store import audit
from tocsin.store import schema as s

REAL: Final = "real"
NOISE: Final = "noise"
DUPLICATE: Final = "duplicate"
EXPECTED: Final = "expected"
WRONG_BRAND: Final = "wrong_brand"
VERDICTS: Final = (REAL, NOISE, DUPLICATE, EXPECTED, WRONG_BRAND)

OF_DISMISSAL: Final[Mapping[str, str]] = {
    "noise": NOISE,
    "duplicate": DUPLICATE,
    "expected_event": EXPECTED,
    "wrong_brand": WRONG_BRAND,
    "inauthentic": NOISE,
    "handled": REAL,
}
"""The verdict that lies in the reason of a dismissal."""

_TOLD: Final = (
    s.alerts.c.status.not_in((states.CANDIDATE, states.SUPPRESSED)),
    s.alerts.c.merged_into.is_(None),
)
"""The conditions of an alert that told people anything: no candidate, and not a suppressed or a merged one."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What people said of the alerts of one kind of signal. `given` has every verdict with the number of alerts."""

    kind: str
    given: Mapping[str, int]

    @property
    def real(self) -> int:
        return self.given[REAL]

    @property
    def judged(self) -> int:
        """The alerts that tell anything of the precision: all but duplicates."""
        return sum(self.given.values()) - self.given[DUPLICATE]


@dataclass(frozen=True, slots=True)
class Judged:
    """An alert with its verdict. `told` says that it told people anything: it was neither suppressed nor merged."""

    alert_id: str
    kind: str
    verdict: str
    opened_at: datetime
    ended_at: datetime
    peak_score: float
    told: bool


def check_verdict(verdict: str) -> str:
    """`verdict` if it is one. Raises `WrongInput` with the choices otherwise."""
    if verdict not in VERDICTS:
        raise WrongInput(
            Sentence(
                "unknown verdict {verdict}; choose one of: {choices}",
                verdict=repr(verdict),
                choices=", ".join(VERDICTS),
            )
        )
    return verdict


def keep(
    conn: Connection, alert: Alert, verdict: str, actor: Actor, now: datetime, *, audited: bool = False
) -> None:
    """Keep the verdict in place of an earlier one, and note it in the audit chain, unless `audited` says that it is there."""
    t = s.verdicts
    values = {"verdict": check_verdict(verdict), "at": now, "actor": actor.name}
    if not conn.execute(update(t).where(t.c.alert_id == alert.id).values(**values)).rowcount:
        conn.execute(
            insert(t).values(alert_id=alert.id, monitor_id=alert.monitor_id, kind=alert.kind, **values)
        )
    if not audited:
        audit.append(
            conn,
            at=now,
            actor=actor.name,
            role=actor.role,
            action="alert.verdict",
            object=alert.id,
            detail={"verdict": verdict},
        )


def verdict_of(conn: Connection, alert_id: str) -> dict[str, Any] | None:
    """The verdict of an alert: verdict, at, actor. None: nobody has said."""
    t = s.verdicts.c
    row = conn.execute(select(t.verdict, t.at, t.actor).where(t.alert_id == alert_id)).one_or_none()
    return dict(row._mapping) if row is not None else None


def verdicts_of(conn: Connection, alert_ids: Sequence[str]) -> dict[str, str]:
    """The verdicts of these alerts, of those that have one."""
    t = s.verdicts.c
    rows = conn.execute(select(t.alert_id, t.verdict).where(t.alert_id.in_(alert_ids)))
    return {row.alert_id: row.verdict for row in rows}


def precision(conn: Connection, monitor_id: str) -> list[Precision]:
    """Of each kind of signal that was judged by anybody, what people said, by kind."""
    t = s.verdicts.c
    counted = select(t.kind, t.verdict, func.count().label("alerts")).where(t.monitor_id == monitor_id)
    found: dict[str, dict[str, int]] = {}
    for row in conn.execute(counted.group_by(t.kind, t.verdict)):
        found.setdefault(row.kind, dict.fromkeys(VERDICTS, 0))[row.verdict] = row.alerts
    return [Precision(kind, found[kind]) for kind in sorted(found)]


def judged_alerts(conn: Connection, monitor_id: str, since: datetime) -> list[Judged]:
    """The alerts that opened since then and have a verdict, the oldest first."""
    a, t = s.alerts.c, s.verdicts.c
    rows = conn.execute(
        select(a.id, a.kind, t.verdict, a.opened_at, a.last_signal_at, a.peak_score, and_(*_TOLD))
        .join_from(s.alerts, s.verdicts, a.id == t.alert_id)
        .where(t.monitor_id == monitor_id, a.opened_at >= since)
        .order_by(a.opened_at, a.id)
    )
    return [Judged(*row) for row in rows]


def monitors_with_verdicts(conn: Connection, since: datetime) -> list[str]:
    """The monitors of which an alert was judged since then."""
    t = s.verdicts.c
    return sorted(conn.execute(select(t.monitor_id).where(t.at >= since).distinct()).scalars())


def fired_since(conn: Connection, monitor_id: str, since: datetime) -> int:
    """The alerts of the monitor that opened since then and told people anything."""
    a = s.alerts.c
    query = select(func.count()).where(a.monitor_id == monitor_id, a.opened_at >= since, *_TOLD)
    return int(conn.execute(query).scalar_one())
