"""Dead letters over HTTP and on the page: they are shown safely, mended, and handed over again once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from alerts.outbox import hold
from tests.api.world import World
from tocsin.core.mention import Mention, decode_mentions
from tocsin.definitions.models import Role
from tocsin.intake.dead_letters import dead_letter_row, record_dead_letter
from tocsin.store import schema as s
from tocsin.stream.port import MENTIONS

BAD = b'{"id": "7", "text": "De lamp <script>alert(1)</script> \\u202e", "created_at": "yesterday"}'


def keep(world: World, payload: bytes = BAD, **origin: Any) -> str:
    given: dict[str, Any] = {
        "source": "wall",
        "reason": "bad_time",
        "message": "no time",
        "position": 3,
    } | origin
    with world.scene.write() as conn:
        return record_dead_letter(conn, dead_letter_row(now=world.now, payload=payload, **given))


def streamed(world: World) -> list[Mention]:
    consumer = world.stream.consumer(MENTIONS, "test", "me")
    found = consumer.poll(timedelta(0))
    for partition in found.assigned:
        consumer.seek(partition, 0)
    return [one for record in consumer.poll(timedelta(0)).records for one in decode_mentions(record.value)]


def mended(world: World, id: str = "7") -> dict[str, Any]:
    return {"id": id, "text": "De lamp", "created_at": world.now.isoformat()}


def test_one_letter_is_shown_with_all_that_was_kept(world: World) -> None:
    desk, id = world.key(Role.COMMUNITY_MANAGER), keep(world)
    answer = desk.get(f"/v1/dead-letters/{id}")
    assert answer.headers["etag"] == '"1"'
    assert (answer.json()["payload"], answer.json()["whole"]) == (BAD.decode(), True)
    assert desk.get(f"/v1/dead-letters/{id}", headers={"If-None-Match": '"1"'}).status_code == 304
    assert desk.get("/v1/dead-letters/dl_none").status_code == 404
    assert world.key(Role.VIEWER).get(f"/v1/dead-letters/{id}").status_code == 403


def test_a_list_brings_beginnings_and_can_be_narrowed(world: World) -> None:
    desk = world.key(Role.COMMUNITY_MANAGER)
    keep(world, b"x" * 50_000)
    keep(world, source="other", reason="malformed")
    assert [len(one["payload"]) for one in desk.get("/v1/dead-letters?source=wall").json()["items"]] == [2048]
    assert len(desk.get("/v1/dead-letters?waiting=true").json()["items"]) == 2
    assert desk.get("/v1/dead-letters?waiting=false").json()["items"] == []
    assert len(desk.get("/v1/dead-letters?reason=malformed").json()["items"]) == 1


def test_a_mended_letter_is_handed_over_once_however_often(world: World) -> None:
    desk, id = world.key(Role.COMMUNITY_MANAGER), keep(world)
    path = f"/v1/dead-letters/{id}/replay"
    assert desk.post(path).status_code == 428
    again = desk.post(path, headers={"If-Match": '"1"'})
    assert (again.json()["outcome"], again.json()["letter"]["reason"]) == ("bad again", "bad_time")
    assert desk.post(path, headers={"If-Match": '"1"'}).status_code == 412
    for attempt in (2, 3):
        done = desk.post(path, headers={"If-Match": f'"{attempt}"'}, json={"mention": mended(world)})
        assert done.json()["outcome"] == "handed over"
    assert done.json()["letter"]["replayed_at"] is not None
    assert {one.key for one in streamed(world)} == {("wall", "7")}
    with world.scene.store.read() as conn:
        assert conn.execute(select(s.dead_letters.c.attempts)).scalars().all() == [4]


def test_what_was_cut_or_is_still_wrong_is_said(world: World) -> None:
    desk, id = world.key(Role.COMMUNITY_MANAGER), keep(world, b"{" + b"x" * 300_000)
    path = f"/v1/dead-letters/{id}/replay"
    refused = desk.post(path, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:tocsin:problem:cannot-replay")
    wrong = desk.post(path, headers={"If-Match": "*"}, json={"mention": {"id": "1"}})
    assert (wrong.json()["outcome"], wrong.json()["letter"]["reason"]) == ("bad again", "missing_field")


def test_the_page_shows_letters_as_text_and_hands_them_over(world: World) -> None:
    (ada, session), id = world.session("ada"), keep(world, source="wall\x1b[2J")
    listed = ada.get("/dead-letters").text
    assert "\\x1b[2J" in listed and "\x1b" not in listed
    shown = ada.get(f"/dead-letters/{id}").text
    assert "<script>alert" not in shown
    assert "&lt;script&gt;" in shown
    form = {"csrf": session.csrf, "mended": '{"id": "7"}'}
    answer = ada.post(f"/dead-letters/{id}/replay", data=form)
    assert answer.headers["location"].endswith("done=bad")
    assert "still cannot be read as a mention" in ada.get(answer.headers["location"]).text
    # The letter's own cannot be one.
    form["mended"] = json.dumps(mended(world) | {"source": "wall"})
    answer = ada.post(f"/dead-letters/{id}/replay", data=form)
    assert answer.headers["location"].endswith("done=replay")
    assert [one.id for one in streamed(world)] == ["7"]
    assert "handed over again" in ada.get("/dead-letters").text


@pytest.mark.parametrize("discard", [False, True])
def test_an_admin_releases_a_held_outbox(world: World, discard: bool) -> None:
    admin, desk = world.key(Role.ADMIN), world.key(Role.COMMUNITY_MANAGER)
    assert admin.post("/v1/outbox/release").status_code == 409
    with world.scene.write() as conn:
        hold.hold(conn, world.now, "restored")
    assert desk.post("/v1/outbox/release").status_code == 403
    status = desk.get("/v1/status").json()
    assert any("the outbox is held" in one for one in status["why"])
    assert status["mode"] != "ok"
    assert admin.post("/v1/outbox/release", json={"discard": discard}).json() == {
        "waiting": 0,
        "cancelled": 0,
    }
    with world.scene.store.read() as conn:
        assert hold.held(conn) is None
