"""docs/api.md is true: the tests make its requests and get its answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.auth.keys import create_key
from api.metrics import NAMES
from ops.transfer.apply import parse_document, plan
from tests.api.world import HERE, Client, World
from tocsin.definitions.models import Role

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(http|json|yaml)\n(.*?)```", TEXT, re.DOTALL)


def named(world: World, name: str, role: Role) -> Client:
    with world.scene.write() as conn:
        _, token = create_key(conn, name=name, role=role, now=world.now)
    return Client(world.app, {"Authorization": f"Bearer {token}"}, HERE, world.runner)


def holds(found: Any, said: Any) -> bool:
    """Whether the answer `found` holds at least what the page has."""
    if isinstance(said, dict):
        return isinstance(found, dict) and all(holds(found.get(name), value) for name, value in said.items())
    if isinstance(said, list):
        return isinstance(found, list) and len(found) == len(said) and all(map(holds, found, said))
    return bool(found == said)


def test_every_example_on_the_page_is_true(world: World) -> None:
    world.scene.over()
    desk, wall = named(world, "desk", Role.ADMIN), named(world, "wallboard", Role.VIEWER)
    asked = 0
    for index, (kind, block) in enumerate(BLOCKS):
        if kind != "http":
            continue
        head, _, body = block.partition("\n\n")
        first, *lines = head.splitlines()
        method, path = first.split(" ", 1)
        headers = dict(line.split(": ", 1) for line in lines if not line.startswith("Authorization"))
        client = wall if path == "/v1/me" else desk
        path = path.replace("{alert}", world.scene.alert().id)
        if body and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json"
        answer = client.request(method, path, content=body.encode(), headers=headers)
        following = BLOCKS[index + 1] if index + 1 < len(BLOCKS) else ("", "")
        if following[0] == "json":
            assert holds(answer.json(), json.loads(following[1])), (first, answer.text)
        else:
            assert answer.is_success, (first, answer.text)
        asked += 1
    assert asked == 7


def test_the_yaml_on_the_page_can_be_applied(world: World) -> None:
    (block,) = [text for kind, text in BLOCKS if kind == "yaml"]
    with world.scene.store.read() as conn:
        assert [change.value.name for change in plan(conn, parse_document(block.encode()))] == ["vendor"]


def test_every_metric_is_on_the_page_and_every_one_on_the_page_is_told(world: World) -> None:
    listed = dict(re.findall(r"^\| `(tocsin_\w+)` \| (.+) \|$", TEXT, re.MULTILINE))
    assert listed == NAMES
    world.scene.over()
    key = world.key(Role.ADMIN)
    key.post("/v1/mentions?source=s", json={"id": "a", "text": "x", "created_at": world.now.isoformat()})
    told = set(re.findall(r"^# HELP (\w+)", key.get("/metrics").text, re.MULTILINE))
    assert told - {name for name in told if name.endswith("_created")} == set(NAMES)


def test_every_route_of_the_page_exists(world: World) -> None:
    templates = {str(getattr(route, "path", "")) for route in world.app.router.routes}
    for path in re.findall(r"`(?:GET |POST )?(/(?:v1/[a-z/{}.-]+|healthz|readyz|metrics|docs))", TEXT):
        known = path.replace("{batch}", "{id}").rstrip("/")
        assert (
            known in templates or known.replace("NAME", "{source}") in templates or known.endswith("/hook")
        ), path


@pytest.mark.slow("asks for many answers")
def test_the_description_names_every_refusal_as_a_problem(world: World) -> None:
    spec = world.description
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            told = operation["responses"]
            refusals = {status: one for status, one in told.items() if status[0] in "45"}
            assert {"421", "429", "503"} <= set(refusals), (method, path)
            assert "requestBody" not in operation or "400" in refusals, (method, path)
            for status, one in refusals.items():
                if (path, status) != ("/readyz", "503"):
                    assert set(one["content"]) == {"application/problem+json"}, (method, path, status)
    assert "HTTPValidationError" not in json.dumps(spec)


def test_a_body_that_cannot_be_read_is_a_400_as_described(world: World) -> None:
    answer = named(world, "desk", Role.ADMIN).post(
        "/v1/monitors", content=b"\xff\xfe{", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
