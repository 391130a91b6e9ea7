"""File sources defined over the API: an admin from afar reads no files of the machine but those of allowed folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.world import STRANGER_ADDRESS, Client, World
from tocsin.definitions.models import Role, SourceDef
from tocsin.definitions.repository import save
from tocsin.settings import Ingest


def admin(world: World, *folders: Path) -> Client:
    app = world.with_settings(ingest=Ingest(allowed_folders=tuple(str(folder) for folder in folders)))
    return Client(app, world.key(Role.ADMIN).headers, STRANGER_ADDRESS, world.runner)


def source(path: object, **fields: object) -> dict[str, object]:
    return {"name": "lines", "kind": "file", "path": path, **fields}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "away").symlink_to("/etc")
    (tmp_path / "exports" / "loop").symlink_to(tmp_path / "exports" / "loop")
    return tmp_path / "exports"


def test_without_allowed_folders_no_file_is_read_over_the_api(world: World) -> None:
    for path in ("/etc/shadow", "/proc/self/environ", "posts.jsonl", "/"):
        refused = admin(world).post("/v1/sources", json=source(path))
        assert refused.status_code == 422
        assert "ingest.allowed_folders" in refused.json()["detail"]
        assert "tocsin apply" in refused.json()["detail"]
    assert admin(world).get("/v1/sources").json()["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "{}/../secret",
        "{}/away/shadow",
        "{}x/posts.jsonl",
        "posts.jsonl",
        "{}/a\0b",
        "{}/loop",
        "{}/loop/lines",
        7,
        None,
    ],
)
def test_what_leads_out_of_an_allowed_folder_is_refused(world: World, folder: Path, path: object) -> None:
    given = path.replace("{}", str(folder)) if isinstance(path, str) else path
    assert admin(world, folder).post("/v1/sources", json=source(given)).status_code == 422


def test_what_lies_in_an_allowed_folder_is_taken_and_may_not_move_out(world: World, folder: Path) -> None:
    client = admin(world, folder)
    made = client.post("/v1/sources", json=source(f"{folder}/later/posts.jsonl"))
    assert made.status_code == 201, made.text
    where = f"/v1/sources/{made.json()['id']}"
    moved = client.put(where, json=source("/etc/shadow"), headers=client.etag(where))
    assert moved.status_code == 422
    assert client.get(where).json()["path"] == f"{folder}/later/posts.jsonl"


def test_a_source_of_the_command_line_may_be_changed_where_it_reads(world: World) -> None:
    with world.scene.write() as conn:
        one = SourceDef.model_validate(source("/var/log/posts.jsonl"))
        saved = save(conn, one, now=world.now, actor="command line")
    client, where = admin(world), f"/v1/sources/{saved.id}"
    kept = client.put(where, json=source("/var/log/posts.jsonl", enabled=False), headers=client.etag(where))
    assert kept.status_code == 200, kept.text
    moved = client.put(where, json=source("/var/log/other.jsonl"), headers=client.etag(where))
    assert moved.status_code == 422


def test_other_kinds_of_sources_read_no_files(world: World) -> None:
    feed = {"name": "press", "kind": "feed", "url": "https://news.example/rss"}
    assert admin(world).post("/v1/sources", json={"name": "shop", "kind": "push"}).status_code == 201
    assert admin(world).post("/v1/sources", json=feed).status_code == 201
    turned = admin(world).get("/v1/sources/press").headers["etag"]
    changed = admin(world).put(
        "/v1/sources/press", json=source("/etc/shadow", name="press"), headers={"If-Match": turned}
    )
    assert changed.status_code == 422


def _nested(depth: int) -> object:
    found: object = 1
    for _ in range(depth):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        "a\0b",
        {"\udfff": 1},
        2**70,
        float("inf"),
        _nested(9),
        _nested(500),
        "x" * 30_000,
        [0] * 2000,
    ],
    ids=range(9),
)
def test_settings_that_could_not_be_kept_or_shown_are_refused_with_a_reason(
    world: World, value: object
) -> None:
    body = json.dumps({"name": "shop", "kind": "push", "note": value})
    refused = admin(world).post("/v1/sources", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text
    assert admin(world).get("/v1/sources").json()["items"] == []


def tokened(token: str, site: str = "https://api.github.com", **fields: object) -> dict[str, object]:
    return {
        "name": "gh",
        "kind": "github",
        "repositories": ["acme/kettle"],
        "token": token,
        "site": site,
        **fields,
    }


def test_a_secret_of_a_source_comes_from_an_allowed_folder_or_a_variable_of_the_users(
    world: World, folder: Path
) -> None:
    client = admin(world, folder)
    for token, says in (
        ("file:/etc/shadow", "ingest.allowed_folders"),
        (f"file:{folder}/away/shadow", "ingest.allowed_folders"),
        ("env:TOCSIN_STORE__PASSWORD", "Tocsin's own"),
    ):
        refused = client.post("/v1/sources", json=tokened(token))
        assert refused.status_code == 422
        assert says in refused.json()["detail"]
    assert client.post("/v1/sources", json=tokened(f"file:{folder}/token")).status_code == 201
    assert client.post("/v1/sources", json=tokened("env:GITHUB_TOKEN", name="by-env")).status_code == 201


def test_a_secret_of_the_machine_may_stay_and_go_nowhere_else(world: World) -> None:
    with world.scene.write() as conn:
        one = SourceDef.model_validate(tokened("file:/run/secrets/github"))
        saved = save(conn, one, now=world.now, actor="command line")
    client, where = admin(world), f"/v1/sources/{saved.id}"
    off = client.put(
        where, json=tokened("file:/run/secrets/github", enabled=False), headers=client.etag(where)
    )
    assert off.status_code == 200, off.text
    moved = tokened("file:/run/secrets/github", site="https://elsewhere.example")
    assert client.put(where, json=moved, headers=client.etag(where)).status_code == 422
