"""Nonsense in every form of the page: it is refused in the reader's language at its field, and nothing typed is lost."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Final

import pytest
from markupsafe import escape

from api.app import create_app
from api.auth.rules import PAGES
from api.pages.i18n import Languages
from tests.api.test_getting_in import change
from tests.api.test_pages import CSRF, page, send, signed_in
from tests.browser.served import seeded_app
from tests.browser.views import furnish
from tocsin.settings import Loaded, Smtp

ODD: Final = 'zo <niet> & "dit"'
EVENT_TIMES: Final = {"starts_at": "2026-11-25T10:00", "ends_at": "2026-11-25T12:00"}
FORMS: Final[dict[str, tuple[str, dict[str, str], str]]] = {
    "/setup/brand": ("/setup/brand", {"name": " ", "handles": ODD}, "name"),
    "/setup/listen": ("/setup/listen", {"feed": "1", "feed.value": ODD, "save": "1"}, "feed"),
    "/setup/wake": ("/setup/wake", {"kind": "email", "to": ODD}, "to"),
    "/me": ("/me", {"timezone": ODD}, "timezone"),
    "/me/channels": ("/me/channels", {"kind": "webhook", "to": ODD}, "to"),
    "/settings/mail": ("/settings/mail", {"host": ODD, "port": "587", "security": "tls"}, "host"),
    "/settings/reach": ("/settings/reach", {"public_url": ODD}, "public_url"),
    "/imports/new": (
        "/imports/new?file=report.csv",
        {"file": "report.csv", "zone": ODD, "source": "s"},
        "zone",
    ),
    "/erasures": ("/erasures", {"what": "author", "value": ODD, "network": "x"}, "value"),
    "/keys": ("/keys", {"name": ODD, "role": "king"}, "role"),
    "/people/new": ("/people/new", {"name": "Elif", "role": "pr", "timezone": ODD}, "timezone"),
    "/people/{id}": ("/people/p_pim", {"role": "pr", "timezone": "UTC", "email": ODD}, "email"),
    "/people/{id}/channels": ("/people/p_pim", {"kind": "email", "to": ODD}, "to"),
    "/policies/new": ("/policies/new", {"name": "p", "s0.after": ODD, "s0.t0": "person:Ada Yılmaz"}, "steps"),
    "/policies/{id}": ("/policies/{night}", {"s0.after": ODD, "s0.t0": "person:Ada Yılmaz"}, "steps"),
    "/schedules/new": ("/schedules/new", {"name": "d", "r0": "Ada Yılmaz", "starts_at": ODD}, "starts_at"),
    "/schedules/{id}": ("/schedules/{desk}", {"r0": "Ada Yılmaz", "turn_hours": ODD}, "turn_hours"),
    "/silences/new": ("/silences/new", {"name": "s", "starts_at": ODD, "reason": "x"}, "starts_at"),
    "/silences/{id}": ("/silences/{moving}", {"name": "s", "ends_at": ODD, "reason": "x"}, "ends_at"),
    "/expected-events/new": ("/expected-events/new", {"name": "e", "monitor": ODD} | EVENT_TIMES, "monitor"),
    "/expected-events/{id}": ("/expected-events/{launch}", {"name": "e", "ends_at": ODD}, "ends_at"),
    "/sources/new": ("/sources/new?kind=feed", {"kind": "feed", "name": "f", "s.url": ODD}, "s.url"),
    "/sources/{id}": ("/sources/src_kuzey-feed", {"s.url": ODD}, "s.url"),
    "/monitors/new": ("/monitors/new", {"name": ODD, "query": "a AND", "timezone": "UTC"}, "query"),
    "/monitors/{id}": ("/monitors/m_lidra", {"name": "L", "query": "a", "timezone": ODD}, "timezone"),
}
"""By the template of the route: where the form stands, what is typed, and the field that is wrong."""

NOTHING_IS_WRONG: Final = {
    "/signin": "who is known hears what a stranger hears",
    "/signin/{token}": "a button",
    "/links/{token}": "a button",
    "/setup/ring": "buttons",
    "/monitors/{id}/backtests": "a button",
}
FAULT: Final = re.compile(
    r'class="[^"]*(?:fault|bad)[^"]*"(?: id="fault-([^"]*)")?[^>]*>(?:<span[^>]*>)?([^<]+)'
)


def test_every_form_is_tried() -> None:
    """A form is sent to where it stands; one of a thing that is there may stand below, at its edit."""
    views = {path for method, path in PAGES if method == "GET"}
    forms = {path for method, path in PAGES if method == "POST" and path in views}
    assert forms <= FORMS.keys() | NOTHING_IS_WRONG.keys()
    assert not FORMS.keys() & NOTHING_IS_WRONG.keys()


@pytest.mark.slow("asks for every form")
def test_nonsense_is_said_at_its_field_in_the_readers_language_and_nothing_typed_is_lost(
    tmp_path: Path,
) -> None:
    dutch = _shapes("nl")
    with seeded_app(tmp_path) as one:
        change(one, "p_root", language="nl")
        settings = one.runtime.settings.model_copy(update={"smtp": Smtp(host="mail.example")})
        one.runtime.loaded = Loaded(settings, {})
        one.app = create_app(one.runtime)
        named, client = furnish(one), signed_in(one, "p_root")
        token = CSRF.search(page(client, "/settings"))
        assert token
        for route, (address, typed, field) in FORMS.items():
            below = "/channels" if route.endswith("}/channels") else ""
            status, shown = send(client, address.format_map(named) + below, {"csrf": token[1], **typed})
            told = {name: unescape(text).strip() for name, text in FAULT.findall(shown)}
            assert status == 422 and field in told, (route, status, told)
            assert dutch.fullmatch(told[field]), (route, told[field])
            assert escape(ODD) in shown, (route, "what was typed is lost")


def _shapes(code: str) -> re.Pattern[str]:
    """Everything that a catalogue can say with ten letters of its own or more, whatever fills its places."""
    said = [one for one in Languages()[code].catalogue.values() if isinstance(one, str)]
    cut = [re.split(r"\{\w+\}", one.partition("\n")[0]) for one in said]
    return re.compile(
        "|".join(".+".join(map(re.escape, one)) for one in cut if len("".join(one)) > 10), re.DOTALL
    )
