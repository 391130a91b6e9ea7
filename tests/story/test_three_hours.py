"""Three hours of one crisis on a movable clock. The test compares word for word what each person was sent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerts import actions
from alerts.apply import act
from alerts.auditor import audit
from alerts.escalations import actions as escalation_actions
from alerts.outbox.deliver import deliver_due
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import BEN, LEO, PIA, Scene, write_mention
from tocsin.store.audit import verify

TRANSCRIPT = """\
== 10:10 page to ada
SEV2 Lumo: 5.6x expected in 5 min, about: baterie, smoke
“Bateria Lumo a luat foc pe masa din bucătărie”
Since 10:00 Wed 05 Mar (UTC)
Seen 56 in 5 min, expected 10 (6-15)
Negative 71% (60%-80%), usually 20%
On forum 40, news 16
In ro 30, en 20, tr 6
Rising: baterie, smoke
1. [reach 1,200] Bateria Lumo a luat foc pe masa din bucătărie
2. [reach 1,200] My Lumo lamp filled the hall with smoke
Why: clearly over expected in two windows; share of negatives over its baseline; on two networks
Answer by 10:20 Wed 05 Mar: open, read, acknowledge; then escalate or dismiss with a reason.
https://tocsin.example/alerts/ALERT

== 10:25 page to ben
SEV2 Lumo: 5.6x expected in 5 min, about: baterie, smoke
Still, for 15 minutes: nobody has answered.
Nothing has changed since the last page.
“Bateria Lumo a luat foc pe masa din bucătărie”
Since 10:00 Wed 05 Mar (UTC)
Seen 56 in 5 min, expected 10 (6-15)
Negative 71% (60%-80%), usually 20%
On forum 40, news 16
In ro 30, en 20, tr 6
Rising: baterie, smoke
1. [reach 1,200] Bateria Lumo a luat foc pe masa din bucătărie
2. [reach 1,200] My Lumo lamp filled the hall with smoke
Why: clearly over expected in two windows; share of negatives over its baseline; on two networks
Answer by 10:35 Wed 05 Mar: open, read, acknowledge; then escalate or dismiss with a reason.
https://tocsin.example/alerts/ALERT

== 10:40 page to leo
SEV2 Lumo: 5.6x expected in 5 min, about: baterie, smoke
Escalated to PR and Legal by ben: lamps may burn
“Bateria Lumo a luat foc pe masa din bucătărie”
Since 10:00 Wed 05 Mar (UTC)
Seen 56 in 5 min, expected 10 (6-15)
Negative 71% (60%-80%), usually 20%
On forum 40, news 16
In ro 30, en 20, tr 6
Rising: baterie, smoke
1. [reach 1,200] Bateria Lumo a luat foc pe masa din bucătărie
2. [reach 1,200] My Lumo lamp filled the hall with smoke
Due: first assessment by 11:00 Wed 05 Mar, holding statement by 11:40 Wed 05 Mar (UTC)
https://tocsin.example/escalations/CASE

== 10:40 page to pia
SEV2 Lumo: 5.6x expected in 5 min, about: baterie, smoke
Escalated to PR and Legal by ben: lamps may burn
“Bateria Lumo a luat foc pe masa din bucătărie”
Since 10:00 Wed 05 Mar (UTC)
Seen 56 in 5 min, expected 10 (6-15)
Negative 71% (60%-80%), usually 20%
On forum 40, news 16
In ro 30, en 20, tr 6
Rising: baterie, smoke
1. [reach 1,200] Bateria Lumo a luat foc pe masa din bucătărie
2. [reach 1,200] My Lumo lamp filled the hall with smoke
Due: first assessment by 11:00 Wed 05 Mar, holding statement by 11:40 Wed 05 Mar (UTC)
https://tocsin.example/escalations/CASE

== 11:40 overdue to leo
SEV2 Lumo: 5.6x expected in 5 min, about: baterie, smoke
Overdue: holding statement of the escalation to PR and Legal
“Bateria Lumo a luat foc pe masa din bucătărie”
Since 10:00 Wed 05 Mar (UTC)
Seen 56 in 5 min, expected 10 (6-15)
Negative 71% (60%-80%), usually 20%
On forum 40, news 16
In ro 30, en 20, tr 6
Rising: baterie, smoke
1. [reach 1,200] Bateria Lumo a luat foc pe masa din bucătărie
2. [reach 1,200] My Lumo lamp filled the hall with smoke
Due: holding statement by 11:40 Wed 05 Mar (UTC)
https://tocsin.example/escalations/CASE

