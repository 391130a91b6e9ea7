"""The public address: set and checked on the page, in force at once, beneath every setting, and by no key."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts.worker import AlertsWorker
from api.app import READ_ADDRESS_EVERY_S, _read_address, create_app
from api.auth.sessions import Session
from api.reaching import check_address
from api.state import AppState
from tests.alerts.fakes import OneForAll, Phone
from tests.api.world import Client, World
from tests.inside import command
from tocsin.access.address import PAGE, PROXIES, URL, Chosen, address_now, choose, chosen, laid_under, proof
from tocsin.core.errors import WrongInput
from tocsin.definitions.models import Person, Role
from tocsin.settings import Api, Loaded, Settings, load, public_address
from tocsin.store import schema as s

OURS = "https://tocsin.example"
WRONG = {
    "ftp://t.example": "http:// or https://",
    "https://": "names no host",
    "https://ada:secret@t.example": "user or a password",
    "https://t.example/tocsin": "root of its host",
    "https://t.example?x=1": "after the host",
    "https://t.example/#x": "after the host",
    "https://t.example:99999": "no address",
    "https://münchen.example": "xn--",
    "https://t example": "without blanks",
    "https://t.example\\x": "letters, digits",
}


def admin(world: World) -> tuple[Client, Session]:
    """A browser in which an administrator is signed in."""
    world.scene.define(Person(name="root", role=Role.ADMIN))
    return world.session("root")


def test_an_address_that_no_link_can_be_made_of_is_refused_by_the_name_of_its_setting() -> None:
    for url, why in WRONG.items():
        with pytest.raises(
            WrongInput, match=r"environment TOCSIN_API__PUBLIC_URL: api\.public_url"
        ) as refused:
            load(None, {"TOCSIN_API__PUBLIC_URL": url})
        assert why in str(refused.value) and "secret" not in str(refused.value)
    assert load(None, {"TOCSIN_API__PUBLIC_URL": ""}).settings.api.public_url is None
    assert public_address("http://[::1]:8085/") == "http://[::1]:8085/"


def test_what_the_page_set_lies_beneath_every_setting() -> None:
    found = Chosen(OURS, ("192.0.2.7",))
    free = laid_under(Loaded(Settings(), {}), found)
    assert (free.settings.api.public_url, free.origins) == (OURS, {URL: PAGE, PROXIES: PAGE})
    assert laid_under(free, Chosen()).settings == Settings(), "what is taken back leaves nothing"
    fixed = Loaded(Settings(api=Api(public_url="https://file.example")), {URL: "file x"})
    laid = laid_under(fixed, found)
    assert laid.settings.api.public_url == "https://file.example" and laid.origins[URL] == "file x"
    assert laid.settings.api.trusted_proxies == ("192.0.2.7",)


@pytest.mark.slow("asks for many answers")
def test_an_admin_sets_the_address_on_the_page_and_it_counts_at_once(world: World) -> None:
    browser, session = admin(world)

    def post(**fields: str) -> Any:
        return browser.post("/settings/reach", data={"csrf": session.csrf, **fields})

    elsewhere = {"Host": "tocsin.example"}
    assert world.stranger.get("/signin", headers=elsewhere).status_code == 421
    refused = post(public_url="https://tocsin.example/page")
    assert refused.status_code == 422 and "No link can be made of that" in refused.text
    assert 'value="https://tocsin.example/page"' in refused.text, "what was typed is kept"
    assert post(public_url=f"{OURS}/").headers["location"] == "/settings/reach?done=saved"
    assert world.stranger.get("/signin", headers=elsewhere).status_code == 200
    shown = browser.get("/v1/reach").json()
    assert (shown["links_lead_to"], shown["set_by"], shown["came_by"]) == (OURS, PAGE, "127.0.0.1:8085")
    assert (
        "you came by 127.0.0.1:8085, and links in notices lead to https://tocsin.example"
        in shown["faults"][0]
    )
    assert "you came by 127.0.0.1:8085" in browser.get("/setup/wake").text
    assert post(do="undo").status_code == 303
    assert world.stranger.get("/signin", headers=elsewhere).status_code == 421
    with world.scene.store.read() as conn:
        told = conn.execute(select(s.audit.c.detail).where(s.audit.c.action == "reach.changed")).scalars()
        changes = [(one["before"]["public_url"], one["after"]["public_url"]) for one in told]
    assert changes == [(None, OURS), (OURS, None)]


def test_neither_a_key_nor_another_role_nor_a_page_beside_a_setting_sets_it(world: World) -> None:
    body = {"public_url": "https://evil.example"}
    assert world.key(Role.ADMIN).put("/v1/reach", json=body).status_code == 403
    browser, session = world.session("ada")
    assert browser.post("/settings/reach", data={"csrf": session.csrf}).status_code == 403, "no admin"
    runtime = replace(world.runtime, origins={URL: "environment TOCSIN_API__PUBLIC_URL"})
    world.app = create_app(runtime)
    browser, session = admin(world)
    answer = browser.put("/v1/reach", json=body, headers={"X-CSRF-Token": session.csrf})
    assert answer.status_code == 409 and "TOCSIN_API__PUBLIC_URL" in answer.json()["detail"]
    assert "wins over this page" in browser.get("/settings/reach").text
    with world.scene.store.read() as conn:
        assert chosen(conn) == Chosen()


def test_only_the_proxy_that_a_request_came_by_can_be_trusted_from_the_page(world: World) -> None:
    browser, session = admin(world)
    came = {"X-Forwarded-For": "198.51.100.7"}
    assert "Trust the proxy at 203.0.113.9" in browser.get("/settings/reach", headers=came).text
    given = {"csrf": session.csrf, "do": "trust", "address": "10.0.0.1"}
    assert browser.post("/settings/reach", data=given, headers=came).status_code == 303
    with world.scene.store.read() as conn:
        assert chosen(conn).trusted_proxies == ("203.0.113.9",)
    shown = browser.get("/settings/reach", headers=came).text
    assert "Trusted from the next start on" in shown and "Trust the proxy at" not in shown


def test_notices_link_to_the_address_as_it_is_at_that_moment(world: World) -> None:
    scene, phone = world.scene, Phone()
    began = Loaded(Settings(), {})
    worker = AlertsWorker(
        scene.store, Settings(), scene.clock, OneForAll(phone), address=lambda conn: address_now(conn, began)
    )
    with scene.write() as conn:
        choose(conn, Chosen(OURS), scene.now, "ada", "admin")
    scene.signal("over", negative_over=True, networks=2, networks_heard=2)
    worker.work()
    worker.deliver(None)
    assert f"{OURS}/links/" in phone.got[0].text


def test_a_page_of_another_process_answers_to_the_address_at_its_next_look(world: World) -> None:
    """Each process of the role `api` reads the address anew every few seconds: the one that set it is another."""
    state, elsewhere = world.app.state.tocsin, {"Host": "tocsin.example"}
    for url, answered in ((OURS, 200), (None, 421)):
        with world.scene.write() as conn:
            choose(conn, Chosen(url), world.scene.now, "ada", "admin")
        _read_address(state)
        assert world.stranger.get("/signin", headers=elsewhere).status_code == answered
    assert READ_ADDRESS_EVERY_S <= 5.0


@contextmanager
def answering(answer: Callable[[str], tuple[int, str]]) -> Iterator[str]:
    """A made-up server on loopback that gives `answer(path)`. Yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(15)


