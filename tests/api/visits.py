"""A browser without scripts that visits the page over a seeded store: what it asks, sends and reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, Engine, event, select

from tests.browser.served import SeededApp, seeded_app
from tocsin.store import schema as s

HTML = {"accept": "text/html"}


CSRF = re.compile(r'name="csrf" value="([^"]+)"')


SEEN = re.compile(r'name="seen" value="(\d+)"')


@pytest.fixture
def night(tmp_path: Path) -> Iterator[SeededApp]:
    with seeded_app(tmp_path) as one:
        yield one


class Visitor:
    """A browser without scripts. It keeps its cookies, asks for HTML, and lets the test follow redirects."""

    def __init__(self, one: SeededApp, cookies: dict[str, str] | None = None) -> None:
        transport = httpx.ASGITransport(one.app, raise_app_exceptions=False, client=("203.0.113.9", 4711))
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=HTML, cookies=cookies
        )
        self._run = one.loop.run

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._run(self._client.get(path, headers=headers))

    def post(self, path: str, data: dict[str, str] | None = None) -> httpx.Response:
        return self._run(self._client.post(path, data=data))

    def send(self, method: str, path: str, body: object, csrf: str, **headers: str) -> httpx.Response:
        """A request of a script on the page, with the token of its session."""
        headers |= {"x-csrf-token": csrf}
        return self._run(self._client.request(method, path, json=body, headers=headers))


def visitor(one: SeededApp, **cookies: str) -> Visitor:
    return Visitor(one, cookies)


def signed_in(one: SeededApp, person: str = "p_ada") -> Visitor:
    client = visitor(one)
    answer = client.post(f"/signin/{one.signin_token(person)}", data={"csrf": ""})
    assert answer.status_code == 303
    return client


def page(client: Visitor, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code, answer.text[-600:])
    return str(answer.text)


def press(client: Visitor, page_path: str, action: str, **fields: str) -> tuple[int, str]:
    """Fill in the form of a page and send it, as a browser without scripts does. Returns the status and the page it leads to."""
    shown = page(client, page_path)
    token, seen = CSRF.search(shown), SEEN.search(shown)
    assert token
    data = {"csrf": token[1], **({"seen": seen[1]} if seen else {}), **fields}
    return send(client, f"{page_path}/{action}", data)


def send(client: Visitor, path: str, data: dict[str, str]) -> tuple[int, str]:
    answer = client.post(path, data=data)
    if answer.status_code == 303:
        return 303, page(client, answer.headers["location"])
    return answer.status_code, answer.text


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def everything(one: SeededApp) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that a request might have changed. Sessions are left out, because signing in makes them."""
    with one.store.read() as conn:
        return {
            t.name: [tuple(r) for r in conn.execute(select(t))]
            for t in s.metadata.sorted_tables
            if t.name != "sessions"
        }


@contextmanager
def counted(one: SeededApp) -> Iterator[list[str]]:
    """The statements on this app's store, and not on a store that an earlier test left open."""
    statements: list[str] = []

    def note(conn: Connection, _cursor: object, statement: str, *_: object) -> None:
        if str(conn.engine.url.database) in one.store.url:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)
