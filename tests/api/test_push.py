"""Mentions pushed over HTTP: which are taken, which are refused and why, and that none counts twice."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from api.auth.webhooks import verify_webhook
from tests.api.world import HERE, Client, World, mention
from tocsin.core.clock import iso
from tocsin.core.errors import NotAllowed, WrongInput
from tocsin.core.mention import decode_mentions
from tocsin.definitions.models import Role, SourceDef
from tocsin.settings import Api
from tocsin.store import schema as s
from tocsin.stream.port import MENTIONS


def handed_over(world: World) -> list[tuple[str, str]]:
    """The identities of the mentions on the stream, in the order of their offsets."""
    rows = world.stream._db.execute(
        "SELECT value FROM records WHERE topic = ? ORDER BY rowid", (MENTIONS,)
    ).fetchall()
    return [one.key for row in rows for one in decode_mentions(row[0])]


def test_an_object_an_array_and_lines_are_all_taken(world: World) -> None:
    key, now = world.key(Role.COMMUNITY_MANAGER), world.now
    lines = "\n".join(json.dumps(mention(id, now)) for id in ("c", "d")) + "\n\n"
    for given, accepted in (
        ({"json": mention("a", now)}, 1),
        (
            {
                "content": json.dumps(mention("a2", now), indent=2),
                "headers": {"Content-Type": "application/json"},
            },
            1,
        ),
        ({"json": [mention("b", now), mention("b2", now)]}, 2),
        ({"content": lines, "headers": {"Content-Type": "application/x-ndjson"}}, 2),
        ({"content": lines.replace('"c"', '"e"').replace('"d"', '"f"')}, 2),
    ):
        answer = key.post("/v1/mentions", **given)
        assert answer.status_code == 202, answer.text
        body = answer.json()
        assert (body["accepted"], body["rejected"]) == (accepted, [])
        assert body["batch"].startswith("batch_")
    assert sorted(handed_over(world)) == [("api", id) for id in ("a", "a2", "b", "b2", "c", "d", "e", "f")]


@pytest.mark.parametrize("name", ["mentions", "items", "data", "posts\x1b[31m" + "x" * 99])
@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson", "text/plain"])
def test_a_list_inside_an_object_is_refused_with_the_forms_that_are_taken(
    world: World, name: str, kind: str
) -> None:
    key, wrapped = world.key(Role.COMMUNITY_MANAGER), {"count": 1, name: [mention("a", world.now)]}
    indents = (None,) if kind.endswith("ndjson") else (None, 2)
    for indent in indents:
        body = json.dumps(wrapped, indent=indent)
        answer = key.post("/v1/mentions", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:tocsin:problem:malformed")
        told = answer.json()["detail"]
        assert told.startswith(f"the body is an object with a list under '{name[:5]}")
        assert told.endswith("send the list itself, a single mention, or one mention a line")
        assert "\x1b" not in told
    assert handed_over(world) == []
    assert world.key(Role.ADMIN).get("/v1/dead-letters").json()["items"] == []
    # A mention may hold lists of objects of its own.
    own = mention("b", world.now, attachments=[{"kind": "poll"}])
    assert key.post("/v1/mentions", json=own).json()["accepted"] == 1


def test_a_push_key_fixes_the_source_and_others_may_name_it(world: World) -> None:
    now = world.now
    world.key(Role.COMMUNITY_MANAGER, source="shop").post(
        "/v1/mentions", json=mention("a", now, source="forged")
    )
    world.key(Role.COMMUNITY_MANAGER).post("/v1/mentions", json=mention("b", now, source="blog"))
    world.key(Role.COMMUNITY_MANAGER).post("/v1/mentions?source=wall", json=mention("c", now))
    assert sorted(handed_over(world)) == [("blog", "b"), ("shop", "a"), ("wall", "c")]


def test_a_push_key_may_do_nothing_else(world: World) -> None:
    pusher = world.key(Role.ADMIN, source="shop")
    assert pusher.get("/v1/mentions").status_code == 403
    assert pusher.get("/v1/people").status_code == 403


BAD: dict[str, tuple[Any, str]] = {
    "no id": ({"text": "x", "created_at": "2031-03-05T09:00:00Z"}, "missing_field"),
    "no time": ({"id": "x", "text": "x"}, "missing_field"),
    "no offset": ({"id": "x", "text": "x", "created_at": "2031-03-05T09:00:00"}, "no_offset"),
    "1970": ({"id": "x", "text": "x", "created_at": "1970-01-01T00:00:00Z"}, "too_old"),
    "2099": ({"id": "x", "text": "x", "created_at": "2099-01-01T00:00:00Z"}, "in_future"),
    "not an object": (7, "not_object"),
    "a long id": ({"id": "x" * 300, "text": "x", "created_at": "2031-03-05T09:00:00Z"}, "too_long"),
    "a text that is none": ({"id": "x", "text": {"a": 1}, "created_at": "2031-03-05T09:00:00Z"}, "bad_type"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_mention_is_refused_with_a_reason_and_the_rest_goes_on(world: World, name: str) -> None:
    bad, reason = BAD[name]
    key = world.key(Role.COMMUNITY_MANAGER)
    answer = key.post("/v1/mentions", json=[mention("good 1", world.now), bad, mention("good 2", world.now)])
    assert answer.status_code == 202
    body = answer.json()
    assert body["accepted"] == 2
    assert [(one["index"], one["reason"]) for one in body["rejected"]] == [(1, reason)]
    assert body["rejected"][0]["message"]
    letters = world.key(Role.ADMIN).get("/v1/dead-letters").json()["items"]
    assert [(one["reason"], one["position"], one["topic"]) for one in letters] == [(reason, 1, None)]


def test_what_is_wrong_with_a_mention_is_said_in_the_callers_language_and_kept_in_english(
    world: World,
) -> None:
    key = world.key(Role.COMMUNITY_MANAGER)
    bad = [*(one for one, _ in BAD.values()), mention("heavy", world.now, extra={"a": "x" * 900_000})]
    english = key.post("/v1/mentions", json=bad).json()
    for code in ("tr", "nl", "ro"):
        asked = {"Accept-Language": code, "Idempotency-Key": code}
        # The same is said when it is asked again, and when the batch is.
        answers = [key.post("/v1/mentions", json=bad, headers=asked).json() for _ in range(2)]
        answers.append(key.get(f"/v1/batches/{answers[0]['batch']}", headers=asked).json())
        for answer in answers:
            assert [one["reason"] for one in answer["rejected"]] == [
                one["reason"] for one in english["rejected"]
            ]
            for here, there in zip(answer["rejected"], english["rejected"], strict=True):
                assert here["message"] != there["message"], (code, there)
        assert key.get(f"/v1/batches/{answers[0]['batch']}").json()["rejected"] == english["rejected"]


def test_bad_lines_spoil_nothing(world: World) -> None:
    lines = [
        json.dumps(mention("a", world.now)).encode(),
        b'{"id": "b", ',
        b"\xff\xfe not utf-8",
        b'{"id": "c", "text": NaN, "created_at": "2031-03-05T09:00:00Z"}',
        b"[" * 100_000,
        json.dumps(mention("nul", world.now, text="a\0b")).encode(),
        json.dumps(mention("emoji", world.now, text="🔥" * 10_000)).encode(),
        json.dumps(mention("long", world.now, text="x" * 5_000_000)).encode(),
    ]
    answer = world.key(Role.COMMUNITY_MANAGER).post(
        "/v1/mentions", content=b"\n".join(lines), headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 4
    assert [one["index"] for one in answer.json()["rejected"]] == [1, 2, 3, 4]
    assert sorted(id for _, id in handed_over(world)) == ["a", "emoji", "long", "nul"]


@pytest.mark.parametrize("body", [b"", b"   ", b"[1, 2", b"[{]", b"\xef\xbb\xbf", b"[" * 200_000])
def test_a_body_that_cannot_be_cut_into_items_is_one_clear_problem(world: World, body: bytes) -> None:
    answer = world.key(Role.COMMUNITY_MANAGER).post("/v1/mentions", content=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:tocsin:problem:malformed"
    assert handed_over(world) == []


@pytest.mark.slow("makes a bomb")
def test_a_gzip_body_is_unpacked_and_a_bomb_is_not(world: World) -> None:
    key = Client(
        world.with_settings(api=Api(max_body_bytes=100_000)),
        world.key(Role.ADMIN).headers,
        HERE,
        world.runner,
    )
    packed = gzip.compress(json.dumps(mention("a", world.now)).encode())
    assert (
        key.post("/v1/mentions", content=packed, headers={"Content-Encoding": "gzip"}).json()["accepted"] == 1
    )
    # gzip is known by its magic bytes.
    assert key.post("/v1/mentions", content=packed).json()["accepted"] == 1
    bomb = gzip.compress(b" " * 80_000_000)
    assert len(bomb) < 100_000
    assert key.post("/v1/mentions", content=bomb).status_code == 413
    assert key.post("/v1/mentions", content=packed[:-9]).status_code == 422
    assert key.post("/v1/mentions", content=packed[:20] + b"xx" + packed[22:]).status_code == 422
    assert key.post("/v1/mentions", content=b"[]", headers={"Content-Encoding": "gzip"}).status_code == 422
    assert key.post("/v1/mentions", content=b"[]", headers={"Content-Encoding": "br"}).status_code == 415


def test_a_body_over_the_limit_is_refused_told_or_in_chunks(world: World) -> None:
    key = Client(
        world.with_settings(api=Api(max_body_bytes=2000)), world.key(Role.ADMIN).headers, HERE, world.runner
    )

    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * 100

    assert key.post("/v1/mentions", content=b" " * 2001).status_code == 413
    assert key.post("/v1/mentions", content=chunks()).status_code == 413
    assert key.post("/v1/mentions", content=b"[]", headers={"Content-Length": "9" * 30}).status_code == 413
    assert (
        key.post("/v1/monitors", content=chunks(), headers={"Content-Type": "application/json"}).status_code
        == 413
    )


def test_too_many_mentions_in_one_push_are_refused(world: World) -> None:
    answer = world.key(Role.ADMIN).post("/v1/mentions", content=b"[" + b",".join([b"1"] * 10_001) + b"]")
    assert answer.status_code == 413


def test_the_same_key_again_gives_the_first_answer_and_hands_over_once(world: World) -> None:
    key, body = world.key(Role.COMMUNITY_MANAGER), [mention("a", world.now), {"id": "bad"}]
    once = {"Idempotency-Key": "push-1"}
    first = key.post("/v1/mentions", json=body, headers=once)
    again = key.post("/v1/mentions", json=body, headers=once)
    assert again.json() == first.json()
    assert again.headers["idempotent-replay"] == "true"
    assert handed_over(world) == [("api", "a")]
    other = key.post("/v1/mentions", json=[mention("b", world.now)], headers=once)
    assert other.status_code == 422
    assert (
        world.key(Role.COMMUNITY_MANAGER).post("/v1/mentions", json=body, headers=once).json() != first.json()
    )


def test_a_batch_tells_later_what_was_stored_and_what_was_known(world: World) -> None:
    world.store_mention("old", "Lumo is down", world.now)
    pusher = world.key(Role.ADMIN)
    body = [mention("old", world.now, source="forum"), mention("new", world.now), mention("new", world.now)]
    batch = pusher.post("/v1/mentions", json=body).json()["batch"]
    told = pusher.get(f"/v1/batches/{batch}").json()
    assert (told["state"], told["accepted"], told["duplicates"], told["matched"]) == (
        "on its way",
        3,
        2,
        None,
    )
    with world.scene.write() as conn:
        for partition, end in world.stream.end_offsets(MENTIONS).items():
            row = {
                "cluster": world.stream.cluster,
                "topic": MENTIONS,
                "partition": partition,
                "offset": end,
                "epoch": 1,
            }
            conn.execute(s.offsets.insert().values(**row))
    told = pusher.get(f"/v1/batches/{batch}").json()
    assert (told["state"], told["matched"]) == ("stored", 1)
    assert world.key(Role.ADMIN, source="another").get(f"/v1/batches/{batch}").status_code == 404


def test_a_second_push_of_what_is_still_on_its_way_is_known_as_a_duplicate(world: World) -> None:
    pusher = world.key(Role.ADMIN)
    pusher.post("/v1/mentions", json=mention("a", world.now))
    batch = pusher.post("/v1/mentions", json=mention("a", world.now)).json()["batch"]
    assert pusher.get(f"/v1/batches/{batch}").json()["duplicates"] == 1


def test_a_push_is_counted_for_its_source(world: World) -> None:
    pusher = world.key(Role.COMMUNITY_MANAGER, source="shop")
    pusher.post("/v1/mentions", json=[mention("a", world.now), {"id": "bad"}])
    shop = next(
        one for one in world.key(Role.VIEWER).get("/v1/status").json()["sources"] if one["name"] == "shop"
    )
    assert (shop["received"], shop["rejected"], shop["state"]) == (1, 1, "ok")


def test_a_full_stream_is_503_with_retry_after_and_nothing_is_noted(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.stream._max_bytes = 10
    answer = world.key(Role.ADMIN).post(
        "/v1/mentions", json=mention("a", world.now), headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert world.rows()["batches"] == world.rows()["idempotency"] == 0
    world.close()


def test_a_key_that_only_pushes_is_not_told_where_the_data_lies(world: World) -> None:
    world.stream._db.execute("DROP TABLE records")
    one = mention("a", world.now)
    for pusher in (world.key(Role.ADMIN, "push"), world.key(Role.ADMIN, source="shop")):
        refused = pusher.post("/v1/mentions", json=one)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["type"] == "urn:tocsin:problem:stream-unavailable"
        assert str(world.stream.path) not in refused.text
    assert str(world.stream.path) in world.key(Role.ADMIN).post("/v1/mentions", json=one).text


def test_a_key_that_only_pushes_sees_its_own_batches_and_no_others(world: World) -> None:
    one, two, bound = (
        world.key(Role.ADMIN, "push"),
        world.key(Role.ADMIN, "push"),
        world.key("admin", source="shop"),
    )
    pushed = one.post("/v1/mentions?source=shop", json=mention("a", world.now)).json()["batch"]
    where = f"/v1/batches/{pushed}"
    assert one.get(where).status_code == 200
    assert two.get(where).status_code == 404
    assert bound.get(where).status_code == 200
    assert world.key(Role.VIEWER).get(where).status_code == 200


# -- signed webhooks ---------------------------------------------------------------------------------------------------

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


def signed(body: bytes, at: datetime, id: str = "msg_1", secret: str = SECRET) -> dict[str, str]:
    """The headers of a webhook, made by the reference library."""
    signature = Webhook(secret).sign(id, at.astimezone(UTC), body.decode())
    return {"webhook-id": id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


@pytest.fixture
def hooked(world: World, tmp_path: Path) -> World:
    (tmp_path / "secret").write_text(SECRET)
    world.scene.define(
        SourceDef.model_validate({"name": "vendor", "kind": "push", "secret": f"file:{tmp_path}/secret"})
    )
    world.scene.define(SourceDef.model_validate({"name": "open", "kind": "push"}))
    return world


def test_a_signed_webhook_is_taken_once(hooked: World) -> None:
    body = json.dumps(mention("a", hooked.now, source="forged")).encode()
    headers = signed(body, hooked.now)
    for _ in range(2):
        answer = hooked.stranger.post("/v1/mentions/hook/vendor", content=body, headers=headers)
        assert answer.status_code == 202, answer.text
        assert answer.json()["accepted"] == 1
    assert handed_over(hooked) == [("vendor", "a")]


def test_a_webhook_with_anything_wrong_is_refused_without_saying_what(hooked: World) -> None:
    body, now = json.dumps(mention("a", hooked.now)).encode(), hooked.now
    right = signed(body, now)
    other = "whsec_" + base64.b64encode(b"another secret of bytes!").decode()
    answers = [
        hooked.stranger.post("/v1/mentions/hook/vendor", content=body + b" ", headers=right),
        hooked.stranger.post(
            "/v1/mentions/hook/vendor", content=body, headers=signed(body, now, secret=other)
        ),
        hooked.stranger.post(
            "/v1/mentions/hook/vendor", content=body, headers={**right, "webhook-id": "msg_2"}
        ),
        hooked.stranger.post(
            "/v1/mentions/hook/vendor", content=body, headers=signed(body, now - timedelta(minutes=6))
        ),
        hooked.stranger.post("/v1/mentions/hook/vendor", content=body),
        hooked.stranger.post("/v1/mentions/hook/open", content=body, headers=right),
        hooked.stranger.post("/v1/mentions/hook/nobody", content=body, headers=right),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert handed_over(hooked) == []


def test_one_right_signature_among_several_is_enough() -> None:
    now = datetime(2031, 3, 5, tzinfo=UTC)
    headers = signed(b"{}", now)
    headers["webhook-signature"] = f"v1a,xx v1,bm90IGl0 {headers['webhook-signature']}"
    assert verify_webhook(SECRET, headers, b"{}", now) == "msg_1"
    with pytest.raises(NotAllowed):
        verify_webhook(SECRET, headers | {"webhook-timestamp": "soon"}, b"{}", now)
    with pytest.raises(WrongInput, match="base64"):
        verify_webhook("whsec_short", headers, b"{}", now)


def test_the_times_of_a_push_are_those_of_the_clock(world: World) -> None:
    batch = world.key(Role.ADMIN).post("/v1/mentions", json=mention("a", world.now)).json()["batch"]
    with world.scene.store.read() as conn:
        assert conn.execute(select(s.batches.c.at).where(s.batches.c.id == batch)).scalar_one() == world.now
    assert iso(world.now) in world.key(Role.ADMIN).get(f"/v1/batches/{batch}").text
