"""The release of a statement over the API: with or without what went out and where, as on the page."""

from __future__ import annotations

import pytest

from tests.api.world import Client, World
from tests.api.world import world as world
from tocsin.definitions.models import Role


def cleared(world: World) -> tuple[Client, str]:
    """Somebody of PR, and an escalation that PR has cleared."""
    world.scene.over()
    desk, pia = world.key(Role.COMMUNITY_MANAGER), world.key(Role.PR)
    alert = f"/v1/alerts/{world.scene.alert().id}"
    handed = desk.post(
        f"{alert}/escalate", json={"team": "pr", "reason": "burns"}, headers=desk.etag(alert)
    ).json()
    path = f"/v1/escalations/{handed['escalation']}"
    for action, body in (
        ("claim", None),
        ("review", None),
        ("decide", {"team": "pr", "decision": "clear", "reason": "fine"}),
    ):
        assert pia.post(f"{path}/{action}", json=body, headers=pia.etag(path)).status_code == 200
    return pia, path


@pytest.mark.parametrize(
    ("body", "notes"),
    [
        (None, []),
        ({}, []),
        ({"text": "  "}, []),
        ({"text": "on our site at 10:20"}, ["on our site at 10:20"]),
    ],
    ids=["no body", "empty", "blank", "text"],
)
def test_what_went_out_may_be_said_and_becomes_a_note(
    world: World, body: dict[str, str] | None, notes: list[str]
) -> None:
    pia, path = cleared(world)
    answer = pia.post(f"{path}/release", json=body, headers=pia.etag(path))
    assert (answer.status_code, answer.json()["status"]) == (200, "released")
    entries = pia.get(path).json()["entries"]
    assert [one["text"] for one in entries if one["action"] == "note"] == notes
    assert answer.headers["ETag"] == pia.get(path).headers["ETag"]


def test_a_release_with_a_field_that_nobody_knows_is_refused_and_changes_nothing(world: World) -> None:
    pia, path = cleared(world)
    refused = pia.post(f"{path}/release", json={"reason": "on our site"}, headers=pia.etag(path))
    assert refused.status_code == 422
    assert pia.get(path).json()["status"] == "cleared"


@pytest.mark.parametrize(
    ("body", "said"), [(None, None), ({}, None), ({"text": "all answered"}, "all answered")]
)
def test_an_escalation_is_closed_with_or_without_a_word(
    world: World, body: dict[str, str] | None, said: str | None
) -> None:
    pia, path = cleared(world)
    assert pia.post(f"{path}/release", headers=pia.etag(path)).status_code == 200
    answer = pia.post(f"{path}/close", json=body, headers=pia.etag(path))
    assert (answer.status_code, answer.json()["status"]) == (200, "closed")
    [closed] = [one for one in pia.get(path).json()["entries"] if one["action"] == "close"]
    assert closed["text"] == said
