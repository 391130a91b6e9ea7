"""From signals to pages on a movable clock: how alerts open, worsen, calm, wait and resolve, and who is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts import actions
from alerts.apply import act
from alerts.engine import anything_due, next_due, step
from tests.alerts.scene import ADA, BEN, PEOPLE, POLICY, START, Scene
from tocsin.core.signal_kinds import NEGATIVITY
from tocsin.definitions.models import (
    Channel,
    ExpectedEvent,
    Monitor,
    Person,
    Policy,
    Role,
    Schedule,
    Silence,
)
from tocsin.definitions.repository import delete, find
from tocsin.store import schema as s

REVIEW: dict[str, Any] = {"negative_over": True}
ESCALATE: dict[str, Any] = {"negative_over": True, "networks": 2, "networks_heard": 2}
CRISIS: dict[str, Any] = {"triggers": {"safety": 3}}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_one_window_is_a_candidate_the_second_fires_and_pages_the_first_step(scene: Scene) -> None:
    scene.over(windows_over=1)
    assert scene.alert().status == "candidate" and scene.paged() == []
    scene.wait(minutes=5)
    scene.over(**REVIEW)
    assert (scene.alert().status, scene.alert().severity) == ("firing", 3)
    assert scene.paged() == [("ada", "page", "queued")]


def test_a_candidate_that_calms_is_suppressed_visible_and_not_in_the_way_of_the_next(scene: Scene) -> None:
    scene.over(windows_over=1)
    scene.wait(minutes=5)
    scene.calm()
    first = scene.alert()
    assert (first.status, first.reason, first.live) == ("suppressed", "calmed before it fired", None)
    scene.wait(minutes=5)
    scene.over(**REVIEW)
    assert scene.alert().id != first.id and scene.alert().status == "firing"


def test_there_is_one_live_alert_however_many_signals_come(scene: Scene) -> None:
    for _ in range(5):
        scene.over(**REVIEW)
        scene.wait(minutes=1)
    assert len(scene.alerts()) == 1
    assert scene.paged() == [("ada", "page", "queued")]


def test_nobody_answers_so_the_next_step_is_paged_when_its_time_has_come(scene: Scene) -> None:
    scene.over(**ESCALATE)
    scene.wait(minutes=14)
    assert [person for person, _, _ in scene.paged()] == ["ada"]
    scene.wait(minutes=1)
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben"]


@pytest.mark.slow("hours of an alert's life")
def test_the_ladder_is_climbed_three_times_with_the_fallback_list_and_then_everybody_rings(
    tmp_path: Path,
) -> None:
    fallback = Policy.model_validate(POLICY.model_dump() | {"teams": {"fallback": ("person:pia",)}})
    scene = Scene(tmp_path, policy=fallback)
    scene.over(**ESCALATE)
    scene.wait(minutes=104)
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben", "pia"] * 3
    for quarters in range(1, 20):
        scene.wait(minutes=15)
        assert scene.alert().next_step_at == scene.now + timedelta(minutes=1)
        assert [person for person, _, _ in scene.paged()][9:] == ["ada", "ben", "pia"] * quarters


def test_after_the_acknowledgement_nothing_more_is_sent(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    assert scene.paged() == [("ada", "page", "cancelled")]
    scene.wait(minutes=50)
    assert scene.paged() == [("ada", "page", "cancelled")]


def test_an_acknowledgement_expires_and_the_pages_start_again(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    scene.wait(minutes=60)
    assert scene.alert().status == "firing" and scene.alert().acknowledged_by is None
    assert scene.paged()[1:] == [("ada", "page", "queued")]
    assert len({notice.id for notice in scene.notices()}) == 2


def test_who_is_asked_again_reads_why_and_how_long_nobody_has_had_it(scene: Scene) -> None:
    """The hours in which somebody had the alert are no hours in which nobody has answered."""
    scene.over(**ESCALATE)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    scene.wait(minutes=60)
    assert scene.notices()[-1].body["text"].splitlines()[1] == (
        "Asked again: the acknowledgement of ada has expired."
    )
    scene.wait(minutes=15)
    assert "Still, for 15 minutes: nobody has answered." in scene.notices()[-1].body["text"]
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.snooze, scene.alert().id, scene.now + timedelta(hours=1))
    scene.wait(minutes=60)
    assert scene.notices()[-1].body["text"].splitlines()[1] == "Asked again: the snooze has ended."
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.resolve, scene.alert().id)
        act(scene.turn(conn, ADA), actions.reopen, scene.alert().id)
    scene.step()
    assert scene.notices()[-1].body["text"].splitlines()[1] == "It is back: this alert was resolved before."


def test_a_snooze_ends_by_itself_and_breaks_when_the_severity_rises(scene: Scene) -> None:
    scene.over(**REVIEW)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.snooze, scene.alert().id, scene.now + timedelta(hours=2))
    scene.wait(minutes=10)
    scene.over(**REVIEW)
    assert scene.alert().status == "snoozed"
    scene.over(**ESCALATE, score=5.0)
    assert (scene.alert().status, scene.alert().severity, scene.alert().snoozed_until) == ("firing", 2, None)
    assert scene.paged()[-1] == ("ada", "worsened", "queued")
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.snooze, scene.alert().id, scene.now + timedelta(minutes=30))
    scene.wait(minutes=30)
    assert scene.alert().status == "firing" and scene.paged()[-1] == ("ada", "page", "queued")


def test_a_rise_of_severity_asks_again_whoever_had_it_in_hand(scene: Scene) -> None:
    scene.over(**REVIEW)
    with scene.write() as conn:
        act(scene.turn(conn, BEN), actions.acknowledge, scene.alert().id)
    scene.wait(minutes=5)
    scene.over(**CRISIS)
    alert = scene.alert()
    assert (alert.status, alert.severity, alert.acknowledged_by) == ("firing", 1, None)
    assert scene.paged()[-1] == ("ada", "worsened", "queued")
    assert "Worse: rose from SEV3 to SEV1" in scene.notices()[-1].body["text"]
    scene.wait(minutes=15)
    assert scene.paged()[-1] == ("ben", "page", "queued")


def test_a_dismissed_alert_stays_quiet_while_it_lasts_unless_it_worsens(scene: Scene) -> None:
    scene.over(**REVIEW)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.dismiss, scene.alert().id, "noise")
    scene.wait(minutes=5)
    scene.over(**REVIEW)
    assert (scene.alert().status, scene.alert().reason) == ("dismissed", "noise")
    assert len(scene.alerts()) == 1
    scene.over(**ESCALATE, score=6.0)
    assert scene.alert().status == "firing"


def test_a_crisis_after_half_an_hour_of_worsening(scene: Scene) -> None:
    score = 4.0
    scene.over(**ESCALATE, score=score)
    for _ in range(5):
        scene.wait(minutes=5)
        score += 0.5
        scene.over(**ESCALATE, score=score)
    assert scene.alert().severity == 2
    scene.wait(minutes=5)
    scene.over(**ESCALATE, score=score + 0.5)
    assert scene.alert().severity == 1


def test_a_severity_that_a_person_lowered_is_not_raised_back_but_beyond(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.set_severity, scene.alert().id, 3, "one angry forum")
    scene.wait(minutes=5)
    scene.over(**ESCALATE)
    assert scene.alert().severity == 3
    scene.over(NEGATIVITY, **ESCALATE)
    assert scene.alert().severity == 3
    scene.over(**CRISIS, score=5.0)
    assert scene.alert().severity == 1


@pytest.mark.slow("hours of an alert's life")
def test_a_calmed_alert_pages_nobody_and_stays_until_somebody_has_looked(scene: Scene) -> None:
    scene.over(**ESCALATE)
    scene.wait(minutes=5)
    scene.calm()
    scene.wait(hours=5)
    alert = scene.alert()
    assert alert.calmed_unacknowledged and alert.is_open
    assert [person for person, _, _ in scene.paged()] == ["ada"]
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, alert.id)
    scene.wait(minutes=1)
    assert scene.alert().status == "resolved"


def test_an_acknowledged_alert_resolves_after_two_calm_hours_and_its_acknowledgement_does_not_expire_meanwhile(
    scene: Scene,
) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    scene.wait(minutes=5)
    scene.calm()
    scene.wait(minutes=119)
    assert scene.alert().status == "acknowledged"
    scene.wait(minutes=1)
    assert (scene.alert().status, scene.alert().live) == ("resolved", None)


def test_over_again_resumes_the_ladder_where_it_stood(scene: Scene) -> None:
    scene.over(**ESCALATE)
    scene.wait(minutes=5)
    scene.calm()
    scene.wait(minutes=60)
    scene.over(**ESCALATE)
    scene.wait(minutes=14)
    assert [person for person, _, _ in scene.paged()] == ["ada"]
    scene.wait(minutes=1)
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben"]


def test_a_silence_suppresses_visibly_and_a_crisis_breaks_it(scene: Scene) -> None:
    hours = timedelta(hours=2)
    scene.define(
        Silence(name="move", monitor="Lumo", starts_at=START, ends_at=START + hours, reason="we move")
    )
    scene.over(**ESCALATE)
    assert (scene.alert().status, scene.alert().reason) == ("suppressed", "silence: move")
    assert scene.paged() == []
    scene.wait(minutes=5)
    scene.over(**CRISIS, score=5.0)
    assert (scene.alert().status, scene.alert().severity) == ("firing", 1)


def test_a_silence_of_another_monitor_changes_nothing(scene: Scene) -> None:
    scene.define(
        Silence(name="x", monitor="Other", starts_at=START, ends_at=START + timedelta(hours=1), reason="y")
    )
    scene.over(**REVIEW)
    assert scene.alert().status == "firing"


def test_what_is_suppressed_fires_when_the_reason_has_gone(scene: Scene) -> None:
    scene.define(ExpectedEvent(name="launch", starts_at=START, ends_at=START + timedelta(minutes=30)))
    scene.over(influential=True, networks=2, networks_heard=2)
    assert (scene.alert().status, scene.alert().severity, scene.paged()) == ("firing", 4, [])
    assert (scene.alert().reason or "").startswith("expected event: launch")
    scene.wait(minutes=25)
    scene.over(influential=True, tenfold=True)
    assert (scene.alert().severity, scene.paged()) == (4, [])
    scene.wait(minutes=10)
    assert [person for person, _, _ in scene.paged()] == ["ada"]
    scene.over(influential=True)
    assert scene.alert().severity == 3


def test_an_event_hides_no_souring_tone(scene: Scene) -> None:
    scene.define(ExpectedEvent(name="launch", starts_at=START, ends_at=START + timedelta(minutes=30)))
    scene.over()
    scene.over(negative_over=True, negative_share=0.6, score=5.0)
    assert scene.alert().severity == 3 and scene.paged() != []


@pytest.mark.slow("hours of an alert's life")
def test_a_holiday_of_the_monitors_country_lowers_a_volume_until_its_midnight(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=datetime(2031, 4, 25, 10, 0, tzinfo=UTC))
    with scene.store.read() as conn:
        monitor = find(conn, Monitor, "Lumo")
    home = {"countries": ("TR", "NL"), "timezone": "Europe/Amsterdam"}
    scene.define(monitor.value.model_copy(update=home))
    scene.clock.set(datetime(2031, 4, 26, 10, 0, tzinfo=UTC))
    scene.over(influential=True)
    assert (scene.alert().severity, scene.paged()) == (4, [])
    assert (scene.alert().reason or "").startswith("holiday: King's Day (NL)")
    assert scene.alert().next_step_at == datetime(2031, 4, 26, 22, 0, tzinfo=UTC)


def test_a_silence_that_begins_later_holds_the_next_step_back(scene: Scene) -> None:
    scene.over(**ESCALATE)
    scene.define(
        Silence(name="move", starts_at=scene.now, ends_at=START + timedelta(hours=1), reason="we move")
    )
    scene.wait(minutes=59)
    assert [person for person, _, _ in scene.paged()] == ["ada"]
    scene.wait(minutes=1)
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben"]


def test_copies_of_one_text_are_suppressed_visibly(scene: Scene) -> None:
    scene.signal("set_aside")
    scene.step()
    assert (scene.alert().status, scene.alert().reason) == ("suppressed", "copies of one text, set aside")
    assert scene.alert().live is None
    scene.signal("set_aside", NEGATIVITY, {"reposts_aside": 3, "copies": 1})
    scene.step()
    assert "reposts of a few posts, counted as fewer voices" in {one.reason for one in scene.alerts()}


def test_copies_in_a_closed_window_and_a_crisis_in_the_open_one_of_the_same_tick_are_two_alerts(
    scene: Scene,
) -> None:
    scene.signal("set_aside")
    scene.signal("over", minutes_on=1)
    scene.step()
    assert {(one.status, one.live is None) for one in scene.alerts()} == {
        ("suppressed", True),
        ("firing", False),
    }


@pytest.mark.parametrize("windows", [("over", "calm", "over"), ("over", "over", "calm")])
def test_windows_that_one_tick_catches_up_with_are_handled_in_their_order(
    scene: Scene, windows: tuple[str, ...]
) -> None:
    # Written in the opposite order: neither the order of writing nor that of the ids decides.
    for place, state in reversed(list(enumerate(windows))):
        scene.signal(state, minutes_on=30 * place)
    scene.step()
    assert (scene.alert().calmed_at is None) == (windows[-1] == "over")


def test_a_review_at_night_waits_for_the_morning_and_an_escalation_rings(tmp_path: Path) -> None:
    night = datetime(2031, 3, 5, 1, 0, tzinfo=UTC)
    scene = Scene(tmp_path, start=night)
    scene.over(**REVIEW)
    assert scene.alert().status == "firing" and scene.paged() == []
    assert scene.alert().next_step_at == datetime(2031, 3, 5, 8, 0, tzinfo=UTC)
    scene.wait(minutes=30)
    scene.over(**ESCALATE, score=5.0)
    assert scene.paged() == [("ada", "worsened", "queued")]


def test_a_watch_waits_for_working_hours_and_then_pages(tmp_path: Path) -> None:
    scene = Scene(tmp_path, start=datetime(2031, 3, 5, 19, 0, tzinfo=UTC))
    scene.over()
    assert (scene.alert().severity, scene.paged()) == (4, [])
    scene.clock.set(datetime(2031, 3, 6, 9, 0, tzinfo=UTC))
    scene.step()
    assert scene.paged() == [("ada", "page", "queued")]


def test_a_persons_quiet_hours_hold_their_notice_and_not_the_next_step(tmp_path: Path) -> None:
    quiet = (Person(name="ada", email="ada@example.org", quiet_hours=("09:00", "11:00")), *PEOPLE[1:])
    scene = Scene(tmp_path, people=quiet)
    scene.over(**REVIEW)
    assert scene.notices()[0].due_at == START + timedelta(hours=1)
    scene.wait(minutes=15)
    assert [(one.person, one.due_at) for one in scene.notices()][1] == ("ben", scene.now)


def test_a_crisis_rings_on_every_channel_and_tells_the_heads_up_list(tmp_path: Path) -> None:
    two = (Channel(kind="console"), Channel.model_validate({"kind": "email", "to": "ada@example.org"}))
    people = (Person(name="ada", channels=two), *PEOPLE[1:])
    policy = Policy.model_validate(POLICY.model_dump() | {"heads_up": ("person:leo",)})
    scene = Scene(tmp_path, people=people, policy=policy)
    scene.over(**CRISIS)
    assert sorted((one.person, one.channel, one.kind) for one in scene.notices()) == [
        ("ada", "console", "page"),
        ("ada", "email", "page"),
        ("leo", "email", "told"),
    ]
    [told] = [one.body["text"].splitlines() for one in scene.notices() if one.kind == "told"]
    assert told[1] == "For your information: others are asked to act."
    assert told[-2] == "Nothing is asked of you."


def test_a_schedule_pages_whose_turn_it_is(tmp_path: Path) -> None:
    policy = Policy.model_validate(
        {"name": "default", "steps": [{"after_minutes": 0, "targets": ["schedule:week"]}]}
    )
    scene = Scene(tmp_path, policy=policy)
    turn = {"person": "pia", "starts_at": START, "ends_at": START + timedelta(hours=1)}
    rotation = {"rotation": ["ada", "ben"], "starts_at": START - timedelta(hours=30), "turn_hours": 24}
    scene.define(Schedule.model_validate({"name": "week", "overrides": [turn], **rotation}))
    scene.over(**ESCALATE)
    assert [person for person, _, _ in scene.paged()] == ["pia"]
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.resolve, scene.alert().id)
    scene.clock.advance(timedelta(hours=8))
    scene.over(**ESCALATE)
    assert [person for person, _, _ in scene.paged()][-1] == "ben"


def test_without_a_policy_community_managers_are_paged_then_pr(tmp_path: Path) -> None:
    scene = Scene(tmp_path, policy=None)
    scene.over(**ESCALATE)
    scene.wait(minutes=15)
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben", "pia"]


def test_with_nobody_at_all_the_page_is_on_record_as_for_nobody(tmp_path: Path) -> None:
    scene = Scene(tmp_path, people=(), policy=None)
    scene.over(**ESCALATE)
    assert [(one.person, one.channel) for one in scene.notices()] == [("nobody", "console")]


def test_somebody_who_left_is_not_paged(scene: Scene) -> None:
    scene.define(Person(name="ada", role=Role.COMMUNITY_MANAGER, active=False))
    scene.over(**ESCALATE)
    assert [person for person, _, _ in scene.paged()] == ["nobody"]


def test_the_policy_is_copied_when_the_alert_opens(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        delete(conn, Policy, "default", now=scene.now, actor="test")
    scene.wait(minutes=15)
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben"]


def test_after_an_hour_of_being_down_the_steps_do_not_burst_out_together(scene: Scene) -> None:
    scene.over(**ESCALATE)
    scene.clock.advance(timedelta(hours=1))
    scene.step()
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben"]
    scene.step()
    assert [person for person, _, _ in scene.paged()] == ["ada", "ben"]


def test_signals_are_handled_in_the_order_of_tick_monitor_and_kind(scene: Scene) -> None:
    scene.signal("over", "volume", **ESCALATE)
    scene.signal("over", NEGATIVITY, **ESCALATE)
    scene.step()
    assert scene.alert(NEGATIVITY).status == "merged"
    assert len(scene.paged()) == 1, "negativity was absorbed before its first step"


@pytest.mark.slow("hours of an alert's life")
def test_the_clock_may_jump_to_what_is_due_next_with_the_same_result(tmp_path: Path) -> None:
    def play(scene: Scene, jump: bool) -> list[Any]:
        scene.over(**ESCALATE)
        end = scene.now + timedelta(hours=3)
        if not jump:
            scene.wait(hours=3)
        while jump:
            with scene.store.write() as conn:
                conn.execute(s.notices.update().values(status="sent"))
            with scene.store.read() as conn:
                due = next_due(conn)
            if due is None or due > end:
                break
            scene.clock.set(max(due, scene.now))
            scene.step()
        return [(one.id, one.person, one.created_at) for one in scene.notices()]

    assert play(Scene(tmp_path / "a"), jump=False) == play(Scene(tmp_path / "b"), jump=True)


def test_nothing_is_due_where_nothing_happens(scene: Scene) -> None:
    with scene.store.read() as conn:
        assert next_due(conn) is None and not anything_due(conn, scene.now)
    with scene.write() as conn:
        assert not step(scene.turn(conn)).anything


def test_every_transition_is_in_the_timeline_the_events_and_the_audit_chain(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
        act(scene.turn(conn, ADA), actions.dismiss, scene.alert().id, "handled")
    assert scene.timeline(scene.alert()) == ["open", "fire", "notice_page", "step", "acknowledge", "dismiss"]
    with scene.store.read() as conn:
        events = [row.kind for row in conn.execute(select(s.alert_events).order_by(s.alert_events.c.seq))]
        chain = [row.action for row in conn.execute(select(s.audit).order_by(s.audit.c.seq))]
    assert events == ["open", "update", "fire", "step", "acknowledge", "dismiss"]
    assert chain == ["alert.open", "alert.fire", "alert.step", "alert.acknowledge", "alert.dismiss"]
