"""The list of sessions and keys, and their end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.api.world import World
from tocsin.access.links import (
    LinkRefused,
    make_action_link,
    make_signin_link,
    spend_action_link,
    spend_signin_link,
)
from tocsin.core.clock import iso
from tocsin.definitions.models import Role
from tocsin.store import schema as s


def audited(world: World, action: str) -> list[dict[str, Any]]:
    with world.scene.store.read() as conn:
        a = s.audit.c
        return list(conn.execute(select(a.detail).where(a.action == action).order_by(a.seq)).scalars())


def test_sessions_are_listed_and_ended_by_their_people_and_by_an_admin(world: World) -> None:
    ada, _ = world.session("ada")
    again, _ = world.session("ada")
    ben, session = world.session("ben")
    admin = world.key(Role.ADMIN)
    mine = ada.get("/v1/sessions").json()
    assert [one["person"] for one in mine] == ["ada", "ada"]
    assert len(admin.get("/v1/sessions").json()) == 3
    theirs = ben.get("/v1/sessions").json()[0]["id"]
    assert session.token not in ben.get("/v1/sessions").text
    csrf = {"X-CSRF-Token": world.session("ada")[1].csrf}
    # The token is that of another session.
    assert ada.delete(f"/v1/sessions/{theirs}", headers=csrf).status_code == 403
    for one in admin.get("/v1/sessions").json():
        if one["person"] == "ada":
            assert admin.delete(f"/v1/sessions/{one['id']}").status_code == 204
    assert (ada.get("/v1/me").status_code, again.get("/v1/me").status_code) == (401, 401)
    assert ben.get("/v1/me").status_code == 200
    assert admin.delete(f"/v1/sessions/{mine[0]['id']}").status_code == 404
    wrong = ben.delete(f"/v1/sessions/{mine[0]['id']}", headers={"X-CSRF-Token": session.csrf})
    assert wrong.status_code == 404
    assert ben.delete(f"/v1/sessions/{theirs}", headers={"X-CSRF-Token": session.csrf}).status_code == 204
    assert ben.get("/v1/me").status_code == 401
    told = audited(world, "session.ended")
    assert len(told) == 4 and told[-1]["before"]["id"] == theirs
    assert told[-1]["before"]["created_at"] == iso(world.now) == told[-1]["after"]["revoked_at"]


def test_keys_are_listed_without_their_secrets_and_revoked(world: World) -> None:
    admin, viewer = world.key(Role.ADMIN), world.key(Role.VIEWER)
    listed = admin.get("/v1/keys")
    ids = {one["role"]: one["id"] for one in listed.json()}
    assert ids.keys() == {"admin", "viewer"}
    assert "tcs_" not in listed.text and "token" not in listed.text
    assert viewer.get("/v1/keys").status_code == 403
    assert admin.delete(f"/v1/keys/{ids['viewer']}").status_code == 204
    assert viewer.get("/v1/me").status_code == 401
    assert admin.delete("/v1/keys/nosuch").status_code == 404
    [told] = audited(world, "key.revoked")
    assert told["before"] == {
        "id": ids["viewer"], "name": "key 1", "kind": "API", "role": "viewer", "scopes": [], "source": None,
    }  # fmt: skip
    assert told["after"] == {"revoked_at": iso(world.now)}


def test_a_clock_that_jumps_ahead_and_is_set_back_takes_no_session_and_no_link_away(world: World) -> None:
    ada, _ = world.session("ada", hours=1)
    now = world.now
    with world.scene.write() as conn:
        person = conn.execute(select(s.sessions.c.person_id)).scalar_one()
        link = make_signin_link(conn, person, now)
        of_a_page = make_action_link(conn, alert_id="al_1", person_id=person, action="acknowledge", now=now)
    world.scene.clock._now = now + timedelta(hours=2)
    assert ada.get("/v1/me").status_code == 401
    ben, _ = world.session("ben")
    with world.scene.write() as conn, pytest.raises(LinkRefused):
        spend_signin_link(conn, link, world.now)
    with world.scene.write() as conn:
        ahead = make_action_link(conn, alert_id="al_1", person_id=person, action="acknowledge", now=world.now)
    world.scene.clock._now = now + timedelta(seconds=5)
    assert (ada.get("/v1/me").status_code, ben.get("/v1/me").status_code) == (200, 200)
    with world.scene.write() as conn:
        assert spend_signin_link(conn, link, world.now) == person
        for token in (of_a_page, ahead):
            assert spend_action_link(conn, token, world.now).person_id == person