== 11:40 overdue to pia
SEV2 Lumo: 5.6x expected in 5 min, about: baterie, smoke
Overdue: holding statement of the escalation to PR and Legal
“Bateria Lumo a luat foc pe masa din bucătărie”
Since 10:00 Wed 05 Mar (UTC)
Seen 56 in 5 min, expected 10 (6-15)
Negative 71% (60%-80%), usually 20%
On forum 40, news 16
In ro 30, en 20, tr 6
Rising: baterie, smoke
1. [reach 1,200] Bateria Lumo a luat foc pe masa din bucătărie
2. [reach 1,200] My Lumo lamp filled the hall with smoke
Due: holding statement by 11:40 Wed 05 Mar (UTC)
https://tocsin.example/escalations/CASE
"""

WHAT_HAPPENED = """\
10:05 Tocsin open
10:10 Tocsin fire: clearly over expected in two windows; share of negatives over its baseline; on two networks
10:10 Tocsin notice_page
10:10 Tocsin step
10:25 Tocsin notice_page
10:25 Tocsin step
10:31 ben acknowledge
10:40 ben escalate: lamps may burn
11:50 pia stand_down
12:40 Tocsin calm
13:00 ben resolve: recall announced, talk is back to normal"""


@pytest.mark.slow("plays three hours")
def test_three_hours_from_the_first_post_to_resolved(tmp_path: Path) -> None:
    scene, phone = Scene(tmp_path), Phone()
    sent: list[str] = []

    def until(clock: str) -> None:
        """Move on to this time of day, minute by minute, as the worker would."""
        while f"{scene.now:%H:%M}" != clock:
            scene.clock.advance(timedelta(minutes=1))
            work()

    def work() -> None:
        scene.step()
        before = len(phone.got)
        while deliver_due(scene.store, scene.clock, OneForAll(phone), "story"):
            pass
        for notice in sorted(phone.got[before:], key=lambda one: one.person):
            sent.append(f"== {scene.now:%H:%M} {notice.kind} to {notice.person}\n{notice.text}")

    # 10:00: the first posts. 10:05: one window is over, which wakes nobody.
    with scene.write() as conn:
        first = write_mention(
            scene.store, conn, "1", "Bateria Lumo a luat foc\npe masa din bucătărie", scene.now
        )
        second = write_mention(scene.store, conn, "2", "My Lumo lamp filled the hall with smoke", scene.now)
    until("10:05")
    scene.signal("over", windows_over=1)
    work()
    assert sent == []

    # 10:10: the second window, more negative, on two networks.
    until("10:10")
    evidence = {
        "since": scene.now - timedelta(minutes=10),
        "observed": 56.0,
        "negative_share": 0.71,
        "negative_lower": 0.6,
        "negative_upper": 0.8,
        "negative_baseline": 0.2,
        "networks": {"forum": 40, "news": 16},
        "languages": {"ro": 30, "en": 20, "tr": 6},
        "terms": [("baterie", 22), ("smoke", 9)],
        "top": [first, second],
    }
    scene.signal(
        "over", evidence=evidence, negative_over=True, networks=2, networks_heard=2, observed=56.0, ratio=5.6
    )
    work()

    # 10:25: nobody has answered. 10:31: ben does, and escalates at 10:40.
    until("10:31")
    alert = scene.alert()
    with scene.write() as conn:
        assert act(scene.turn(conn, BEN), actions.acknowledge, alert.id).acknowledged_by == "ben"
    until("10:40")
    with scene.write() as conn:
        case = scene.escalate(conn, BEN, alert.id, "both", "lamps may burn")
    work()

    # PR claims and assesses. Both teams review in parallel. The statement is late, which pages and decides nothing.
    until("10:45")
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, PIA), case.id)
    until("10:55")
    with scene.write() as conn:
        escalation_actions.assessed(scene.turn(conn, PIA), case.id, "real, three lamps so far")
        escalation_actions.review(scene.turn(conn, PIA), case.id)
        escalation_actions.note(scene.turn(conn, LEO), case.id, "product liability: careful", privileged=True)
    until("11:20")
    with scene.write() as conn:
        escalation_actions.decide(scene.turn(conn, PIA), case.id, "pr", "clear", "plain and sorry")
    until("11:42")
    with scene.write() as conn:
        assert (
            escalation_actions.decide(
                scene.turn(conn, LEO), case.id, "legal", "clear", "admits nothing"
            ).status
            == "cleared"
        )
    until("11:45")
    with scene.write() as conn:
        escalation_actions.release(scene.turn(conn, PIA), case.id)
    until("11:50")
    with scene.write() as conn:
        escalation_actions.close(scene.turn(conn, PIA), case.id)

    # 12:40: the alert calms. 13:00: ben resolves it.
    until("12:40")
    scene.signal("calm", score=0.1, ratio=1.0)
    work()
    until("13:00")
    with scene.write() as conn:
        act(scene.turn(conn, BEN), actions.resolve, alert.id, "recall announced, talk is back to normal")
    until("13:10")

    transcript = "\n".join(sent).replace(alert.id, "ALERT").replace(case.id, "CASE")
    assert transcript == TRANSCRIPT
    assert _told(scene, alert.id) == WHAT_HAPPENED
    with scene.store.read() as conn:
        assert audit(conn, scene.now) == []
        assert verify(conn).broken_at is None
    assert {notice.status for notice in scene.notices()} == {"sent"}


def _told(scene: Scene, alert_id: str) -> str:
    from alerts.views import timeline

    with scene.store.read() as conn:
        lines = timeline(conn, alert_id)
    return "\n".join(
        f"{one['at']:%H:%M} {one['actor']} {one['action']}" + (f": {one['reason']}" if one["reason"] else "")
        for one in lines
    )
