"""Random walks: whatever detector, clock, people and channels do, in whatever order, these invariants hold."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from alerts import actions, states
from alerts.actor import Actor
from alerts.apply import act
from alerts.auditor import audit
from alerts.escalations import actions as escalation_actions
from alerts.escalations import escalation
from alerts.notifiers.port import Notice, Outcome
from alerts.outbox.deliver import deliver_due
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import ADA, BEN, LEO, PIA, Scene
from tests.contracts.examples import examples
from tocsin.core.errors import Conflict, IllegalTransition, NotAllowed, WrongInput
from tocsin.core.signal_kinds import NEGATIVITY, VOLUME
from tocsin.store import schema as s
from tocsin.store.audit import verify

FACTS: list[dict[str, Any]] = [
    {"windows_over": 1},
    {},
    {"negative_over": True},
    {"negative_over": True, "networks": 2, "networks_heard": 2},
    {"triggers": {"safety": 3}, "score": 7.0},
]
OUTCOMES = [
    Outcome("sent", "rang"),
    Outcome("failed", "engaged"),
    Outcome("failed", "gone", for_good=True),
    Outcome("unknown", "cut off"),
    Outcome("failed", "busy", pause=timedelta(minutes=10)),
]
KINDS = (VOLUME, NEGATIVITY)
# The state, the kind, the facts, and the minutes from the signal before: 0 is another window of the same tick.
signals = st.tuples(
    st.sampled_from(("over", "calm", "set_aside")),
    st.sampled_from(KINDS),
    st.integers(0, len(FACTS) - 1),
    st.sampled_from((0, 0, 5)),
)
Move = tuple[str, str, Any]
moves = st.one_of(
    st.tuples(st.just("over"), st.sampled_from(KINDS), st.integers(0, len(FACTS) - 1)),
    st.tuples(st.just("calm"), st.sampled_from(KINDS), st.just(0)),
    # What the detector wrote before the engine came to it: several windows at one tick, or several ticks.
    st.tuples(st.just("catch up"), st.just(""), st.lists(signals, min_size=2, max_size=4)),
    st.tuples(st.just("wait"), st.just(""), st.sampled_from([1, 7, 30, 125, 400])),
    st.tuples(st.just("deliver"), st.just(""), st.integers(0, len(OUTCOMES) - 1)),
    # From now on every channel answers with this outcome; at `sent` the outage is over.
    st.tuples(st.just("outage"), st.just(""), st.integers(0, len(OUTCOMES) - 1)),
    st.tuples(
        st.sampled_from(
            ["acknowledge", "snooze", "dismiss", "resolve", "reopen", "escalate", "merge", "severity"]
        ),
        st.sampled_from(KINDS),
        st.integers(1, 4),
    ),
    st.tuples(
        st.sampled_from(["claim", "clear", "reject", "release", "close", "withdraw"]),
        st.just(""),
        st.integers(0, 1),
    ),
)


@pytest.mark.slow("walks of up to twenty moves, each on a store of its own")
@settings(max_examples=examples(3, wider=40), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(moves, min_size=5, max_size=20))
# Every channel is away for an hour; for half of it, what may have arrived has not. The tick that finds the crisis finds windows
# of copies before it.
@example(
    [
        ("catch up", "", [*[("set_aside", VOLUME, 0, 0)] * 3, ("over", VOLUME, 4, 0)]),
        ("outage", "", 1),
        ("outage", "", 1),
        ("outage", "", 3),
        ("outage", "", 2),
        ("outage", "", 0),
    ]
)
@example(
    [("over", VOLUME, 3), ("deliver", "", 0), *[("outage", "", 1)] * 4, ("wait", "", 400), ("outage", "", 0)]
)
@example([("over", VOLUME, 4), *[("outage", "", 4)] * 3, ("outage", "", 0)])
@example(
    [
        ("over", NEGATIVITY, 2),
        ("outage", "", 1),
        ("acknowledge", NEGATIVITY, 1),
        ("wait", "", 125),
        ("outage", "", 2),
    ]
)
def test_whatever_happens_in_whatever_order(walk: list[Move]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene, lines = Scene(Path(folder)), Lines()
        for move, kind, number in walk:
            # A refused action changes nothing: the invariants below check it.
            with contextlib.suppress(IllegalTransition, Conflict, NotAllowed, WrongInput):
                _take(scene, lines, move, kind, number)
            scene.clock.advance(timedelta(seconds=20))
            scene.step()
            _holds(scene)
        # Everybody who still has to answer does so, and everything comes to rest.
        phone = Phone()
        for _ in range(24):
            scene.clock.advance(timedelta(hours=4))
            scene.step()
            while deliver_due(scene.store, scene.clock, OneForAll(phone), "walk"):
                pass
        assert all(notice.status not in ("queued", "attempting") for notice in scene.notices())
        with scene.store.read() as conn:
            assert {finding.kind for finding in audit(conn, scene.now)} <= {"alert unattended"}
        scene.store.close()


class Lines(Phone):
    """Every channel at once. In an outage each notice ends with the outcome of the outage."""

    def __init__(self) -> None:
        super().__init__()
        self.outage = OUTCOMES[0]

    def send(self, notice: Notice) -> Outcome:
        return self.outage if self.outage is not OUTCOMES[0] else super().send(notice)


def _take(scene: Scene, lines: Lines, move: str, kind: str, number: Any) -> None:
    if move == "over":
        scene.over(kind, **FACTS[number])
    elif move == "calm":
        scene.calm(kind)
    elif move == "catch up":
        _catch_up(scene, number)
    elif move == "wait":
        # In four leaps, as after a pause.
        for _ in range(4):
            scene.clock.advance(timedelta(minutes=number / 4))
            scene.step()
            if lines.outage is not OUTCOMES[0]:
                deliver_due(scene.store, scene.clock, OneForAll(lines), "walk")
                scene.step()
            _rings(scene)
    elif move == "outage":
        lines.outage = OUTCOMES[number]
        # As long as a ladder of nine rungs lasted that no failure left time to.
        for _ in range(12):
            scene.clock.advance(timedelta(seconds=61))
            scene.step()
            deliver_due(scene.store, scene.clock, OneForAll(lines), "walk")
            scene.step()
            _rings(scene)
    elif move == "deliver" and lines.outage is not OUTCOMES[0]:
        deliver_due(scene.store, scene.clock, OneForAll(lines), "walk")
    elif move == "deliver":
        deliver_due(scene.store, scene.clock, OneForAll(Phone([OUTCOMES[number]])), "walk")
    elif move in ("claim", "clear", "reject", "release", "close", "withdraw"):
        _work_an_escalation(scene, move, PIA if number else LEO)
    else:
        _act(scene, move, kind, number)


def _catch_up(scene: Scene, written: list[tuple[str, str, int, int]]) -> None:
    """Signals that the engine finds together. A story whose newest window was over is not shown as calm."""
    last = dict[str, str]()
    for place, (state, kind, number, minutes) in enumerate(written):
        scene.clock.advance(timedelta(minutes=minutes))
        calm = {"score": 0.1, "ratio": 1.0, "windows_over": 0}
        scene.signal(state, kind, minutes_on=place, **(calm if state == "calm" else FACTS[number]))
        last[kind] = last.get(kind, "") if state == "set_aside" else state
    scene.step()
    told = [alert for alert in scene.alerts() if alert.live and last.get(alert.kind) == "over"]
    assert all(alert.calmed_at is None for alert in told)


def _act(scene: Scene, move: str, kind: str, number: int) -> None:
    mine = [alert for alert in scene.alerts() if alert.kind == kind]
    others = [alert for alert in scene.alerts() if alert.kind != kind]
    if not mine:
        return
    alert, now = mine[-1], scene.now
    with scene.write() as conn:
        if move == "acknowledge":
            act(scene.turn(conn, ADA, now), actions.acknowledge, alert.id)
        elif move == "snooze":
            act(scene.turn(conn, BEN, now), actions.snooze, alert.id, now + timedelta(minutes=30 * number))
        elif move == "dismiss":
            act(scene.turn(conn, ADA, now), actions.dismiss, alert.id, states.DISMISSAL_REASONS[number])
        elif move == "resolve":
            act(scene.turn(conn, ADA, now), actions.resolve, alert.id)
        elif move == "reopen":
            act(scene.turn(conn, ADA, now), actions.reopen, alert.id)
        elif move == "escalate":
            scene.escalate(conn, BEN, alert.id, ("pr", "legal", "both")[number % 3], "look")
        elif move == "merge" and others:
            act(scene.turn(conn, ADA, now), actions.merge, alert.id, others[-1].id)
        elif move == "severity":
            act(scene.turn(conn, BEN, now), actions.set_severity, alert.id, number, "I know more")


def _work_an_escalation(scene: Scene, move: str, actor: Actor) -> None:
    with scene.write() as conn:
        escalations = conn.execute(select(s.escalations.c.id).order_by(s.escalations.c.created_at)).all()
        if not escalations:
            return
        one = escalations[-1].id
        if move in ("clear", "reject"):
            escalation_actions.decide(scene.turn(conn, actor), one, actor.role, move, "so I decide")
        elif move == "withdraw":
            escalation_actions.withdraw(scene.turn(conn, actor), one, "not needed")
        else:
            getattr(escalation_actions, move)(scene.turn(conn, actor), one)


def _rings(scene: Scene) -> None:
    """An alert that should be answered and is not has a time in the future at which it asks again."""
    for alert in scene.alerts():
        if alert.severity > 3 or not alert.is_open or alert.calmed_at is not None:
            continue
        times = {
            states.FIRING: alert.next_step_at,
            states.ACKNOWLEDGED: alert.ack_expires_at,
            states.SNOOZED: alert.snoozed_until,
        }
        if alert.status in times:
            at = times[alert.status]
            assert at is not None and at > scene.now, (
                alert.status,
                alert.severity,
                alert.step,
                at,
                scene.now,
            )


def _holds(scene: Scene) -> None:
    _rings(scene)
    alerts, queued = scene.alerts(), [n for n in scene.notices() if n.status == "queued"]
    live = Counter(alert.live for alert in alerts if alert.live)
    assert all(count == 1 for count in live.values())
    for alert in alerts:
        assert alert.status in states.STATUSES
        assert (alert.live is None) <= (alert.status in (states.RESOLVED, states.SUPPRESSED))
        assert (alert.status == states.RESOLVED) <= (alert.live is None)
        if alert.status in (states.ACKNOWLEDGED, states.ESCALATED, states.SNOOZED):
            assert alert.acknowledged_by, "somebody has it"
        if alert.status != states.FIRING:
            assert alert.next_step_at is None, (alert.status, alert.next_step_at)
            asking = [n for n in queued if n.alert_id == alert.id and n.escalation_id is None]
            late = [
                n.kind
                for n in asking
                if n.kind in ("page", "repeat", "blind")
                or (n.kind == "worsened" and alert.status != states.ESCALATED)
            ]
            assert not late, (alert.status, late)
    with scene.store.read() as conn:
        assert conn.execute(select(s.signals.c.id).where(s.signals.c.handled_at.is_(None))).first() is None
        assert verify(conn).broken_at is None
        for row in conn.execute(select(s.escalations)):
            one = escalation.from_row(row)
            assert (one.deadline_at is None) == (not one.clocks())
