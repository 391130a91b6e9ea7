"""Passkeys: made and taken out on one's own page, signing in without a name, and every answer that is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from api.app import create_app
from api.auth.ceremonies import RelyingParty, relying_party
from api.auth.passkeys import MOST, add_passkey, challenge_for, named, passkeys_of, take_challenge
from api.state import KNOCKS_A_MINUTE
from tests.alerts.fakes import Phone
from tests.api.authenticator import Authenticator
from tests.api.test_getting_in import LINK, change, delivered
from tests.api.visits import CSRF, Visitor, page, press, signed_in, visitor
from tests.api.world import World
from tests.browser.served import SeededApp, seeded_app
from tocsin.core.errors import Conflict
from tocsin.definitions.models import Role
from tocsin.settings import Loaded, Smtp
from tocsin.store import schema as s


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SeededApp]:
    with seeded_app(tmp_path, origin="http://localhost") as one:
        change(one, language=None)
        yield one


def asked(client: Visitor, path: str, **fields: str) -> dict[str, Any]:
    """What the browser is asked, as the script learns it."""
    answer = client.post(path, data=fields)
    assert answer.status_code == 200, answer.text
    return dict(json.loads(answer.text))


def registered(client: Visitor, device: Authenticator, name: str = "phone") -> str:
    """Make a passkey on one's own page. Returns where the page leads to."""
    csrf = CSRF.search(page(client, "/me"))[1]  # type: ignore[index]
    options = asked(client, "/me/passkeys/begin", csrf=csrf)
    data = {"csrf": csrf, "name": name, "credential": device.make(options)}
    return str(client.post("/me/passkeys", data=data).headers["location"])


def signing_in(one: SeededApp, device: Authenticator, **fields: str) -> tuple[Visitor, int]:
    """A fresh browser, and the status of its sign-in."""
    client = visitor(one)
    credential = device.sign(asked(client, "/signin/passkey/begin"))
    return client, client.post("/signin/passkey", data={"credential": credential, **fields}).status_code


def audited(one: SeededApp, action: str) -> list[Any]:
    with one.store.read() as conn:
        a = s.audit.c
        return [
            row.detail for row in conn.execute(select(a.detail).where(a.action == action).order_by(a.seq))
        ]


def test_a_passkey_is_made_named_used_without_a_name_and_taken_out(house: SeededApp) -> None:
    ada, device = signed_in(house), Authenticator()
    assert registered(ada, device, " Ada's\nphone ") == "/me?done=passkey_kept#passkeys"
    assert "Ada&#39;s phone" in page(ada, "/me") and "never used yet" in page(ada, "/me")
    again, status = signing_in(house, device, keep="1")
    assert status == 303 and "Ada Yılmaz" in page(again, "/me") and "last used" in page(again, "/me")
    house.clock.advance(timedelta(days=29))
    # The device was kept.
    assert page(again, "/me")
    id = re.search(r"/me/passkeys/(pky_\w+)/remove", page(again, "/me"))[1]  # type: ignore[index]
    assert "the old one" in press(again, "/me", f"passkeys/{id}/name", name="the old one")[1]
    assert "Removed." in press(again, "/me", f"passkeys/{id}/remove")[1]
    assert press(again, "/me", f"passkeys/{id}/remove")[0] == 404
    assert signing_in(house, device)[1] == 403
    [added], [removed] = audited(house, "passkey.added"), audited(house, "passkey.removed")
    assert added == {"passkey": id} and [one["id"] for one in removed["before"]] == [id]
    assert {"by": f"passkey {id}"} in audited(house, "session.opened")


Spoil = Callable[[Authenticator], object]

SPOILT: dict[str, Spoil] = {
    "Unexpected client data origin": lambda one: setattr(one, "origin", "https://evil.example"),
    "Unexpected RP ID hash": lambda one: setattr(one, "host", "evil.example"),
    "was not greater than current count": lambda one: setattr(one, "count", 0),
    "user was not verified": lambda one: setattr(one, "verifies", False),
    "Could not verify authentication signature": lambda one: setattr(one, "key", Authenticator().key),
    "the device names another person": lambda one: setattr(one, "holder", "cF9waW0"),
    "nobody has this passkey": lambda one: setattr(one, "credential", b"nobody's"),
}
"""What is wrong with an answer, by what the log says of it."""


