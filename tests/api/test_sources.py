"""Sources over the API and on the page: how one is, a trial that stores nothing, and the form made of its typed settings."""

from __future__ import annotations

import ast
import html
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from api.app import create_app
from api.pages.formatting import Formatter
from api.pages.i18n import Languages
from api.pages.source_fields import PREFIX, fields_of, settings_from, typed_of
from api.routes.sources import post_out
from ingest.kinds import KINDS
from ops.transfer.definitions_file import stored_sections, written
from tests.api.test_page_says import speaks
from tests.api.visits import page, send, signed_in, words
from tests.api.world import STRANGER_ADDRESS, Client, World
from tests.browser.served import SeededApp, seeded_app
from tests.contracts.loopback import INGEST, Loopback, posts
from tests.contracts.loopback import loopback as loopback
from tests.ingest.house import NOON
from tests.ingest.networks import NETWORKS
from tocsin.core.clock import MINUTE
from tocsin.core.errors import NotFound
from tocsin.core.mention import Mention
from tocsin.definitions.models import Person, Role, SourceDef
from tocsin.definitions.repository import find, save
from tocsin.health import gaps
from tocsin.health.reasons import sentence_of
from tocsin.health.rhythm import BUCKETS, Rhythm
from tocsin.intake.handover import note_received
from tocsin.settings import Loaded
from tocsin.store import schema as s


@pytest.fixture
def forum(loopback: Loopback) -> str:
    """The address of a forum's feed with nine posts."""
    world = loopback.begin(NETWORKS["feed"])
    world.posts = posts(9)
    return f"{world.url}/feed"


def admin(world: World) -> Client:
    return Client(
        world.with_settings(ingest=INGEST), world.key(Role.ADMIN).headers, STRANGER_ADDRESS, world.runner
    )


def stored(world: World) -> int:
    with world.scene.store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(s.source_state)).scalar_one())


@pytest.mark.live
def test_a_source_is_tried_before_and_after_it_is_made(world: World, forum: str) -> None:
    client, definition = admin(world), {"name": "forum", "kind": "feed", "url": forum}
    before = client.post("/v1/sources/test", json=definition).json()
    made = client.post("/v1/sources", json=definition).json()
    after = client.post(f"/v1/sources/{made['id']}/test").json()
    assert before == after
    assert [one["id"] for one in after["newest"]] == ["1009", "1008", "1007", "1006", "1005"]
    assert (after["count"], after["error"], stored(world)) == (9, None, 0)
    assert (
        client.post("/v1/sources/test", json={"name": "x", "kind": "file", "path": "/etc/passwd"}).status_code
        == 422
    )
    assert client.post("/v1/sources/test", json={"name": "x", "kind": "fax"}).status_code == 422
    gone = client.post("/v1/sources/test", json=definition | {"url": "http://127.0.0.1:9/"}).json()
    assert "cannot be fetched" in gone["error"]


def test_a_trial_tells_the_language_of_the_words_and_not_the_tag_of_the_network() -> None:
    text = "Telefonum bugün yine bozuldu ve kimse bana cevap vermiyor, çok kötü"
    tried = Mention(source="x", id="1", text=text, created_at=datetime(2026, 3, 1, tzinfo=UTC), lang="en")
    assert post_out(tried)["lang"] == "tr"


def test_a_source_that_others_push_to_shows_what_is_kept_of_it(world: World) -> None:
    client, at = admin(world), world.now - 9 * MINUTE
    shop = client.post("/v1/sources", json={"name": "shop", "kind": "push"}).json()
    nothing = client.post(f"/v1/sources/{shop['id']}/test").json()
    assert (nothing["asked"], nothing["newest"], nothing["count"]) == (False, [], 0)
    for n in range(5):
        world.store_mention(f"m{n}", f"Lumo lekt ({n})", at + n * MINUTE, source="shop")
    world.store_mention("other", "Lumo lekt elders", world.now, source="elsewhere")
    unmatched = {"source": "shop", "id": "s", "text": "Mooi weer", "created_at": at + MINUTE / 2}
    row = {"source": "shop", "id": "s", "created_at": at + MINUTE / 2, "rate": 0.1}
    with world.scene.store.write() as conn:
        kept = msgspec.to_builtins(msgspec.convert(unmatched, Mention))
        world.scene.store.insert_new(conn, s.samples, [row | {"mention": kept}])
        note_received(
            conn, "shop", now=world.now, mentions=[msgspec.convert(unmatched, Mention)] * 7, rejected=2
        )
    tried = client.post(f"/v1/sources/{shop['id']}/test").json()
    assert [one["id"] for one in tried["newest"]] == ["m4", "m3", "m2", "m1", "s"]
    assert (tried["asked"], tried["count"], tried["unreadable"], tried["error"]) == (False, 7, 2, None)
    world.scene.define(Person(name="root", role=Role.ADMIN))
    browser, session = world.session("root")
    path = f"/sources/{shop['id']}"
    shown = browser.post(f"{path}/test", data={"csrf": session.csrf}).text
    assert "Others push to it." in shown
    assert shown.index("Lumo lekt (4)") < shown.index("Mooi weer")


