"""Lists in parts: every list refuses a cursor that is not its own, in the API and on the page alike."""

from __future__ import annotations

import pytest

from tests.api.world import World
from tocsin.definitions.models import Role

LISTS = (
    "/v1/alerts",
    "/v1/alerts/{id}/timeline",
    "/v1/dead-letters",
    "/v1/escalations",
    "/v1/expected-events",
    "/v1/mentions",
    "/v1/monitors",
    "/v1/people",
    "/v1/policies",
    "/v1/schedules",
    "/v1/silences",
    "/v1/sources",
)
WHOLE = (
    "/v1/alerts/{id}/notices",
    "/v1/erasures",
    "/v1/expected-events/{id}/versions",
    "/v1/imports",
    "/v1/keys",
    "/v1/monitors/{id}/backtests",
    "/v1/monitors/{id}/normal",
    "/v1/monitors/{id}/versions",
    "/v1/passkeys",
    "/v1/people/{id}/channels",
    "/v1/people/{id}/versions",
    "/v1/policies/{id}/versions",
    "/v1/schedules/{id}/versions",
    "/v1/sessions",
    "/v1/silences/{id}/versions",
    "/v1/sources/{id}/versions",
)
PAGES = ("/alerts", "/dead-letters", "/mentions")
# Not base64, not JSON, no list, too few parts, parts of another list, too many.
BAD = ("x", "!!!!", "%00", "9~", "W10", "W251bGxd", "bnVsbA", "W3sieCI6MX1d", "WzEsMiwzLDRd")


@pytest.mark.slow("describes the whole API")
def test_these_are_the_lists_of_the_api(world: World) -> None:
    paths = world.description["paths"]
    asked = {
        path: [one["name"] for one in doors.get("get", {}).get("parameters", ())]
        for path, doors in paths.items()
    }
    assert sorted(path for path, names in asked.items() if "cursor" in names) == list(LISTS)


@pytest.mark.slow("describes the whole API")
def test_these_are_the_lists_that_come_whole(world: World) -> None:
    answered = {
        path: doors["get"]["responses"]["200"]
        .get("content", {})
        .get("application/json", {})
        .get("schema", {})
        for path, doors in world.description["paths"].items()
        if "get" in doors
    }
    whole = [path for path, schema in answered.items() if schema.get("type") == "array"]
    assert sorted(whole) == list(WHOLE)


@pytest.mark.parametrize("path", LISTS)
def test_a_bad_cursor_is_refused_by_the_api(world: World, path: str) -> None:
    key = world.key(Role.ADMIN)
    for cursor in BAD:
        answer = key.get(f"{path.format(id='x')}?cursor={cursor}")
        assert answer.status_code == 422, cursor
        (error,) = answer.json()["errors"]
        assert error["field"] == "cursor" and "leave it out to begin anew" in error["message"]


@pytest.mark.parametrize("path", PAGES)
def test_a_bad_cursor_is_told_on_the_page(world: World, path: str) -> None:
    client, _ = world.session("ada")
    for cursor in BAD:
        answer = client.get(f"{path}?cursor={cursor}", headers={"accept": "text/html"})
        assert answer.status_code == 422, cursor
        assert "not a cursor of this list" in answer.text
