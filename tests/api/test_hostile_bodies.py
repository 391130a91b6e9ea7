"""Hostile values in every field of every body, on both engines: a 4xx with a reason, never a 5xx, never a row that breaks a list.

On PostgreSQL every run tries a good body and a third of the hostile ones on each route; `make chaos` tries them all.
The routes and their fields come from the OpenAPI description: a new one without a body in `BODIES` fails the walk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import insert

from alerts.outbox.hold import hold
from api import backtests
from api.auth.rules import PAGES
from tests.alerts.peers import SmtpPeer, smtp_peer
from tests.alerts.scene import write_signal
from tests.api.test_backtests import RESULT
from tests.api.test_dead_letters import keep
from tests.api.test_push import SECRET, signed
from tests.api.test_resources import KINDS, MONITOR
from tests.api.world import BASE, Client, World
from tests.contracts.examples import drawn
from tests.hostile import SHAPES, changed
from tests.stores import on_both_stores  # noqa: F401  # every test here runs on both engines
from tocsin.definitions.models import Monitor, Person, Role, SourceDef
from tocsin.definitions.repository import find, save
from tocsin.settings import Ingest
from tocsin.store import schema as s

Body = Mapping[str, Any]

TOPS: Final = (None, [], float("nan"))
IDS: Final = ("%00", "%ED%A0%80", "x" * 300)

PUSHED: Final[Body] = {
    "source": "forum", "id": "p", "text": "Lumo is down", "title": "Lumo", "network": "forum", "lang": "en", "country": "NL",
    "created_at": "2031-03-05T09:00:00Z", "edited_at": "2031-03-05T09:30:00Z", "url": "https://forum.example/p",
    "author": {"id": "z", "name": "Zed", "handle": "zed", "followers": 5, "verified": True},
    "in_reply_to": "a", "repost_of": "b", "thread": "t", "engagement": {"likes": 1, "reposts": 2, "replies": 3, "views": 4},
    "links": ["https://x.example"], "hashtags": ["lumo"], "media": ["https://x.example/a"], "truncated": False, "mood": "dire",
}  # fmt: skip

DEFINED: Final[Mapping[str, Body]] = {
    "monitors": MONITOR
    | {
        "languages": ["tr"], "countries": ["TR"], "policy": "default", "false_alerts_per_week": 1, "influential_followers": 900,
        "tier1": ["news.example"], "own_accounts": ["velora"], "rivals": ["Brisk"], "neutral_words": ["sick"], "enabled": True,
    },
    "silences": KINDS["silences"] | {"monitor": "Lumo"},
    "expected-events": KINDS["expected-events"] | {"monitor": "Lumo", "note": "a fair"},
    "sources": KINDS["sources"] | {"enabled": True, "expected_every_minutes": 60},
    "policies": KINDS["policies"]
    | {"teams": {"pr": ["person:pia"]}, "acknowledge_expires_minutes": 60, "night_rings_from": 2, "heads_up": ["person:ben"]},
    "people": KINDS["people"]
    | {
        "email": "zed@example.org", "timezone": "UTC", "language": "en", "quiet_hours": ["22:00", "07:00"], "active": True,
        "channels": [{"kind": "email", "to": "zed@example.org"}],
    },
    "schedules": KINDS["schedules"]
    | {
        "turn_hours": 24,
        "timezone": "Europe/Amsterdam",
        "overrides": [{"person": "ada", "starts_at": "2031-03-05T00:00:00Z", "ends_at": "2031-03-06T00:00:00Z"}],
    },
}  # fmt: skip
"""A good body with every field of each kind of definition."""

BODIES: Final[Mapping[str, tuple[Body, ...]]] = {
    "/v1/mentions": (PUSHED,),
    "/v1/mentions/hook/{source}": (PUSHED,),
    "/v1/monitors/preview": ({"query": "lumo", "languages": ["en"], "hours": 24},),
    "/v1/monitors/preview/networks": ({"query": "lumo", "languages": ["en"]},),
    "/v1/monitors/{id}/normal/undo": ({"seq": None},),
    "/v1/alerts/{id}/snooze": ({"minutes": 30}, {"until": "2031-03-05T12:00:00Z"}),
    "/v1/alerts/{id}/dismiss": ({"reason": "noise", "note": "a test"},),
    "/v1/alerts/{id}/merge": ({"into": "ANOTHER"},),
    "/v1/alerts/{id}/escalate": ({"team": "both", "reason": "burns"},),
    "/v1/alerts/{id}/resolve": ({"reason": "over", "verdict": "real"},),
    "/v1/alerts/{id}/reopen": ({"reason": "not over"},),
    "/v1/alerts/{id}/severity": ({"severity": 2, "reason": "a minister"},),
    "/v1/alerts/{id}/note": ({"text": "called the shop"},),
    "/v1/alerts/{id}/verdict": ({"verdict": "noise"},),
    "/v1/monitors/{id}/corrections": ({"source": "forum", "id": "m1", "label": "positive", "seen": "neutral"},),
    "/v1/monitors/{id}/corrections/use": ({"version": 0},),
    "/v1/backtests/{id}/decide": ({"decision": "refused"},),
    "/v1/imports": (
        {
            "file": "uploaded-a.csv", "kind": "check", "teach": False,
            "mapping": {
                "source": "old", "columns": {"id": "n", "text": "t", "created_at": "d"}, "encoding": "utf-8",
                "dates": "iso", "zone": "UTC", "network": "forum", "lang": "en",
            },
        },
    ),
    "/v1/imports/look": ({"file": "uploaded-a.csv", "encoding": "utf-8"},),
    "/v1/erasures/preview": ({"what": "author", "value": "z", "network": "forum"},),
    "/v1/erasures": ({"what": "author", "value": "author of m1", "network": "forum", "typed": True, "posts": 1},),
    "/v1/escalations/{id}/reassign": ({"to": "pia"},),
    "/v1/escalations/{id}/assess": ({"text": "one batch"},),
    "/v1/escalations/{id}/decide": ({"team": "pr", "decision": "clear", "reason": "fine"},),
    "/v1/escalations/{id}/ask": ({"of": "ada", "text": "since when?"},),
    "/v1/escalations/{id}/release": ({"text": "on our site"},),
    "/v1/escalations/{id}/close": ({"text": "done"},),
    "/v1/escalations/{id}/withdraw": ({"text": "a mistake"},),
    "/v1/escalations/{id}/note": ({"text": "counsel waits", "privileged": False},),
    "/v1/sources/test": (DEFINED["sources"],),
    "/v1/dead-letters/{id}/replay": ({"mention": PUSHED},),
    "/v1/outbox/release": ({"discard": False},),
    "/v1/reach": ({"public_url": BASE},),
    "/v1/mail": (
        {
            "host": "127.0.0.1", "port": "MAIL PORT", "security": "none", "username": "", "password": None,
            "sender": "Tocsin <pager@example.org>", "to": "root@example.org",
        },
    ),
    "/v1/people/{id}/channels/{key}/prove": ({"code": "123456"},),
    **{f"/v1/{kind}": (body,) for kind, body in DEFINED.items()},
    **{f"/v1/{kind}/{{id}}": (body,) for kind, body in DEFINED.items()},
    **{f"/v1/{kind}/{{id}}/restore": ({"version": 1},) for kind in DEFINED},
}  # fmt: skip
"""By route: good bodies that name every field between them."""

CARRIED: Final[Mapping[str, tuple[tuple[str, Body], ...]]] = {
    "decide": (("claim", {}), ("review", {})),
    "release": (("claim", {}), ("review", {}), ("decide", {"team": "pr", "decision": "clear", "reason": "fine"})),
    "close": (
        ("claim", {}), ("review", {}), ("decide", {"team": "pr", "decision": "clear", "reason": "fine"}), ("release", {}),
    ),
}  # fmt: skip
"""What an escalation has been through before this can be done to it."""


NO_LISTS: Final = ("/v1/events", "/metrics")
"""One has no end, and the other is no JSON."""

FIRST: Final = 30

NO_PAGES: Final = ("/static", "/imports/new")
"""They want the name of a file."""


class Walk:
    """A world in which everything that a route is about exists, and is there again once it was used up."""

    def __init__(self, world: World, post_office: SmtpPeer) -> None:
        self.world, self.count, self.asked = world, 0, 0
        self.post_office = post_office
        world.app = world.with_settings(ingest=Ingest(allowed_private_networks=("127.0.0.0/8",)))
        self._fresh: dict[str, str] = {}
        self._alerts: list[str] = []
        # Networks are asked in tests of their own.
        world.app.state.tocsin.look_at = ()
        self.admin, self.other = world.key(Role.ADMIN), world.key(Role.ADMIN)
        world.store_mention("m1", "Lumo is down", world.now, "negative")
        (world.runtime.settings.data / "secret").write_text(SECRET)
        secret = f"file:{world.runtime.settings.data}/secret"
        world.scene.define(SourceDef.model_validate({"name": "vendor", "kind": "push", "secret": secret}))
        world.scene.define(Person(name="root", role=Role.ADMIN))
        self.browser, session = world.session("root")
        self.browser.headers["X-CSRF-Token"] = session.csrf
        self.made = {kind: str(self._make(kind).json()["id"]) for kind in DEFINED}
        file = self.admin.post(
            "/v1/imports/files?name=a.csv", content=b"n;t;d\n1;Lumo;2031-03-05T09:00:00Z\n"
        )
        assert file.json()["file"] == "uploaded-a.csv"
        self._another = self.alert()
        self.channel = str(self.admin.get("/v1/people/ada/channels").json()[0]["key"])
        self._hold()

    def _make(self, kind: str) -> httpx.Response:
        made = self.admin.post(f"/v1/{kind}", json=DEFINED[kind])
        assert made.status_code == 201, made.text
        return made

    def alert(self) -> str:
        """A fresh alert, of a monitor of its own. Many are made at once, which takes one round of the engine."""
        if not self._alerts:
            scene, known = self.world.scene, {one.id for one in self.world.scene.alerts()}
            with scene.write() as conn:
                for n in range(len(known), len(known) + 25):
                    made = save(conn, Monitor(name=f"fresh {n}", query="lumo"), now=scene.now, actor="test")
                    write_signal(conn, made.id, scene.now, "over", "volume", {}, {})
            scene.step()
            self._alerts = [one.id for one in scene.alerts() if one.id not in known]
        return self._alerts.pop()

    def escalation(self, action: str) -> str:
        alert = f"/v1/alerts/{self.alert()}"
        handed = self.admin.post(
            f"{alert}/escalate", json={"team": "pr", "reason": "r"}, headers={"If-Match": "*"}
        ).json()["escalation"]
        for step, body in CARRIED.get(action, ()):
            by = self.other if step == "decide" else self.admin
            done = by.post(f"/v1/escalations/{handed}/{step}", json=body or None, headers={"If-Match": "*"})
            assert done.status_code == 200, (step, done.text)
        return str(handed)

    def proposal(self) -> str:
        """A back-tested change that waits for a person's word."""
        self.count += 1
        with self.world.scene.write() as conn:
            monitor = find(conn, Monitor, self.world.scene.monitor)
            because = {"verdict": "noise", "alerts": [], "version": monitor.version}
            change = {"false_alerts_per_week": self.count}
            backtests.ask(conn, monitor, now=self.world.now, actor="t", change=change, because=because)
        job = backtests.claim(self.world.scene.store, self.world.now)
        assert job is not None
        backtests.finish(self.world.scene.store, job.id, self.world.now, result=RESULT)
        return job.id

    def accepted(self) -> str:
        """A monitor whose new normal was accepted and taken up."""
        self.count += 1
        with self.world.scene.write() as conn:
            monitor = find(conn, Monitor, self.made["monitors"])
            said = {"monitor_id": monitor.id, "series": monitor.value.series, "seq": 2 * self.count}
            by = {"at": self.world.now, "actor": "t", "role": "admin"}
            conn.execute(insert(s.acceptances).values(**said, **by, action="accept", outcome="applied"))
        return monitor.id

    def thing(self, route: str) -> str:
        """The id of something that this route can be asked about; empty: it is about nothing that is there."""
        if "{" not in route:
            return ""
        if route not in self._fresh:
            self._fresh[route] = self._thing(route)
        return self._fresh[route]

    def _thing(self, route: str) -> str:
        kind, action = route.split("/")[2], route.rpartition("/")[2]
        match kind:
            case "alerts":
                id = self.alert()
                if action == "reopen":
                    self.send("POST", f"/v1/alerts/{id}/resolve", b"{}")
                return id
            case "escalations":
                return self.escalation(action)
            case "backtests":
                return self.proposal()
            case "dead-letters":
                return keep(self.world)
            case "mentions":
                return "vendor"
            case "people" if "channels" in route:
                return "ada"
            case "monitors" if "corrections" in route:
                return "Lumo"
            case "monitors" if action == "undo":
                return self.accepted()
            case _:
                return self.made[kind]

    def was(self, route: str, answer: httpx.Response) -> None:
        """Note what was done: most things can be done once."""
        if answer.status_code >= 300:
            return
        self._fresh.pop(route, None)
        # An erasure is known by its moment.
        if route == "/v1/erasures":
            self.world.scene.clock.advance(timedelta(seconds=1))
        if route == "/v1/imports":
            self.send("POST", f"/v1/imports/{answer.json()['id']}/cancel")
        if route == "/v1/outbox/release":
            self._hold()

    def _hold(self) -> None:
        with self.world.scene.write() as conn:
            hold(conn, self.world.now, "a copy")

    def unread(self) -> list[tuple[str, int]]:
        """Every list, each of the first things in it, and every page of the browser that cannot be read."""
        found, routes = [], self.world.description["paths"]
        for route in (one for one, methods in routes.items() if "get" in methods and "{" not in one):
            takes = routes[route]["get"].get("parameters", ())
            if route in NO_LISTS or any(one.get("required") for one in takes):
                continue
            whole = "?limit=500" if any(one["name"] == "limit" for one in takes) else ""
            answer = self.browser.get(f"{route}{whole}")
            items = answer.json()
            items = items.get("items", ()) if isinstance(items, dict) else items
            paths = (
                [f"{route}/{one['id']}" for one in items[:FIRST] if "id" in one]
                if "get" in routes.get(f"{route}/{{id}}", ())
                else []
            )
            for path, status in (
                (route, answer.status_code),
                *((one, self.admin.get(one).status_code) for one in paths),
            ):
                if status != 200:
                    found.append((path, status))
        for path in (
            path for method, path in PAGES if method == "GET" and "{" not in path and path not in NO_PAGES
        ):
            if (status := self.browser.get(path).status_code) >= 400:
                found.append((path, status))
        return found

    def send(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        """Ask as an administrator: with a key, or with a browser where the route wants one."""
        self.asked += 1
        headers = {"If-Match": "*"}
        if body is not None:
            body = body.replace(b"ANOTHER", self._another.encode())
            body = body.replace(b'"MAIL PORT"', str(self.post_office.port).encode())
            headers["Content-Type"] = "application/json"
        client: Client = self.browser if path in ("/v1/reach", "/v1/mail") else self.admin
        # Whoever handed it over may not clear it.
        if path.endswith("/decide"):
            client = self.other
        if "/hook/" in path and body is not None:
            headers |= signed(body, self.world.now, f"msg_{self.asked}")
            client = self.world.stranger
        return client.request(method, path, content=body, headers=headers)


def fits(answer: httpx.Response) -> bool:
    """Done, or refused with a reason. A push is taken apart: what is wrong in it is counted."""
    return answer.status_code < 300 or (400 <= answer.status_code < 500 and bool(answer.json()["detail"]))


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def writes(world: World) -> list[tuple[str, str, Sequence[str]]]:
    """Every (method, route, fields of its body) that changes something. No fields: it takes no JSON, or no named fields."""
    found = []
    schemas = world.description["components"]["schemas"]
    for route, methods in world.description["paths"].items():
        for method, told in methods.items():
            if method == "get":
                continue
            schema = (
                told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            )
            names = [one["$ref"] for one in (schema, *schema.get("anyOf", ())) if "$ref" in one]
            fields = schemas[names[0].rpartition("/")[2]]["properties"] if names else ()
            found.append((method.upper(), route, tuple(fields)))
    return found


def tried(name: str, good: Body, more: tuple[Any, ...]) -> Iterator[Any]:
    """The good body first, then all that are hostile. Each has a name of its own, unless its name is what is hostile."""
    for n, body in enumerate((good, *changed(good, more), *TOPS)):
        named = isinstance(body, dict) and good.get("name") is not None and body.get("name") == good["name"]
        yield body | {"name": f"{name}{n}"} if named else body


@pytest.mark.slow("every field of every body, with each hostile value")
@pytest.mark.wide
def test_hostile_bodies_are_refused_with_a_reason_or_harmless_and_all_can_be_read_after_them(
    world: World,
    on_both_stores: str,  # noqa: F811
) -> None:
    with smtp_peer() as post_office:
        wrong = walked(Walk(world, post_office), on_both_stores)
    assert not wrong, "\n".join(map(str, wrong))


def walked(walk: Walk, engine: str) -> list[object]:
    """What was answered otherwise than it must be."""
    world, wrong = walk.world, list[object]()
    for method, route, fields in writes(world):
        if "{id}" in route:
            for id in IDS:
                answer = walk.send(
                    method, route.replace("{id}", id).replace("{key}", id), b"{}" if fields else None
                )
                if not 400 <= answer.status_code < 500:
                    wrong.append((method, route, id, answer.text[:200]))
        if method == "DELETE" or (not fields and route not in BODIES):
            continue
        assert set(fields) <= {name for body in BODIES[route] for name in body}, f"{route}: name its fields"
        more = SHAPES if engine == "sqlite" and route.removeprefix("/v1/") in DEFINED else ()
        for good in BODIES[route]:
            for n, body in enumerate(tried(method, good, more)):
                if n and engine == "postgres" and not drawn(f"{method} {route} {n}"):
                    continue
                thing = walk.thing(route)
                path = route.replace("{id}", thing).replace("{source}", thing).replace("{key}", walk.channel)
                answer = walk.send(method, path, encoded(body))
                if not fits(answer) or (n == 0 and answer.status_code >= 300):
                    wrong.append((method, path, str(body)[:200], answer.text[:200]))
                walk.was(route, answer)
    wrong += walk.unread()
    world.scene.clock.advance(timedelta(hours=1))
    world.scene.step()
    return wrong
