"""The outbox: which notices leave, how each attempt ends, and what follows, whatever dies in between."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from alerts import actions
from alerts.apply import act
from alerts.directory import Someone
from alerts.message import plain_message
from alerts.notifiers.port import Notice, Outcome
from alerts.notifiers.record import RecordNotifier
from alerts.outbox.deliver import MARGIN, deliver_due, due
from alerts.outbox.queue import queue
from alerts.outbox.retries import ATTEMPTS, RETRIES
from alerts.outbox.test_notice import page_once
from alerts.words import words_for
from tests.alerts.fakes import OneForAll, Phone
from tests.alerts.scene import ADA, PEOPLE, Scene
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.core.errors import NotFound
from tocsin.definitions.models import Channel, Person
from tocsin.store import schema as s

SENT = Outcome("sent", "it rang")
FAILED = Outcome("failed", "engaged")
HOPELESS = Outcome("failed", "no such number", for_good=True)
UNKNOWN = Outcome("unknown", "the line went dead")
ESCALATE: dict[str, Any] = {"negative_over": True, "networks": 2, "networks_heard": 2}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def deliver(scene: Scene, phone: Phone) -> int:
    return deliver_due(scene.store, scene.clock, OneForAll(phone), "test")


def receipts(scene: Scene) -> list[tuple[int, str]]:
    r = s.receipts
    with scene.store.read() as conn:
        return [
            (row.attempt, row.outcome)
            for row in conn.execute(select(r).order_by(r.c.at, r.c.notice_id, r.c.attempt))
        ]


def test_a_notice_leaves_once_with_a_receipt(scene: Scene) -> None:
    phone = Phone()
    scene.over(**ESCALATE)
    assert deliver(scene, phone) == 1 and deliver(scene, phone) == 0
    assert scene.paged() == [("ada", "page", "sent")]
    assert [one.id for one in phone.got] == [one.id for one in scene.notices()]
    assert receipts(scene) == [(1, "sent")]


def test_the_attempt_is_on_record_before_the_notifier_is_called(scene: Scene) -> None:
    seen: list[str] = []

    class Curious(Phone):
        def send(self, notice: Notice) -> Outcome:
            seen.extend(one.status for one in scene.notices())
            return super().send(notice)

    scene.over(**ESCALATE)
    deliver(scene, Curious())
    assert seen == ["attempting"]


def test_a_failure_is_tried_again_ever_more_slowly_and_not_for_ever(scene: Scene) -> None:
    phone = Phone([FAILED] * 10)
    scene.over(**ESCALATE)
    assert deliver(scene, phone) == 1
    for pause in RETRIES:
        assert deliver(scene, phone) == 0, "not before its time"
        scene.clock.advance(pause)
        assert deliver(scene, phone) == 1
    assert len(phone.got) == ATTEMPTS and len({one.id for one in phone.got}) == 1
    assert scene.paged() == [("ada", "page", "failed")]
    assert sum(RETRIES, timedelta(0)) <= timedelta(minutes=2)


def test_what_failed_for_good_takes_the_next_channel_and_then_the_next_step(tmp_path: Path) -> None:
    two = (Channel(kind="console"), Channel.model_validate({"kind": "email", "to": "ada@example.org"}))
    scene = Scene(tmp_path, people=(Person(name="ada", channels=two), *PEOPLE[1:]))
    scene.over(**ESCALATE)
    deliver(scene, Phone([HOPELESS]))
    assert [(one.channel, one.status) for one in scene.notices()] == [
        ("console", "failed"),
        ("email", "queued"),
    ]
    deliver(scene, Phone([HOPELESS]))
    assert "hurry" in scene.timeline(scene.alert()) and "notice_failed" in scene.timeline(scene.alert())
    scene.step()
    assert scene.paged()[-1] == ("ben", "page", "queued"), "ben is asked at once, not after 15 minutes"


def test_a_channel_that_nobody_knows_has_failed_for_good(scene: Scene) -> None:
    scene.over(**ESCALATE)
    deliver_due(scene.store, scene.clock, {}, "test")
    assert scene.paged() == [("ada", "page", "failed")]
    assert receipts(scene) == [(1, "failed")]


def test_an_unknown_outcome_is_repeated_once_and_marked_when_it_is_grave(scene: Scene) -> None:
    phone = Phone([UNKNOWN, UNKNOWN])
    scene.over(**ESCALATE)
    while deliver(scene, phone):
        pass
    first, second = phone.got
    assert (second.kind, second.repeat_of) == ("repeat", first.id) and second.id != first.id
    assert second.text.startswith("Repeat: ") and second.subject == f"Repeat: {first.subject}"
    assert "Repeat: it is not known" in second.html
    assert words_for("tr", "UTC").say("Repeat: {subject}", subject="SEV1") == "Yineleme: SEV1"
    assert sorted(status for _, _, status in scene.paged()) == ["unknown", "unknown"]


def test_an_unknown_outcome_below_that_is_left_as_unknown(scene: Scene) -> None:
    phone = Phone([UNKNOWN])
    scene.over(negative_over=True)
    while deliver(scene, phone):
        pass
    assert len(phone.got) == 1 and scene.paged() == [("ada", "page", "unknown")]


def test_where_the_channel_honours_the_id_an_unknown_outcome_is_tried_again_under_it(scene: Scene) -> None:
    phone = Phone([UNKNOWN], honours_id=True)
    scene.over(negative_over=True)
    deliver(scene, phone)
    scene.clock.advance(RETRIES[0])
    deliver(scene, phone)
    assert [one.id for one in phone.got] == [scene.notices()[0].id] * 2
    assert scene.paged() == [("ada", "page", "sent")]


def test_nothing_is_tried_again_after_somebody_has_answered(scene: Scene) -> None:
    phone = Phone([FAILED])
    scene.over(**ESCALATE)
    deliver(scene, phone)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    scene.clock.advance(timedelta(minutes=5))
    assert deliver(scene, phone) == 0
    assert scene.paged() == [("ada", "page", "cancelled")]


def test_an_answer_in_the_middle_of_an_attempt_ends_the_retries(scene: Scene) -> None:
    class Slow(Phone):
        def send(self, notice: Notice) -> Outcome:
            with scene.write() as conn:
                act(scene.turn(conn, ADA), actions.acknowledge, notice.alert_id)
            return FAILED

    scene.over(**ESCALATE)
    deliver(scene, Slow())
    assert scene.paged() == [("ada", "page", "cancelled")]


def test_a_notice_left_by_a_worker_that_died_is_unknown(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        conn.execute(update(s.notices).values(status="attempting", attempting_at=scene.now, attempts=1))
    phone = Phone()
    scene.clock.advance(MARGIN)
    assert deliver(scene, phone) == 0, "it may still be at it"
    scene.clock.advance(phone.time_limit)
    assert deliver(scene, phone) == 1
    assert [one.kind for one in phone.got] == ["repeat"]
    assert receipts(scene) == [(1, "unknown"), (1, "sent")]


def test_a_worker_that_wakes_too_late_changes_nothing(scene: Scene) -> None:
    class Overtaken(Phone):
        def send(self, notice: Notice) -> Outcome:
            with scene.write() as conn:
                conn.execute(update(s.notices).values(status="unknown"))
            return SENT

    scene.over(**ESCALATE)
    deliver(scene, Overtaken())
    assert scene.paged() == [("ada", "page", "unknown")] and receipts(scene) == []


@pytest.mark.slow("hours of an alert's life")
def test_many_workers_send_each_notice_once(scene: Scene) -> None:
    phone = Phone()
    one = Someone("p", Person(name="p", channels=(Channel(kind="phone"),)))
    with scene.write() as conn:
        for n in range(40):
            message = plain_message(f"number {n}", [], "https://tocsin.example/", {})
            queue(
                conn,
                alert_id=f"al_{n}",
                one=one,
                channels=one.channels,
                kind="page",
                severity=2,
                step=0,
                message=message,
                now=scene.now,
                due_at=scene.now,
            )

    def work() -> None:
        while deliver_due(scene.store, scene.clock, OneForAll(phone), "w", limit=3, parallel=2):
            pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(phone.got) == 40 == len({notice.id for notice in phone.got})


def test_the_worst_leaves_first_and_a_slow_channel_can_be_left_to_its_own_worker(scene: Scene) -> None:
    one = Someone("p", Person(name="p", channels=(Channel(kind="slow"), Channel(kind="quick"))))
    with scene.write() as conn:
        for severity, channel in ((4, 1), (1, 1), (2, 0)):
            message = plain_message("x", [], "https://tocsin.example/", {})
            channels = one.channels[channel : channel + 1]
            queue(
                conn,
                alert_id="al",
                one=one,
                channels=channels,
                kind="page",
                severity=severity,
                step=0,
                message=message,
                now=scene.now,
                due_at=scene.now,
            )
    phone = Phone()
    with scene.store.read() as conn:
        assert due(conn, scene.now, ("quick",)) and not due(conn, scene.now, ("other",))
    deliver_due(scene.store, scene.clock, OneForAll(phone), "quick", kinds=("quick",))
    assert [(one.severity, one.channel) for one in phone.got] == [(1, "quick"), (4, "quick")]


def test_a_notifier_that_raises_is_unknown_and_stops_nobody_else(scene: Scene) -> None:
    class Broken(Phone):
        def send(self, notice: Notice) -> Outcome:
            raise RuntimeError("secret in the message")

    scene.over(negative_over=True)
    deliver(scene, Broken())
    assert scene.paged() == [("ada", "page", "unknown")]
    with scene.store.read() as conn:
        assert "secret" not in conn.execute(select(s.receipts.c.detail)).scalar_one()


def test_a_replay_records_each_notice_in_the_transaction_that_takes_it(scene: Scene) -> None:
    scene.over(**ESCALATE)
    assert deliver_due(scene.store, scene.clock, RecordNotifier.for_every_channel(), "replay") == 1
    assert scene.paged() == [("ada", "page", "sent")] and receipts(scene) == [(1, "sent")]


def test_a_personal_link_replaces_the_plain_one_when_it_goes_out_and_is_not_kept(scene: Scene) -> None:
    phone = Phone()
    scene.over(**ESCALATE)
    own = "https://tocsin.example/links/once"
    deliver_due(
        scene.store, scene.clock, OneForAll(phone), "test", personal_link=lambda conn, notice, now: own
    )
    assert own in phone.got[0].text and own in phone.got[0].html
    assert f"/alerts/{scene.alert().id}" not in phone.got[0].text
    assert (
        f"/alerts/{scene.alert().id}" in phone.got[0].impersonal_text
        and own not in phone.got[0].impersonal_text
    )
    assert own not in str(scene.notices()[0].body)


def test_a_test_page_rings_every_channel_once_and_leaves_other_notices_alone(tmp_path: Path) -> None:
    channels = (Channel(kind="console"), Channel(kind="pager"))
    scene = Scene(tmp_path, people=(Person(name="ada", channels=channels),))
    scene.over(**ESCALATE)
    good, bad = Phone(), Phone([FAILED])
    rang = page_once(
        scene.store, scene.clock, {"console": good, "pager": bad}, "ada", "https://tocsin.example"
    )
    assert [(one.channel, one.outcome) for one in rang] == [("console", "sent"), ("pager", "failed")]
    assert sorted(scene.paged()) == [
        ("ada", "page", "queued"),
        ("ada", "test", "cancelled"),
        ("ada", "test", "sent"),
    ]
    with pytest.raises(NotFound, match="no person 'zed'; known: ada"):
        page_once(scene.store, scene.clock, {}, "zed", "https://tocsin.example")
