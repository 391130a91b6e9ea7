"""Authentication and permissions: who may come in, and what they may do."""

from __future__ import annotations

import errno
import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from api.auth.cookies import COOKIE, SECURE_COOKIE, set_cookie
from api.auth.guard import (
    Guard,
    allows,
    from_loopback,
    install_guard,
    methods_of,
)
from api.auth.limits import RateLimiter
from api.auth.principal import Principal
from api.auth.rules import RULES, SCOPES
from api.auth.sessions import sign_out
from tests.api.world import HERE, Client, World
from tocsin.access.links import (
    LinkRefused,
    find_action_link,
    find_signin_link,
    make_action_link,
    make_signin_link,
    spend_action_link,
    spend_signin_link,
)
from tocsin.definitions.models import Person, Role
from tocsin.health import disk
from tocsin.settings import Api
from tocsin.store import schema as s


def walk(world: World) -> list[tuple[str, str]]:
    """Every (method, template) that the app serves."""
    found = []
    for route in world.app.router.routes:
        assert isinstance(route, Route | Mount)
        found += [(method, route.path) for method in methods_of(route)]
    return found


def concrete(template: str) -> str:
    """A path of this template. The object that it names does not exist."""
    return re.sub(r"{[^}]+}", "no-such-thing-as-this-one", template)


def test_every_route_has_a_rule_and_every_rule_a_route(world: World) -> None:
    assert sorted(walk(world)) == sorted(RULES)


def test_every_route_stands_behind_the_guard(world: World) -> None:
    assert all(
        isinstance(route.app, Guard) for route in world.app.router.routes if isinstance(route, Route | Mount)
    )


@pytest.mark.slow("asks for many answers")
def test_every_route_refuses_a_stranger_unless_it_is_open(world: World) -> None:
    for method, path in walk(world):
        answer = world.stranger.request(method, concrete(path))
        if RULES[method, path].anonymous == "allowed":
            assert answer.status_code != 401 or "hook" in path, (method, path)
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.slow("asks for every route")
@pytest.mark.parametrize("role", list(Role))
def test_every_role_gets_what_it_may_and_no_more(world: World, role: Role) -> None:
    client = world.key(role)
    for method, path in walk(world):
        if path == "/v1/events":
            # This answer does not end; tests/api/test_events.py tests it.
            continue
        answer = client.request(method, concrete(path))
        rule = RULES[method, path]
        if rule.anonymous == "allowed" or role in rule.roles:
            refused = answer.status_code == 403 and b"the role" in answer.content
            assert not refused and (answer.status_code != 401 or "hook" in path), (method, path, answer.text)
        else:
            assert answer.status_code == 403, (method, path, answer.status_code)
            assert role.value in answer.json()["detail"]


def test_a_key_with_scopes_passes_where_its_scope_is_asked_for(world: World) -> None:
    for scope in SCOPES:
        key = Principal("key", "k", "k", Role.ADMIN, frozenset({scope}))
        for rule in RULES.values():
            assert allows(rule, key) == (rule.anonymous == "allowed" or rule.scope == scope)
    pusher = world.key(Role.ADMIN, "push")
    assert pusher.get("/v1/alerts").json()["detail"] == "this key lacks the scope 'read'"
    assert pusher.post("/v1/mentions", content="[]").status_code == 202


def test_two_apps_in_one_process_share_no_guard(world: World) -> None:
    other = world.with_settings()
    for route in (*world.app.router.routes, *other.router.routes):
        assert isinstance(route, Route | Mount)
        assert isinstance(route.app, Guard)
        assert not isinstance(route.app.app, Guard)


def test_a_new_route_without_a_rule_is_refused_to_everybody(world: World) -> None:
    def secret(_request: Request) -> Response:
        return PlainTextResponse("secret")

    route = Route("/v1/new", secret)
    world.app.router.routes.append(route)
    assert isinstance(route.app, Guard) is False
    route.app = Guard(route.app, {})
    answer = world.key(Role.ADMIN).get("/v1/new")
    assert answer.status_code == 403
    assert "has no rule" in answer.json()["detail"]


def test_standing_before_an_app_leaves_no_route_open(world: World) -> None:
    world.app.router.routes[:] = [Route("/v1/new", lambda _request: PlainTextResponse("secret"))]
    install_guard(world.app)
    assert world.stranger.get("/v1/new").status_code == 403


# -- keys -----------------------------------------------------------------------------------------------------------


def test_a_revoked_key_an_unknown_one_and_a_wrong_scheme_are_strangers(world: World) -> None:
    client = world.key(Role.VIEWER)
    assert client.get("/v1/me").json()["role"] == "viewer"
    with world.scene.write() as conn:
        conn.execute(update(s.api_keys).values(revoked_at=world.now))
    assert client.get("/v1/me").status_code == 401
    for authorization in ("Bearer tcs_unknown", "Bearer", "Basic dXNlcjpwYXNz", "Bearer " + "x" * 5000):
        assert world.stranger.get("/v1/me", headers={"Authorization": authorization}).status_code == 401


