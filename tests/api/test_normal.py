"""Accepting the new normal over the API, on the page and by the command: who may, what is on record, what the card says."""

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


def fired(world: World) -> str:
    """The id of an alert that fires."""
    world.scene.over()
    return world.scene.alert().id


def judged_before(store: Store, monitor: str, at: Any) -> None:
    """As if an older detector had judged the monitor."""
    row: dict[str, Any] = {"monitor_id": monitor, "kind": "volume", "version": "older", "state": {}}
    with store.write() as conn:
        row["series"] = find(conn, Monitor, monitor).value.series
        conn.execute(insert(s.detector_state).values(**row, next_window=at, next_tick=at))


def test_over_the_api_it_is_said_once_told_in_the_live_alerts_audited_and_taken_back(world: World) -> None:
    alert = fired(world)
    desk, path = world.key(Role.COMMUNITY_MANAGER), f"/v1/monitors/{world.scene.monitor}/normal"
    assert desk.post(path).status_code == 409
    judged_before(world.scene.store, world.scene.monitor, world.now)
    assert world.key(Role.VIEWER).post(path).status_code == 403
    first, again = desk.post(path), desk.post(path)
    assert (first.status_code, first.json()["outcome"]) == (202, None)
    assert again.json() == first.json()
    assert desk.post(f"{path}/undo").json()["seq"] == 2
    assert [one["action"] for one in desk.get(path).json()] == ["undo", "accept"]
    lines = [one["action"] for one in desk.get(f"/v1/alerts/{alert}/timeline").json()["items"]]
    assert lines[-2:] == ["accept_normal", "undo_normal"]
    with world.scene.store.read() as conn:
        actions = list(conn.execute(select(s.audit.c.action).order_by(s.audit.c.seq)).scalars())
    assert actions[-2:] == ["normal.accept", "normal.undo"]


def test_the_second_who_takes_one_back_does_not_take_back_another(world: World) -> None:
    """Two people see the second new normal and take it back one after the other. The first one stays."""
    desk, path = world.key(Role.COMMUNITY_MANAGER), f"/v1/monitors/{world.scene.monitor}/normal"
    judged_before(world.scene.store, world.scene.monitor, world.now)
    for window in range(2):
        assert desk.post(path).status_code == 202
        with world.scene.store.write() as conn:
            later = world.now + timedelta(minutes=5 * window)
            conn.execute(update(s.acceptances).values(outcome="applied", first_window=later))
            conn.execute(update(s.detector_state).values(next_window=later + timedelta(minutes=5)))
    assert [one["seq"] for one in desk.get(path).json()] == [2, 1]
    assert desk.post(f"{path}/undo", json={"seq": 2}).json()["seq"] == 3
    with world.scene.store.write() as conn:
        conn.execute(update(s.acceptances).values(outcome="applied"))
    refusal = desk.post(f"{path}/undo", json={"seq": 2})
    assert (refusal.status_code, "is now number 1" in refusal.text) == (409, True)
    assert desk.post(f"{path}/undo", json={"seq": 1}).json()["action"] == "undo"


@pytest.mark.slow("asks for many answers")
def test_the_card_says_it_and_has_the_buttons(tmp_path: Path) -> None:
    with seeded_app(tmp_path) as night:
        ada = signed_in(night)
        assert "Accept the new normal" in page(ada, "/alerts/al_crisis")
        judged_before(night.store, "m_orvane", night.clock.now())
        status, shown = press(ada, "/monitors/m_orvane", "normal", back="/alerts/al_crisis")
        assert status == 303
        said = words(shown)
        assert "Accepted. It counts from the next window on." in said
        assert "Ada Yılmaz accepted the present as the new normal" in said
        _, shown = press(ada, "/monitors/m_orvane", "normal/undo")
        assert "took the new normal back" in words(shown)
        assert "Accept the new normal" not in page(signed_in(night, "p_vic"), "/alerts/al_crisis")


@pytest.mark.slow("asks for many answers")
def test_the_command_says_what_it_did_or_why_not(world: World, tmp_path: Path) -> None:
    here = {**os.environ, **at_store(tmp_path / "store.db")}
    judged_before(world.scene.store, world.scene.monitor, world.now)
    done = command("monitors", "accept", "Lumo", "--data", tmp_path, environment=here)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Lumo: accepted as the new normal (number 1)" in done.stdout
    done = command("monitors", "undo", "Lumo", "--data", tmp_path, environment=here)
    # The scene's clock is years ahead of the command's.
    assert b"the new normal is taken back (number 2)" in done.stdout
    with world.scene.store.write() as conn:
        conn.execute(update(s.acceptances).values(outcome="applied"))
    refused = command("monitors", "undo", "Lumo", "--data", tmp_path, environment=here)
    assert refused.returncode == 1 and b"no new normal was accepted" in refused.stderr
