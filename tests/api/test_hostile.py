"""Hostile values in every parameter that is read, on both engines: never a 5xx. Bodies are in test_hostile_bodies.py.

On PostgreSQL every run tries a third of the values in each address; `make chaos` tries them all.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping

import pytest
from starlette.types import Message

from ops.transfer.export import export
from tests.api.world import HERE, World
from tests.contracts.examples import drawn
from tests.hostile import IN_ADDRESSES
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.definitions.models import Role

EVENTS = "/v1/events"


@pytest.mark.slow("a dozen values in every parameter of every route that reads")
@pytest.mark.wide
def test_hostile_values_in_every_parameter_are_refused_or_harmless(
    world: World,
    on_both_stores: str,  # noqa: F811
) -> None:
    world.scene.over()
    world.store_mention("m1", "Lumo is down", world.now, "negative")
    key, wrong = world.key(Role.ADMIN), []
    for path, methods in world.description["paths"].items():
        if "get" not in methods or path == EVENTS:
            continue
        names = [one["name"] for one in methods["get"].get("parameters", []) if one["in"] == "query"]
        for value in IN_ADDRESSES:
            if not names and "{" not in path:
                continue
            if on_both_stores == "postgres" and not drawn(f"{path} {value}"):
                continue
            address = path.replace("{id}", value[:300]).replace("{", "").replace("}", "")
            answer = key.get(f"{address}?{'&'.join(f'{name}={value}' for name in names)}")
            if answer.status_code >= 500 or "csv" in answer.headers.get("content-type", ""):
                wrong.append((address, value[:80], answer.status_code))
    for value in IN_ADDRESSES:
        status = world.runner.run(begun(world, {**key.headers, "Last-Event-ID": value}))
        # No id is longer than 64 characters.
        assert status == (200 if len(value) <= 64 else 422), value[:80]
    assert wrong == []


async def begun(world: World, headers: Mapping[str, str]) -> int:
    """The status with which the stream of events begins; its reader leaves at once."""
    sent = {"host": "127.0.0.1:8085", **headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    scope = {"type": "http", "method": "GET", "path": EVENTS, "raw_path": EVENTS.encode(), "headers": raw}
    scope |= {
        "query_string": b"",
        "scheme": "http",
        "client": HERE,
        "server": HERE,
        "root_path": "",
        "http_version": "1.1",
    }
    status: list[int] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        status.extend([message["status"]] if "status" in message else [])

    await asyncio.wait_for(world.app(scope, receive, send), 30)
    return status[0]


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


def test_hostile_texts_and_names_are_one_line_each_of_an_export_unchanged_and_stand_in_no_chart(
    world: World,
) -> None:
    texts = [
        "\u202eLumo is down\x9b31m\x00\r\n{}\n",
        "=1+1 Lumo\u2028\u2029\u0085",
        '"},{"id": "x", "text": "Lumo',
    ]
    for n, text in enumerate(texts):
        # No store takes one, so the boundary takes it out.
        text = text.replace("\x00", "")
        world.store_mention(f"m{n}", text, world.now, "negative", author_name=text, title=text)
        texts[n] = text
    world.scene.over()
    with world.scene.store.read() as conn:
        for kind in ("mentions", "tallies", "alerts", "notices", "audit"):
            lines = list(export(conn, kind))
            assert lines and all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines), kind
            assert not any(byte < 0x20 for line in lines for byte in line[:-1]), kind
        kept = [json.loads(line) for line in export(conn, "mentions")]
    assert sorted(one["text"] for one in kept) == sorted(texts) == sorted(one["title"] for one in kept)
    ada, _ = world.session("ada")
    page = ada.get(f"/alerts/{world.scene.alert().id}").text
    charts = re.findall("<svg.*?</svg>", page, re.DOTALL)
    assert charts and not any("Lumo is" in one or "\u202e" in one or "\u2028" in one for one in charts)
