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
from api.pages.history import PATHS
from api.pages.i18n import Languages
from tests.api.test_getting_in import change, link
from tests.api.visits import CSRF, page, send, signed_in
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

ALERT, ESCALATION = "/alerts/al_crisis", "/escalations/es_pr"
REFUSED: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "/alerts/{id}/escalate": (f"{ALERT}/escalate", {"team": "", "reason": ODD}),
    "/alerts/{id}/merge": (f"{ALERT}/merge", {"into": "al_none"}),
    "/alerts/{id}/dismiss": (f"{ALERT}/dismiss", {"reason": "", "note": ODD}),
    "/alerts/{id}/snooze": (f"{ALERT}/snooze", {"minutes": ODD}),
    "/alerts/{id}/severity": (f"{ALERT}/severity", {"severity": "9", "reason": ODD}),
    "/alerts/{id}/resolve": (f"{ALERT}/resolve", {"verdict": "zo", "reason": ODD}),
    "/alerts/{id}/reopen": (f"{ALERT}/reopen", {"reason": ODD}),
    "/alerts/{id}/note": (f"{ALERT}/note", {"text": " "}),
    "/alerts/{id}/verdict": (f"{ALERT}/verdict", {"verdict": ""}),
    "/escalations/{id}/decide": (f"{ESCALATION}/decide", {"team": "", "reason": ODD}),
    "/escalations/{id}/release": (f"{ESCALATION}/release", {"reason": ODD}),
    "/escalations/{id}/close": (f"{ESCALATION}/close", {"reason": ODD}),
    "/escalations/{id}/assess": (f"{ESCALATION}/assess", {"text": " ", "note": ODD}),
    "/escalations/{id}/note": (f"{ESCALATION}/note", {"text": " "}),
    "/escalations/{id}/ask": (f"{ESCALATION}/ask", {"of": "nobody", "text": ODD}),
    "/escalations/{id}/reassign": (f"{ESCALATION}/reassign", {"to": ODD}),
    "/escalations/{id}/withdraw": ("/escalations/es_done/withdraw", {"reason": ODD}),
    "/links/{token}/{action}": ("/links/{link}/escalate", {"team": "", "reason": ODD}),
    "/schedules/{id}/handover": ("/schedules/{desk}/handover", {"person": "x", "from": ODD}),
    "/monitors/{id}/correct": ("/monitors/m_lidra/correct", {"source": "x", "id": "y", "label": "zo"}),
    "/monitors/{id}/use": ("/monitors/m_lidra/use", {"model": "zo"}),
    "/monitors/{id}/normal": ("/monitors/m_none/normal", {}),
    "/backtests/{id}/decide": ("/backtests/none/decide", {"decision": "zo"}),
    "/imports/{id}/start": ("/imports/none/start", {}),
    "/me/waiting/{key}/prove": ("/me/waiting/none/prove", {"code": "x"}),
    "/people/{id}/waiting/{key}/prove": ("/people/p_root/waiting/none/prove", {"code": "x"}),
    "/people/{id}/restore": ("/people/p_pim/restore", {"to": "zo"}),
}
"""By the template of the route, for forms that stand on a card or below a definition: where it is sent, and what is typed. A page
refuses it, with the sentences shown to be copied.
"""

SAID_BACK: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "/me/channels/{number}/prove": ("/me/channels/0/prove", {"code": "x"}),
    "/people/{id}/channels/{key}/prove": ("/people/p_root/channels/{mail}/prove", {"code": "x"}),
}
"""Forms for a code of six digits: the page that they lead back to says that it was the wrong one."""