def test_how_a_source_is_says_its_gaps_and_what_its_hosts_take(world: World) -> None:
    client, now = admin(world), world.now
    made = client.post(
        "/v1/sources", json={"name": "forum", "kind": "feed", "url": "https://forum.example/"}
    ).json()
    requests = [{"host": "forum.example", "left": 7, "of": 10, "per_s": 60, "next_at": None}]
    with world.scene.store.write() as conn:
        world.scene.store.put(
            conn,
            s.source_state,
            [
                {
                    "name": "forum",
                    "failures": 0,
                    "received": 3,
                    "rejected": 0,
                    "next_fetch_at": now + 9 * MINUTE,
                }
            ],
        )
        row = {"component": "source:forum", "at": now, "state": "ok", "detail": {"requests": requests}}
        world.scene.store.put(conn, s.health, [row])
        gaps.tell(conn, "forum", [(now - 9 * MINUTE, now - 2 * MINUTE, "the cursor is too old")])
    health = client.get(f"/v1/sources/{made['id']}/health").json()
    assert health["requests"] == requests
    assert datetime.fromisoformat(health["next_fetch_at"]) == now + 9 * MINUTE
    (gap,) = health["gaps"]
    assert (gap["cause"], gap["filled"]) == ("told", 0)
    assert gap["words"].endswith("the cursor is too old")
    assert [one for one in client.get("/v1/status").json()["sources"] if one["name"] == "forum"] == [health]


class Settings(BaseModel):
    url: str = Field(description="Where.")
    pages: int = Field(3, ge=1)
    deep: bool = True
    style: str | None = None
    tags: tuple[str, ...] = ("a", "b")
    places: dict[str, str] = {}


