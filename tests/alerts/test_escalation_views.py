"""The views of escalations: one order, and one rule for teams, overdue and allowed actions, for API, pages and metrics."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from alerts.escalations import actions, views
from alerts.escalations.escalation import Escalation
from tests.alerts.scene import ADA, PIA, Scene
from tocsin.core.cursor import BadCursor
from tocsin.store import schema as s


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    made.over(negative_over=True, networks=2, networks_heard=2)
    return made


def escalate(scene: Scene, team: str = "pr") -> Escalation:
    with scene.write() as conn:
        return scene.escalate(conn, ADA, scene.alert().id, team, "lamps may burn")


def test_of_equal_deadlines_the_more_severe_stands_first_and_a_cursor_leaves_none_out(scene: Scene) -> None:
    first = escalate(scene)
    beside = [
        replace(first, id="b", severity=1),
        replace(first, id="a", severity=4),
        replace(first, id="z", severity=1, deadline_at=None, status="released"),
        replace(first, id="y", severity=3, deadline_at=None, status="released"),
    ]
    with scene.write() as conn:
        conn.execute(insert(s.escalations), [asdict(one) for one in beside])
        found, cursor = views.find_escalations(conn, limit=2)
        read = [one.escalation.id for one in found]
        while cursor:
            found, cursor = views.find_escalations(conn, limit=2, cursor=cursor)
            read += [one.escalation.id for one in found]
        assert read == ["b", first.id, "a", "z", "y"]
        with pytest.raises(BadCursor):
            views.find_escalations(conn, cursor="W10")


def test_a_team_is_shown_what_both_are_asked_in(scene: Scene) -> None:
    both = escalate(scene, "both")
    with scene.write() as conn:
        for team in ("pr", "legal"):
            assert [one.escalation.id for one in views.find_escalations(conn, team=team)[0]] == [both.id]
        actions.withdraw(scene.turn(conn, PIA), both.id, "not needed")
        assert views.find_escalations(conn, team="pr") == ([], None)
        assert [one.escalation.id for one in views.ended_escalations(conn, "legal", 10)] == [both.id]


def test_an_escalation_is_overdue_from_its_deadline_on_by_each_way_of_asking(scene: Scene) -> None:
    made = escalate(scene)
    assert made.deadline_at is not None
    for at, late in ((made.deadline_at - timedelta(microseconds=1), 0), (made.deadline_at, 1)):
        with scene.store.read() as conn:
            assert made.overdue(at) is bool(late)
            assert views.count_open(conn, at) == (1, late)
            assert views.list_escalations(conn, now=at).items[0]["overdue"] is bool(late)


def test_what_may_be_done_names_the_assessment_until_it_is_done(scene: Scene) -> None:
    made = escalate(scene)
    assert made.actions == ("claim", "reassign", "withdraw", "assess")
    with scene.write() as conn:
        actions.claim(scene.turn(conn, PIA), made.id)
        assessed = actions.assessed(scene.turn(conn, PIA), made.id, "two shops")
        assert assessed.actions == ("release_claim", "reassign", "review", "withdraw", "decide")
        assert actions.withdraw(scene.turn(conn, PIA), made.id, "not needed").actions == ()


def test_a_reader_who_is_not_of_legal_learns_how_many_notes_are_hidden(scene: Scene) -> None:
    made = escalate(scene)
    with scene.write() as conn:
        legal = replace(PIA, role="legal")
        actions.note(scene.turn(conn, legal), made.id, "we may be liable", privileged=True)
        told, all_of_it = (views.history(conn, made.id, role) for role in ("pr", "legal"))
    assert (len(told.entries), told.hidden) == (1, 1)
    assert (len(all_of_it.entries), all_of_it.hidden) == (2, 0)
    assert told.last == all_of_it.last == 2
