"""Verdicts and the promise, over the API, on the page and by the command: the promised rate stands beside the actual one."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tests.api.visits import page, press, signed_in, words
from tests.api.world import World
from tests.browser.served import seeded_app
from tests.inside import command
from tests.stores import at_store
from tocsin.definitions.models import Monitor, Role
from tocsin.definitions.repository import find
from tocsin.store import schema as s
from tocsin.store.port import Store


def knows(store: Store, monitor: str, hours: float, at: Any) -> None:
    """As if detection had heard so many hours of the monitor."""
    with store.write() as conn:
        row = {"monitor_id": monitor, "kind": "volume", "version": "volume-2", "next_window": at}
        state = {"detector": {"known_h": hours}}
        series = find(conn, Monitor, monitor).value.series
        conn.execute(insert(s.detector_state).values(**row, next_tick=at, state=state, series=series))


@pytest.mark.slow("asks for many answers")
def test_a_resolved_alert_has_its_verdict_and_the_promise_stands_beside_what_came_of_it(world: World) -> None:
    desk, monitor = world.key(Role.COMMUNITY_MANAGER), f"/v1/monitors/{world.scene.monitor}"
    first = desk.get(f"{monitor}/promise").json()
    assert (first["learning"], first["can"], first["fired_per_week"]) == (True, ["triggers"], None)
    assert first["later"][0] == {"ability": "bursts", "hours": 2.0}
    world.scene.clock.advance(timedelta(days=14))
    for verdict in ("noise", "real", None):
        world.scene.over()
        path = f"/v1/alerts/{world.scene.alert().id}"
        answer = desk.post(f"{path}/resolve", json={"verdict": verdict}, headers=desk.etag(path))
        assert (answer.status_code, desk.get(f"{path}/verdict").json()["verdict"]) == (200, verdict)
        world.scene.clock.advance(timedelta(hours=8))
    knows(world.scene.store, world.scene.monitor, 30.0, world.now)
    kept = desk.get(f"{monitor}/promise").json()
    assert (kept["fired"], kept["false"], kept["unjudged"], kept["learning"]) == (3, 1, 1, False)
    assert kept["false_per_week"] == 1 / (15 / 7)
    assert kept["signals"][0]["precision"] == 0.5
    assert kept["can"] == ["triggers", "bursts", "hours"]
    world.scene.signal("set_aside")
    world.scene.step()
    aside = next(one for one in world.scene.alerts() if one.status == "suppressed")
    assert desk.post(f"/v1/alerts/{aside.id}/verdict", json={"verdict": "noise"}).status_code == 200
    again = desk.get(f"{monitor}/promise").json()
    assert (again["fired"], again["false"], again["unjudged"]) == (3, 1, 1), "it told nobody"
    assert again["signals"][0]["judged"] == 3
    assert desk.post(f"{path}/verdict", json={"verdict": "duplicate"}).status_code == 200
    assert world.key(Role.VIEWER).post(f"{path}/verdict", json={"verdict": "real"}).status_code == 403
    assert desk.post(f"{path}/verdict", json={"verdict": "dull"}).status_code == 422


@pytest.mark.slow("asks for many answers")
def test_the_page_asks_for_the_verdict_and_shows_the_promise_and_what_is_learnt(tmp_path: Path) -> None:
    with seeded_app(tmp_path) as night:
        knows(night.store, "m_new", 1.0, night.clock.now())
        ada = signed_in(night)
        status, shown = press(ada, "/alerts/al_crisis", "verdict", verdict="real")
        assert status == 303 and "Verdict: real (Ada Yılmaz)" in words(shown)
        monitor = words(page(ada, "/monitors/m_orvane"))
        assert "1 false alert a week at most" in monitor and "1 of 1 were real" in monitor
        learning = words(page(ada, "/monitors/m_new"))
        assert "Too little was heard to say what is usual." in learning
        assert "sees sudden and lasting rises: in 1 h" in learning


@pytest.mark.slow("asks for many answers")
def test_the_commands_give_a_verdict_and_print_the_promise(world: World, tmp_path: Path) -> None:
    here = {**os.environ, **at_store(tmp_path / "store.db")}
    world.scene.over()
    alert = world.scene.alert().id
    done = command("alerts", "verdict", alert, "noise", "--as", "ada", "--data", tmp_path, environment=here)
    assert done.stdout.decode() == f"{alert}: noise\n", done.stderr
    assert command("alerts", "verdict", alert, "dull", "--data", tmp_path, environment=here).returncode == 2
    printed = command("monitors", "promise", "Lumo", "--data", tmp_path, environment=here).stdout.decode()
    assert "promised: 1 false alert a week at most" in printed
    assert "volume: 0 of 1 real (noise 1)" in printed and "learning: too little was heard" in printed


def test_what_was_assumed_before_anything_was_heard_is_called_neither_usual_nor_expected(
    tmp_path: Path,
) -> None:
    with seeded_app(tmp_path) as night:
        ada, a = signed_in(night), s.alerts
        before = words(page(ada, "/alerts/al_crisis"))
        figures, _, sources = before.partition("Usual in such an hour")
        assert "Usual: 17%." in figures and "not known yet" not in figures and sources
        with night.store.write() as conn:
            facts = conn.execute(select(a.c.facts).where(a.c.id == "al_crisis")).scalar_one()
            conn.execute(update(a).where(a.c.id == "al_crisis").values(facts={**facts, "learning": True}))
        card = words(page(ada, "/alerts/al_crisis"))
        assert "Usual:" not in card and "17%" not in card
        assert "not known yet" in card
        assert "– expected" in card
