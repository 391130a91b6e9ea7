"""schemathesis over the OpenAPI, in this process: whatever request it makes up, no answer is a 5xx."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import hypothesis
import pytest
import requests
from hypothesis import HealthCheck, Phase
from starlette.types import Message, Receive, Scope, Send

from tests.api.world import HERE, World
from tests.contracts.examples import WIDE, examples
from tocsin.definitions.models import Role

# Requests of each operation; a thousand, tried by hand, found nothing else.
EXAMPLES = examples(2)
ENDLESS = "/v1/events"


@pytest.mark.slow("schemathesis makes up requests for each of over eighty operations")
@pytest.mark.wide
def test_no_operation_answers_with_a_server_error(world: World) -> None:
    # Imported here: it is large, and one worker of a run needs it.
    import schemathesis

    world.scene.over()
    world.store_mention("m1", "Lumo is down", world.now, "negative")
    key = world.key(Role.ADMIN).headers["Authorization"]
    schema = schemathesis.openapi.from_dict(copy.deepcopy(world.description))
    refused: list[str] = []
    tried, asked = 0, 0
    things = _things(world)
    for result in schema.get_all_operations():
        operation = result.ok()
        tried += 1
        strategy = operation.as_strategy()

        @hypothesis.settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=not WIDE,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=strategy)
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            # An id that exists, so that not every answer is a 404.
            if asked % 2 and "{id}" in case.path:
                case.path_parameters |= {"id": things.get(case.path.split("/")[2], "x")}
            answer = world.runner.run(_call(world.app, case, key))
            if answer >= 500:
                refused.append(
                    f"{case.method} {case.formatted_path} {case.query} {str(case.body)[:300]} -> {answer}"
                )

        ask()
    assert tried > 80
    assert refused == []


def _things(world: World) -> dict[str, str]:
    admin, alert = world.key(Role.ADMIN), world.scene.alert().id
    handed = admin.post(
        f"/v1/alerts/{alert}/escalate",
        json={"team": "both", "reason": "r"},
        headers=admin.etag(f"/v1/alerts/{alert}"),
    )
    batch = admin.post("/v1/mentions", content="[]").json()["batch"]
    admin.post("/v1/sources", json={"name": "feed", "kind": "feed"})
    return {
        "alerts": alert,
        "escalations": handed.json()["escalation"],
        "batches": batch,
        "monitors": "Lumo",
        "people": "ada",
        "policies": "default",
        "sources": "feed",
    }


async def _call(app: Callable[[Scope, Receive, Send], Any], case: Any, key: str) -> int:
    """Give the case's request to the app itself, so that nothing on the way mends or refuses it."""
    made = case.as_transport_kwargs(base_url="http://127.0.0.1:8085")
    names = ("method", "url", "params", "json", "data")
    request = requests.Request(**{name: made[name] for name in names if name in made}).prepare()
    url = urlsplit(str(request.url))
    body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
    sent = {**request.headers, **(made.get("headers") or {}), "Authorization": key, "If-Match": "*"}
    headers = [
        (k.lower().encode("latin-1", "replace"), str(v).encode("latin-1", "replace")) for k, v in sent.items()
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": made["method"],
        "scheme": "http",
        "path": unquote(url.path),
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "headers": [
            (b"host", b"127.0.0.1:8085"),
            *((k, v) for k, v in headers if k not in (b"host", b"content-length")),
        ],
        "client": HERE,
        "server": ("127.0.0.1", 8085),
        "root_path": "",
    }
    status = 0

    asked = False

    async def receive() -> Message:
        nonlocal asked
        # The caller of an endless answer leaves at once.
        if asked and url.path == ENDLESS:
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await asyncio.wait_for(app(scope, receive, send), 30)
    return status
