"""E-mail by SMTP: plain text and HTML that fit a phone. The channel's setting is `to` (default: the person's address).

An error before the message's content is on its way counts as failed. A later error counts as unknown, because the
server may have taken the message. The notice's id makes the Message-ID.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import Any, Final

from alerts.notifiers.port import Notice, Outcome
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.core.text import one_line
from tocsin.settings import Settings, Smtp, reveal

LONGEST_HEADER: Final = 300
_ADDRESS = re.compile(r"[^\s@<>\"',;:\\()\[\]]{1,64}@[A-Za-z0-9.\-]{1,255}")


class EmailNotifier:
    """Sends one message to one address. `tls` is for tests and private authorities; by default the system's authorities
    are trusted.
    """

    kind = "email"
    honours_id = False

    def __init__(self, smtp: Smtp, tls: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> None:
        self._smtp, self._tls = smtp, tls
        self.time_limit = timedelta(seconds=smtp.timeout_s)

    def send(self, notice: Notice) -> Outcome:
        try:
            to = address(notice.target.get("to"))
            content = message(notice, to, self._smtp.sender).as_bytes(policy=SMTP_POLICY)
        except (WrongInput, ValueError) as error:
            return Outcome("failed", f"this e-mail cannot be written: {error}", for_good=True)
        begun = False
        try:
            with self._connected() as server:
                refused = _envelope(server, parseaddr(self._smtp.sender)[1], to)
                if refused:
                    return refused
                begun = True
                server.send(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
                code, reply = server.getreply()
        except (OSError, smtplib.SMTPException, WrongInput) as error:
            if begun:
                return Outcome("unknown", f"the connection was lost after sending: {_line(error)}")
            for_good = isinstance(error, (smtplib.SMTPAuthenticationError, WrongInput))
            return Outcome("failed", f"not sent: {_line(error)}", for_good=for_good)
        if code == 250:
            return Outcome("sent", f"taken: {reply.decode('ascii', 'replace')[:120]}")
        return Outcome(
            "failed", f"refused: {code} {reply.decode('ascii', 'replace')[:120]}", for_good=code >= 500
        )

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A session after greeting, encryption and sign-in. The session ends in time, however slowly the other side talks."""
        smtp = self._smtp
        if not smtp.host:
            raise WrongInput(Sentence("smtp.host is not set"))
        limit = smtp.timeout_s
        here = socket.gethostname()
        direct = smtp.security == "tls"
        server = (
            smtplib.SMTP_SSL(local_hostname=here, timeout=limit, context=self._tls())
            if direct
            else smtplib.SMTP(local_hostname=here, timeout=limit)
        )
        server._host = smtp.host  # type: ignore[attr-defined]  # what starttls checks the certificate against
        watchdog = threading.Timer(limit, lambda: _cut(server))
        watchdog.daemon = True
        watchdog.start()
        try:
            code, reply = server.connect(smtp.host, smtp.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, reply)
            server.ehlo_or_helo_if_needed()
            if smtp.security == "starttls":
                server.starttls(context=self._tls())
                server.ehlo()
            if smtp.username:
                server.login(smtp.username, reveal(smtp.password or ""))
            yield server
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
        finally:
            watchdog.cancel()
            server.close()


def message(notice: Notice, to: str, sender: str) -> EmailMessage:
    """The message: plain text first, the same text as HTML beside it. Raises ValueError where a header would be broken."""
    mail = EmailMessage()
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = header_text(notice.subject)
    mail["Date"] = format_datetime(notice.created_at)
    mail["Message-ID"] = f"<{notice.id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if notice.repeat_of:
        mail["In-Reply-To"] = f"<{notice.repeat_of}@{domain}>"
    if notice.severity <= 2:
        mail["Importance"] = "high"
    mail.set_content(notice.below_subject)
    mail.add_alternative(notice.html, subtype="html")
    return mail


def header_text(text: str) -> str:
    """The text as a header may hold it: one line, without characters that steer, and with nothing that a reader or Python's own
    library would decode (`=?utf-8?q?=0aBcc:...?=` made new headers on Python before 3.11.10).
    """
    return one_line(text, LONGEST_HEADER).replace("=?", "= ?")


def check_target(target: Mapping[str, Any]) -> None:
    """Raise `WrongInput` for a target without an address that mail can go to."""
    if target.get("to") is None:
        raise WrongInput(Sentence("an e-mail channel needs `to`, or its person an email"))
    address(target["to"])


def require_ready(_target: Mapping[str, Any], settings: Settings) -> None:
    """Raise `WrongInput` where no mail server is set, or its password is not there."""
    if not settings.smtp.host:
        raise WrongInput(Sentence("no mail server is set: set smtp.host"))
    if settings.smtp.password is not None:
        reveal(settings.smtp.password)


def address(value: object) -> str:
    """`value` if it is one plain address. Raises `WrongInput` otherwise, also for a value that would smuggle in a header."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise WrongInput(Sentence("{value} is no e-mail address", value=repr(str(value)[:80])))
    return value


def _envelope(server: smtplib.SMTP, sender: str, to: str) -> Outcome | None:
    """Send MAIL, RCPT and DATA. Returns None when the content may follow, else how the envelope failed."""
    for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>", "DATA"):
        code, reply = server.docmd(command)
        if code not in (250, 251, 354):
            said = reply.decode("ascii", "replace")[:120]
            return Outcome("failed", f"refused: {code} {said}", for_good=code >= 500)
    return None


def _cut(server: smtplib.SMTP) -> None:
    sock = server.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