def test_whoever_lost_their_device_gets_in_by_mail_and_makes_a_new_passkey(house: SeededApp) -> None:
    settings = house.runtime.settings.model_copy(update={"smtp": Smtp(host="mail.example")})
    house.runtime.loaded = Loaded(settings, {})
    house.app = create_app(house.runtime)
    change(house, email="ada@orvane.example", channels=())
    lost, new, phone = Authenticator(), Authenticator(), Phone()
    registered(signed_in(house), lost, "the lost one")
    ada = visitor(house)
    assert "a link is on its way" in ada.post("/signin", data={"email": "ada@orvane.example"}).text
    delivered(house, phone)
    path = LINK.search(phone.got[-1].text)
    assert path and ada.post(path[0]).status_code == 303
    id = re.search(r"/me/passkeys/(pky_\w+)/remove", page(ada, "/me"))[1]  # type: ignore[index]
    assert "Removed." in press(ada, "/me", f"passkeys/{id}/remove")[1]
    assert signing_in(house, lost)[1] == 403, "whoever found the device stays out"
    assert registered(ada, new, "the new one") == "/me?done=passkey_kept#passkeys"
    assert signing_in(house, new)[1] == 303
    assert [len(audited(house, f"passkey.{one}")) for one in ("added", "removed")] == [2, 1]


def test_each_answer_that_does_not_hold_is_refused_in_the_same_words(house: SeededApp) -> None:
    device = Authenticator()
    registered(signed_in(house), device)
    device.count = 5
    assert signing_in(house, device)[1] == 303
    for reason, spoil in SPOILT.items():
        spoilt = Authenticator(
            count=device.count, holder=device.holder, credential=device.credential, key=device.key
        )
        spoil(spoilt)
        house.app.state.tocsin.knocks = fresh(house)
        with capture_logs() as logged:
            client, status = signing_in(house, spoilt)
        assert status == 403 and client.get("/me").status_code == 401, reason
        assert any(reason in str(entry.get("reason")) for entry in logged), logged
    for nonsense in ("", "{}", "[" * 5000, '{"id": "x"}', '{"id": "x", "response": 7}', "x" * 70_000):
        client = visitor(house)
        asked(client, "/signin/passkey/begin")
        answer = client.post("/signin/passkey", data={"credential": nonsense})
        assert answer.status_code == 403 and "belongs to nobody here" in answer.text
        house.app.state.tocsin.knocks = fresh(house)
    assert len(audited(house, "session.opened")) == 2


def fresh(one: SeededApp) -> Any:
    """The limit of knocks as it is after a quiet minute."""
    limiter = one.app.state.tocsin.knocks
    return type(limiter)(KNOCKS_A_MINUTE, limiter._ticks)


def test_a_challenge_belongs_to_one_browser_is_answered_once_and_expires(house: SeededApp) -> None:
    device = Authenticator()
    registered(signed_in(house), device)
    client, other = visitor(house), visitor(house)
    credential = device.sign(asked(client, "/signin/passkey/begin"))
    asked(other, "/signin/passkey/begin")
    answers = [one.post("/signin/passkey", data={"credential": credential}) for one in (other, client)]
    assert [one.status_code for one in answers] == [403, 303]
    # The same answer once more.
    assert client.post("/signin/passkey", data={"credential": credential}).status_code == 403
    late = visitor(house)
    credential = device.sign(asked(late, "/signin/passkey/begin"))
    house.clock.advance(timedelta(minutes=5))
    assert late.post("/signin/passkey", data={"credential": credential}).status_code == 403
    options = asked(late, "/signin/passkey/begin")
    credential = device.sign(options | {"challenge": "AAAA"})
    assert late.post("/signin/passkey", data={"credential": credential}).status_code == 403


def test_a_device_that_never_counts_signs_in_again_and_again(house: SeededApp) -> None:
    device = Authenticator(counts=False)
    registered(signed_in(house), device)
    assert [signing_in(house, device)[1] for _ in range(2)] == [303, 303]


@pytest.mark.parametrize(
    "device",
    [
        Authenticator(origin="https://evil.example"),
        Authenticator(host="evil.example"),
        Authenticator(verifies=False),
    ],
    ids=["elsewhere", "another host", "unchecked holder"],
)
def test_a_new_passkey_that_does_not_hold_is_not_kept(house: SeededApp, device: Authenticator) -> None:
    ada = signed_in(house)
    assert registered(ada, device) == "/me?done=passkey_refused#passkeys"
    with house.store.read() as conn:
        assert passkeys_of(conn, "p_ada") == []


def test_a_new_passkey_needs_the_challenge_of_its_own_session_once(house: SeededApp) -> None:
    ada, other, device = signed_in(house), signed_in(house), Authenticator()
    csrf, others = (CSRF.search(page(one, "/me"))[1] for one in (ada, other))  # type: ignore[index]
    made = device.make(asked(ada, "/me/passkeys/begin", csrf=csrf))
    stolen = other.post("/me/passkeys", data={"csrf": others, "credential": made})
    assert stolen.headers["location"].startswith("/me?done=passkey_refused")
    for expected in ("passkey_kept", "passkey_refused"):
        answer = ada.post("/me/passkeys", data={"csrf": csrf, "credential": made})
        assert answer.headers["location"].startswith(f"/me?done={expected}")
    again = device.make(asked(ada, "/me/passkeys/begin", csrf=csrf))
    answer = ada.post("/me/passkeys", data={"csrf": csrf, "credential": again})
    assert answer.headers["location"].startswith("/me?done=passkey_known")


