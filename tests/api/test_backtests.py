"""Back-tests as jobs over the API and the page: asked for once, followed, cancelled; a proposal is decided by a person."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts import actions
from alerts.apply import act
from api import backtests, jobs
from api.proposals import propose
from tests.alerts.scene import ADA
from tests.api.visits import page, press, signed_in, words
from tests.api.world import World
from tests.browser.served import seeded_app
from tests.inside import command
from tests.stores import at_store
from tocsin.core.errors import Conflict
from tocsin.definitions.models import Monitor, Role
from tocsin.definitions.repository import find, save
from tocsin.store import schema as s
from tocsin.store.port import Store

POINT = {"fired": 3, "a_week": 0.75, "real": 1, "judged": 2}
ALERT = {
    "at": "2026-11-20T10:00:00Z", "kind": "volume", "severity": 3, "status": "firing", "reason": None,
    "observed": 40.0, "expected": 4.0, "score": 4.0, "verdict": "noise",
}  # fmt: skip
RESULT: dict[str, Any] = {
    "mentions": 1000, "first": "2026-10-25T10:00:00Z", "last": "2026-11-22T10:00:00Z", "promise": 1.0,
    "alerts": [ALERT, ALERT | {"status": "suppressed"}], "curve": [{"promise": 0.5, **POINT}, {"promise": 1.0, **POINT}], **POINT,
    "volume": {"first": "2026-11-20T00:00:00Z", "step_minutes": 240, "counts": [4, 0, 40]},
    "changed": {"alerts": [], "fired": 1, "a_week": 0.25, "real": 2, "judged": 2, "stays": 1},
}  # fmt: skip
LISTED = (
    "{id}: promise 0.5 false alerts a week (2 alerts got the verdict noise);"
    " on 1,000 mentions 3 alerts fire now, 1 with the change; 1 of 1 real alerts stay\n"
)


def test_a_back_test_is_asked_for_once_followed_cancelled_and_its_dead_worker_is_replaced(
    world: World,
) -> None:
    desk, store = world.key(Role.COMMUNITY_MANAGER), world.scene.store
    path = f"/v1/monitors/{world.scene.monitor}/backtests"
    assert world.key(Role.VIEWER).post(path).status_code == 403
    first, again = desk.post(path), desk.post(path)
    assert (first.status_code, first.json()["state"]) == (202, "queued")
    assert again.json()["id"] == first.json()["id"]
    id = first.json()["id"]
    claimed = backtests.claim(store, world.now)
    assert claimed is not None and claimed.id == id and backtests.claim(store, world.now) is None
    assert backtests.goes_on(store, id, 40, world.now)
    assert desk.get(f"/v1/backtests/{id}").json()["progress"] == 40
    world.scene.clock.advance(jobs.DEAD_AFTER + timedelta(seconds=1))
    assert backtests.claim(store, world.now) is not None
    assert desk.post(f"/v1/backtests/{id}/cancel").json()["state"] == "cancelled"
    assert not backtests.goes_on(store, id, 60, world.now)
    backtests.finish(store, id, world.now, result=RESULT)
    assert desk.get(path).json()[0]["state"] == "cancelled"
    assert desk.post(f"/v1/backtests/{id}/decide", json={"decision": "accepted"}).status_code == 409


def test_a_back_test_that_was_cancelled_is_asked_for_again_while_the_clock_stands(world: World) -> None:
    desk = world.key(Role.COMMUNITY_MANAGER)
    path = f"/v1/monitors/{world.scene.monitor}/backtests"
    first = desk.post(path).json()["id"]
    desk.post(f"/v1/backtests/{first}/cancel")
    again = desk.post(path)
    assert (again.status_code, again.json()["state"], again.json()["id"] != first) == (202, "queued", True)


def test_the_alerts_of_a_back_test_stand_in_the_step_in_which_they_fired_and_silent_ones_in_none() -> None:
    volume = {"first": "2026-11-20T09:00:00Z", "step_minutes": 15, "counts": [1, 2]}
    late, silent = ALERT | {"at": "2026-11-20T09:31:00Z"}, ALERT | {"status": "suppressed"}
    steps = backtests.by_step({"volume": volume, "alerts": [late, silent]})
    assert [(f"{one.at:%H:%M}", one.count, len(one.alerts)) for one in steps] == [
        ("09:00", 1, 0),
        ("09:15", 2, 0),
        ("09:30", 0, 1),
    ]
    assert backtests.by_step({"alerts": [ALERT]}) == [], "a result of an earlier version"


def test_not_too_many_wait_at_once(world: World) -> None:
    with world.scene.write() as conn:
        monitor = find(conn, Monitor, world.scene.monitor)
        for n in range(jobs.MOST_WAITING):
            backtests.ask(conn, monitor, now=world.now, actor="a", change={"n": n})
        with pytest.raises(Conflict, match="cancel one"):
            backtests.ask(conn, monitor, now=world.now, actor="a", change={"n": -1})


def played(store: Store, now: datetime) -> backtests.Backtest:
    """The next back-test, played to its end."""
    job = backtests.claim(store, now)
    assert job is not None
    backtests.finish(store, job.id, now, result=RESULT)
    return job


def judged(world: World, verdict: str, text: str, score: float, *rising: str) -> str:
    """An alert that ended with this verdict, with a post in its evidence."""
    world.scene.clock.advance(timedelta(hours=8))
    posts = [f"{verdict}{world.now:%d%H}-{n}" for n in range(3)]
    for id in posts:
        world.store_mention(id, text, world.now)
    top = [{"source": "forum", "id": id, "reach": 0, "label": "neutral"} for id in posts]
    evidence = {"top": top, "terms": [(term, 3) for term in rising]}
    world.scene.signal("over", evidence=evidence, score=score)
    world.scene.step()
    alert = world.scene.alert().id
    with world.scene.write() as conn:
        act(world.scene.turn(conn, ADA), actions.resolve, alert, "", None, verdict)
    return alert


def proposed(world: World) -> list[dict[str, Any]]:
    with world.scene.write() as conn:
        return [dict(backtests.get(conn, id).change or {}) for id in propose(conn, world.now)]


def test_two_of_a_kind_make_a_proposal_that_changes_nothing_before_a_person_accepts_it(world: World) -> None:
    judged(world, "noise", "lumo is bright", 3.1)
    judged(world, "real", "lumo caught fire", 6.0)
    assert proposed(world) == []
    judged(world, "noise", "lumo is bright", 3.2)
    assert proposed(world) == [{"false_alerts_per_week": 0.5}]
    assert proposed(world) == []
    desk, path = world.key(Role.COMMUNITY_MANAGER), f"/v1/monitors/{world.scene.monitor}"
    job = backtests.claim(world.scene.store, world.now)
    assert job is not None and desk.get(path).json()["version"] == 1
    backtests.finish(world.scene.store, job.id, world.now, result=RESULT)
    decided = desk.post(f"/v1/backtests/{job.id}/decide", json={"decision": "accepted"}).json()
    assert (decided["decided"], desk.get(path).json()["false_alerts_per_week"]) == (
        "accepted",
        0.5,
    )
    with world.scene.store.read() as conn:
        assert "proposal.accepted" in set(conn.execute(select(s.audit.c.action)).scalars())


@pytest.mark.slow("asks for many answers")
def test_the_command_line_lists_and_decides_proposals(world: World, tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        here = {**os.environ, **at_store(tmp_path / "store.db")}
        done = command("monitors", "proposals", *arguments, "--data", tmp_path, environment=here)
        return done.returncode, (done.stdout or done.stderr).decode()

    assert run("Lumo") == (0, "Lumo: nothing is proposed\n")
    judged(world, "noise", "lumo is bright", 3.1)
    judged(world, "noise", "lumo is bright", 3.2)
    assert proposed(world) == [{"false_alerts_per_week": 0.5}]
    job = played(world.scene.store, world.now)
    status, said = run("Lumo")
    assert (status, said) == (0, LISTED.format(id=job.id))
    assert run("Lumo", "--accept", job.id, "--refuse", job.id)[0] == 2
    assert run("nobody", "--accept", job.id)[0] == 2
    status, said = run("Lumo", "--accept", "bt_none")
    assert status == 2 and "no back-test 'bt_none'" in said
    assert run("Lumo", "--accept", job.id) == (0, f"Lumo: {job.id} is accepted\n")
    assert (
        world.key(Role.VIEWER).get(f"/v1/monitors/{world.scene.monitor}").json()["false_alerts_per_week"]
        == 0.5
    )
    status, said = run("Lumo", "--refuse", job.id)
    assert status == 1 and "is accepted: there is no proposal to decide" in said


def test_noise_that_told_nobody_or_that_the_promise_keeps_back_by_now_asks_for_no_lower_promise(
    world: World,
) -> None:
    for _ in range(2):
        world.scene.clock.advance(timedelta(hours=8))
        world.scene.signal("set_aside", score=3.1)
        world.scene.step()
    with world.scene.write() as conn:
        for alert in world.scene.alerts():
            assert alert.status == "suppressed"
            act(world.scene.turn(conn, ADA), actions.give_verdict, alert.id, "noise")
    assert proposed(world) == []
    judged(world, "noise", "lumo is bright", 3.1)
    judged(world, "noise", "lumo is bright", 3.2)
    promising(world, 0.5)
    assert proposed(world) == []


def test_noise_that_no_promise_would_have_spared_proposes_the_exclusion_of_a_word_that_was_new(
    world: World,
) -> None:
    judged(world, "noise", "lumo lamp quiz tonight", 5.0, "quiz tonight")
    judged(world, "noise", "lumo lamp quiz today", 5.0, "quiz")
    assert proposed(world) == [{"query": '(lumo) NOT "quiz"'}], "every day the brand's posts say lamp"
    assert proposed(world) == []


def test_alerts_that_were_expected_propose_as_noise_does_and_duplicates_exclude_nothing(world: World) -> None:
    for verdict in ("expected", "duplicate"):
        judged(world, verdict, "lumo is bright", 3.1)
        judged(world, verdict, "lumo is bright", 3.2)
    assert proposed(world) == [{"false_alerts_per_week": 0.5}] * 2
    judged(world, "duplicate", "lumo lamp quiz tonight", 5.0, "quiz")
    judged(world, "duplicate", "lumo lamp quiz today", 5.0, "quiz")
    promising(world, 0.5)
    assert proposed(world) == []
    judged(world, "expected", "lumo lamp fair tonight", 5.0, "fair")
    judged(world, "expected", "lumo lamp fair today", 5.0, "fair")
    assert proposed(world) == [{"query": '(lumo) NOT "fair"'}]


def test_noise_about_nothing_new_that_no_promise_would_have_spared_proposes_nothing(world: World) -> None:
    judged(world, "noise", "lumo lamp", 5.0)
    judged(world, "noise", "lumo lamp", 5.0)
    assert proposed(world) == []


def promising(world: World, promise: float) -> None:
    """Somebody has changed the promise of the monitor by hand."""
    with world.scene.write() as conn:
        monitor = find(conn, Monitor, world.scene.monitor)
        changed = monitor.value.model_copy(update={"false_alerts_per_week": promise})
        save(conn, changed, now=world.now, actor="test", id=monitor.id)


def newest(world: World) -> backtests.Backtest:
    with world.scene.store.read() as conn:
        return backtests.proposals_of(conn, world.scene.monitor)[0]


def test_a_proposal_lapses_when_a_verdict_is_taken_back_and_when_the_monitor_is_changed(world: World) -> None:
    first = judged(world, "noise", "lumo is bright", 3.1)
    judged(world, "noise", "lumo is bright", 3.2)
    assert proposed(world) == [{"false_alerts_per_week": 0.5}]
    with world.scene.write() as conn:
        act(world.scene.turn(conn, ADA), actions.give_verdict, first, "real")
    assert proposed(world) == []
    lapsed, desk = newest(world), world.key(Role.COMMUNITY_MANAGER)
    assert (lapsed.state, lapsed.decided, lapsed.decided_by) == ("cancelled", "lapsed", "tocsin")
    refusal = desk.post(f"/v1/backtests/{lapsed.id}/decide", json={"decision": "accepted"})
    assert (refusal.status_code, "is lapsed: there is no proposal" in refusal.text) == (409, True)
    with world.scene.write() as conn:
        act(world.scene.turn(conn, ADA), actions.give_verdict, first, "noise")
    world.scene.clock.advance(timedelta(minutes=1))
    assert proposed(world) == [{"false_alerts_per_week": 0.5}]
    promising(world, 0.9)
    world.scene.clock.advance(timedelta(minutes=1))
    assert proposed(world) == [{"false_alerts_per_week": 0.5}], "played anew, beside the monitor as it is"
    assert newest(world).because is not None and newest(world).asks is False
    assert [one["decided"] for one in desk.get(f"/v1/monitors/{world.scene.monitor}/backtests").json()] == [
        None,
        "lapsed",
        "lapsed",
    ]


def test_a_proposal_whose_verdicts_changed_is_not_accepted_before_tocsin_has_looked_again(
    world: World,
) -> None:
    """While a back-test is played, up to 20 minutes, nobody looks whether a proposal has lapsed."""
    first = judged(world, "noise", "lumo is bright", 3.1)
    judged(world, "noise", "lumo is bright", 3.2)
    assert len(proposed(world)) == 1
    job = played(world.scene.store, world.now)
    with world.scene.write() as conn:
        act(world.scene.turn(conn, ADA), actions.give_verdict, first, "real")
    desk, path = world.key(Role.COMMUNITY_MANAGER), f"/v1/backtests/{job.id}/decide"
    refusal = desk.post(path, json={"decision": "accepted"})
    assert (refusal.status_code, "verdicts that this rests on were changed" in refusal.text) == (409, True)
    with world.scene.write() as conn:
        act(world.scene.turn(conn, ADA), actions.give_verdict, first, "noise")
    assert desk.post(path, json={"decision": "accepted"}).status_code == 200


def test_a_refused_proposal_does_not_come_again_and_an_open_one_is_seen_whatever_is_asked_for_since(
    world: World,
) -> None:
    judged(world, "noise", "lumo is bright", 3.1)
    judged(world, "noise", "lumo is bright", 3.2)
    assert len(proposed(world)) == 1
    job = played(world.scene.store, world.now)
    with world.scene.write() as conn:
        monitor = find(conn, Monitor, world.scene.monitor)
        for n in range(backtests.SHOWN):
            at = world.now + timedelta(minutes=n + 1)
            backtests.cancel(conn, backtests.ask(conn, monitor, now=at, actor="ada").id, at)
    desk = world.key(Role.COMMUNITY_MANAGER)
    shown = desk.get(f"/v1/monitors/{world.scene.monitor}/backtests").json()
    assert (len(shown), shown[-1]["id"]) == (backtests.SHOWN + 1, job.id)
    assert desk.post(f"/v1/backtests/{job.id}/decide", json={"decision": "refused"}).status_code == 200
    assert proposed(world) == []


def test_posts_of_another_brand_propose_an_exclusion_and_a_monitor_changed_since_is_left_alone(
    world: World,
) -> None:
    judged(world, "real", "lumo lamp caught fire", 6.0)
    judged(world, "wrong_brand", "lumo football wins", 5.0)
    judged(world, "wrong_brand", "lumo football loses", 5.0)
    assert proposed(world) == [{"query": '(lumo) NOT "football"'}]
    job = played(world.scene.store, world.now)
    with world.scene.write() as conn:
        monitor = find(conn, Monitor, world.scene.monitor)
        changed = monitor.value.model_copy(update={"timezone": "Europe/Amsterdam"})
        save(conn, changed, now=world.now, actor="test", id=monitor.id)
    desk = world.key(Role.COMMUNITY_MANAGER)
    assert desk.post(f"/v1/backtests/{job.id}/decide", json={"decision": "accepted"}).status_code == 409
    refused = desk.post(f"/v1/backtests/{job.id}/decide", json={"decision": "refused"})
    assert refused.json()["decided"] == "refused"


def test_posts_that_the_query_leaves_out_by_now_propose_no_further_word(world: World) -> None:
    judged(world, "wrong_brand", "lumo football wins league", 5.0)
    judged(world, "wrong_brand", "lumo football loses league", 5.0)
    with world.scene.write() as conn:
        monitor = find(conn, Monitor, world.scene.monitor)
        changed = monitor.value.model_copy(update={"query": "(lumo) NOT football"})
        save(conn, changed, now=world.now, actor="test", id=monitor.id)
    assert proposed(world) == []


@pytest.mark.slow("asks for many answers")
def test_the_page_asks_draws_the_curve_and_has_the_proposal_decided(tmp_path: Path) -> None:
    with seeded_app(tmp_path) as night:
        ada, now = signed_in(night), night.clock.now()
        status, shown = press(ada, "/monitors/m_orvane", "backtests")
        assert status == 303 and "waits for its turn" in words(shown)
        played(night.store, now)
        shown = page(ada, "/monitors/m_orvane/backtests")
        assert 'id="curve-760-t"' in shown and "Alerts that would have fired" in shown
        assert "3 0.75 1 / 2" in words(shown)
        assert "told of a suppressed or merged alert" in words(shown)
        assert "40 observed, 4 expected suppressed noise" in words(shown)
        assert 'id="backtest-760-t"' in shown and shown.count('class="flag"') == 2, "a phone and a laptop"
        assert "44 mentions in all. The most, 40, came in 4 hrs from 20 Nov 11:00. Alerts: 1." in words(shown)
        assert "20 Nov 11:00 40 1" in words(shown), "the same as a table"
        with night.store.write() as conn:
            monitor = find(conn, Monitor, "m_orvane")
            because = {"verdict": "noise", "alerts": ["a", "b"], "version": monitor.version}
            change = {"false_alerts_per_week": 0.25}
            backtests.ask(conn, monitor, now=now, actor="tocsin", change=change, because=because)
        played(night.store, now)
        shown = page(ada, "/monitors/m_orvane")
        assert "2 alerts got this verdict: noise. Promise 0.25 false alerts a week." in words(shown)
        assert "3 alerts fire as the monitor is now, and 1 with the change" in words(shown)
        assert "1 of the 1 real alerts stay" in words(shown), (
            "what only the change would tell is no part of it"
        )
        assert "Accept the proposal" not in page(signed_in(night, "p_vic"), "/monitors/m_orvane")