NOTHING_IS_WRONG: Final = {
    "/signin": "who is known hears what a stranger hears",
    "/signin/{token}": "a button",
    "/signin/passkey": "a browser fills it in: tests/api/test_passkeys.py",
    "/signin/passkey/begin": "a browser asks",
    "/signout": "a button",
    "/language": "buttons; an unknown language is the browser's",
    "/links/{token}": "a button",
    "/setup/ring": "buttons",
    "/me/channels/{number}/test": "a button",
    "/me/channels/{number}/remove": "a button",
    "/me/waiting/{key}/test": "a button",
    "/me/waiting/{key}/drop": "a button",
    "/me/passkeys": "a browser fills it in: tests/api/test_passkeys.py",
    "/me/passkeys/begin": "a browser asks",
    "/me/passkeys/{id}/name": "any name is a name: it is cut and cleaned (tests/api/test_passkeys.py)",
    "/me/passkeys/{id}/remove": "a button",
    "/me/sessions/{id}/end": "a button",
    "/alerts/{id}/acknowledge": "a button",
    "/escalations/{id}/claim": "a button",
    "/escalations/{id}/release-claim": "a button",
    "/escalations/{id}/review": "a button",
    "/dead-letters/{id}/replay": "a button",
    "/outbox/release": "two buttons",
    "/demo/again": "a button",
    "/imports/upload": "a file: tests/api/test_imports.py",
    "/imports/{id}/cancel": "a button",
    "/imports/{id}/undo": "a button",
    "/retention/run": "a button",
    "/erasures/{id}/again": "a button",
    "/keys/{id}/end": "a button",
    "/sessions/{id}/end": "a button",
    "/people/{id}/passkeys/remove": "a button",
    "/people/{id}/channels/{key}/test": "a button",
    "/people/{id}/channels/{key}/doubt": "a button",
    "/people/{id}/waiting/{key}/test": "a button",
    "/people/{id}/waiting/{key}/drop": "a button",
    "/sources/{id}/test": "a button",
    "/monitors/{id}/pause": "a button",
    "/monitors/{id}/learn": "a button",
    "/monitors/{id}/backtests": "a button",
    "/monitors/{id}/normal/undo": "a button",
    "/backtests/{id}/cancel": "a button",
    **{f"/{path}/{{id}}/end": "a button" for path in PATHS},
    **{f"/{path}/{{id}}/restore": "a button, as of people" for path in PATHS if path != "people"},
}
ALERT_ROLE: Final = re.compile(r'role="alert"[^>]*>([^<]+)')
FAULT: Final = re.compile(
    r'class="[^"]*(?:fault|bad)[^"]*"(?: id="fault-([^"]*)")?[^>]*>(?:<span[^>]*>)?([^<]+)'
)


def test_every_form_is_tried() -> None:
    """Whatever the page takes is tried here, or the reason stands why nothing in it can be wrong; and no more than that."""
    tables = (FORMS, REFUSED, SAID_BACK, NOTHING_IS_WRONG)
    named = [route for table in tables for route in table]
    assert sorted(named) == sorted(path for method, path in PAGES if method == "POST")


@pytest.mark.slow("asks for every form")
def test_nonsense_is_said_at_its_field_in_the_readers_language_and_nothing_typed_is_lost(
    tmp_path: Path,
) -> None:
    dutch = _shapes("nl")
    with seeded_app(tmp_path) as one:
        for person in ("p_root", "p_ada"):
            change(one, person, language="nl")
        settings = one.runtime.settings.model_copy(update={"smtp": Smtp(host="mail.example")})
        one.runtime.loaded = Loaded(settings, {})
        one.app = create_app(one.runtime)
        named, client = furnish(one), signed_in(one, "p_root")
        named["mail"] = client.get("/v1/people/p_root/channels").json()[0]["key"]
        named["link"] = link(one)
        token = CSRF.search(page(client, "/settings"))
        assert token
        for route, (address, typed, field) in FORMS.items():
            below = "/channels" if route.endswith("}/channels") else ""
            status, shown = send(client, address.format_map(named) + below, {"csrf": token[1], **typed})
            told = {name: unescape(text).strip() for name, text in FAULT.findall(shown)}
            assert status == 422 and field in told, (route, status, told)
            assert dutch.fullmatch(told[field]), (route, told[field])
            assert escape(ODD) in shown, (route, "what was typed is lost")
        for route, (address, typed) in REFUSED.items():
            status, shown = send(client, address.format_map(named), {"csrf": token[1], **typed})
            assert 400 <= status < 500, (route, status)
            told = [
                unescape(text).strip()
                for text in (*ALERT_ROLE.findall(shown), *dict(FAULT.findall(shown)).values())
            ]
            assert any(dutch.fullmatch(one) for one in told), (route, told)
            assert ODD not in typed.values() or escape(ODD) in shown, (route, "what was typed is lost")
        for route, (address, typed) in SAID_BACK.items():
            status, shown = send(client, address.format_map(named), {"csrf": token[1], **typed})
            assert status == 303 and "Dat is niet de verstuurde code" in shown, (route, status)


def _shapes(code: str) -> re.Pattern[str]:
    """Everything that a catalogue can say with ten letters of its own or more, whatever fills its places."""
    said = [one for one in Languages()[code].catalogue.values() if isinstance(one, str)]
    cut = [re.split(r"\{\w+\}", one.partition("\n")[0]) for one in said]
    return re.compile(
        "|".join(".+".join(map(re.escape, one)) for one in cut if len("".join(one)) > 10), re.DOTALL
    )
