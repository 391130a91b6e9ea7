"""Reading and changing through the API: caching, preconditions, idempotency, pages of lists, and what each role sees."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api.world import MINUTES, Client, World, mention
from tests.stores import contents, on_both_stores, take_away  # noqa: F401  # every test here runs on both engines
from tocsin.definitions.models import Monitor, Role
from tocsin.settings import Settings, Smtp, StreamSettings
from tocsin.store import schema as s

MONITOR = {"name": "Velora", "query": "velora OR @velora", "timezone": "Europe/Istanbul"}


# -- definitions ---------------------------------------------------------------------------------------------


def test_a_monitor_is_made_read_changed_and_ended(world: World) -> None:
    key = world.key(Role.COMMUNITY_MANAGER)
    made = key.post("/v1/monitors", json=MONITOR)
    assert made.status_code == 201
    path = made.headers["location"]
    assert made.json()["version"] == 1 and made.headers["etag"] == '"1"'
    assert key.get(path).json() == made.json()
    assert key.get("/v1/monitors/Velora").json()["id"] == made.json()["id"]
    changed = key.put(path, json={**MONITOR, "name": "Velora bikes"}, headers={"If-Match": '"1"'})
    assert changed.json()["id"] == made.json()["id"]
    assert (changed.json()["version"], changed.headers["etag"]) == (2, '"2"')
    versions = key.get(f"{path}/versions").json()
    assert [one["definition"]["name"] for one in versions] == ["Velora", "Velora bikes"]
    assert key.delete(path, headers={"If-Match": '"2"'}).status_code == 204
    assert key.get(path).status_code == 404
    assert key.get(f"{path}/versions").json()[-1]["definition"] == {"deleted": True}


def test_a_change_needs_to_know_what_it_changes(world: World) -> None:
    key = world.key(Role.COMMUNITY_MANAGER)
    path = key.post("/v1/monitors", json=MONITOR).headers["location"]
    for method in ("PUT", "DELETE"):
        absent = key.request(method, path, json=MONITOR)
        assert (absent.status_code, absent.json()["type"]) == (428, "urn:tocsin:problem:no-if-match")
        stale = key.request(method, path, json=MONITOR, headers={"If-Match": '"7"'})
        assert (stale.status_code, stale.headers["etag"]) == (412, '"1"')
    assert key.put(path, json=MONITOR, headers={"If-Match": "*"}).status_code == 200


def test_a_repeated_creation_with_the_same_key_makes_one(world: World) -> None:
    key, once = world.key(Role.COMMUNITY_MANAGER), {"Idempotency-Key": "abc"}
    first = key.post("/v1/monitors", json=MONITOR, headers=once)
    again = key.post("/v1/monitors", json=MONITOR, headers=once)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replay"] == "true"
    assert key.post("/v1/monitors", json={**MONITOR, "name": "x"}, headers=once).status_code == 422
    assert key.post("/v1/monitors", json=MONITOR).status_code == 409
    world.scene.clock.advance(timedelta(hours=25))
    key.post("/v1/monitors", json={**MONITOR, "name": "y"}, headers={"Idempotency-Key": "other"})
    # The old one is forgotten after a day.
    assert world.rows()["idempotency"] == 1


@pytest.mark.parametrize(
    ("query", "column"), [('velora AND "never closed', 12), ("NOT velora", 1), ("velora OR lang:en", 11)]
)
def test_a_bad_query_is_refused_with_its_position(world: World, query: str, column: int) -> None:
    answer = world.key(Role.COMMUNITY_MANAGER).post("/v1/monitors", json={**MONITOR, "query": query})
    assert answer.status_code == 422
    error = answer.json()["errors"][0]
    assert (error["field"], error["line"], error["column"]) == ("query", 1, column)


def test_wrong_fields_are_named_and_what_was_sent_is_not_repeated(world: World) -> None:
    answer = world.key(Role.COMMUNITY_MANAGER).post(
        "/v1/monitors",
        json={**MONITOR, "timezone": "Mars/Olympus", "false_alerts_per_week": -1, "qery": "hush"},
    )
    assert {one["field"] for one in answer.json()["errors"]} == {"timezone", "false_alerts_per_week", "qery"}
    assert "hush" not in answer.text
    broken = world.key(Role.COMMUNITY_MANAGER).post(
        "/v1/monitors", content="{", headers={"Content-Type": "application/json"}
    )
    assert (broken.status_code, broken.headers["content-type"]) == (422, "application/problem+json")


def test_what_was_read_can_be_mended_and_put_back(world: World) -> None:
    admin = world.key(Role.ADMIN)
    path = admin.post(
        "/v1/sources", json={"name": "feed", "kind": "feed", "url": "https://feed.example/"}
    ).headers["location"]
    read = admin.get(path)
    put = admin.put(
        path, json=read.json() | {"url": "https://other.example/"}, headers={"If-Match": read.headers["etag"]}
    )
    assert put.status_code == 200, put.text
    definition = admin.get(f"{path}/versions").json()[-1]["definition"]
    assert (definition["url"], "id" in definition, "version" in definition) == (
        "https://other.example/",
        False,
        False,
    )


def test_changes_of_definitions_stand_in_the_audit_chain(world: World) -> None:
    admin = world.key(Role.ADMIN)
    path = admin.post("/v1/monitors", json=MONITOR).headers["location"]
    admin.put(path, json=MONITOR | {"enabled": False}, headers={"If-Match": "*"})
    # Equal: nothing to tell.
    admin.put(path, json=MONITOR | {"enabled": False}, headers={"If-Match": "*"})
    admin.delete(path, headers={"If-Match": "*"})
    with world.scene.store.read() as conn:
        told = [
            row.action for row in conn.execute(s.audit.select().order_by(s.audit.c.seq)) if row.object in path
        ]
    assert told == ["monitor.made", "monitor.changed", "monitor.ended"]


def test_how_to_reach_a_person_is_for_admins_and_that_person(world: World) -> None:
    admin, viewer = world.key(Role.ADMIN), world.key(Role.VIEWER)
    ada, _ = world.session("ada")
    assert admin.get("/v1/people/ada").json()["email"] == "ada@example.org"
    assert viewer.get("/v1/people/ada").json()["email"] is None
    assert ada.get("/v1/people/ada").json()["email"] == "ada@example.org"
    assert ada.get("/v1/people/ben").json()["email"] is None
    assert all(
        one["email"] is None and one["channels"] == [] for one in viewer.get("/v1/people").json()["items"]
    )
    assert "example.org" not in viewer.get("/v1/people/ada/versions").text


KINDS: dict[str, dict[str, Any]] = {
    "silences": {
        "name": "s",
        "starts_at": "2031-03-05T00:00:00Z",
        "ends_at": "2031-03-06T00:00:00Z",
        "reason": "works",
    },
    "expected-events": {"name": "e", "starts_at": "2031-03-05T00:00:00Z", "ends_at": "2031-03-06T00:00:00Z"},
    "sources": {"name": "feed", "kind": "feed", "url": "https://feed.example/rss"},
    "policies": {"name": "p", "steps": [{"after_minutes": 0, "targets": ["person:ada"]}]},
    "people": {"name": "Zed", "role": "pr"},
    "schedules": {"name": "week", "rotation": ["ada"], "starts_at": "2031-03-05T00:00:00Z"},
}


@pytest.mark.parametrize("path", KINDS)
def test_every_kind_of_definition_has_the_same_manners(world: World, path: str) -> None:
    admin = world.key(Role.ADMIN)
    made = admin.post(f"/v1/{path}", json=KINDS[path])
    assert made.status_code == 201, made.text
    assert made.json().items() >= {k: v for k, v in KINDS[path].items() if k != "steps"}.items()
    listed = admin.get(f"/v1/{path}").json()["items"]
    assert made.json() in listed
    assert admin.delete(made.headers["location"], headers={"If-Match": '"1"'}).status_code == 204


# -- caching and pages ---------------------------------------------------------------------------------------


def test_lists_answer_304_until_something_changes(world: World) -> None:
    world.scene.over()
    key = world.key(Role.COMMUNITY_MANAGER)
    for path in ("/v1/monitors", "/v1/alerts", "/v1/escalations", "/v1/mentions", "/v1/people"):
        tag = key.get(path).headers["etag"]
        same = key.get(path, headers={"If-None-Match": f'"x", W/{tag}'})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert key.get(f"{path}?limit=7", headers={"If-None-Match": tag}).status_code == 200
    tag = key.get("/v1/monitors").headers["etag"]
    key.post("/v1/monitors", json=MONITOR)
    assert key.get("/v1/monitors", headers={"If-None-Match": tag}).status_code == 200
    alerts = key.get("/v1/alerts").headers["etag"]
    key.post(f"/v1/alerts/{world.scene.alert().id}/acknowledge")
    assert key.get("/v1/alerts", headers={"If-None-Match": alerts}).status_code == 200


def test_one_thing_answers_304_and_its_tag_is_what_a_change_wants(world: World) -> None:
    world.scene.over()
    key, path = world.key(Role.COMMUNITY_MANAGER), f"/v1/alerts/{world.scene.alert().id}"
    tag = key.get(path).headers["etag"]
    assert key.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert key.post(f"{path}/snooze", json={"minutes": 30}, headers={"If-Match": tag}).status_code == 200
    assert key.get(path, headers={"If-None-Match": tag}).status_code == 200


def pages(key: Client, path: str, limit: int) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while True:
        answer = key.get(f"{path}limit={limit}{cursor}")
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer.json()['next_cursor']}"


@pytest.mark.slow("asks for many answers")
def test_pages_join_to_the_whole_list_whatever_their_size(world: World) -> None:
    for index in range(7):
        world.scene.define(Monitor(name=f"m{index}", query="velora"))
        world.store_mention(f"m{index}", f"post {index}", world.now - (index // 2) * MINUTES)
    key = world.key(Role.ADMIN)
    key.post("/v1/mentions", json=[{"id": str(index)} for index in range(7)])
    for path in ("/v1/monitors?", "/v1/mentions?", "/v1/mentions?monitor=Lumo&", "/v1/dead-letters?"):
        whole = pages(key, path, 500)
        assert len(whole) >= 7
        for limit in (1, 2, 3):
            assert pages(key, path, limit) == whole


@pytest.mark.parametrize("cursor", ["x", "!!!!", "W10", "WzFd", "bnVsbA", "WzEsMiwzLDRd"])
def test_a_cursor_that_is_none_is_refused_everywhere(world: World, cursor: str) -> None:
    key = world.key(Role.ADMIN)
    for path in ("/v1/monitors", "/v1/mentions", "/v1/alerts", "/v1/escalations", "/v1/dead-letters"):
        assert key.get(f"{path}?cursor={cursor}").status_code == 422, path
    assert key.get("/v1/monitors?limit=501").status_code == 422


# -- mentions and figures ------------------------------------------------------------------------------------


def test_mentions_are_found_by_monitor_time_label_language_network_and_words(world: World) -> None:
    now = world.now
    world.store_mention("a", "Lumo lampa nu merge", now - 3 * MINUTES, "negative", lang="ro")
    world.store_mention(
        "b", "Lumo ışık vermiyor 100%", now - 2 * MINUTES, "negative", lang="tr", network="wall"
    )
    world.store_mention("c", "Mooie lamp van Lumo", now - 1 * MINUTES, "positive", lang="nl")
    key = world.key(Role.VIEWER)

    def ids(**asked: str) -> list[str]:
        return [one["id"] for one in key.get("/v1/mentions", params=asked).json()["items"]]

    assert ids() == ids(monitor="Lumo") == ["c", "b", "a"]
    assert ids(label="negative") == ["b", "a"]
    assert ids(lang="nl") == ["c"]
    assert ids(network="wall") == ["b"]
    assert ids(q="LAMP*") == ["c", "a"]
    assert ids(q="Isik vermiyor", lang="tr", monitor="Lumo") == ["b"]
    assert ids(**{"from": (now - 2 * MINUTES).isoformat(), "to": (now - 1 * MINUTES).isoformat()}) == ["b"]
    assert key.get("/v1/mentions?monitor=nobody").status_code == 404
    assert key.get("/v1/mentions?from=2031-03-05T10:00:00").status_code == 422
    one = key.get("/v1/mentions", params={"lang": "tr"}).json()["items"][0]
    said = {"label": "negative", "scored_by": None, "score": -0.5, "confidence": 0.7, "model": None}
    assert one["sentiment"] == said
    assert one["author"]["followers"] == 10


def test_tallies_are_summed_in_steps_and_no_data_is_not_zero(world: World) -> None:
    now = world.now
    for index, minutes in enumerate((1, 1, 6)):
        world.store_mention(
            str(index), "Lumo", now - minutes * MINUTES, "negative" if index else "positive", author_id="one"
        )
    key = world.key(Role.VIEWER)
    asked = {
        "monitor": "Lumo",
        "from": (now - 15 * MINUTES).isoformat(),
        "to": now.isoformat(),
        "step": "5m",
        "by": "network",
    }
    told = key.get("/v1/tallies", params=asked).json()
    assert [point["covered"] for point in told["points"]] == [False, True, True]
    assert [point["count"] for point in told["points"]] == [None, 1, 2]
    assert [point["negative"] for point in told["points"]] == [None, 1, 1]
    assert [point["authors"] for point in told["points"]] == [None, 1, 1]
    assert told["parts"] == [{"value": "forum", "count": 3, "negative": 2}]
    assert (
        key.get("/v1/tallies", params={**asked, "step": "minute", "from": "2030-01-01T00:00:00Z"}).status_code
        == 422
    )
    assert key.get("/v1/tallies", params={**asked, "tz": "Mars"}).status_code == 422


KOMBI = "Lumo kombi yine bozuldu, rezalet bir firma, hiç kimse bakmıyor ve paramı geri istiyorum"


@pytest.mark.parametrize(
    ("asked", "heard"),
    [
        ({"query": "kombi lang:tr"}, 1),
        ({"query": "kombi lang:en"}, 0),
        ({"query": "kombi", "languages": ["tr"]}, 1),
        ({"query": "kombi", "languages": ["en"]}, 0),
    ],
)
def test_a_preview_tells_the_language_of_a_sample_as_the_pipeline_does(
    world: World, asked: dict[str, Any], heard: int
) -> None:
    at = world.now - 30 * MINUTES
    said = {"source": "forum", **mention("a", at, KOMBI, lang="en")}
    row = {"source": "forum", "id": "a", "created_at": at, "rate": 1.0, "mention": said}
    with world.scene.store.write() as conn:
        world.scene.store.insert_new(conn, s.samples, [row])
    told = world.key(Role.COMMUNITY_MANAGER).post("/v1/monitors/preview", json=asked).json()
    assert (told["sampled"]["looked_at"], told["sampled"]["matched"]) == (1, heard)


def test_a_day_is_the_zones_day_also_when_clocks_change(world: World) -> None:
    asked = {"monitor": "Lumo", "step": "day", "tz": "Europe/Amsterdam"}
    span = {"from": "2031-03-29T12:00:00+01:00", "to": "2031-04-01T00:00:00+02:00"}
    points = world.key(Role.VIEWER).get("/v1/tallies", params=asked | span).json()["points"]
    assert [point["start"] for point in points] == [
        "2031-03-28T23:00:00Z",
        "2031-03-29T23:00:00Z",
        "2031-03-30T22:00:00Z",
    ]


def test_a_preview_tells_what_a_query_would_hear_and_changes_nothing(world: World) -> None:
    world.store_mention("a", "Lumo lampa nu merge", world.now - 30 * MINUTES)
    world.store_mention("b", "ceva despre altceva", world.now - 60 * MINUTES)
    before = world.rows()
    key = world.key(Role.COMMUNITY_MANAGER)
    told = key.post("/v1/monitors/preview", json={"query": "lampa"}).json()
    assert (told["stored"]["looked_at"], told["stored"]["matched"]) == (2, 1)
    assert [one["id"] for one in told["examples"]] == ["a"]
    assert "lampa" in told["explanation"] and told["warnings"] == []
    assert key.post("/v1/monitors/preview", json={"query": "lampa or nu"}).json()["warnings"] == [
        {
            "kind": "operator",
            "at": 6,
            "length": 2,
            "line": 1,
            "column": 7,
            "message": '"or" is looked for as a word; the operator is written OR',
        }
    ]
    assert key.post("/v1/monitors/preview", json={"query": "NOT lampa"}).status_code == 422
    assert world.rows() == {**before, "api_keys": before["api_keys"] + 1}


# -- alerts and escalations ----------------------------------------------------------------------------------------


def test_acknowledging_twice_names_who_was_first(world: World) -> None:
    world.scene.over()
    path = f"/v1/alerts/{world.scene.alert().id}/acknowledge"
    ada, session = world.session("ada")
    first = ada.post(path, headers={"X-CSRF-Token": session.csrf})
    second = world.key(Role.PR).post(path)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["acknowledged_by"] == second.json()["acknowledged_by"] == "ada"


@pytest.mark.slow("asks for many answers")
def test_every_transition_has_a_route_with_its_manners(world: World) -> None:
    world.scene.over()
    key = world.key(Role.ADMIN)
    path = f"/v1/alerts/{world.scene.alert().id}"
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("severity", {"severity": 2, "reason": "a minister is in it"}, "firing"),
        ("snooze", {"minutes": 30}, "snoozed"),
        ("dismiss", {"reason": "noise", "note": "a test"}, "dismissed"),
        ("reopen", {"reason": "it was none"}, "firing"),
        ("resolve", {"reason": "over"}, "resolved"),
        ("reopen", {}, "firing"),
    ]
    for action, body, status in steps:
        assert key.post(f"{path}/{action}", json=body).status_code == 428
        answer = key.post(f"{path}/{action}", json=body, headers=key.etag(path))
        assert (answer.status_code, answer.json().get("status")) == (200, status), answer.text
    assert key.post(f"{path}/note", json={"text": "called the shop"}).status_code == 200
    timeline = key.get(f"{path}/timeline").json()["items"]
    assert [one["action"] for one in timeline][-1] == "note"
    assert {one["actor"] for one in timeline if one["action"] == "dismiss"} == {"key key 0"}
    illegal = key.post(f"{path}/reopen", json={}, headers=key.etag(path))
    assert (illegal.status_code, illegal.json()["type"]) == (409, "urn:tocsin:problem:illegal-transition")
    assert key.post(f"{path}/snooze", json={}, headers=key.etag(path)).status_code == 422
    assert key.post(f"{path}/dismiss", json={"reason": "boring"}, headers=key.etag(path)).status_code == 422


@pytest.mark.slow("asks for many answers")
def test_an_alert_is_carried_to_pr_and_legal_and_released(world: World) -> None:
    world.scene.over()
    desk = world.key(Role.COMMUNITY_MANAGER)
    path = f"/v1/alerts/{world.scene.alert().id}"
    body, once = {"team": "both", "reason": "burns reported"}, {"Idempotency-Key": "esc"}
    handed = desk.post(f"{path}/escalate", json=body, headers=desk.etag(path) | once)
    assert handed.status_code == 201, handed.text
    again = desk.post(f"{path}/escalate", json=body, headers={"If-Match": '"1"'} | once)
    assert again.json() == handed.json()
    escalation = f"/v1/escalations/{handed.json()['escalation']}"
    pia, pia_session = world.session("pia")
    leo, leo_session = world.session("leo")
    pia.headers["X-CSRF-Token"], leo.headers["X-CSRF-Token"] = pia_session.csrf, leo_session.csrf
    assert [one["id"] for one in pia.get("/v1/escalations?team=pr").json()["items"]] == [
        escalation.rpartition("/")[2]
    ]
    for client, action, sent in (
        (pia, "claim", None),
        (pia, "assess", {"text": "two shops, one batch"}),
        (pia, "review", None),
        (pia, "decide", {"team": "pr", "decision": "clear", "reason": "words are fine"}),
        (leo, "decide", {"team": "legal", "decision": "clear", "reason": "nothing admitted"}),
        (pia, "release", None),
        (pia, "close", {}),
    ):
        answer = client.post(f"{escalation}/{action}", json=sent, headers=client.etag(escalation))
        assert answer.status_code == 200, (action, answer.text)
    assert answer.json()["status"] == "closed"
    assert pia.get("/v1/escalations").json()["items"] == []
    assert len(pia.get("/v1/escalations?status=closed").json()["items"]) == 1


@pytest.mark.slow("asks for many answers")
def test_privileged_notes_are_legals_alone(world: World) -> None:
    world.scene.over()
    admin = world.key(Role.ADMIN)
    path = f"/v1/alerts/{world.scene.alert().id}"
    escalation = (
        "/v1/escalations/"
        + admin.post(
            f"{path}/escalate", json={"team": "legal", "reason": "r"}, headers=admin.etag(path)
        ).json()["escalation"]
    )
    legal = world.key(Role.LEGAL)
    assert (
        admin.post(f"{escalation}/note", json={"text": "s3cret advice", "privileged": True}).status_code
        == 403
    )
    assert (
        legal.post(f"{escalation}/note", json={"text": "s3cret advice", "privileged": True}).status_code
        == 200
    )
    assert "s3cret advice" in legal.get(escalation).text
    for role in set(Role) - {Role.LEGAL}:
        reader = world.key(role)
        for seen in (
            escalation,
            "/v1/escalations",
            path,
            f"{path}/timeline",
            f"{path}/notices",
            f"{path}/evidence",
            f"{path}/record",
        ):
            assert "s3cret" not in reader.get(seen).text, (role, seen)
    whole = legal.get(f"{path}/record")
    assert "s3cret advice" in whole.text and whole.json()["sha256"]
    assert whole.headers["content-disposition"] == f'attachment; filename="{path.rsplit("/", 1)[-1]}.json"'


def test_evidence_shows_what_was_judged_the_posts_and_the_figures_now(world: World) -> None:
    world.scene.over()
    world.store_mention("a", "Lumo is down", world.now, "negative")
    key, path = world.key(Role.VIEWER), f"/v1/alerts/{world.scene.alert().id}/evidence"
    told = key.get(path)
    assert told.json()["live"]["negative"] == 1
    assert told.json()["judged"]["rule"]
    assert told.headers["etag"] != key.get(path.removesuffix("/evidence")).headers["etag"]
    assert key.get(path, headers={"If-None-Match": told.headers["etag"]}).status_code == 304


# -- what must never happen ----------------------------------------------------------------------------------


@pytest.mark.slow("asks for every route")
def test_no_get_changes_anything(world: World) -> None:
    world.scene.over()
    world.store_mention("a", "Lumo is down", world.now)
    alert, key = world.scene.alert().id, world.key(Role.ADMIN)
    escalated = key.post(
        f"/v1/alerts/{alert}/escalate",
        json={"team": "pr", "reason": "r"},
        headers=key.etag(f"/v1/alerts/{alert}"),
    ).json()["escalation"]
    names = {
        "alerts": alert,
        "escalations": escalated,
        "monitors": "Lumo",
        "people": "ada",
        "policies": "default",
    }
    asked = 0
    before = contents(world.scene.store)
    for route in world.app.router.routes:
        path = str(getattr(route, "path", ""))
        if path == "/v1/events" or "GET" not in (getattr(route, "methods", None) or {"GET"}):
            continue
        kind = path.removeprefix("/v1").strip("/").partition("/")[0]
        answer = key.get(path.replace("{id}", names.get(kind, "x")).replace("{token}", "x" * 43))
        assert answer.status_code < 500, (path, answer.text)
        asked += 1
    assert asked > 35
    assert contents(world.scene.store) == before


def test_a_store_that_is_away_is_503_and_health_still_answers(world: World) -> None:
    key = world.key(Role.ADMIN)
    take_away(world.scene.store)
    answer = key.get("/v1/alerts")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"
    assert world.stranger.get("/healthz").status_code == 200
    assert world.stranger.get("/readyz").status_code == 503


def test_an_error_of_ours_is_a_500_that_tells_nothing(world: World) -> None:
    world.app.state.recent = None
    answer = world.key(Role.ADMIN).post("/v1/mentions", json=mention("a", world.now))
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text and "NoneType" not in answer.text


def test_unknown_routes_and_methods_are_problems_too(world: World) -> None:
    for answer, status in (
        (world.stranger.get("/v1/nothing"), 404),
        (world.stranger.delete("/healthz"), 405),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


def ready_admin(world: World) -> Client:
    """An administrator of an installation that can page by mail."""
    app = world.with_settings(smtp=Smtp(host="mail.example"))
    return Client(app, world.key(Role.ADMIN).headers, ("127.0.0.1", 1), world.runner)


def test_status_says_what_is_wrong_in_plain_words(world: World) -> None:
    """Finding 41, also: it had no ETag."""
    admin = ready_admin(world)
    admin.post("/v1/sources", json={"name": "shop", "kind": "push", "expected_every_minutes": 5})
    admin.post("/v1/mentions?source=shop", json=mention("a", world.now))
    world.every_part_runs()
    unready = world.key(Role.VIEWER).get("/v1/status").json()
    lack = "by the policy default no channel rings: a page would be printed, or lost"
    assert (unready["mode"], unready["why"], unready["not_ready"]) == ("degraded", [lack], [lack])
    told = admin.get("/v1/status").json()
    assert (told["mode"], told["not_ready"], told["stream_lag_records"]) == ("ok", [], 1)
    tag = {"If-None-Match": admin.get("/v1/status").headers["etag"]}
    world.scene.clock.advance(timedelta(seconds=1))
    assert admin.get("/v1/status", headers=tag).status_code == 304, "only the times in it have passed"
    world.scene.clock.advance(timedelta(minutes=16))
    world.every_part_runs()
    told = admin.get("/v1/status", headers=tag).json()
    assert told["mode"] == "blind"
    assert told["why"] == ["source shop is silent"]


def test_records_can_be_limited_to_one_mention(world: World) -> None:
    app = world.with_settings(stream=StreamSettings(record_max_mentions=1))
    key = Client(app, world.key(Role.ADMIN).headers, ("127.0.0.1", 1), world.runner)
    key.post("/v1/mentions", json=[mention(str(index), world.now) for index in range(6)])
    assert sum(world.stream.end_offsets("mentions").values()) == 6
    assert Settings().stream.record_max_mentions > 1


@pytest.mark.slow("asks for many answers")
def test_the_docs_page_lists_every_operation_and_loads_nothing(world: World) -> None:
    key = world.key(Role.VIEWER)
    page, spec = key.get("/docs").text, key.get("/openapi.json").json()
    for path, item in spec["paths"].items():
        for method in item:
            assert f"{method.upper()} {path}" in page
    assert "<script" not in page and "http://" not in page and "https://" not in page


def test_a_source_that_never_spoke_is_silent_after_three_times_its_interval(world: World) -> None:
    admin = ready_admin(world)
    admin.post(
        "/v1/sources",
        json={"name": "press", "kind": "feed", "url": "https://x.example", "expected_every_minutes": 5},
    )
    world.every_part_runs()
    new = admin.get("/v1/status").json()
    assert (new["mode"], new["why"]) == ("degraded", ["source press was never heard"])
    world.scene.clock.advance(timedelta(minutes=16))
    world.every_part_runs()
    later = admin.get("/v1/status").json()
    assert (later["mode"], later["why"]) == ("blind", ["source press is silent"])


def test_status_is_never_calm_while_nothing_listens(world: World) -> None:
    viewer = world.key(Role.VIEWER)
    fresh = viewer.get("/v1/status").json()
    assert fresh["mode"] == "blind"
    assert "processors has never run here" in fresh["why"]
    world.every_part_runs()
    world.scene.clock.advance(timedelta(minutes=3))
    told = viewer.get("/v1/status").json()
    assert told["mode"] == "blind"
    assert "detection is gone" in told["why"]