def test_the_form_of_a_kind_is_made_of_its_typed_settings() -> None:
    fields = {one.name: (one.widget, one.value, one.required) for one in fields_of(Settings)}
    assert fields == {
        "url": ("text", "", True),
        "pages": ("number", "3", False),
        "deep": ("checkbox", "1", False),
        "style": ("text", "", False),
        "tags": ("lines", "a\nb", False),
        "places": ("json", "{}", False),
    }
    typed = {"url": "https://x", "pages": "5", "tags": " c \n\nd", "places": '{"a": "b"}', "other": "1"}
    assert settings_from(Settings, {PREFIX + name: text for name, text in typed.items()}) == {
        "url": "https://x",
        "pages": "5",
        "deep": False,
        "tags": ["c", "d"],
        "places": {"a": "b"},
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_form_of_every_kind_can_be_drawn_and_gives_its_defaults_back(kind: str) -> None:
    model, _ = KINDS[kind]
    shown = fields_of(model)
    assert {one.name for one in shown} == set(model.model_fields)
    assert all(one.hint for one in shown), "each setting says what it means"
    optional = {PREFIX + one.name: one.value for one in shown if not one.required}
    given = settings_from(model, optional)
    for name, value in given.items():
        default = model.model_fields[name].get_default(call_default_factory=True)
        assert _as_text(value) == _as_text(default)


def _as_text(value: object) -> object:
    return [str(one) for one in value] if isinstance(value, list | tuple) else str(value)


@pytest.fixture
def night(tmp_path: Path) -> Iterator[SeededApp]:
    with seeded_app(tmp_path) as one:
        settings = one.runtime.settings.model_copy(update={"ingest": INGEST})
        one.runtime.loaded = Loaded(settings, {})
        one.app = create_app(one.runtime)
        yield one


@pytest.mark.parametrize(
    ("kind", "field", "typed", "said"),
    [
        ("github", "repositories", "nonsense", "a repository is written OWNER/NAME"),
        ("discourse", "forums", "no forum", "has blanks or control characters in it"),
        ("bluesky", "instances", "http://x", "must begin with wss:// or ws://"),
        ("discourse", "forums", "exam\u202eple.com", "has blanks or control characters in it"),
        ("lemmy", "instances", "exam\u202eple.com", "has blanks or control characters in it"),
        ("mastodon", "instances", "exam\u202eple.com", "has blanks or control characters in it"),
        ("mastodon", "instances", "\U0001f991", "is no URL: Invalid IDNA hostname"),
        ("discourse", "forums", "https://forum.example/latest?order=views", "no question mark and no #"),
        ("gdelt", "site", "@ada@news.example", "holds a user or password"),
        ("appstore", "site", "https://itunes.apple.com/#top", "no question mark and no #"),
        ("feed", "lang", "Dutch", "is no language; write its code, such as en or pt-BR"),
        ("feed", "network", "fo\u202erum", "take out U+202E"),
        ("feed", "network", "\U0001f991", "is no word: it needs a letter or a digit"),
    ],
)
def test_what_no_source_could_ask_or_show_is_refused_where_it_is_written(
    night: SeededApp, kind: str, field: str, typed: str, said: str
) -> None:
    client = signed_in(night, "p_root")
    token = page(client, f"/sources/new?kind={kind}").split('name="csrf" value="')[1].split('"')[0]
    filled = {"csrf": token, "kind": kind, "name": "one", "s.url": "https://forum.example/feed"}
    status, shown = send(client, "/sources/new", filled | {f"s.{field}": typed})
    assert status == 422 and f'id="fault-s.{field}"' in shown
    fault = html.unescape(shown.split(f'id="fault-s.{field}"')[1].split("</")[0])
    assert (said in fault, "are needed" in fault) == (True, False), (
        "a list whose parts are wrong is not empty"
    )
    assert typed in html.unescape(shown), "what was typed is kept"


@pytest.mark.live
def test_a_source_is_added_on_the_page(night: SeededApp, forum: str) -> None:
    client = signed_in(night, "p_root")
    assert "/sources/new" in page(client, "/")
    assert "/sources/new?kind=feed" in page(client, "/sources/new")
    form = page(client, "/sources/new?kind=feed")
    assert 'name="s.url"' in form
    token = form.split('name="csrf" value="')[1].split('"')[0]
    filled = {"csrf": token, "kind": "feed", "name": "forum", "s.network": "web", "s.url": "nowhere"}
    status, shown = send(client, "/sources/new", filled)
    assert (status, 'id="fault-s.url"' in shown) == (422, True)
    filled["s.url"] = forum
    status, shown = send(client, "/sources/new", filled | {"try": "1"})
    assert (status, "De ketel lekt alweer (9)" in shown) == (200, True)
    status, shown = send(client, "/sources/new", filled)
    assert (status, "Saved." in shown) == (303, True)
    with night.store.read() as conn:
        saved = next(row for row in conn.execute(select(s.definitions)) if row.name == "forum")
    assert saved.definition["url"] == forum
    status, shown = send(client, f"/sources/{saved.id}/test", {"csrf": token})
    assert (status, "De ketel lekt alweer (5)" in shown) == (200, True)
    status, shown = send(client, "/sources/new", filled)
    assert (status, "There is a source of that name already." in shown) == (422, True)


@pytest.mark.live
def test_a_source_is_changed_paused_and_ended_on_the_page(night: SeededApp, forum: str) -> None:
    client = signed_in(night, "p_root")
    given = {"name": "a/b", "kind": "feed", "url": forum, "lang": "nl", "expected_every_minutes": 30}
    with night.store.write() as conn:
        id = save(conn, SourceDef.model_validate(given), now=night.clock.now(), actor="test").id
    assert f"/sources/{id}/edit" in page(client, f"/sources/{id}")
    assert f"/sources/{id}/edit" not in page(signed_in(night), f"/sources/{id}")
    form = page(client, f"/sources/{id}/edit")
    for stands in (f'value="{forum}"', 'name="s.lang" value="nl"', 'value="30"', "checked>Listening"):
        assert stands in form
    token = form.split('name="csrf" value="')[1].split('"')[0]
    version = form.split('name="version" value="')[1].split('"')[0]
    filled = {"csrf": token, "version": version, "s.url": "nowhere", "enabled": "1", "name": "other"}
    status, shown = send(client, f"/sources/{id}", filled)
    assert (status, 'id="fault-s.url"' in shown) == (422, True)
    filled |= {"s.url": forum, "s.interval_s": "600"}
    status, shown = send(client, f"/sources/{id}", filled | {"try": "1"})
    assert (status, "De ketel lekt alweer (9)" in shown) == (200, True)
    status, shown = send(client, f"/sources/{id}", {k: v for k, v in filled.items() if k != "enabled"})
    assert (status, "Saved." in shown) == (303, True)
    status, shown = send(client, f"/sources/{id}", filled | {"s.interval_s": "900"})
    assert status == 409 and 'name="take.interval_s"' in shown and 'name="take.enabled"' in shown
    assert "take.url" not in shown, "it is the same in both"
    # A setting is called as in the form, in the reader's language.
    assert (
        '<th scope="row">Seconds between requests</th>' in shown and '<th scope="row">interval_s' not in shown
    )
    speaks(night, "tr", "p_root")
    history = page(client, f"/sources/{id}/history")
    assert '<th scope="row">İstekler arasındaki saniye</th>' in history and ">interval_s<" not in history
    chosen = {
        "version": "2",
        "read_at": version,
        "take.interval_s": "theirs",
        "take.enabled": "theirs",
    }
    tried = send(client, f"/sources/{id}", filled | chosen | {"s.interval_s": "900", "try": "1"})[1]
    assert f'name="version" value="{version}"' in tried, "the choice is asked for again"
    assert send(client, f"/sources/{id}", filled | chosen | {"s.interval_s": "900"})[0] == 303
    with night.store.read() as conn:
        saved = find(conn, SourceDef, id).value
    assert (saved.name, saved.enabled, saved.settings) == ("a/b", False, {"url": forum, "interval_s": "600"})
    status, _ = send(client, f"/sources/{id}/end", {"csrf": token})
    assert status == 303
    with night.store.read() as conn, pytest.raises(NotFound):
        find(conn, SourceDef, id)


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_the_form_of_a_stored_source_gives_its_settings_back(kind: str) -> None:
    model, _ = KINDS[kind]
    settings = NETWORKS[kind].settings("http://forum.example")
    again = settings_from(model, typed_of(model, settings))
    assert model.model_validate(again) == model.model_validate(settings)


def test_the_page_of_a_source_shows_what_was_not_heard(night: SeededApp) -> None:
    now = night.clock.now()
    with night.store.write() as conn:
        source = SourceDef.model_validate({"name": "a/b", "kind": "feed", "url": "https://forum.example/"})
        saved = save(conn, source, now=now - timedelta(days=1), actor="test")
        gaps.tell(conn, "a/b", [(now - 9 * MINUTE, now - 2 * MINUTE, "the <cursor> is too old")])
    shown = page(signed_in(night), f"/sources/{saved.id}")
    assert "the &lt;cursor&gt; is too old" in shown
    assert "as it comes" not in shown, "it is asked, once its turn is known"
    assert "Next as it comes" in words(page(signed_in(night), "/sources/src_jetstream"))
    off = words(page(signed_in(night), "/sources/src_store-reviews"))
    assert ("off Last event" in off, "Next –" in off) == (True, True)
    assert "no event yet" in shown
    page(signed_in(night), "/sources/none", 404)


def test_the_health_of_a_source_is_whole_on_its_page_in_the_api_and_on_the_card(night: SeededApp) -> None:
    requests = [{"host": "forum.example", "left": 7, "of": 10, "per_s": 60, "next_at": None}]
    taught = Rhythm(logs=(math.log1p(120),) * BUCKETS, days=(9,) * BUCKETS)
    state, health = s.source_state, s.health
    with night.store.write() as conn:
        told = health.update().where(health.c.component == "source:orvane-forum")
        conn.execute(told.values(detail={"requests": requests}))
        learnt = state.update().where(state.c.name == "orvane-forum")
        conn.execute(learnt.values(rhythm=msgspec.to_builtins(taught)))
        gone = "the cursor is too old"
        gaps.tell(conn, "orvane-forum", [(night.clock.now() - 9 * MINUTE, night.clock.now(), gone)])
    client = signed_in(night)
    shown = {
        path: words(page(client, path)) for path in ("/", "/alerts/al_crisis", "/sources/src_orvane-forum")
    }
    assert [
        path for path, one in shown.items() if "forum.example: 7 of 10 requests left in 1 min" not in one
    ] == []
    for path in ("/sources/src_orvane-forum", "/alerts/al_crisis"):
        for said in (
            "Last event",
            "Usual in such an hour",
            "120 expected every 1 hr",
            "HTTP 503 from the feed",
        ):
            assert said in shown[path], (path, said)
        assert "the cursor is too old" in shown[path].partition("What was not heard")[2], path
    told = client.get("/v1/sources/src_orvane-forum/health").json()
    assert (told["expected_every_minutes"], told["expected_per_hour"]) == (60, 120.0)
    assert told["last_error"] == "HTTP 503 from the feed's server"
    assert told["lag_s"] >= 0 <= len(told["last_event_at"])
    assert [one["reason"] for one in told["gaps"]] == ["the cursor is too old"]
    assert told["requests"] == requests


def test_an_answer_that_was_not_as_it_should_be_is_said_of_a_source_that_is_heard(night: SeededApp) -> None:
    with night.store.write() as conn:
        state = s.source_state
        mended = state.update().where(state.c.name == "orvane-forum")
        now = night.clock.now()
        conn.execute(mended.values(failures=0, last_error="broken XML: line 3", last_event_at=now))
    client = signed_in(night)
    assert client.get("/v1/sources/src_orvane-forum/health").json()["last_error"] == "broken XML: line 3"
    for path in ("/", "/alerts/al_crisis", "/sources/src_orvane-forum"):
        assert "broken XML: line 3" in words(page(client, path)), path


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("the cursor is too old: Wikimedia keeps 7 days",
         "de plaats waar we waren is te oud: Wikimedia bewaart 7 dagen"),
        ("forum.example answered 503 Service Unavailable", "forum.example antwoordde 503 Service Unavailable"),
        ("a.example answered 404 Not Found: there is nothing at the address of this source, at least for now",
         "a.example antwoordde 404 Not Found: op het adres van deze bron is niets, althans nu niet"),
        ("fails for 9 min: X answered 403: <b>no</b>", "faalt al 9 min: X antwoordde 403: &lt;b&gt;no&lt;/b&gt;"),
        ("the feed cannot be fetched: its certificate does not hold: certificate has expired",
         "the feed kan niet worden opgehaald: zijn certificaat klopt niet: certificate has expired"),
        ("the answer is no RSS or Atom feed but a web page; the page names /rss as its feed",
         "het antwoord is geen RSS- of Atom-feed maar een webpagina; de pagina noemt /rss als haar feed"),
        ("older than 90 days and so left out: 3 of 12 posts",
         "ouder dan 90 dagen en dus weggelaten: 3 van 12 berichten"),
        ("because <i>", '<span lang="en">because &lt;i&gt;</span>'),
    ],
)  # fmt: skip
def test_a_reason_is_said_in_the_readers_language(reason: str, said: str) -> None:
    fmt = Formatter(Languages()["nl"], ZoneInfo("UTC"), NOON)
    assert fmt.reason(reason) == said
    assert sentence_of(reason) in (reason, None)


