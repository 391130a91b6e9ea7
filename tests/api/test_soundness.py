"""A definition that could not work is refused when it is written: by the API as by `tocsin apply`."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from tests.api.world import World
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.definitions.models import Role
from tocsin.store import schema as s

UNSOUND = [
    ("policies", {"steps": [{"after_minutes": 0, "targets": ["person:ghost"]}]}, "no person 'ghost'"),
    ("policies", {"steps": [{"after_minutes": 0, "targets": ["persn:ada"]}]}, "must be person:NAME"),
    ("policies", {"steps": [{"after_minutes": 0, "targets": ["ada"]}]}, "must be person:NAME"),
    (
        "policies",
        {"steps": [{"after_minutes": 0, "targets": ["person:ada"]}], "heads_up": ["schedule:x"]},
        "no schedule 'x'",
    ),
    (
        "policies",
        {"steps": [{"after_minutes": 0, "targets": ["person:ada"]}], "teams": {"pr": ["person:pai"]}},
        "did you mean 'pia'",
    ),
    ("schedules", {"rotation": ["ghost"], "starts_at": "2031-03-05T10:00:00Z"}, "no person 'ghost'"),
    (
        "silences",
        {
            "monitor": "Lumoo",
            "starts_at": "2031-03-05T10:00:00Z",
            "ends_at": "2031-03-06T10:00:00Z",
            "reason": "x",
        },
        "did you mean 'Lumo'",
    ),
    (
        "expected-events",
        {"monitor": "x", "starts_at": "2031-03-05T10:00:00Z", "ends_at": "2031-03-06T10:00:00Z"},
        "no monitor 'x'",
    ),
    ("monitors", {"query": "velora", "policy": "clam"}, "no policy 'clam'"),
    ("sources", {"kind": "nosuch"}, "unknown kind 'nosuch'"),
    (
        "sources",
        {"kind": "feed", "url": "https://x.example", "intervall_s": 5},
        "unknown setting 'intervall_s'",
    ),
    ("sources", {"kind": "feed"}, "'url' is missing"),
    # A secret itself is taken, and kept apart. One of two lines is none.
    ("sources", {"kind": "push", "secret": "plaintext\nhush"}, "line"),
    ("people", {"channels": [{"kind": "emial", "to": "a@example.org"}]}, "did you mean 'email'"),
    ("people", {"channels": [{"kind": "webhook"}]}, "needs `url`"),
    ("people", {"channels": [{"kind": "webhook", "url": "ftp://x", "secret": "env:X"}]}, "needs `url`"),
    (
        "people",
        {"channels": [{"kind": "webhook", "url": "https://x.example", "secret": "hush"}]},
        "env:NAME or file:PATH",
    ),
    ("people", {"channels": [{"kind": "apprise", "url": "json://127.0.0.1/hush"}]}, "env:NAME or file:PATH"),
    ("people", {"channels": [{"kind": "email"}]}, "needs `to`"),
    ("people", {"channels": [{"kind": "email", "to": "not an address"}]}, "no e-mail address"),
    ("people", {"email": "ada@example.org\r\nBcc: eve@example.org"}, "no e-mail address"),
]


@pytest.mark.parametrize(("path", "body", "said"), UNSOUND)
def test_a_definition_that_could_not_work_is_refused_when_it_is_written(
    world: World, path: str, body: dict[str, Any], said: str
) -> None:
    answer = world.key(Role.ADMIN).post(f"/v1/{path}", json={"name": "new", **body})
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.json()["detail"]
    assert "hush" not in answer.text and "plaintext" not in answer.json()["title"]


def test_a_change_is_checked_as_a_creation_is(world: World) -> None:
    admin = world.key(Role.ADMIN)
    policy = {"name": "late", "steps": [{"after_minutes": 0, "targets": ["person:ada"]}]}
    path = admin.post("/v1/policies", json=policy).headers["location"]
    wrong = policy | {"heads_up": ["person:ghost"]}
    answer = admin.put(path, json=wrong, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "heads_up")


def test_nobody_is_asked_who_could_not_answer_and_who_stood_there_before_stays(world: World) -> None:
    admin = world.key(Role.ADMIN)
    assert admin.post("/v1/people", json={"name": "vera"}).status_code == 201
    steps = [{"after_minutes": 0, "targets": ["person:ada"]}]
    asked = {
        "steps.1.targets": {"steps": [*steps, {"after_minutes": 5, "targets": ["person:vera"]}]},
        "teams.fallback": {"steps": steps, "teams": {"fallback": ["person:vera"]}},
        "teams.legal": {"steps": steps, "teams": {"legal": ["person:vera"]}},
    }
    for field, body in asked.items():
        answer = admin.post("/v1/policies", json={"name": "late", **body})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
        assert "'vera' has the role viewer and could not answer" in answer.json()["detail"]
    turns = {"name": "desk", "rotation": ["vera"], "starts_at": "2031-03-05T10:00:00Z"}
    assert admin.post("/v1/schedules", json=turns).status_code == 422
    told = {"name": "told", "steps": steps, "heads_up": ["person:vera"]}
    assert admin.post("/v1/policies", json=told).status_code == 201
    path = admin.post("/v1/people", json={"name": "wim", "role": "pr"}).headers["location"]
    turns = turns | {"rotation": ["wim"]}
    desk = admin.post("/v1/schedules", json=turns).headers["location"]
    assert admin.put(path, json={"name": "wim"}, headers={"If-Match": "*"}).status_code == 200
    longer = turns | {"turn_hours": 12}
    assert admin.put(desk, json=longer, headers={"If-Match": "*"}).status_code == 200


def test_a_silence_names_its_monitor_by_name_or_by_id(world: World) -> None:
    manager = world.key(Role.COMMUNITY_MANAGER)
    times = {"starts_at": "2031-03-05T10:00:00Z", "ends_at": "2031-03-06T10:00:00Z", "reason": "x"}
    for monitor in (manager.get("/v1/monitors/Lumo").json()["id"], "Lumo", None):
        answer = manager.post("/v1/silences", json={"name": str(monitor), "monitor": monitor, **times})
        assert answer.status_code == 201, answer.text


def test_a_silence_past_the_calendar_is_refused(world: World) -> None:
    quiet = {"name": "never", "starts_at": "2031-03-05T10:00:00Z", "reason": "quiet"}
    answer = world.key(Role.COMMUNITY_MANAGER).post(
        "/v1/silences", json={**quiet, "ends_at": "9999-12-31T23:59:59-01:00"}
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "ends_at")


RAW = [
    ("people", '{"name": "x", "channels": [{"kind": "console", "x": "\\ud800"}]}'),
    ("people", '{"name": "x", "channels": [{"kind": "console", "x": NaN}]}'),
    ("people", '{"name": "x", "channels": [{"kind": "console", "x": ' + "[" * 500 + "]" * 500 + "}]}"),
    ("people", '{"name": "x", "channels": [{"kind": "console", "\\ud800": 1}]}'),
    ("people", '{"name": "x", "channels": [{"kind": "\\ud800"}]}'),
    ("sources", '{"name": "x", "kind": "push", "x": "\\ud800"}'),
    ("sources", '{"name": "x", "kind": "push", "x": ' + "[" * 500 + "]" * 500 + "}"),
    ("sources", '{"name": "x", "kind": "feed", "url": "https://x.example/\\ud800"}'),
    ("sources", '{"name": "x", "kind": "\\ud800"}'),
    ("policies", '{"name": "x", "steps": [{"after_minutes": 0, "targets": ["person:\\ud800"]}]}'),
    (
        "silences",
        '{"name": "x", "reason": "\\ud800", "starts_at": "2031-03-05T10:00:00Z", "ends_at": "2031-03-06T10:00:00Z"}',
    ),
    ("monitors", '{"name": "x", "query": "lumo", "tier1": ["\\ud800"]}'),
    ("monitors", '{"name": "x", "query": "lumo", "influential_followers": ' + "9" * 4000 + "}"),
]


@pytest.mark.parametrize(("path", "body"), RAW)
def test_a_body_that_no_store_could_keep_is_refused(world: World, path: str, body: str) -> None:
    admin = world.key(Role.ADMIN)
    answer = admin.post(f"/v1/{path}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert admin.get(f"/v1/{path}").status_code == 200


def test_a_stored_definition_that_cannot_be_read_is_changed_and_ended_by_name(world: World) -> None:
    admin = world.key(Role.ADMIN)
    quiet = {
        "monitor": "Lumo",
        "starts_at": "2031-03-05T10:00:00Z",
        "ends_at": "2031-03-06T10:00:00Z",
        "reason": "x",
    }
    for name in ("one", "two"):
        assert admin.post("/v1/silences", json={"name": name, **quiet}).status_code == 201
    d = s.definitions
    with world.scene.store.write() as conn:
        broken = update(d).where(d.c.name.in_(["one", "two"]))
        conn.execute(broken.values(definition={"name": "one", "ends_at": "never"}))
    read = admin.get("/v1/silences/one")
    assert (read.status_code, "define it again, or end it" in read.json()["detail"]) == (409, True)
    assert [one["name"] for one in admin.get("/v1/silences").json()["items"]] == []
    assert admin.put("/v1/silences/one", json={"name": "one", **quiet}).status_code == 428
    at_once = {"If-Match": "*"}
    changed = admin.put("/v1/silences/one", json={"name": "one", **quiet}, headers=at_once)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert admin.delete("/v1/silences/two", headers=at_once).status_code == 204
    assert [one["name"] for one in admin.get("/v1/silences").json()["items"]] == ["one"]
    assert admin.get("/v1/silences/two").status_code == 404
