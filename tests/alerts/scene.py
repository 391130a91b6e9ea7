"""A small world on a movable clock: a real store, a few people, and signals as the detector would write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select

from alerts import actions
from alerts.actor import ENGINE, Actor
from alerts.alert import Alert, from_row
from alerts.apply import apply
from alerts.engine import StepResult, anything_due, step
from alerts.escalations.escalation import Escalation
from alerts.turn import Turn, Turns
from tests.stores import filled_at
from tocsin.core.clock import SimulatedClock
from tocsin.core.ids import stable_id
from tocsin.core.signal import Evidence, TopMention, encode, facts_from, fingerprint
from tocsin.core.signal_kinds import NEGATIVITY, VOLUME
from tocsin.definitions.models import (
    Definition,
    Monitor,
    Person,
    Policy,
    Role,
)
from tocsin.definitions.repository import names, save
from tocsin.store import schema as s
from tocsin.store.port import Store

START = datetime(2031, 3, 5, 10, 0, tzinfo=UTC)  # a Wednesday
WINDOW = timedelta(minutes=5)

ADA = Actor("person_ada", "ada", "community_manager")
BEN = Actor("person_ben", "ben", "community_manager")
PIA = Actor("person_pia", "pia", "pr")
LEO = Actor("person_leo", "leo", "legal")

PEOPLE = (
    Person(name="ada", role=Role.COMMUNITY_MANAGER, email="ada@example.org"),
    Person(name="ben", role=Role.COMMUNITY_MANAGER, email="ben@example.org"),
    Person(name="pia", role=Role.PR, email="pia@example.org"),
    Person(name="leo", role=Role.LEGAL, email="leo@example.org"),
)
POLICY = Policy.model_validate(
    {
        "name": "default",
        "steps": [
            {"after_minutes": 0, "targets": ["person:ada"]},
            {"after_minutes": 15, "targets": ["person:ben"]},
        ],
        "teams": {"pr": ["person:pia"], "legal": ["person:leo"]},
        "acknowledge_expires_minutes": 60,
    }
)


class Scene:
    """The world. `tick` writes signals and lets the engine work at the clock's time. `wait` moves on, with one round a minute."""

    def __init__(
        self,
        folder: Path,
        start: datetime = START,
        people: tuple[Person, ...] = PEOPLE,
        policy: Policy | None = POLICY,
    ) -> None:
        self.clock = SimulatedClock(start)
        defined = (Monitor(name="Lumo", query="lumo"), *people, *([policy] if policy else []))
        self.store = filled_at(
            folder / "store.db", f"{start} {defined}", lambda store: _define(store, defined, start)
        )
        self.turns = Turns(self.store, "https://tocsin.example")
        with self.store.read() as conn:
            self.monitor = next(id for id, name in names(conn, "monitor").items() if name == "Lumo")

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def turn(self, conn: Connection, by: Actor = ENGINE, at: datetime | None = None) -> Turn:
        """A turn of `by` at the clock's time, or at `at`."""
        return self.turns.begin(conn, at or self.now, by)

    def escalate(self, conn: Connection, by: Actor, alert_id: str, team: str, reason: str) -> Escalation:
        """Hand an alert to PR or Legal."""
        turn = self.turn(conn, by)
        begun = apply(turn, actions.escalate(turn, alert_id, team, reason)).escalation
        assert begun is not None
        return begun

    def define(self, value: Definition) -> str:
        with self.store.write() as conn:
            return save(conn, value, now=self.now, actor="test").id

    def over(self, kind: str = VOLUME, **facts: Any) -> StepResult:
        """Write one closed window that was over. Returns what the engine did."""
        self.signal("over", kind, **facts)
        return self.step()

    def calm(self, kind: str = VOLUME) -> StepResult:
        self.signal("calm", kind, score=0.1, ratio=1.0, windows_over=0)
        return self.step()

    def signal(
        self,
        state: str,
        kind: str = VOLUME,
        evidence: Mapping[str, Any] | None = None,
        minutes_on: float = 0,
        **facts: Any,
    ) -> str:
        """Write the signal of a window that ends `minutes_on` after the others of this tick. Returns its id."""
        end = self.now + timedelta(minutes=minutes_on)
        with self.store.write() as conn:
            return write_signal(conn, self.monitor, self.now, state, kind, evidence or {}, facts, end)

    def step(self) -> StepResult:
        with self.store.write() as conn:
            return step(self.turn(conn))

    def wait(self, **duration: float) -> None:
        """Move on by whole minutes. The engine works at each minute."""
        for _ in range(round(timedelta(**duration) / timedelta(minutes=1))):
            self.clock.advance(timedelta(minutes=1))
            with self.store.read() as conn:
                wanted = anything_due(conn, self.now)
            if wanted:
                self.step()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self.store.write() as conn:
            yield conn

    def alerts(self) -> list[Alert]:
        with self.store.read() as conn:
            return [
                from_row(row)
                for row in conn.execute(select(s.alerts).order_by(s.alerts.c.opened_at, s.alerts.c.id))
            ]

    def alert(self, kind: str = VOLUME) -> Alert:
        """The latest alert of this kind."""
        return [alert for alert in self.alerts() if alert.kind == kind][-1]

    def notices(self) -> list[Any]:
        n = s.notices
        with self.store.read() as conn:
            return list(conn.execute(select(n).order_by(n.c.created_at, n.c.person, n.c.id)))

    def paged(self) -> list[tuple[str, str, str]]:
        """The (person, kind, status) of every notice, in order."""
        return [(one.person, one.kind, one.status) for one in self.notices()]

    def timeline(self, alert: Alert) -> list[str]:
        t = s.alert_timeline
        with self.store.read() as conn:
            return [
                row.action
                for row in conn.execute(select(t).where(t.c.alert_id == alert.id).order_by(t.c.seq))
            ]


