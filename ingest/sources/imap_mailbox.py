"""A folder of a mailbox over IMAP (RFC 9051, and RFC 3501 before it), read-only, over a connection to a checked address.

The connection stays open between two looks. Where the server can IDLE (RFC 2177), it says by itself that something came, and
a look costs no request; elsewhere a NOOP asks. Reading marks no letter as read.
"""

from __future__ import annotations

import base64
import contextlib
import imaplib
import re
import select
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Timer
from typing import Any, Literal

from ingest.source import FetchFailed
from tocsin.core.errors import WrongInput
from tocsin.net import certificate_fault, certificates

Tls = Literal["tls", "starttls", "none"]
SignIn = Literal["password", "token"]

MOST_LETTER_BYTES = 512 * 1024
"""Of one letter. Texts come before attachments, so the rest of it is not asked for."""

# Of all answers to one look, letters included.
MOST_BYTES = 32 * 1024 * 1024
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_RECEIVED = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')
_NOT_ASCII = re.compile(r"[^\x20-\x7e]+|&")
_IDLE = b"TOCSIN1"


@dataclass(frozen=True, slots=True)
class Login:
    """Where the mailbox is and how it is opened."""

    host: str
    port: int
    tls: Tls
    user: str
    # The password, or the access token of OAuth 2.0.
    password: str
    sign_in: SignIn
    folder: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as the server has it: its beginning, and when it came in."""

    uid: int
    received: datetime | None
    data: bytes


class Mailbox:
    """An open folder. Every method raises `FetchFailed`; after that the mailbox is closed and of no more use."""

    def __init__(self, login: Login, connect: Callable[[], socket.socket], limit: timedelta) -> None:
        self._limit = limit
        # The server says by itself what comes.
        self.idles = False
        self._wire: socket.socket | None = None
        context = certificates() if login.tls != "none" else None

        def dial() -> socket.socket:
            plain = connect()
            self._wire = (
                context.wrap_socket(plain, server_hostname=login.host)
                if context and login.tls == "tls"
                else plain
            )
            return self._wire

        with self._within("be opened"):
            self._imap = _Imap(login.host, dial)
            if login.tls == "starttls":
                self._imap.starttls(context)
                self._wire = self._imap.sock
            self._sign_in(login)
            self._imap.select(_quoted(login.folder), readonly=True)
            if self._imap.state != "SELECTED":
                raise FetchFailed(f"the mailbox has no folder {login.folder!r} that may be read")
            # Ids of letters hold only as long as this number.
            self.validity = self._number("UIDVALIDITY")
            self.can_idle = "IDLE" in self._imap.capabilities

    def has_news(self) -> bool:
        """Whether the server, which idles, has said something."""
        return self._imap.has_input()

    def idle(self) -> None:
        """Ask the server to say by itself when something comes."""
        with self._within("be watched"):
            self._imap.send(_IDLE + b" IDLE\r\n")
            while line := self._imap.readline():
                if line.startswith(b"+"):
                    self.idles = True
                    return
                if line.startswith(_IDLE):
                    # It says no.
                    self.can_idle = False
                    return
            raise imaplib.IMAP4.abort("the connection ended")

    def wake(self) -> None:
        """Go on asking; without IDLE the server is asked whether something came."""
        with self._within("be asked"):
            if not self.idles:
                self._imap.noop()
                return
            self.idles = False
            self._imap.send(b"DONE\r\n")
            while line := self._imap.readline():
                if line.startswith(_IDLE):
                    return
            raise imaplib.IMAP4.abort("the connection ended")

    def uids(self, *criteria: str) -> list[int]:
        """The ids of the letters that fulfil these search keys, the least first."""
        with self._within("be searched"):
            answer = self._imap.uid("SEARCH", *criteria)
            return sorted(
                {int(one) for one in b" ".join(filter(None, _good(answer))).split() if one.isdigit()}
            )

    def letters(self, uids: Sequence[int]) -> list[Letter]:
        """These letters, without the letters that were deleted meanwhile."""
        with self._within("be read"):
            what = f"(UID INTERNALDATE BODY.PEEK[]<0.{MOST_LETTER_BYTES}>)"
            return list(_letters(_good(self._imap.uid("FETCH", ",".join(map(str, uids)), what))))

    def close(self) -> None:
        wire = self._wire
        if wire is not None:
            # Another thread may be reading; its reading ends.
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()

    def _sign_in(self, login: Login) -> None:
        try:
            if login.sign_in == "token":
                self._imap.authenticate("XOAUTH2", _bearer(login))
            else:
                self._imap.login(_string(login.user), login.password)
        except imaplib.IMAP4.abort:
            raise
        except UnicodeError:
            raise FetchFailed(
                "the mailbox's user or password has letters that signing in cannot carry"
            ) from None
        except imaplib.IMAP4.error:
            # The server's own words might hold what it was given.
            raise FetchFailed(f"the mailbox refuses the user {login.user!r} or the {login.sign_in}") from None

    def _number(self, name: str) -> int:
        value = self._imap.response(name)[1]
        text = value[0] if value else None
        if not isinstance(text, bytes) or not text.isdigit():
            raise FetchFailed(
                f"the mailbox does not say its {name}; without it no letter could be found again"
            )
        return int(text[:20])

    @contextlib.contextmanager
    def _within(self, what: str) -> Iterator[None]:
        """The time limit of one step, and one kind of failure for all that goes wrong."""
        imap: _Imap | None = getattr(self, "_imap", None)
        seconds = self._limit.total_seconds()
        timer = Timer(seconds, lambda: self.close())
        timer.daemon = True
        if imap is not None:
            imap.received = 0
        timer.start()
        try:
            yield
        except FetchFailed:
            self.close()
            raise
        except WrongInput as error:
            raise FetchFailed(str(error)) from None
        except (imaplib.IMAP4.error, OSError, ValueError, IndexError) as error:
            self.close()
            if not timer.is_alive() or isinstance(error, TimeoutError):
                raise FetchFailed(f"the mailbox took longer than {seconds:g} s to {what}") from None
            said = certificate_fault(error) or " ".join(str(error).split())[:200] or type(error).__name__
            raise FetchFailed(f"the mailbox cannot {what}: {said}") from None
        finally:
            timer.cancel()


class _Imap(imaplib.IMAP4):
    """The library's client over our own connection, which reads no more than is wanted."""

    def __init__(self, host: str, dial: Callable[[], socket.socket]) -> None:
        self._dial = dial
        self.received = 0
        super().__init__(host)

    def _create_socket(self, timeout: float | None) -> socket.socket:  # noqa: ARG002  # the connection has its own
        return self._dial()

    def read(self, size: int) -> bytes:
        self._count(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._count(len(line))
        return line

    def has_input(self) -> bool:
        """Whether there is something to read. Bytes that have come in already, and wait here, are not seen."""
        pending = self.sock.pending() if isinstance(self.sock, ssl.SSLSocket) else 0
        return bool(pending or select.select([self.sock], [], [], 0)[0])

    def _count(self, size: int) -> None:
        self.received += size
        if self.received > MOST_BYTES:
            raise self.abort(f"the answer is longer than {MOST_BYTES} bytes")


def _bearer(login: Login) -> Callable[[bytes], bytes]:
    """What XOAUTH2 says first. A server that refuses it sends a reason, and waits for an empty answer."""
    left = [f"user={login.user}\x01auth=Bearer {login.password}\x01\x01".encode()]
    return lambda _challenge: left.pop() if left else b""


def _good(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error("the server says no")
    return data


def _letters(data: Sequence[Any]) -> Iterator[Letter]:
    """Each letter is a pair of what is told of it and its bytes; what is told after the bytes stands in the next item."""
    for place, item in enumerate(data):
        if not isinstance(item, tuple):
            continue
        after = data[place + 1] if place + 1 < len(data) and isinstance(data[place + 1], bytes) else b""
        told = item[0] + b" " + after
        uid, received = _UID.search(told), _RECEIVED.search(told)
        if uid:
            yield Letter(int(uid[1]), _moment(received[1]) if received else None, item[1])


def _moment(text: bytes) -> datetime | None:
    try:
        found = parsedate_to_datetime(text.decode("ascii", "replace").strip())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return found if found.tzinfo else None


def _quoted(folder: str) -> str:
    """The folder's name as IMAP writes it: in its own UTF-7, quoted."""
    text = _NOT_ASCII.sub(lambda found: _utf7(found[0]), folder)
    return _string(text)


def _string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _utf7(text: str) -> str:
    if text == "&":
        return "&-"
    packed = base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{packed}-"
