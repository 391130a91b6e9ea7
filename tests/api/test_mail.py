"""The mail server on the page: tried before it is taken, beneath every setting, its password shown to nobody, set by no key."""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from sqlalchemy import select

from alerts.notifiers.email import EmailNotifier
from alerts.worker import AlertsWorker
from api.app import create_app
from api.mailing import FAULTS
from ops.transfer.definitions_file import stored_sections, written
from tests.alerts.peers import SmtpPeer, smtp_peer
from tests.api.test_public_address import admin
from tests.api.world import World
from tocsin.access.address import PAGE
from tocsin.access.mail import ChosenMail, chosen_mail, mail_laid_under, mail_now
from tocsin.definitions.models import Role
from tocsin.settings import Ingest, Loaded, Settings, Smtp
from tocsin.store import schema as s

SECRET = "hunter2-and-more"
NUL = "\0"


@pytest.fixture
def post_office() -> Iterator[SmtpPeer]:
    with smtp_peer() as peer:
        yield peer


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpPeer]:
    """A mail server with accounts that speaks TLS, by an authority that this machine trusts."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with smtp_peer(tls=context) as peer:
        yield peer


@pytest.fixture
def house(world: World, tmp_path: Path) -> World:
    """The world, with loopback listed and a data folder of its own."""
    loopback = Ingest(allowed_private_networks=("127.0.0.0/8",))
    settings = world.runtime.settings.model_copy(update={"ingest": loopback, "data": tmp_path})
    world.app = create_app(replace(world.runtime, settings=settings))
    return world


def server(peer: SmtpPeer, **change: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": peer.port, "security": "none", "to": "root@orvane.example"} | change


def in_store(world: World) -> str:
    """Everything that the tables for facts and the audit hold."""
    with world.scene.store.read() as conn:
        rows = [*conn.execute(select(s.meta)).all(), *conn.execute(select(s.audit)).all()]
    return str(rows)


def test_a_server_is_taken_only_if_it_takes_a_test_mail_and_mail_then_leaves_by_it(
    house: World, post_office: SmtpPeer
) -> None:
    browser, session = admin(house)
    csrf = {"X-CSRF-Token": session.csrf}
    post_office.behaviour = "refuse_rcpt"
    refused = browser.put("/v1/mail", json=server(post_office), headers=csrf)
    assert refused.status_code == 422 and "550 nobody of that name" in refused.json()["detail"]
    assert browser.get("/v1/mail").json()["host"] is None
    post_office.behaviour = "ok"
    taken = browser.put(
        "/v1/mail", json=server(post_office, sender="Tocsin <t@orvane.example>"), headers=csrf
    )
    assert taken.status_code == 200 and taken.json() == {
        "host": "127.0.0.1", "port": post_office.port, "security": "none", "username": None,
        "has_password": False, "sender": "Tocsin <t@orvane.example>", "set_by": PAGE,
    }  # fmt: skip
    assert b"TEST: this is how Tocsin pages you" in post_office.messages[-1]
    began = Loaded(Settings(), {})
    worker = AlertsWorker(
        house.scene.store, Settings(), house.scene.clock, mail=lambda conn: mail_now(conn, began)
    )
    worker._report(house.now)
    sender = worker._notifiers["email"]
    assert isinstance(sender, EmailNotifier) and sender._smtp.port == post_office.port, "without a new start"
    with house.scene.store.read() as conn:
        entry = conn.execute(select(s.audit).where(s.audit.c.action == "mail.changed")).one()
    assert (entry.detail["before"]["host"], entry.detail["after"]["host"]) == (None, "127.0.0.1")
    assert browser.delete("/v1/mail", headers=csrf).status_code == 204
    assert browser.get("/v1/mail").json()["host"] is None


def test_a_password_lies_in_a_file_and_is_shown_to_nobody_and_stays_with_its_server(
    house: World, locked: SmtpPeer, tmp_path: Path
) -> None:
    browser, session = admin(house)
    csrf = {"X-CSRF-Token": session.csrf}
    wanted = server(locked, security="tls", username="tocsin")

    def put(**change: Any) -> tuple[int, str]:
        answer = browser.put("/v1/mail", json=wanted | change, headers=csrf)
        return answer.status_code, answer.json().get("detail", "")

    assert FAULTS["no_password"] in put()[1]
    assert FAULTS["open"] in put(security="none", password=SECRET)[1]
    assert FAULTS["secret"] in put(password="env:HOME")[1], "no secret of the machine is sent to a typed host"
    assert list((tmp_path / "secrets").glob("*")) == []
    assert not locked.connections
    assert put(password=SECRET) == (200, "")
    assert f"AUTH PLAIN {b64encode(f'{NUL}tocsin{NUL}{SECRET}'.encode()).decode()}" in locked.commands
    (file,) = (tmp_path / "secrets").glob("*")
    assert file.read_text("utf-8") == SECRET and file.stat().st_mode & 0o777 == 0o600
    shown = browser.get("/v1/mail").text + browser.get("/settings/mail").text + browser.get("/settings").text
    assert SECRET not in shown + in_store(house) and str(file) not in shown
    with house.scene.store.read() as conn:
        exported = written(stored_sections(conn))
    assert SECRET not in exported and str(file) not in exported, "tocsin apply --export prints no mail server"
    assert '"has_password":true' in shown and "set, and shown to nobody" in shown
    assert shown.count("encrypted (TLS)") == 2 and '<option value="none">not encrypted' in shown, "in words"
    for change in ({"host": "127.0.0.2"}, {"port": 26}, {"security": "starttls"}, {"username": "other"}):
        status, detail = put(**change)
        assert status == 422 and FAULTS["again"] in detail, change
    assert put(sender="new@orvane.example")[0] == 200 and file.exists(), "the same server keeps it"
    assert put(password="another")[0] == 200 and not file.exists(), "the old one is removed"
    browser.delete("/v1/mail", headers=csrf)
    assert list((tmp_path / "secrets").glob("*")) == []
    with house.scene.store.read() as conn:
        told = json.dumps([row.detail for row in conn.execute(select(s.audit))])
    assert '"(set)"' in told and "file:" not in told


def test_nobody_but_an_administrator_who_is_signed_in_sets_it_and_no_setting_is_overruled(
    house: World, post_office: SmtpPeer
) -> None:
    wanted = server(post_office)
    for role in (Role.VIEWER, Role.COMMUNITY_MANAGER, Role.PR, Role.LEGAL):
        assert house.key(role).put("/v1/mail", json=wanted).status_code == 403
        assert house.key(role).get("/v1/mail").status_code == 403
    assert house.key(Role.ADMIN).put("/v1/mail", json=wanted).status_code == 403, "a key"
    ada, session = house.session("ada")
    assert ada.post("/settings/mail", data={"csrf": session.csrf}).status_code == 403, "no admin"
    world_settings = house.app.state.tocsin.settings
    fixed = world_settings.model_copy(update={"smtp": Smtp(host="mail.example")})
    origins = {"smtp.password": "environment"}
    house.app = create_app(replace(house.runtime, settings=fixed, origins=origins))
    browser, session = admin(house)
    answer = browser.put("/v1/mail", json=wanted, headers={"X-CSRF-Token": session.csrf})
    assert answer.status_code == 409 and "environment" in answer.json()["detail"]
    assert "wins over this page as a whole" in browser.get("/settings/mail").text
    assert post_office.connections == 0


def test_a_wrong_field_is_said_at_its_field_and_keeps_what_was_typed_but_no_password(
    world: World, post_office: SmtpPeer
) -> None:
    browser, session = admin(world)

    def fault(**change: str) -> str:
        form = {"csrf": session.csrf, **server(post_office), "port": "587", "password": SECRET} | change
        answer = browser.post("/settings/mail", data=form)
        assert answer.status_code == 422 and SECRET not in answer.text
        return str(answer.text)

    assert 'id="fault-host"' in fault() and post_office.connections == 0, "loopback is not listed"
    assert 'id="fault-host"' in fault(host="a b") and 'value="a b"' in fault(host="a b")
    for field, value in (("port", "0"), ("port", "x"), ("security", "ssl"), ("sender", "x"), ("to", "x")):
        assert f'id="fault-{field}"' in fault(**{"host": "mail.invalid", field: value}), field
    assert chosen_mail_of(world) == ChosenMail()


def chosen_mail_of(world: World) -> ChosenMail:
    with world.scene.store.read() as conn:
        return chosen_mail(conn)


def test_what_is_forgotten_on_the_page_leaves_nothing_and_what_was_never_set_changes_nothing() -> None:
    began = Loaded(Settings(smtp=Smtp(host="mail.example")), {})
    assert mail_laid_under(began, ChosenMail()) is began
    laid = mail_laid_under(Loaded(Settings(), {}), ChosenMail(host="mail.example"))
    assert laid.settings.smtp.host == "mail.example" and laid.origins["smtp.host"] == PAGE
    assert mail_laid_under(laid, ChosenMail()).settings == Settings()
    fixed = Loaded(Settings(), {"smtp.port": "tocsin.toml"})
    assert mail_laid_under(fixed, ChosenMail(host="mail.example")) is fixed