def test_whoever_is_off_stays_out_and_the_passkeys_of_the_ended_are_gone(house: SeededApp) -> None:
    device = Authenticator()
    registered(signed_in(house), device)
    change(house, active=False)
    assert signing_in(house, device)[1] == 403
    change(house, active=True)
    assert signing_in(house, device)[1] == 303
    admin = signed_in(house, "p_root")
    assert press(admin, "/people/p_ada", "end")[0] == 303
    with house.store.read() as conn:
        assert passkeys_of(conn, "p_ada") == []
    assert signing_in(house, device)[1] == 403


def test_an_admin_takes_the_passkeys_of_a_person_out_on_the_page(house: SeededApp) -> None:
    device = Authenticator()
    registered(signed_in(house), device)
    admin = signed_in(house, "p_root")
    assert "Remove all passkeys" in page(admin, "/people/p_ada")
    status, shown = press(admin, "/people/p_ada", "passkeys/remove")
    assert status == 303 and "no passkey any more" in shown
    assert "Remove all passkeys" not in page(admin, "/people/p_ada") and signing_in(house, device)[1] == 403


def test_passkeys_are_listed_and_taken_out_over_the_api(world: World) -> None:
    ada, session = world.session("ada")
    ben, _ = world.session("ben")
    with world.scene.write() as conn:
        one = add_passkey(conn, session.person_id, "Y3JlZA", "a2V5", 0, "phone", world.now)
    (mine,) = ada.get("/v1/passkeys").json()
    assert (mine["id"], mine["name"], mine["used_at"]) == (one.id, "phone", None) and "a2V5" not in str(mine)
    assert ben.get("/v1/passkeys").json() == [] and len(world.key(Role.ADMIN).get("/v1/passkeys").json()) == 1
    csrf = {"X-CSRF-Token": session.csrf}
    assert ada.delete("/v1/passkeys/nosuch", headers=csrf).status_code == 404
    assert ada.delete(f"/v1/passkeys/{one.id}", headers=csrf).status_code == 204
    assert ada.get("/v1/passkeys").json() == []


def test_who_knocks_too_often_waits(house: SeededApp) -> None:
    client = visitor(house)
    answers = [client.post("/signin/passkey/begin").status_code for _ in range(KNOCKS_A_MINUTE + 1)]
    assert answers == [200] * KNOCKS_A_MINUTE + [429]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "no_url"),
        ("https://", "no_url"),
        ("http://127.0.0.1:8085", "no_name"),
        ("https://[::1]", "no_name"),
        ("https://a.example:port", "no_name"),
        ("http://tocsin.example", "no_tls"),
        ("http://localhost:8085/", RelyingParty("localhost", "http://localhost:8085")),
        ("https://Tocsin.Example:443/at/", RelyingParty("tocsin.example", "https://tocsin.example")),
        ("https://bücher.example", RelyingParty("xn--bcher-kva.example", "https://xn--bcher-kva.example")),
    ],
)
def test_the_public_address_decides_whether_there_are_passkeys(
    url: str | None, expected: RelyingParty | str
) -> None:
    assert relying_party(url) == expected


def test_without_a_public_address_the_page_says_why_there_are_none(tmp_path: Path) -> None:
    with seeded_app(tmp_path) as one:
        change(one, language=None)
        ada = signed_in(one)
        shown = page(ada, "/me")
        assert "Passkeys are off: api.public_url is not set" in shown and "Make a passkey" not in shown
        assert "passkeys.js" not in page(visitor(one), "/signin")
        assert visitor(one).post("/signin/passkey/begin").status_code == 409


def test_a_person_has_a_bounded_number_of_passkeys_and_each_once(house: SeededApp) -> None:
    now = house.clock.now()
    with house.store.write() as conn:
        for n in range(MOST):
            add_passkey(conn, "p_ada", f"credential {n}", "key", 0, "phone", now)
        with pytest.raises(Conflict, match="already"):
            add_passkey(conn, "p_ada", "one more", "key", 0, "phone", now)
        with pytest.raises(Conflict, match="registered already"):
            add_passkey(conn, "p_pim", "credential 1", "key", 0, "phone", now)
        assert challenge_for(conn, "register", "a", now) != challenge_for(conn, "register", "a", now)
        # A challenge of another purpose is not taken.
        assert take_challenge(conn, "signin", "a", now) is None
        assert take_challenge(conn, "register", "a", now) and not take_challenge(conn, "register", "a", now)
    assert named(" \x00\n") == "passkey" and len(named("x" * 99)) == 64
