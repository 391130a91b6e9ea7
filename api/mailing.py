"""The mail server typed on the page or given over the API: checked, tried with a test mail, and only then taken.

Why this is safe enough. Only an administrator who is signed in may change it, as with the public address: the person who names
the mail server can read every notice and every sign-in link. The password goes to a file that only this account can read;
nobody sees it again. A password belongs to one server: for another host, port, account or protection it must be typed again, so
a stolen session cannot send it elsewhere. A host in a private network is asked only where an operator's setting lists it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from email.utils import parseaddr
from typing import Final, get_args

from alerts.directory import Someone, someone
from alerts.notifiers import email
from alerts.notifiers.email import EmailNotifier
from alerts.notifiers.port import Notice
from alerts.notifiers.registry import BY_ADDRESS
from alerts.outbox.test_notice import TEST, test_message
from api.auth.principal import Principal
from api.kept_secrets import forget, kept
from api.state import AppState
from tocsin.access.links import new_token, page_address
from tocsin.access.mail import SENDER, ChosenMail, Security, choose_mail, chosen_mail, set_elsewhere
from tocsin.core.errors import Conflict, NotAllowed, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.core.text import unseen
from tocsin.definitions.models import Person
from tocsin.definitions.repository import find
from tocsin.net import check_host
from tocsin.settings import Smtp

LONGEST: Final = 253
LONGEST_WAIT_S: Final = 10.0
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.\-:]*[A-Za-z0-9])?")

FAULTS: Final[Mapping[str, str]] = {
    "host": "This is no name of a mail server.",
    "private": "It lies in a private network, so Tocsin does not ask it. List that network in ingest.allowed_private_networks.",
    "port": "A port is a number from 1 to 65535.",
    "security": "Choose one of these.",
    "username": "An account is one line of characters that can be seen.",
    "no_password": "An account needs its password.",
    "again": "Type the password again: another server, account or protection does not get the old one.",
    "open": "A password is not sent without protection: choose starttls or tls.",
    "secret": "A password is one line of at most 2,000 characters that can be seen.",
    "sender": "This is no e-mail address.",
    "to": "This is no e-mail address.",
    "often": "It was tried too often: try again in a minute.",
}
"""What is wrong with what was typed, by its key."""


class BadMail(WrongInput):
    """A field of the mail server that cannot be used: its name, and the key of its fault in `FAULTS`."""

    def __init__(self, field: str, key: str) -> None:
        super().__init__(Sentence("{field}: {fault}", field=field, fault=Sentence(FAULTS[key])))
        self.field, self.key = field, key


class NotSent(WrongInput):
    """The test mail was not taken, so the mail server is not either. `detail` is what it said."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            Sentence("the test mail was not taken, and nothing was changed: {detail}", detail=detail)
        )
        self.detail = detail


@dataclass(frozen=True, slots=True)
class TypedMail:
    """What a person typed. `password` None: the one that is set stays. `to`: where the test mail goes; None: to the person."""

    host: str
    port: int
    security: str
    username: str
    password: str | None
    sender: str
    to: str | None = None


def take_mail(state: AppState, who: Principal, typed: TypedMail | None) -> None:
    """Send a test mail by this server, and take it if the mail was. None: no mail is sent any more.

    Raises `NotAllowed` for a key, `Conflict` where a setting says it, `BadMail`, and `NotSent`.
    """
    if who.kind != "person":
        raise NotAllowed(
            Sentence("a key may not say by which server mail leaves: an admin sets it on the page")
        )
    origin = set_elsewhere(state.origins)
    if origin is not None:
        raise Conflict(
            Sentence(
                "the mail server is set in {origin}, which wins over the page; change it there", origin=origin
            )
        )
    with state.store.read() as conn:
        old, one = chosen_mail(conn), someone(conn, who.id, find(conn, Person, who.id).value)
    new = ChosenMail() if typed is None else _checked(state, typed, old)
    fresh = typed.password if typed is not None and new.username else None
    if fresh:
        try:
            new = replace(new, password=kept(state.settings, fresh, may_name=False))
        except WrongInput:
            raise BadMail("password", "secret") from None
    try:
        if typed is not None:
            _tried(state, new, one, typed.to or one.person.email)
        with state.store.write() as conn:
            choose_mail(conn, new, old, state.now(), who.label, who.role.value)
    except BaseException:
        if fresh:
            forget(state.settings, new.password)
        raise
    if old.password != new.password:
        forget(state.settings, old.password)
    state.take_mail(new)


def _checked(state: AppState, typed: TypedMail, old: ChosenMail) -> ChosenMail:
    host = typed.host.strip().lower().rstrip(".")
    if len(host) > LONGEST or not _HOST.fullmatch(host):
        raise BadMail("host", "host")
    if not 1 <= typed.port <= 65535:
        raise BadMail("port", "port")
    security: Security | None = next((one for one in get_args(Security) if one == typed.security), None)
    if security is None:
        raise BadMail("security", "security")
    try:
        check_host(host, typed.port, state.settings.ingest.allowed_private_networks)
    except WrongInput:
        raise BadMail("host", "private") from None
    username = typed.username.strip()
    if len(username) > LONGEST or (username and unseen(username)):
        raise BadMail("username", "username")
    sender = typed.sender.strip() or SENDER
    if len(sender) > LONGEST or unseen(sender) or not _is_address(parseaddr(sender)[1]):
        raise BadMail("sender", "sender")
    new = ChosenMail(host, typed.port, security, username or None, None, sender)
    if not username:
        return new
    if security == "none":
        raise BadMail("password", "open")
    if typed.password:
        return new
    if old.password is None:
        raise BadMail("password", "no_password")
    if replace(new, sender=old.sender) != replace(old, password=None):
        raise BadMail("password", "again")
    return replace(new, password=old.password)


def _tried(state: AppState, new: ChosenMail, one: Someone, to: str | None) -> None:
    """Send the test mail. Raises `BadMail` without an address, and `NotSent` with what the server said."""
    if not to or not _is_address(to.strip()):
        raise BadMail("to", "to")
    if state.checks.wait_for("mail"):
        raise BadMail("", "often")
    present, now = state.settings.smtp, state.now()
    smtp = Smtp(**asdict(new), timeout_s=min(present.timeout_s, LONGEST_WAIT_S))
    message = test_message(one, page_address(state.settings), now)
    outcome = EmailNotifier(smtp).send(
        Notice(
            id=f"mail-{new_token()[:20]}",
            alert_id="",
            escalation_id=None,
            person_id=one.id,
            person=one.name,
            channel=BY_ADDRESS,
            target={"to": to.strip()},
            kind=TEST,
            severity=3,
            subject=message.subject,
            text=message.body["text"],
            html=message.body["html"],
            facts=message.body["facts"],
            created_at=now,
        )
    )
    if outcome.status != "sent":
        raise NotSent(outcome.detail)


def _is_address(text: str) -> bool:
    try:
        email.address(text)
    except WrongInput:
        return False
    return True