def _define(store: Store, values: Sequence[Definition], now: datetime) -> None:
    with store.write() as conn:
        for value in values:
            save(conn, value, now=now, actor="test")


def write_signal(
    conn: Connection,
    monitor: str,
    now: datetime,
    state: str,
    kind: str,
    evidence: Mapping[str, Any],
    facts: Mapping[str, Any],
    window_end: datetime | None = None,
) -> str:
    """Write a signal row as the detector would. The default facts are a spike of five times, in its second window.

    The window ends at `now`, or at `window_end`.
    """
    values = {"score": 4.0, "observed": 50.0, "expected": 10.0, "ratio": 5.0, "windows_over": 2} | dict(facts)
    the_facts = facts_from({"kind": kind, "negative_over": kind == NEGATIVITY, **values})
    shown: dict[str, Any] = {
        "rule": f"{kind} 1",
        "baseline": "protected",
        "since": now - WINDOW,
        "window_start": now - WINDOW,
        "window_end": now,
        "observed": the_facts.observed,
        "expected": the_facts.expected,
        "lower": 6.0,
        "upper": 15.0,
        "level": 0.95,
        "count": int(the_facts.observed),
    } | dict(evidence)
    end = window_end or now
    before = conn.execute(select(func.count()).select_from(s.signals)).scalar_one()
    row = {
        "id": stable_id("sig", monitor, kind, now.isoformat(), state, before),
        "monitor_id": monitor,
        "kind": kind,
        "fingerprint": fingerprint(monitor, kind),
        "tick": now,
        "window_start": end - WINDOW,
        "window_end": end,
        "state": state,
        "score": the_facts.score,
        "facts": encode(the_facts),
        "evidence": encode(Evidence(**shown)),
    }
    conn.execute(insert(s.signals), row)
    return str(row["id"])


def write_mention(
    store: Store, conn: Connection, id: str, text: str, now: datetime, network: str = "forum"
) -> TopMention:
    """Store a mention as the processors do, with its identity. Returns it as evidence names it."""
    row = {
        "source": "made-up",
        "id": id,
        "created_at": now,
        "hash": "0" * 16,
        "text": text,
        "network": network,
        "truncated": False,
        "label": "negative",
        "score_e4": -6000,
        "confidence_e4": 8000,
        "signature": 0,
        "repost": False,
        "triggers": [],
    }
    store.insert_new(conn, s.mentions, [row])
    identity = {name: row[name] for name in ("source", "id", "created_at", "hash")}
    store.insert_new(conn, s.seen, [identity | {"rank_at": now, "matched": True}])
    return TopMention("made-up", id, 1200, "negative")
