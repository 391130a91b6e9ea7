"""A setting of a source that means nothing is refused by the page and by the API, in the same words as in a file."""

from __future__ import annotations

import html
from collections.abc import Mapping

import pytest

from tests.api.visits import night as night
from tests.api.visits import page, send, signed_in
from tests.api.world import STRANGER_ADDRESS, Client, World
from tests.browser.served import SeededApp
from tests.contracts.loopback import INGEST
from tocsin.definitions.models import Role

CASES = (
    ("stackexchange", "tagged", ";;", "no tag is named: write them like python;pandas"),
    ("mastodon", "hashtags", "\u202elumo", "take out what cannot be seen: U+202E"),
    ("gdelt", "query", "?!;", "looks for nothing: a search needs a word"),
    ("github", "site", "https://<b>", "names no host"),
)
WHOLE: Mapping[str, Mapping[str, object]] = {"github": {"repositories": ["lumo/lamp"]}}


@pytest.mark.parametrize(("kind", "name", "typed", "says"), CASES)
def test_the_form_says_it_beside_the_field(
    night: SeededApp, kind: str, name: str, typed: str, says: str
) -> None:
    client = signed_in(night, "p_root")
    token = page(client, f"/sources/new?kind={kind}").split('name="csrf" value="')[1].split('"')[0]
    status, shown = send(
        client, "/sources/new", {"csrf": token, "kind": kind, "name": "one", f"s.{name}": typed}
    )
    assert status == 422 and f'id="fault-s.{name}"' in shown
    assert says in html.unescape(shown.split(f'id="fault-s.{name}"')[1].split("</")[0])


@pytest.mark.parametrize(
    ("kind", "name", "typed", "says"), [*CASES, ("imap", "interval_s", True, "a whole number is needed")]
)
def test_the_api_names_the_setting(world: World, kind: str, name: str, typed: object, says: str) -> None:
    client = Client(
        world.with_settings(ingest=INGEST), world.key(Role.ADMIN).headers, STRANGER_ADDRESS, world.runner
    )
    given = [typed] if name == "hashtags" else typed
    answer = client.post(
        "/v1/sources", json={"name": "one", "kind": kind, **WHOLE.get(kind, {}), name: given}
    )
    assert answer.status_code == 422
    assert name in answer.text and says in answer.json()["detail"]
