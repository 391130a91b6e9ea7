"""The alert as a value: one row of the store, and how to find it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Connection, Row, bindparam, select

from alerts import states
from tocsin.core.clock import CLOCKS_APART
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.core.signal import Evidence, Facts, evidence_from, facts_from
from tocsin.core.signal_kinds import SIGNAL_KINDS, SignalKind
from tocsin.definitions.models import Policy
from tocsin.store import schema as s

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One story about one monitor, as stored. `policy`, `facts` and `evidence` are plain JSON values."""

    id: str
    fingerprint: str
    live: str | None
    monitor_id: str
    monitor: str
    kind: str
    status: str
    severity: int
    reason: str | None
    opened_at: datetime
    updated_at: datetime
    last_signal_at: datetime
    worsened_at: datetime | None
    calmed_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    ack_expires_at: datetime | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    merged_into: str | None
    policy: Mapping[str, Any]
    step: int
    next_step_at: datetime | None
    score: float
    peak_score: float
    facts: Mapping[str, Any]
    evidence: Mapping[str, Any]
    drill: bool
    version: int
    # The name of whose voice it tells of, where somebody has looked it up (`alerts.speakers`). It is no column.
    speaker: str = ""

    def moved_back(self, now: datetime) -> dict[str, datetime]:
        """The alert's times moved back, if a clock ahead of `now` gave them: each lies as far from now as it lay from the
        alert's last change. Empty where no such clock gave them.
        """
        if self.updated_at <= now + CLOCKS_APART:
            return {}
        times = {name: getattr(self, name) for name in ("next_step_at", "ack_expires_at")}
        return {name: max(now, now + (at - self.updated_at)) for name, at in times.items() if at is not None}

    @property
    def the_policy(self) -> Policy:
        return Policy.model_validate(self.policy, context={"stored": True})

    @property
    def the_facts(self) -> Facts:
        return facts_from(self.facts)

    @property
    def the_evidence(self) -> Evidence:
        return evidence_from(self.evidence)

    @property
    def readable_facts(self) -> Facts | None:
        """The facts, or None where another version of the code wrote what this one cannot read."""
        return _readable(facts_from, self.facts)

    @property
    def readable_evidence(self) -> Evidence | None:
        """The evidence, or None as for `readable_facts`."""
        return evidence_of(self.evidence)

    @property
    def signal(self) -> SignalKind:
        """The registered facts of the alert's kind of signal."""
        return SIGNAL_KINDS.of(self.kind)

    @property
    def since(self) -> datetime:
        """The time at which the talk began to be unusual, as far as that is known."""
        evidence = self.readable_evidence
        return evidence.since if evidence else self.opened_at

    @property
    def has_fallen(self) -> bool:
        """The score of the figures that are shown is less than half of its peak. A score that moves a little says nothing of a
        story that goes on. A calm moves the score, and leaves the figures as they were.
        """
        facts = self.readable_facts
        return facts is not None and 2 * facts.score < self.peak_score

    @property
    def needs_answer(self) -> bool:
        """Nobody has the alert, and it asks for an answer."""
        return self.status == states.FIRING

    @property
    def calmed_unacknowledged(self) -> bool:
        """The alert is over and nobody has it. A snoozed or escalated alert that has calmed does not count: somebody
        decided that.
        """
        return self.needs_answer and self.calmed_at is not None

    @property
    def is_open(self) -> bool:
        return self.live is not None


def evidence_of(value: object) -> Evidence | None:
    """The evidence as it is stored, or None where this version cannot read it."""
    return _readable(evidence_from, value)


def _readable(reader: Callable[[object], T], value: object) -> T | None:
    try:
        return reader(value)
    except ValueError:  # msgspec.ValidationError is one
        return None


def columns(alert: Alert) -> dict[str, Any]:
    """Every column by name; JSON values are shared, not copied."""
    return {name: getattr(alert, name) for name in _FIELDS}


_FIELDS = tuple(field.name for field in fields(Alert) if field.name != "speaker")


def from_row(row: Row[Any]) -> Alert:
    """The value of one row of `alerts`."""
    mapping = row._mapping
    return Alert(**{name: mapping[name] for name in _FIELDS})


SHORTEST_BEGINNING: Final = 6
"""So many characters of an id may name it: what all ids begin with, and three more."""


def get(conn: Connection, alert_id: str) -> Alert:
    """The alert with this id. Raises `NotFound`."""
    alert = find(conn, alert_id)
    if alert is None:
        meant = only_one_like(conn, s.alerts.c.id, alert_id)
        raise NotFound(
            Sentence("no alert {id}; did you mean {meant}?", id=repr(alert_id), meant=meant)
            if meant is not None
            else Sentence("no alert {id}; `tocsin alerts list` shows those there are", id=repr(alert_id))
        )
    return alert


def only_one_like(conn: Connection, ids: Column[str], given: str) -> str | None:
    """The one id of this column that begins so, in capitals or not; None where there is none, or several."""
    begins = given.strip().lower()
    if len(begins) < SHORTEST_BEGINNING:
        return None
    query = select(ids).where(ids.startswith(begins, autoescape=True)).limit(2)
    found = conn.execute(query).scalars().all()
    return found[0] if len(found) == 1 else None


def find(conn: Connection, alert_id: str) -> Alert | None:
    """The alert with this id, if there is one."""
    row = conn.execute(_BY_ID, {"id": alert_id}).one_or_none()
    return from_row(row) if row is not None else None


def live(conn: Connection, fingerprint: str) -> Alert | None:
    """The unresolved alert for this fingerprint; there is never more than one."""
    row = conn.execute(_LIVE, {"live": fingerprint}).one_or_none()
    return from_row(row) if row is not None else None


# Made once: each step asks for an alert several times.
_BY_ID = select(s.alerts).where(s.alerts.c.id == bindparam("id"))
_LIVE = select(s.alerts).where(s.alerts.c.live == bindparam("live"))


def live_of(conn: Connection, monitor_id: str) -> list[Alert]:
    """The unresolved alerts of a monitor, the oldest first."""
    a = s.alerts
    # This form, and not "is not null", lets the engine use the index.
    found = select(a).where(a.c.live > "", a.c.monitor_id == monitor_id).order_by(a.c.opened_at, a.c.id)
    return [from_row(row) for row in conn.execute(found)]


def exists(conn: Connection, id: str) -> bool:
    """Whether an alert has this id."""
    return conn.execute(select(s.alerts.c.id).where(s.alerts.c.id == id)).first() is not None


def lately_resolved(conn: Connection, fingerprint: str, now: datetime, within: timedelta) -> Alert | None:
    """The last alert of this fingerprint that was not suppressed, if it was resolved less than `within` ago."""
    a = s.alerts
    told = select(a).where(a.c.fingerprint == fingerprint, a.c.status != states.SUPPRESSED)
    row = conn.execute(told.order_by(a.c.opened_at.desc(), a.c.id.desc()).limit(1)).one_or_none()
    if row is None or row.status != states.RESOLVED or row.merged_into or row.resolved_at < now - within:
        return None
    return from_row(row)
