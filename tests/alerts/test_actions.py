"""What people can do with alerts and escalations, and what they may not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerts import actions, views
from alerts.actor import Actor
from alerts.apply import act
from alerts.auditor import escalations_held_by_nobody
from alerts.escalations import actions as escalation_actions
from alerts.escalations import escalation
from alerts.escalations import views as escalation_views
from alerts.escalations.escalation import Escalation
from tests.alerts.scene import ADA, BEN, LEO, PEOPLE, PIA, POLICY, Scene
from tocsin.core.errors import Conflict, IllegalTransition, NotAllowed, NotFound, WrongInput
from tocsin.core.signal_kinds import NEGATIVITY
from tocsin.definitions.models import Person, Policy, Role
from tocsin.definitions.repository import find, save

ROOT = Actor("person_root", "root", "admin")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    deputies = (Person(name="pat", role=Role.PR), Person(name="lou", role=Role.LEGAL))
    teams = {"pr": ("person:pia", "person:pat"), "legal": ("person:leo",), "fallback": ("person:ben",)}
    made = Scene(
        tmp_path,
        people=(*PEOPLE, *deputies),
        policy=Policy.model_validate(POLICY.model_dump() | {"teams": teams}),
    )
    made.over(negative_over=True, networks=2, networks_heard=2)
    return made


def begun(scene: Scene, team: str = "both", by: Actor = ADA) -> Escalation:
    with scene.write() as conn:
        return scene.escalate(conn, by, scene.alert().id, team, "lamps may burn")


def test_the_second_who_acknowledges_learns_who_was_first(scene: Scene) -> None:
    with scene.write() as conn:
        first = act(scene.turn(conn, ADA), actions.acknowledge, scene.alert().id)
        second = act(scene.turn(conn, BEN), actions.acknowledge, scene.alert().id)
    assert first.acknowledged_by == second.acknowledged_by == "ada"
    assert first.version == second.version


def test_a_stale_version_is_refused(scene: Scene) -> None:
    alert = scene.alert()
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, alert.id)
    with pytest.raises(Conflict, match="read it again"), scene.write() as conn:
        act(scene.turn(conn, BEN), actions.dismiss, alert.id, "noise", expected_version=alert.version)


def test_the_beginning_of_an_id_is_asked_about_and_a_merged_alert_names_the_one_to_acknowledge(
    scene: Scene,
) -> None:
    scene.over(NEGATIVITY, negative_over=True)
    first, second = scene.alert().id, scene.alert(NEGATIVITY).id
    assert scene.alert(NEGATIVITY).merged_into == first
    for typed in (first[:8], first.upper(), f" {first}"):
        with pytest.raises(NotFound) as refused, scene.write() as conn:
            act(scene.turn(conn, ADA), actions.acknowledge, typed)
        assert str(refused.value) == f"no alert {typed!r}; did you mean {first}?"
    for typed in ("al_", "al_%", ""):
        with (
            pytest.raises(NotFound, match="`tocsin alerts list` shows those there are"),
            scene.write() as conn,
        ):
            act(scene.turn(conn, ADA), actions.acknowledge, typed)
    said = f"{second} was merged into {first}, which tells its story: acknowledge that one"
    with pytest.raises(IllegalTransition, match=said), scene.write() as conn:
        act(scene.turn(conn, ADA), actions.acknowledge, second)


def test_unknown_alerts_reasons_and_times_are_refused_with_the_choices(scene: Scene) -> None:
    alert = scene.alert().id
    with scene.write() as conn:
        with pytest.raises(NotFound, match="no alert 'al_x'"):
            act(scene.turn(conn, ADA), actions.acknowledge, "al_x")
        with pytest.raises(WrongInput, match="choose one of"):
            act(scene.turn(conn, ADA), actions.dismiss, alert, "boring")
        with pytest.raises(WrongInput, match="within 7 days"):
            act(scene.turn(conn, ADA), actions.snooze, alert, scene.now + timedelta(days=8))
        with pytest.raises(WrongInput, match="later than now"):
            act(scene.turn(conn, ADA), actions.snooze, alert, scene.now)
        with pytest.raises(WrongInput, match="needs a reason"):
            act(scene.turn(conn, ADA), actions.set_severity, alert, 1, " ")
        with pytest.raises(WrongInput, match="choose 1"):
            act(scene.turn(conn, ADA), actions.set_severity, alert, 5, "more")
        with pytest.raises(WrongInput, match="unknown team 'press'"):
            scene.escalate(conn, ADA, alert, "press", "why not")
        with pytest.raises(WrongInput, match="itself"):
            act(scene.turn(conn, ADA), actions.merge, alert, alert)
        with pytest.raises(IllegalTransition, match="cannot reopen an alert that is firing"):
            act(scene.turn(conn, ADA), actions.reopen, alert)


def test_a_person_who_raises_the_severity_pages_the_first_step_again(scene: Scene) -> None:
    with scene.write() as conn:
        raised = act(scene.turn(conn, BEN), actions.set_severity, scene.alert().id, 1, "a child was hurt")
    assert (raised.severity, raised.step) == (1, 1)
    assert scene.paged() == [("ada", "page", "cancelled"), ("ada", "worsened", "queued")]
    assert (
        "ben raised it from SEV2" in scene.notices()[-1].body["text"]
        or "ben raised it" in scene.notices()[0].body["text"]
    )


def test_a_reopened_alert_pages_from_the_first_step_and_a_newer_one_forbids_it(scene: Scene) -> None:
    first = scene.alert().id
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.resolve, first, "over")
        assert act(scene.turn(conn, ADA), actions.reopen, first, "not over").status == "firing"
    scene.step()
    assert [kind for _, kind, _ in scene.paged()] == ["page", "page"]
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.resolve, first)
    scene.clock.advance(timedelta(hours=7))
    scene.over(negative_over=True)
    with pytest.raises(Conflict, match="tells this story now"), scene.write() as conn:
        act(scene.turn(conn, ADA), actions.reopen, first)


def test_a_note_stands_in_the_timeline_and_changes_nothing_else(scene: Scene) -> None:
    before = scene.alert()
    with scene.write() as conn:
        act(scene.turn(conn, ADA), actions.note, before.id, "called the shop\x00\x1b[2J")
        line = views.timeline(conn, before.id)[-1]
    assert (line["action"], line["reason"]) == ("note", "called the shop[2J")
    assert scene.alert() == before


def test_an_escalation_pages_the_first_of_each_team_and_has_clocks_by_severity(scene: Scene) -> None:
    made = begun(scene)
    assert made.assessment_due_at == scene.now + timedelta(minutes=20)
    assert made.statement_due_at == scene.now + timedelta(minutes=60)
    assert made.deadline_at == made.assessment_due_at
    assert [(p, k) for p, k, status in scene.paged() if status == "queued"] == [
        ("leo", "page"),
        ("pia", "page"),
    ]


def test_a_case_of_a_review_waits_for_the_end_of_quiet_hours_and_a_graver_one_rings(tmp_path: Path) -> None:
    quiet = Person(name="pia", role=Role.PR, quiet_hours=("09:00", "11:00"))
    scene = Scene(tmp_path, people=(PEOPLE[0], PEOPLE[1], quiet, PEOPLE[3]))
    scene.over(negative_over=True)
    begun(scene, "pr")
    waits = [one.due_at for one in scene.notices() if one.person == "pia"]
    assert waits == [scene.now + timedelta(hours=1)]
    grave = Scene(tmp_path / "grave", people=(PEOPLE[0], PEOPLE[1], quiet, PEOPLE[3]))
    grave.over(negative_over=True, tenfold=True)
    begun(grave, "pr")
    assert [one.due_at for one in grave.notices() if one.person == "pia"] == [grave.now]


def test_a_second_case_for_the_same_team_is_refused_and_for_the_other_is_not(scene: Scene) -> None:
    begun(scene, "pr")
    with pytest.raises(Conflict, match="is open for pr already"):
        begun(scene, "both")
    assert begun(scene, "legal").team == "legal"


@pytest.mark.slow("hours of an alert's life")
def test_a_missed_deadline_pages_the_deputy_once_per_deadline_and_decides_nothing(scene: Scene) -> None:
    made = begun(scene, "pr")
    scene.wait(minutes=59)
    overdue = [(person, kind) for person, kind, _ in scene.paged() if kind == "overdue"]
    assert overdue == [("pat", "overdue")]
    scene.wait(minutes=1)
    later = sorted(person for person, kind, _ in scene.paged() if kind == "overdue")
    assert later == ["ben", "pat", "pat"], "the fallback list joins at the second deadline"
    scene.wait(hours=5)
    assert len([1 for _, kind, _ in scene.paged() if kind == "overdue"]) == 3
    with scene.store.read() as conn:
        assert escalation.get(conn, made.id).status == "queued"


@pytest.mark.parametrize("change", [{"active": False}, {"role": Role.VIEWER}])
def test_a_case_of_somebody_who_works_none_any_more_pages_the_team_and_is_found(
    scene: Scene, change: dict[str, object]
) -> None:
    made = begun(scene, "legal")
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, LEO), made.id)
        assert escalation_views.held_by_nobody(conn) == []
        leo = find(conn, Person, "leo")
        save(conn, leo.value.model_copy(update=change), now=scene.now, actor="root", id=leo.id)
        assert [one.id for one in escalation_views.held_by_nobody(conn)] == [made.id]
        [found] = escalations_held_by_nobody(conn)
        assert found.text == "leo has the escalation to legal and works none any more: hand it over"
    before = len(scene.notices())
    scene.wait(minutes=20)
    told = sorted(one.person for one in scene.notices()[before:])
    assert told == ["ben", "lou"], "the deputy, and in the place of whoever has it the team's first choice"


def test_an_assessment_in_time_stops_its_clock_and_the_statement_runs_on(scene: Scene) -> None:
    made = begun(scene, "pr")
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, PIA), made.id)
        done = escalation_actions.assessed(scene.turn(conn, PIA), made.id, "real")
        again = escalation_actions.assessed(
            scene.turn(conn, PIA, scene.now + timedelta(hours=1)), made.id, "again"
        )
    assert done.deadline_at == done.statement_due_at
    assert again.assessed_at == scene.now
    scene.wait(minutes=30)
    assert not [1 for _, kind, _ in scene.paged() if kind == "overdue"]


def test_a_claim_takes_back_the_pages_that_still_wait(scene: Scene) -> None:
    made = begun(scene, "pr")
    with scene.write() as conn:
        assert escalation_actions.claim(scene.turn(conn, PIA), made.id).claimed_by == "pia"
    assert ("pia", "page", "cancelled") in scene.paged()
    with pytest.raises(IllegalTransition, match="cannot claim"), scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, LEO), made.id)


def test_both_teams_review_in_parallel_and_it_is_cleared_when_each_has(scene: Scene) -> None:
    made = begun(scene)
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, PIA), made.id)
        half = escalation_actions.decide(scene.turn(conn, LEO), made.id, "legal", "clear", "fine")
        assert half.status == "in_review"
        whole = escalation_actions.decide(scene.turn(conn, PIA), made.id, "pr", "clear", "fine")
    assert (whole.status, sorted(whole.decisions)) == ("cleared", ["legal", "pr"])


def test_one_rejection_ends_it_and_the_alert_goes_back_to_its_owner(scene: Scene) -> None:
    made = begun(scene)
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, PIA), made.id)
        ended = escalation_actions.decide(scene.turn(conn, PIA), made.id, "pr", "reject", "not ours")
    assert (ended.status, ended.deadline_at) == ("rejected", None) and ended.closed_at is not None
    assert (scene.alert().status, scene.alert().acknowledged_by) == ("acknowledged", "ada")
    scene.wait(minutes=60)
    assert scene.alert().status == "firing", "an owner who does nothing more is asked again"


def test_who_escalated_is_never_the_only_one_to_clear(scene: Scene) -> None:
    made = begun(scene, "pr", by=PIA)
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, PIA), made.id)
        escalation_actions.review(scene.turn(conn, PIA), made.id)
    with pytest.raises(NotAllowed, match="somebody else must clear it too"), scene.write() as conn:
        escalation_actions.decide(scene.turn(conn, PIA), made.id, "pr", "clear", "fine by me")
    pat = Actor("person_pat", "pat", "pr")
    with scene.write() as conn:
        assert (
            escalation_actions.decide(scene.turn(conn, pat), made.id, "pr", "clear", "fine").status
            == "cleared"
        )


def test_an_admin_who_escalated_cannot_clear_for_both_teams_alone(scene: Scene) -> None:
    made = begun(scene, by=ROOT)
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, ROOT), made.id)
        escalation_actions.decide(scene.turn(conn, ROOT), made.id, "pr", "clear", "fine")
    with pytest.raises(NotAllowed), scene.write() as conn:
        escalation_actions.decide(scene.turn(conn, ROOT), made.id, "legal", "clear", "fine")
    with scene.write() as conn:
        assert (
            escalation_actions.decide(scene.turn(conn, LEO), made.id, "legal", "clear", "fine").status
            == "cleared"
        )


def test_only_the_team_that_is_asked_decides(scene: Scene) -> None:
    made = begun(scene, "pr")
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, PIA), made.id)
        with pytest.raises(NotAllowed, match="leo has the role legal"):
            escalation_actions.decide(scene.turn(conn, LEO), made.id, "pr", "clear", "fine")
        with pytest.raises(WrongInput, match="'legal' was not asked"):
            escalation_actions.decide(scene.turn(conn, LEO), made.id, "legal", "clear", "fine")
        with pytest.raises(WrongInput, match="choose one of: clear, reject"):
            escalation_actions.decide(scene.turn(conn, PIA), made.id, "pr", "maybe", "hm")
        with pytest.raises(WrongInput, match="needs a reason"):
            escalation_actions.decide(scene.turn(conn, PIA), made.id, "pr", "clear", "")


def test_privileged_notes_are_written_and_seen_by_legal_only(scene: Scene) -> None:
    made = begun(scene)
    with scene.write() as conn:
        escalation_actions.note(scene.turn(conn, LEO), made.id, "we may be liable", privileged=True)
        with pytest.raises(NotAllowed, match="privileged notes are for Legal only"):
            escalation_actions.note(scene.turn(conn, PIA), made.id, "secret", privileged=True)
        legal = escalation_views.get_escalation(conn, made.id, role="legal", now=scene.now)["entries"]
        for role in ("pr", "admin", "viewer", "community_manager"):
            others = escalation_views.get_escalation(conn, made.id, role=role, now=scene.now)["entries"]
            assert "we may be liable" not in str(others)
    assert "we may be liable" in str(legal)


def test_somebody_who_is_asked_for_something_is_told(scene: Scene) -> None:
    made = begun(scene, "pr")
    with scene.write() as conn:
        escalation_actions.request_info(scene.turn(conn, PIA), made.id, "ben", "which batch?")
    told = scene.notices()[-1]
    assert ("ben", "told", "queued") in scene.paged()
    assert any("pia asks you: which batch?" in one.body["text"] for one in scene.notices()), told


def test_a_case_can_be_handed_on_put_back_withdrawn_and_reviewed_again(scene: Scene) -> None:
    made = begun(scene, "pr")
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, PIA), made.id)
        assert escalation_actions.reassign(scene.turn(conn, PIA), made.id, "pat").claimed_by == "pat"
        assert escalation_actions.release_claim(scene.turn(conn, PIA), made.id).status == "queued"
        escalation_actions.claim(scene.turn(conn, PIA), made.id)
        escalation_actions.decide(scene.turn(conn, PIA), made.id, "pr", "clear", "fine")
        assert escalation_actions.review(scene.turn(conn, PIA), made.id).decisions == {}
        assert escalation_actions.withdraw(scene.turn(conn, PIA), made.id, "a hoax").status == "withdrawn"
        with pytest.raises(IllegalTransition, match="it has ended"):
            escalation_actions.assessed(scene.turn(conn, PIA), made.id, "late")
        with pytest.raises(NotFound, match="no person 'zed'"):
            escalation_actions.reassign(scene.turn(conn, PIA), made.id, "zed")


def test_somebody_to_whom_a_case_is_handed_is_paged(scene: Scene) -> None:
    made = begun(scene, "pr")
    with scene.write() as conn:
        escalation_actions.claim(scene.turn(conn, PIA), made.id)
        escalation_actions.reassign(scene.turn(conn, PIA), made.id, "pat")
    assert ("pat", "page", "queued") in scene.paged()
    assert any("pia hands this over to you." in one.body["text"] for one in scene.notices())


def test_whoever_takes_a_case_for_themselves_is_not_paged(scene: Scene) -> None:
    made = begun(scene, "pr")
    with scene.write() as conn:
        escalation_actions.reassign(scene.turn(conn, PIA), made.id, "pia")
    assert ("pia", "page", "cancelled") in scene.paged() and ("pia", "page", "queued") not in scene.paged()


def test_a_case_is_given_to_nobody_who_could_not_work_it(scene: Scene) -> None:
    made = begun(scene, "pr")
    with scene.write() as conn, pytest.raises(WrongInput, match="ben works no escalations"):
        escalation_actions.reassign(scene.turn(conn, PIA), made.id, "ben")


def test_an_alert_with_an_open_case_cannot_be_resolved(scene: Scene) -> None:
    made = begun(scene, "pr")
    with pytest.raises(Conflict, match=made.id), scene.write() as conn:
        act(scene.turn(conn, ADA), actions.resolve, scene.alert().id)


def test_a_rise_of_severity_tightens_the_clocks_of_open_cases(scene: Scene) -> None:
    made = begun(scene, "pr")
    scene.wait(minutes=1)
    scene.over(triggers={"safety": 3})
    with scene.store.read() as conn:
        now = escalation.get(conn, made.id)
    assert now.severity == 1
    assert now.assessment_due_at == scene.now + timedelta(minutes=15)
    assert now.statement_due_at == scene.now + timedelta(minutes=30)
    assert scene.alert().status == "escalated"
    assert ("ada", "worsened", "queued") in scene.paged()


@pytest.mark.slow("hours of an alert's life")
def test_the_queue_is_ordered_by_deadline_and_pages_through_a_cursor(scene: Scene) -> None:
    with scene.write() as conn:
        alert = scene.alert()
        late = escalation_actions.create(scene.turn(conn, ADA), alert, "pr", "one")
        early = escalation_actions.create(
            scene.turn(conn, ADA, scene.now - timedelta(minutes=5)), alert, "legal", "two"
        )
        escalation_actions.claim(scene.turn(conn, PIA), late.id)
        first = escalation_views.list_escalations(conn, now=scene.now, limit=1)
        second = escalation_views.list_escalations(conn, now=scene.now, limit=1, cursor=first.next_cursor)
        assert [first.items[0]["id"], second.items[0]["id"]] == [early.id, late.id]
        assert second.next_cursor is None and "decide" in second.items[0]["actions"]
        assert [
            one["team"] for one in escalation_views.list_escalations(conn, now=scene.now, team="pr").items
        ] == ["pr"]
