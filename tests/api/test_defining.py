"""Definitions that are made, changed, ended and brought back, on the page and over the API: the audit, the history, the undo."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.api.visits import CSRF, page, press, send, signed_in, words
from tests.api.visits import night as night
from tests.api.world import World
from tests.browser.served import SeededApp
from tocsin.definitions.models import Monitor, Role
from tocsin.definitions.repository import find, listed
from tocsin.store import schema as s

MONITOR: dict[str, Any] = {"name": "brand", "query": "brand"}


def told(one: SeededApp | World) -> list[tuple[str, dict[str, Any]]]:
    """The entries of the audit chain: action and detail."""
    store = one.store if isinstance(one, SeededApp) else one.scene.store
    with store.read() as conn:
        return [(row.action, row.detail) for row in conn.execute(select(s.audit).order_by(s.audit.c.seq))]


def test_what_was_ended_is_brought_back_with_its_id_and_each_change_is_tied_to_the_chain(
    world: World,
) -> None:
    admin = world.key(Role.ADMIN)
    made = admin.post("/v1/monitors", json=MONITOR)
    path = made.headers["location"]
    admin.put(path, json=MONITOR | {"enabled": False}, headers={"If-Match": "*"})
    admin.delete(path, headers={"If-Match": "*"})
    assert admin.get(path).status_code == 404
    back = admin.post(f"{path}/restore", json={"version": 1})
    assert (back.status_code, back.json()["id"], back.json()["version"]) == (200, made.json()["id"], 4)
    assert back.json()["enabled"] is True
    entries = [one for one in told(world) if one[0].startswith("monitor.")][-4:]
    assert [what for what, _ in entries] == [
        "monitor.made",
        "monitor.changed",
        "monitor.ended",
        "monitor.restored",
    ]
    first, second, third, last = (detail for _, detail in entries)
    assert second["fields"] == ["enabled"] and second["version"] == 2
    assert (first["before"], third["after"], last["before"]) == (None, None, None)
    assert first["after"] == second["before"] == last["after"]
    assert second["after"] == third["before"] != first["after"]
    assert admin.post(f"{path}/restore", json={"version": 3}).status_code == 404
    assert admin.post(f"{path}/restore", json={"version": 99}).status_code == 404
    assert world.key(Role.VIEWER).post(f"{path}/restore", json={"version": 1}).status_code == 403


def test_an_ended_name_that_is_taken_again_is_a_conflict(world: World) -> None:
    admin = world.key(Role.ADMIN)
    path = admin.post("/v1/monitors", json=MONITOR).headers["location"]
    admin.delete(path, headers={"If-Match": "*"})
    admin.post("/v1/monitors", json=MONITOR)
    refused = admin.post(f"{path}/restore", json={"version": 1})
    assert refused.status_code == 409 and "belongs to another monitor" in refused.json()["detail"]


@pytest.mark.slow("asks for many answers")
def test_a_monitor_is_paused_copied_ended_and_brought_back_on_the_page(night: SeededApp) -> None:
    client, path = signed_in(night, "p_ada"), "/monitors/m_lidra"
    status, shown = press(client, path, "pause", to="off")
    assert (status, "Go on" in words(shown)) == (303, True)
    copy = page(client, "/monitors/new?like=m_lidra")
    assert 'value="Lidra water (copy)"' in copy and "lidra OR #lidrawater" in copy
    token = CSRF.search(copy)
    assert token
    status, shown = send(client, f"{path}/end", {"csrf": token[1]})
    assert status == 303 and "It can be brought back here." in words(shown)
    with night.store.read() as conn:
        assert "m_lidra" not in {one.id for one in listed(conn, Monitor)}
    assert "Undo" in words(shown)
    status, shown = send(client, f"{path}/restore", {"csrf": token[1], "to": "2"})
    assert status == 303 and "It is in force again." in words(shown)
    assert "Changed version 2" in words(shown) and "Switched on ✓ ✗" in words(shown)
    with night.store.read() as conn:
        assert find(conn, Monitor, "m_lidra").value.enabled is False
    assert client.post(f"{path}/restore", {"csrf": token[1], "to": "x"}).status_code == 422
    assert [what for what, _ in told(night)][-3:] == ["monitor.changed", "monitor.ended", "monitor.restored"]
    assert signed_in(night, "p_vic").get(f"{path}/history").status_code == 403
