"""Query parameters of the API: a mistyped one is refused, and the answer names those that are known."""

from __future__ import annotations

from tests.api.world import World
from tocsin.definitions.models import Role

MONITOR = {"name": "Velora", "query": "velora OR @velora", "timezone": "Europe/Istanbul"}


def test_an_unknown_status_names_the_field_and_all_choices(world: World) -> None:
    (fault,) = world.key(Role.ADMIN).get("/v1/alerts?status=bogus").json()["errors"]
    assert fault["field"] == "status.0" and fault["message"].startswith("choose one of: 'candidate', ")
    assert "'unanswered'" in fault["message"]


def test_a_mistyped_query_parameter_is_refused_and_names_those_that_are_known(world: World) -> None:
    key = world.key(Role.VIEWER)
    answer = key.get("/v1/mentions?lable=negative&limit=5")
    assert answer.status_code == 422
    said = answer.json()["detail"]
    assert said.startswith("there is no query parameter 'lable'; did you mean 'label'? known: crisis, ")
    assert "monitor" in said and answer.json()["errors"] == [{"field": "lable", "message": said}]
    assert key.get("/v1/status?foo=1").status_code == 200, "there is no filter to mistype"
    assert key.get("/v1/alerts?status=open&status=resolved&").status_code == 200
    dutch = key.get("/v1/alerts?=", headers={"Accept-Language": "nl"})
    assert dutch.json()["detail"].startswith("er is geen queryparameter ''; bekend zijn: ")


def test_a_change_with_an_unknown_query_parameter_is_refused_before_anything_is_done(world: World) -> None:
    key = world.key(Role.COMMUNITY_MANAGER)
    assert key.post("/v1/monitors?dry_run=1", json=MONITOR).status_code == 422
    assert key.get("/v1/monitors/Velora").status_code == 404
    assert world.stranger.get("/v1/alerts?foo=1").status_code == 401