def test_keys_are_hashed_at_rest(world: World) -> None:
    token = world.key(Role.VIEWER).headers["Authorization"].removeprefix("Bearer ")
    assert token.startswith("tcs_")
    with world.scene.store.read() as conn:
        row = conn.execute(select(s.api_keys)).one()
    assert token not in str(dict(row._mapping))
    assert len(row.token_hash) == 64


# -- sessions -----------------------------------------------------------------------------------------------------------


def test_a_session_reads_without_and_writes_only_with_its_csrf_token(world: World) -> None:
    world.scene.over()
    alert = world.scene.alert()
    browser, session = world.session("ada")
    assert browser.get("/v1/me").json()["name"] == "ada"
    path = f"/v1/alerts/{alert.id}/acknowledge"
    assert browser.post(path).status_code == 403
    assert browser.post(path, headers={"X-CSRF-Token": "guess"}).status_code == 403
    assert world.scene.alert().status == "firing"
    assert browser.post(path, headers={"X-CSRF-Token": session.csrf}).status_code == 200
    assert world.scene.alert().acknowledged_by == "ada"


def test_the_csrf_token_of_another_session_does_not_count(world: World) -> None:
    browser, _ = world.session("ada")
    _, other = world.session("ben")
    assert browser.post("/v1/monitors/preview", headers={"X-CSRF-Token": other.csrf}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_what_another_site_makes_a_browser_send_is_refused(world: World, headers: dict[str, str]) -> None:
    browser, session = world.session("ada")
    for name in ("Origin", "Sec-Fetch-Site"):
        browser.headers.pop(name)
    answer = browser.post("/v1/monitors/preview", headers={"X-CSRF-Token": session.csrf, **headers})
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:tocsin:problem:other-origin"


def test_the_public_address_is_our_own_origin_also_behind_a_proxy(world: World) -> None:
    browser, session = world.session("ada")
    app = world.with_settings(api=Api(public_url="https://tocsin.example"))
    headers = {**browser.headers, "X-CSRF-Token": session.csrf, "Origin": "https://tocsin.example"}
    proxied = Client(app, headers, HERE, world.runner)
    assert proxied.post("/v1/monitors/preview", json={"query": "lumo"}).status_code == 200
    proxied.headers["Origin"] = "http://tocsin.example"
    assert proxied.post("/v1/monitors/preview", json={"query": "lumo"}).status_code == 403


def test_a_notices_link_works_for_who_is_signed_in_too_but_not_from_another_site(world: World) -> None:
    world.scene.over()
    browser, _ = world.session("ben")
    with world.scene.write() as conn:
        token = make_action_link(
            conn,
            alert_id=world.scene.alert().id,
            person_id=person(world, "ada"),
            action="acknowledge",
            now=world.now,
        )
    assert browser.post(f"/links/{token}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert world.scene.alert().status == "firing"
    assert browser.post(f"/links/{token}").status_code == 200
    assert world.scene.alert().acknowledged_by == "ada"


def test_a_session_ends_by_time_by_signing_out_and_with_its_person(world: World) -> None:
    browser, session = world.session("ada", hours=1)
    other, _ = world.session("ada", hours=9)
    ben, _ = world.session("ben", hours=9)
    with world.scene.write() as conn:
        sign_out(conn, session.token, world.now)
    assert browser.get("/v1/me").status_code == 401
    assert other.get("/v1/me").status_code == 200
    world.scene.define(Person(name="ben", role=Role.COMMUNITY_MANAGER, active=False))
    assert ben.get("/v1/me").status_code == 401
    world.scene.clock.advance(timedelta(hours=9))
    assert other.get("/v1/me").status_code == 401


def test_a_change_of_role_counts_from_the_next_request(world: World) -> None:
    browser, session = world.session("ada")
    world.scene.define(Person(name="ada", role=Role.VIEWER))
    answer = browser.post("/v1/monitors/preview", json={}, headers={"X-CSRF-Token": session.csrf})
    assert answer.status_code == 403


def test_the_session_cookie_is_locked_to_the_host_over_https(world: World) -> None:
    _, session = world.session("ada")

    def given(scheme: str, host: str, settings: Api) -> str:
        scope = {
            "type": "http",
            "scheme": scheme,
            "path": "/",
            "query_string": b"",
            "headers": [(b"host", host.encode())],
        }
        response = Response()
        set_cookie(response, Request({**scope, "server": (host, 443)}), session, settings, world.now)
        return response.headers["set-cookie"]

    plain = given("http", "127.0.0.1:8085", Api())
    assert plain.startswith(f"{COOKIE}={session.token};")
    assert "HttpOnly" in plain and "SameSite=lax" in plain and "Secure" not in plain
    public = Api(public_url="https://tocsin.example")
    for cookie in (given("https", "tocsin.example", Api()), given("http", "tocsin.example", public)):
        assert cookie.startswith(f"{SECURE_COOKIE}={session.token};")
        assert "Secure" in cookie and "Path=/" in cookie and "Domain" not in cookie


@pytest.mark.parametrize(
    "foreign",
    [
        'prefs={"a":1}',
        "x[y]=1",
        "path=/x",
        "Größe=1",
        "=",
        "a",
        'open="x',
        f"long={'x' * 9000}",
        f"not_{COOKIE}=x",
        "$Version=1",
    ],
)
def test_another_applications_cookies_sign_nobody_out(world: World, foreign: str) -> None:
    browser, session = world.session("ada")
    ours = f"{COOKIE}={session.token}"
    for cookies in (f"{foreign}; {ours}", f"{ours}; {foreign}", f"{foreign};{ours};{foreign}"):
        answer = browser.get("/v1/me", headers={"Cookie": cookies.encode()})
        assert (answer.status_code, answer.json().get("name")) == (200, "ada"), cookies[:40]
    assert browser.get("/v1/me", headers={"Cookie": foreign.encode()}).status_code == 401


# -- links ----------------------------------------------------------------------------------------------------------------


def test_a_sign_in_link_works_once_within_fifteen_minutes(world: World) -> None:
    ada = person(world, "ada")
    with world.scene.write() as conn:
        token = make_signin_link(conn, ada, world.now)
        assert find_signin_link(conn, token, world.now) == ada
        assert spend_signin_link(conn, token, world.now) == ada
        with pytest.raises(LinkRefused, match="used already"):
            spend_signin_link(conn, token, world.now)
        late = make_signin_link(conn, ada, world.now)
        with pytest.raises(LinkRefused, match="expired"):
            spend_signin_link(conn, late, world.now + timedelta(minutes=15))
        assert token not in str(conn.execute(select(s.signin_links)).all())


def test_a_notices_link_is_bound_to_alert_person_and_action_and_spent_once(world: World) -> None:
    with world.scene.write() as conn:
        token = make_action_link(conn, alert_id="al_1", person_id="p_1", action="acknowledge", now=world.now)
        for _ in range(3):
            assert find_action_link(conn, token).usable(world.now)
        spent = spend_action_link(conn, token, world.now)
        assert (spent.alert_id, spent.person_id, spent.action) == ("al_1", "p_1", "acknowledge")
        assert not find_action_link(conn, token).usable(world.now)
        with pytest.raises(LinkRefused, match="used already"):
            spend_action_link(conn, token, world.now)
        other = make_action_link(conn, alert_id="al_1", person_id="p_1", action="acknowledge", now=world.now)
        with pytest.raises(LinkRefused, match="expired"):
            spend_action_link(conn, other, world.now + timedelta(days=4))


def person(world: World, name: str) -> str:
    d = s.definitions
    with world.scene.store.read() as conn:
        return str(conn.execute(select(d.c.id).where(d.c.kind == "person", d.c.name == name)).scalar_one())


# -- what stands before every route ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "elsewhere.example",
        "127.0.0.1.elsewhere.example",
        "",
        "localhost:80@evil.example",
        "evil.example@localhost",
        "[::1].evil.example",
        "localhost:80:80",
        "localhost/evil.example",
    ],
)
def test_a_name_that_is_not_ours_is_misdirected(world: World, host: str) -> None:
    assert world.stranger.get("/healthz", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8085", "127.0.0.1:1", "[::1]:8085"])
def test_loopback_names_are_ours(world: World, host: str) -> None:
    assert world.stranger.get("/healthz", headers={"Host": host}).status_code == 200


def test_public_url_and_allowed_hosts_are_ours(world: World) -> None:
    api = Api(public_url="https://tocsin.example/", allowed_hosts=("tocsin.lan",), host="192.0.2.7")
    client = Client(world.with_settings(api=api), {}, HERE, world.runner)
    for host in ("tocsin.example", "tocsin.lan:8085", "192.0.2.7:8085"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200
    assert client.get("/healthz", headers={"Host": "tocsin.example.evil"}).status_code == 421


def test_every_answer_carries_the_policy_of_a_closed_page(world: World) -> None:
    for path in ("/healthz", "/nothing", "/v1/me"):
        headers = world.stranger.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert len(headers["x-request-id"]) == 32


def test_metrics_need_a_key_unless_one_asks_from_this_very_machine(world: World) -> None:
    assert world.stranger.get("/metrics").status_code == 401
    here = Client(world.app, {}, HERE, world.runner)
    assert here.get("/metrics").status_code == 200
    assert here.get("/metrics", headers={"X-Forwarded-For": "198.51.100.1"}).status_code == 401
    assert world.key(Role.VIEWER, "metrics").get("/metrics").status_code == 200
    assert world.key(Role.VIEWER, "read").get("/metrics").status_code == 403


def test_who_sits_on_this_machine_is_told_by_the_address_alone() -> None:
    def asking(client: tuple[str, int] | None) -> bool:
        return from_loopback(Request({"type": "http", "headers": [], "client": client}))

    assert asking(("127.0.0.1", 1)) and asking(("::1", 1))
    assert not asking(("192.0.2.1", 1)) and not asking(("localhost", 1)) and not asking(None)


def test_readyz_says_why_only_to_who_is_known(world: World) -> None:
    assert world.stranger.get("/readyz").json() == {"status": "ready"}
    assert world.key(Role.VIEWER).get("/readyz").json()["checks"]["store"] == "ok"


# -- not too often -----------------------------------------------------------------------------------------------------------


def test_too_many_requests_are_429_with_retry_after_and_each_key_has_its_own(world: World) -> None:
    app = world.with_settings(api=Api(requests_per_minute=3))
    one, two = world.key(Role.VIEWER), world.key(Role.VIEWER)
    first, second = (Client(app, key.headers, HERE, world.runner) for key in (one, two))
    assert [first.get("/v1/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = first.get("/v1/me")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["content-type"] == "application/problem+json"
    assert second.get("/v1/me").status_code == 200


def test_strangers_who_knock_too_often_hear_429_not_401(world: World) -> None:
    stranger = Client(world.with_settings(api=Api(requests_per_minute=2)), {}, HERE, world.runner)
    assert [stranger.get("/v1/me").status_code for _ in range(3)] == [401, 401, 429]


def test_a_bucket_fills_again_with_time_and_memory_stays_bounded() -> None:
    time = [0.0]
    limiter = RateLimiter(60, lambda: time[0], most=10)
    assert [limiter.wait_for("a") for _ in range(61)][-2:] == [0, 1]
    time[0] += 1.0
    assert [limiter.wait_for("a"), limiter.wait_for("a")] == [0, 1]
    for index in range(1000):
        limiter.wait_for(f"stranger {index}")
    assert len(limiter._buckets) == 10


def test_each_open_door_has_a_rate_of_its_own(world: World) -> None:
    """Health, signing in and webhooks answer an address that has used up its requests elsewhere."""
    stranger = Client(world.with_settings(api=Api(requests_per_minute=2)), {}, HERE, world.runner)
    assert [stranger.get("/v1/me").status_code for _ in range(3)] == [401, 401, 429]
    for path in ("/healthz", "/readyz", "/signin"):
        assert [stranger.get(path).status_code for _ in range(3)] == [200, 200, 429], path
    assert [stranger.post("/v1/mentions/hook/x").status_code for _ in range(3)] == [401, 401, 429]


def test_no_person_is_called_as_a_key_or_the_engine_is(world: World) -> None:
    admin = world.key(Role.ADMIN)
    for name in ("key k-admin", "Key 1", "engine"):
        refused = admin.post("/v1/people", json={"name": name})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "name")
        assert "choose another" in refused.json()["errors"][0]["message"]
    assert admin.post("/v1/people", json={"name": "Keyes"}).status_code == 201


def test_readyz_says_so_while_the_disk_is_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LEAST_FREE_BYTES", 2**62)
    assert world.stranger.get("/readyz").status_code == 503
    told = world.key(Role.VIEWER).get("/readyz")
    assert (told.status_code, "make room" in told.json()["checks"]["disk"]) == (503, True)
    assert "checks" not in world.key(Role.ADMIN, "push").get("/readyz").json()
    said = world.key(Role.VIEWER).get("/v1/status").json()
    assert said["mode"] != "ok" and any("make room" in why for why in said["why"])
    assert "there is hardly any room left" in world.key(Role.VIEWER).get("/").text


def test_a_full_disk_is_blind_as_one_that_became_read_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was called reduced, with a store that can be written."""
    monkeypatch.setattr(disk, "_refused", lambda _folder: OSError(errno.ENOSPC, "No space left on device"))
    assert world.stranger.get("/readyz").status_code == 503
    said = world.key(Role.VIEWER).get("/v1/status").json()
    told = [why for why in said["why"] if "No space left on device" in why]
    assert said["mode"] == "blind" and len(told) == 1 and "make room" in told[0]
    assert "nothing can be written: the disk is full" in world.key(Role.VIEWER).get("/").text