def test_the_check_tells_our_own_answer_from_any_other_and_leaves_the_private_network_alone(
    world: World,
) -> None:
    def ours(path: str) -> tuple[int, str]:
        with world.scene.store.read() as conn:
            return 200, json.dumps({"answer": proof(conn, path.rpartition("/")[2], world.now)})

    def state(url: str, origin: str = "file x") -> AppState:
        settings = Settings(api=Api(public_url=url))
        found: AppState = create_app(
            replace(world.runtime, settings=settings, origins={URL: origin})
        ).state.tocsin
        return found

    with answering(ours) as url:
        asked = state(url)
        assert check_address(asked).outcome == "here"
        assert check_address(state(url, PAGE)).outcome == "private", "an address from the page probes nothing"
        outcomes = [check_address(asked).outcome for _ in range(6)]
        assert outcomes == ["here"] * 5 + ["often"]
    for status, body, outcome in (
        (200, "{}", "other"),
        (200, "[", "other"),
        (421, "", "host"),
        (302, "", "other"),
    ):
        with answering(lambda _, said=(status, body): said) as url:
            assert check_address(state(url)).outcome == outcome
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert check_address(state(url)).outcome == "unreachable", "nobody listens there"
    with world.scene.store.read() as conn:
        assert proof(conn, "guessed", world.now) is None
    assert world.stranger.get("/v1/reach/guessed").status_code == 404


@pytest.mark.slow("runs the command six times")
def test_the_command_sets_prints_and_takes_back_the_address(tmp_path: Path) -> None:
    def said(*args: str, **env: str) -> str:
        done = command("config", "public-url", *args, "--data", tmp_path, environment=env)
        return (done.stdout or done.stderr).decode().strip()

    assert said() == "http://127.0.0.1:8085  # default"
    assert said(OURS) == said() == f"{OURS}  # the page"
    assert said("--undo").startswith("http://127.0.0.1:8085")
    assert "root of its host" in said("https://t.example/x")
    fixed = {"TOCSIN_API__PUBLIC_URL": "https://env.example"}
    assert said(**fixed) == "https://env.example  # environment TOCSIN_API__PUBLIC_URL"
    assert "change it there" in said(OURS, **fixed)