def test_what_a_setting_means_is_said_in_the_readers_language_and_a_plugins_words_stay() -> None:
    fmt = Formatter(Languages()["ro"], ZoneInfo("UTC"), NOON)
    assert fmt.hint("How often to ask.") == "Cât de des se întreabă."
    assert fmt.hint("How many <frogs>.") == '<span lang="en">How many &lt;frogs&gt;.</span>'


@pytest.mark.slow("asks for many answers")
def test_every_gap_that_a_source_tells_has_a_pattern() -> None:
    """The text of each `Gap` in the connectors, with something in its places."""
    told = set[str]()
    for path in (Path(__file__).parents[2] / "ingest").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_gap = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Gap"
            if is_gap and isinstance(node.args[2], ast.Constant | ast.JoinedStr):
                told.add(_text(node.args[2]))
    assert len(told) > 8
    assert {one for one in told if sentence_of(one) is None} == set()


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(one) for one in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "7"


@pytest.mark.live
def test_a_typed_token_goes_to_its_network_and_to_no_page_and_stays_with_its_settings(
    night: SeededApp, loopback: Loopback
) -> None:
    world, secret = loopback.begin(NETWORKS["mastodon"]), "tok-en-of-ours"
    world.posts = posts(2)
    folder = night.runtime.settings.data / "secrets"
    client = signed_in(night, "p_root")
    form = page(client, "/sources/new?kind=mastodon")
    assert '<input type="password" id="s.token"' in form
    token = form.split('name="csrf" value="')[1].split('"')[0]
    filled = {"csrf": token, "kind": "mastodon", "name": "toots", "s.instances": world.url, "s.public": "1"}
    status, shown = send(client, "/sources/new", filled | {"s.token": secret, "try": "1"})
    assert status == 200 and secret not in shown and not list(folder.glob("*")), "a trial leaves nothing"
    assert f"Bearer {secret}" in {request.headers.get("authorization") for request in world.requests}
    assert send(client, "/sources/new", filled | {"s.token": secret, "s.instances": "no address"})[0] == 422
    assert not list(folder.glob("*"))
    assert send(client, "/sources/new", filled | {"s.token": secret})[0] == 303
    (file,) = folder.glob("*")
    assert file.read_text("utf-8") == secret and file.stat().st_mode & 0o777 == 0o600

    def stored() -> dict[str, Any]:
        with night.store.read() as conn:
            rows = conn.execute(select(s.definitions)).all()
        assert secret not in str(rows)
        return dict(next(row for row in rows if row.name == "toots").definition)

    assert stored()["token"] == f"file:{file}"
    with night.store.read() as conn:
        id = find(conn, SourceDef, "toots").id
    form = page(client, f"/sources/{id}/edit")
    assert secret not in form and str(file) not in form and "shown to nobody" in form
    again = filled | {"version": "1", "enabled": "1", "s.token": ""}
    assert send(client, f"/sources/{id}", again)[0] == 303 and stored()["token"] == f"file:{file}"
    status, shown = send(client, f"/sources/{id}", again | {"s.instances": "https://elsewhere.example"})
    assert status == 422 and "do not get the secret that is stored" in shown, "it is sent nowhere else"
    named = {"s.instances": "https://elsewhere.example", "s.token": f"file:{file}"}
    assert send(client, f"/sources/{id}", again | named)[0] == 422, "nor by its name"
    assert send(client, f"/sources/{id}", again | {"forget.token": "1"})[0] == 303
    assert "token" not in stored()

    # The API takes a secret in the definition's own place, and keeps it in the same room.
    def asked(method: str, path: str, body: dict[str, Any], **headers: str) -> tuple[int, Any]:
        answer = client.send(method, path, body, token, **headers)
        assert secret not in answer.text and "key-of-ours" not in answer.text
        return answer.status_code, answer.json()

    given = {"name": "more toots", "kind": "mastodon", "instances": [world.url], "public": True}
    status, tried = asked("POST", "/v1/sources/test", given | {"token": secret})
    assert (status, tried["count"]) == (200, 2) and list(folder.glob("*")) == [file]
    assert asked("POST", "/v1/sources", given | {"token": "two\nlines"})[0] == 422
    beside = given | {"token": "env:TOCSIN_API__PORT"}
    assert asked("POST", "/v1/sources", beside)[0] == 422 and list(folder.glob("*")) == [file]
    once = {"idempotency-key": "k1"}
    status, made = asked("POST", "/v1/sources", given | {"token": secret}, **once)
    assert (status, asked("POST", "/v1/sources", given | {"token": secret}, **once)[1]) == (201, made)
    (mine,) = set(folder.glob("*")) - {file}
    assert made["token"] == f"file:{mine}" and mine.read_text("utf-8") == secret, "a repeat leaves no file"
    assert asked("POST", "/v1/sources", given | {"token": secret})[0] == 409
    at, any_ = f"/v1/sources/{made['id']}", {"if-match": "*"}
    assert asked("PUT", at, made | {"expected_every_minutes": 60}, **any_)[0] == 200, "it stays"
    assert asked("PUT", at, made | {"instances": ["https://elsewhere.example"]}, **any_)[0] == 422
    status, changed = asked("PUT", at, given | {"token": "key-of-ours"}, **any_)
    other = Path(changed["token"].removeprefix("file:"))
    assert status == 200 and other.read_text("utf-8") == "key-of-ours" and other.parent == folder
    assert set(folder.glob("*")) == {file, mine, other}
    with night.store.read() as conn:
        assert "key-of-ours" not in str(conn.execute(select(s.audit)).all())
        assert "key-of-ours" not in written(stored_sections(conn)), "tocsin apply --export"
