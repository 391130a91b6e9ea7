"""`tocsin escalations`: PR and Legal work their queue where nobody is signed in, by the rules of the page and the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from alerts.escalations import actions
from alerts.escalations.escalation import Escalation, get
from api.auth.rules import RULES
from ops.commands.escalations import _actions
from tests.alerts.scene import ADA, LEO, Scene
from tests.inside import command
from tests.stores import at_store
from tocsin.definitions.models import Person, Role
from tocsin.store import schema as s

LONG_AGO = datetime(2021, 3, 3, 10, 0, tzinfo=UTC)
Run = Callable[..., str]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path, LONG_AGO)
    made.over(negative_over=True, networks=2, networks_heard=2)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def ran(*typed: str, status: int = 0) -> str:
        """What the command says: its output, or where it is refused its one line."""
        done = command("escalations", *typed, "--data", tmp_path, environment=at_store(tmp_path / "store.db"))
        said = (done.stderr if status else done.stdout).decode()
        assert done.returncode == status, (typed, done.stdout, done.stderr)
        assert not status or len(said.splitlines()) == 1, said
        return said

    return ran


def escalate(scene: Scene, team: str = "both", by: str = "ada") -> Escalation:
    with scene.write() as conn:
        return scene.escalate(conn, ADA, scene.alert().id, team, "three burns")


def test_the_queue_is_listed_with_what_waits_for_whom_and_until_when(scene: Scene, run: Run) -> None:
    assert run("list") == ""
    id = escalate(scene, "legal").id
    line = f"{id}  SEV2  due 2021-03-03 10:20Z  Lumo  legal  queued  overdue\n"
    assert run("list") == run("list", "--team", "legal", "--status", "queued", "--status", "claimed") == line
    assert run("list", "--team", "pr") == run("list", "--status", "claimed") == ""
    listed = json.loads(run("list", "--json"))
    assert (listed["id"], listed["status"], listed["actions"][0]) == (id, "queued", "claim")
    assert "unknown status 'new'; known: any, queued, claimed" in run("list", "--status", "new", status=2)
    assert "unknown team 'hr'; known: pr, legal" in run("list", "--team", "hr", status=2)
    assert "limit 0: between 1 and " in run("list", "--limit", "0", status=2)


def test_an_escalation_is_worked_to_its_end_by_pr_and_legal(scene: Scene, run: Run) -> None:
    id = escalate(scene).id
    pia, leo = ("--as", "pia"), ("--as", "leo")
    assert run("claim", id, *pia) == f"{id} is claimed, in the hands of pia\n"
    assert "claimed, pia has it" in run("list")
    assert run("release-claim", id, *pia) == f"{id} is queued\n"
    assert run("reassign", id, "pia", *leo) == f"{id} is claimed, in the hands of pia\n"
    assert "is claimed" in run("assess", id, "one shop, no injuries", *pia)
    assert "is claimed" in run("ask", id, "leo", "may we name the shop?", *pia)
    assert "is in_review" in run("review", id, *pia)
    assert "is in_review" in run("decide", id, "pr", "clear", "--reason", "it is our lamp", *pia)
    half = run("show", id)
    assert "\nPR: cleared by pia, 20" in half and "Z: it is our lamp\nLegal: open\n" in half
    assert "is cleared" in run("decide", id, "legal", "clear", "--reason", "nothing is admitted", *leo)
    assert "is released" in run("release", id, "--note", "on our site at 10:20", *pia)
    assert run("close", id, "--note", "calm since noon", *pia) == f"{id} is closed\n"
    shown = run("show", id)
    for line in (
        "pia first assessment: one shop, no injuries\n",
        "pia asked for information from leo: may we name the shop?\n",
        "leo cleared: nothing is admitted\n",
        "pia note: on our site at 10:20\n",
        "pia closed: calm since noon\n",
        "page to pia by email: ",
        "possible now: note\n",
    ):
        assert line in shown, (line, shown)
    assert run("list") == "" and f"{id}  SEV2  no clock  Lumo  both  closed\n" == run(
        "list", "--status", "any"
    )
    with scene.store.read() as conn:
        rows = conn.execute(select(s.audit).where(s.audit.c.action == "escalation.close")).all()
    assert [(one.actor, one.role, one.object) for one in rows] == [("pia", "pr", id)]


def test_a_decision_is_shown_with_its_time(scene: Scene, run: Run) -> None:
    with scene.write() as conn:
        made = scene.escalate(conn, ADA, scene.alert().id, "legal", "three burns")
        actions.claim(scene.turn(conn, LEO), made.id)
        actions.decide(scene.turn(conn, LEO), made.id, "legal", "reject", "not ours\x1b[2J")
    assert "\nLegal: rejected by leo, 2021-03-03 10:00:00Z: not ours[2J\n" in run("show", made.id)


def test_a_person_may_do_here_what_their_role_may_do_there(scene: Scene, run: Run) -> None:
    scene.define(Person(name="vic", role=Role.VIEWER))
    id = escalate(scene).id
    refused = "the role community manager may not do this; who may: admin, legal, pr"
    assert refused.replace(" m", "_m", 1) in run("claim", id, "--as", "ada", status=1)
    assert "may not do this" in run("note", id, "hm", "--as", "vic", status=1)
    run("claim", id, "--as", "pia")
    assert "only legal decides for legal" in run(
        "decide", id, "legal", "clear", "--reason", "fine", "--as", "pia", status=1
    )
    assert "unknown decision 'maybe'" in run("decide", id, "pr", "maybe", "--reason", "x", status=2)
    assert "choose one of PR, Legal or an admin" in run("reassign", id, "ada", "--as", "pia", status=2)
    assert "cannot close an escalation that is claimed; possible: " in run("close", id, status=1)
    with scene.store.read() as conn:
        assert get(conn, id).status == "claimed"


def test_words_that_are_asked_for_may_not_be_blank(scene: Scene, run: Run) -> None:
    id = escalate(scene).id
    run("claim", id)
    for typed, says in (
        (("assess", id, " "), "an assessment needs words"),
        (("ask", id, "leo", ""), "a question needs words"),
        (("note", id, "\n"), "a note needs words"),
        (("withdraw", id, "--reason", ""), "withdrawing needs a reason"),
        (("decide", id, "pr", "clear", "--reason", " "), "a decision needs a reason"),
    ):
        assert says in run(*typed, status=2), typed
    assert "is withdrawn" in run("withdraw", id, "--reason", "another brand", "--as", "ada")


def test_an_id_of_nothing_is_refused_with_what_may_be_meant(scene: Scene, run: Run) -> None:
    id = escalate(scene).id
    assert "`tocsin escalations list` shows those there are" in run("show", "esc_none", status=2)
    assert f"did you mean {id}?" in run("claim", id[:12].upper(), status=2)


def test_privileged_notes_are_written_by_legal_and_shown_to_nobody_here(scene: Scene, run: Run) -> None:
    id = escalate(scene).id
    for who in ((), ("--as", "pia")):
        assert "privileged notes are for Legal only" in run(
            "note", id, "settle", "--privileged", *who, status=1
        )
    run("note", id, "settle", "--privileged", "--as", "leo")
    shown = run("show", id)
    assert "settle" not in shown and "\n1 privileged note left out: for Legal only, on the page\n" in shown
    told = json.loads(run("show", id, "--json"))
    assert told["privileged_notes"] == 1 and "settle" not in json.dumps(told)
    assert [one["action"] for one in told["escalation"]["entries"]] == ["create"]


def test_whoever_has_it_and_works_none_any_more_is_named(scene: Scene, run: Run) -> None:
    id = escalate(scene, "pr").id
    run("claim", id, "--as", "pia")
    scene.define(Person(name="pia", role=Role.VIEWER))
    assert run("list").endswith("  pia works no escalations any more: hand it over\n")


def test_a_queue_that_is_longer_than_asked_for_says_so(scene: Scene, tmp_path: Path) -> None:
    first = escalate(scene)
    with scene.write() as conn:
        row: Mapping[str, object] = conn.execute(select(s.escalations)).one()._mapping
        conn.execute(insert(s.escalations), [{**row, "id": f"{first.id}{one}"} for one in "ab"])
    here = at_store(tmp_path / "store.db")
    cut = command("escalations", "list", "--limit", "2", "--data", tmp_path, environment=here)
    assert len(cut.stdout.splitlines()) == 2
    assert cut.stderr == b"there are more than 2; --limit shows more\n"


def test_every_route_of_an_escalation_has_its_command() -> None:
    posts = [path.partition("/v1/escalations/{id}/") for method, path in RULES if method == "POST"]
    assert {action for _, found, action in posts if found} == set(_actions())
