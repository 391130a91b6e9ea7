"""Hostile values in every parameter and definition, on both engines: a 4xx with a reason, never a 5xx, and never a row that
breaks a list.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_resources import KINDS, MONITOR
from tests.api.world import World
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.definitions.models import Role

# Percent-encoded as they travel: NUL, a lone surrogate, overlong, numbers beyond 64 bits, no number, the ends of the calendar.
IN_ADDRESSES = (
    "%00",
    "%ED%A0%80",
    "%C0%AF",
    "%F0%9F%98%A1%E2%80%AE",
    str(2**63),
    str(-(2**70)),
    "1e999",
    "NaN",
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "eyJhIjpbMSw5MjIzMzcyMDM2ODU0Nzc1ODA4XX0",
    "x" * 3000,
)
TEXTS: tuple[Any, ...] = (
    "\x00",
    "a\ud800b",
    "\u202egnp.exe",
    "javascript:alert(1)",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "x" * 70_000,
    [],
    {"a": {"b": []}},
    None,
)
NUMBERS: tuple[Any, ...] = (2**63, -(2**70), float("nan"), float("inf"), "NaN", 1e300, True)


@pytest.mark.slow("a dozen values in every parameter of every route that reads")
def test_hostile_values_in_every_parameter_are_refused_or_harmless(world: World) -> None:
    world.scene.over()
    world.store_mention("m1", "Lumo is down", world.now, "negative")
    key, wrong = world.key(Role.ADMIN), []
    for path, methods in world.description["paths"].items():
        if "get" not in methods or path == "/v1/events":
            continue
        names = [one["name"] for one in methods["get"].get("parameters", []) if one["in"] == "query"]
        for value in IN_ADDRESSES:
            if not names and "{" not in path:
                continue
            address = path.replace("{id}", value[:300]).replace("{", "").replace("}", "")
            answer = key.get(f"{address}?{'&'.join(f'{name}={value}' for name in names)}")
            if answer.status_code >= 500:
                wrong.append((address, value[:80], answer.status_code))
    assert wrong == []


def changed(body: Any, to: tuple[Any, ...], numbers: tuple[Any, ...]) -> Iterator[Any]:
    """The body with one of its leaves changed, each leaf to each value."""
    items = list(body.items() if isinstance(body, dict) else enumerate(body))
    for key, leaf in items:
        if isinstance(leaf, dict | list) and leaf:
            for inner in changed(leaf, to, numbers):
                whole = copy.copy(body)
                whole[key] = inner
                yield whole
        else:
            for value in numbers if isinstance(leaf, int | float) else to:
                whole = copy.copy(body)
                whole[key] = value
                yield whole


BODIES = KINDS | {"monitors": MONITOR | {"false_alerts_per_week": 1}}


@pytest.mark.slow("every leaf of every kind of definition, with each hostile value")
@pytest.mark.parametrize("path", BODIES)
def test_hostile_definitions_are_refused_or_stand_in_a_list_that_works(world: World, path: str) -> None:
    admin = world.key(Role.ADMIN)
    for n, body in enumerate(changed(BODIES[path], TEXTS, NUMBERS)):
        named = body | {"name": f"h{n}"} if body.get("name") == BODIES[path]["name"] else body
        answer = admin.post(
            f"/v1/{path}", content=json.dumps(named).encode(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 201 or 400 <= answer.status_code < 500, (named, answer.text[:300])
        assert answer.status_code == 201 or answer.json()["detail"], named
    listed = admin.get(f"/v1/{path}?limit=500")
    assert listed.status_code == 200
    for one in listed.json()["items"]:
        assert admin.get(f"/v1/{path}/{one['id']}").status_code == 200


def test_what_turns_the_reading_direction_stays_within_its_own_element(world: World) -> None:
    name = "\u202eecilA"
    world.store_mention(
        "m1", "\u202eLumo is down", world.now, "negative", author_name=name, author_handle="\u202ex"
    )
    ada, _ = world.session("ada")
    page = ada.get("/mentions").text
    assert f"<bdi>{name}</bdi>" in page
    assert "@<bdi>\u202ex</bdi>" in page
    assert '<p class="text" dir="auto"' in page
