"""Hostile values in every parameter that is read, on both engines: never a 5xx. Bodies are in test_hostile_bodies.py."""

from __future__ import annotations

import pytest

from tests.api.world import World
from tests.hostile import IN_ADDRESSES
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.definitions.models import Role


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
            if answer.status_code >= 500 or "csv" in answer.headers.get("content-type", ""):
                wrong.append((address, value[:80], answer.status_code))
    assert wrong == []


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
