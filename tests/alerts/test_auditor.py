"""What the auditor finds, and that its heartbeat is silent while anything is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from alerts import actions
from alerts.apply import act
from alerts.auditor import Auditor, audit
from tests.alerts.scene import ADA, POLICY, Scene
from tocsin.definitions.models import Policy, SourceDef
from tocsin.definitions.repository import delete as end
from tocsin.definitions.repository import save
from tocsin.settings import Alerting, Settings
from tocsin.store import schema as s

ESCALATE: dict[str, Any] = {"negative_over": True, "networks": 2, "networks_heard": 2}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def kinds(scene: Scene) -> list[str]:
    with scene.store.read() as conn:
        return [finding.kind for finding in audit(conn, scene.now)]


def auditor(scene: Scene, pings: list[str] | None = None) -> Auditor:
    settings = Settings(alerting=Alerting(heartbeat_url="https://watch.example/ping"))
    heard = pings if pings is not None else []
    return Auditor(scene.store, settings, scene.clock, ping=lambda url: heard.append(url))


def test_all_is_well_where_every_alert_has_a_next_step_or_an_owner(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        conn.execute(update(s.notices).values(status="sent"))
    assert kinds(scene) == []
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
    assert kinds(scene) == []


def test_an_engine_that_stands_still_is_found_by_the_steps_it_does_not_take(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        conn.execute(update(s.notices).values(status="sent"))
    scene.clock.advance(timedelta(minutes=18))
    assert kinds(scene) == ["alert unattended"]


def test_an_escalation_whose_clock_ran_out_and_for_which_nobody_was_paged_is_found(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        made = scene.escalate(conn, ADA, scene.alert().id, "pr", "see")
        conn.execute(update(s.notices).values(status="sent"))
    assert made.deadline_at is not None
    scene.clock.advance(made.deadline_at - scene.now + timedelta(minutes=1))
    assert kinds(scene) == []
    scene.clock.advance(timedelta(minutes=2))
    assert kinds(scene) == ["escalation unattended"]
    scene.step()
    with scene.write() as conn:
        conn.execute(update(s.notices).values(status="sent"))
    assert kinds(scene) == []


def test_a_notice_that_does_not_leave_or_does_not_end_is_found(scene: Scene) -> None:
    scene.over(**ESCALATE)
    scene.clock.advance(timedelta(minutes=3))
    assert kinds(scene) == ["notice stuck"]
    with scene.write() as conn:
        conn.execute(update(s.notices).values(status="attempting", attempting_at=scene.now))
    scene.clock.advance(timedelta(minutes=3))
    assert kinds(scene) == ["notice stuck"]


def test_an_alert_that_nobody_answers_to_the_end_of_the_ladder_is_found(tmp_path: Path) -> None:
    scene = Scene(tmp_path, policy=Policy.model_validate(POLICY.model_dump() | {"steps": [POLICY.steps[0]]}))
    scene.over(**ESCALATE)
    scene.wait(hours=1)
    with scene.write() as conn:
        conn.execute(update(s.notices).values(status="sent"))
    assert kinds(scene) == ["alert unattended"]


def test_an_alert_that_could_page_nobody_is_found(tmp_path: Path) -> None:
    scene = Scene(tmp_path, people=(), policy=None)
    scene.over(**ESCALATE)
    assert kinds(scene) == ["nobody paged"]


def test_a_role_that_has_gone_silent_is_found(scene: Scene) -> None:
    with scene.write() as conn:
        conn.execute(insert(s.health).values(component="processors", at=scene.now, state="ok", detail={}))
    assert kinds(scene) == []
    scene.clock.advance(timedelta(minutes=3))
    assert kinds(scene) == ["role silent"]


def test_a_role_that_reports_and_fails_is_found_and_no_heartbeat_goes_out(scene: Scene) -> None:
    pings: list[str] = []
    watch = auditor(scene, pings)
    failed = {"component": "detection", "state": "failed", "detail": {"reason": "KeyError: 'monitor'"}}
    # The part's row stays fresh, so it is not silent.
    for _ in range(3):
        with scene.write() as conn:
            scene.store.put(conn, s.health, [failed | {"at": scene.now}])
        assert [finding.text for finding in watch.check()] == ["detection fails: KeyError: 'monitor'"]
        scene.clock.advance(timedelta(minutes=1))
    assert pings == []
    with scene.write() as conn:
        scene.store.put(conn, s.health, [failed | {"at": scene.now, "state": "ok", "detail": {}}])
    assert watch.check() == []
    assert len(pings) == 1


def test_a_changed_a_removed_and_a_cut_audit_entry_are_found(scene: Scene) -> None:
    scene.over(**ESCALATE)
    with scene.write() as conn:
        conn.execute(update(s.notices).values(status="sent"))
        conn.execute(update(s.audit).where(s.audit.c.seq == 1).values(actor="eve"))
    assert kinds(scene) == ["audit chain broken"]
    with scene.write() as conn:
        conn.execute(update(s.audit).where(s.audit.c.seq == 1).values(actor="Tocsin"))
    assert kinds(scene) == []
    with scene.write() as conn:
        conn.execute(delete(s.audit).where(s.audit.c.seq == 3))
    assert kinds(scene) == ["audit chain broken"]


def test_the_chain_is_verified_onwards_from_where_it_held(scene: Scene) -> None:
    watch = auditor(scene)
    scene.over(**ESCALATE)
    assert watch.check() == []
    scene.wait(minutes=1)
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
        conn.execute(update(s.audit).where(s.audit.c.action == "alert.acknowledge").values(role="admin"))
    assert [finding.kind for finding in watch.check()] == ["audit chain broken"]
    assert [finding.kind for finding in watch.check()] == ["audit chain broken"], (
        "it does not look past a break"
    )


def test_the_heartbeat_goes_out_only_after_a_passing_check(scene: Scene) -> None:
    pings: list[str] = []
    watch = auditor(scene, pings)
    watch.check()
    assert pings == ["https://watch.example/ping"]
    scene.over(**ESCALATE)
    scene.clock.advance(timedelta(minutes=30))
    assert watch.check() != [] and len(pings) == 1


def test_a_source_that_fails_for_15_minutes_pages_the_operators_policy_and_rings_at_night(
    scene: Scene,
) -> None:
    operator = {"name": "operator", "steps": [{"after_minutes": 0, "targets": ["person:ben"]}]}
    scene.define(Policy.model_validate(operator))
    scene.define(SourceDef(name="news", kind="feed"))
    # Midnight.
    scene.clock.advance(timedelta(hours=14))
    watch = auditor(scene)
    with scene.write() as conn:
        conn.execute(
            insert(s.source_state).values(
                name="news", last_success_at=scene.now, failures=1, received=0, rejected=0, last_error="503"
            )
        )
    scene.clock.advance(timedelta(minutes=14))
    assert watch.check() == []
    scene.clock.advance(timedelta(minutes=1))
    assert [finding.kind for finding in watch.check()] == ["blind"]
    scene.step()
    assert scene.paged() == [("ben", "blind", "queued")]
    assert "Not heard: news: fails for 15 min: 503" in scene.notices()[0].body["text"]
    scene.clock.advance(timedelta(minutes=1))
    watch.check()
    scene.step()
    assert len(scene.paged()) == 1 and len(scene.alerts()) == 1

    with scene.write() as conn:
        conn.execute(update(s.source_state).values(failures=0, last_success_at=scene.now))
    assert watch.check() == []
    scene.step()
    assert scene.alert("blind").calmed_unacknowledged


@pytest.mark.parametrize("leave", ["paused", "ended"])
def test_the_alert_of_a_blind_source_calms_when_nobody_listens_to_it_any_more(
    scene: Scene, leave: str
) -> None:
    news = SourceDef(name="news", kind="push", expected_every_minutes=1)
    scene.define(news)
    scene.clock.advance(timedelta(hours=1))
    watch = auditor(scene)
    watch.check()
    scene.step()
    assert not scene.alert("blind").calmed_unacknowledged
    with scene.write() as conn:
        if leave == "ended":
            end(conn, SourceDef, "news", now=scene.now, actor="test")
        else:
            save(conn, news.model_copy(update={"enabled": False}), now=scene.now, actor="test")
    assert watch.check() == []
    scene.step()
    assert scene.alert("blind").calmed_unacknowledged
    # What is on again is judged from then on.
    if leave == "paused":
        scene.clock.advance(timedelta(days=1))
        scene.define(news)
        assert "blind" not in kinds(scene)
        scene.clock.advance(timedelta(minutes=14))
        assert "blind" not in kinds(scene)
        scene.clock.advance(timedelta(minutes=1))
        assert "blind" in kinds(scene)


def test_a_source_that_is_silent_for_three_times_as_long_as_it_may_be_is_blind(scene: Scene) -> None:
    scene.define(SourceDef(name="forum", kind="jsonl", expected_every_minutes=10))
    scene.define(SourceDef(name="quiet", kind="jsonl"))
    scene.define(SourceDef(name="off", kind="jsonl", enabled=False, expected_every_minutes=1))
    scene.clock.advance(timedelta(minutes=30))
    assert kinds(scene) == []
    scene.clock.advance(timedelta(minutes=1))
    assert kinds(scene) == ["blind"]
