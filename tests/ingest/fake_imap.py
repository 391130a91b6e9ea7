"""A mail server on loopback that speaks the part of IMAP4rev1 (RFC 3501) that reading a folder needs, and IDLE (RFC 2177)."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PASSWORD = "made-up-app-password"


@dataclass
class Mailbox:
    """What the server has, and how it behaves."""

    letters: dict[int, tuple[datetime, bytes]] = field(default_factory=dict)
    validity: int = 7
    capabilities: str = "IMAP4rev1 IDLE"
    # The answer to every command and to the connection, while it is there.
    fault: bytes | None = None
    commands: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    connections: list[socket.socket] = field(default_factory=list)
    # What a client that asks for STARTTLS gets (RFC 3501, 6.2.1).
    tls: ssl.SSLContext | None = None

    def leave(self) -> None:
        """The server goes away, and ends all connections."""
        self.fault = b"* BYE away\r\n"
        for one in self.connections:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def put(self, data: bytes, received: datetime) -> int:
        """A letter comes in; whoever idles is told."""
        with self.changed:
            uid = max(self.letters, default=0) + 1
            self.letters[uid] = (received, data)
            self.changed.notify_all()
        return uid


class _Session(socketserver.StreamRequestHandler):
    server: FakeImap
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._talk(self.server.mailbox)

    def _talk(self, mailbox: Mailbox) -> None:
        mailbox.connections.append(self.connection)
        if mailbox.fault is not None:
            self._say(mailbox.fault)
            return
        self._say(f"* OK [CAPABILITY {mailbox.capabilities}] ready\r\n".encode())
        while line := self.rfile.readline():
            tag, _, rest = line.decode("utf-8").strip().partition(" ")
            mailbox.commands.append(rest)
            if mailbox.fault is not None:
                self._say(mailbox.fault)
                return
            name = rest.split(" ", 2)
            command = f"uid {name[1]}" if name[0].upper() == "UID" else name[0]
            answer = getattr(self, f"_{command.lower().replace(' ', '_')}", None)
            said = "BAD what" if answer is None else answer(mailbox, rest)
            self._say(f"{tag} {said or 'OK done'}\r\n".encode())
            if command.upper() == "STARTTLS" and not said:
                self._secure(mailbox)

    def _starttls(self, mailbox: Mailbox, rest: str) -> str | None:
        return None if mailbox.tls else "BAD what"

    def _secure(self, mailbox: Mailbox) -> None:
        assert mailbox.tls is not None
        self.connection = self.request = mailbox.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")

    def _say(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def _capability(self, mailbox: Mailbox, rest: str) -> None:
        self._say(f"* CAPABILITY {mailbox.capabilities}\r\n".encode())

    def _noop(self, mailbox: Mailbox, rest: str) -> None:
        self._say(f"* {len(mailbox.letters)} EXISTS\r\n".encode())

    def _login(self, mailbox: Mailbox, rest: str) -> str | None:
        return None if rest.endswith(f'"{PASSWORD}"') else f"NO [AUTHENTICATIONFAILED] {rest}"

    def _authenticate(self, mailbox: Mailbox, rest: str) -> str | None:
        self._say(b"+ \r\n")
        said = base64.b64decode(self.rfile.readline())
        if said == f"user=klachten\x01auth=Bearer {PASSWORD}\x01\x01".encode():
            return None
        # The reason, which is to be answered with an empty line.
        self._say(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
        self.rfile.readline()
        return "NO [AUTHENTICATIONFAILED] no"

    def _examine(self, mailbox: Mailbox, rest: str) -> str | None:
        if rest != 'EXAMINE "R&-&-D &-&AOkCWQ-n"' and rest != 'EXAMINE "INBOX"':
            return "NO no such folder"
        self._say(
            f"* {len(mailbox.letters)} EXISTS\r\n* OK [UIDVALIDITY {mailbox.validity}] valid\r\n".encode()
        )
        return "OK [READ-ONLY] done"

    def _uid_search(self, mailbox: Mailbox, rest: str) -> None:
        uids = sorted(mailbox.letters)
        after = re.search(r"UID (\d+):\*", rest.removeprefix("UID "))
        since = re.search(r"SINCE (\S+)", rest)
        if after:
            # The last letter is always named by `*`.
            uids = [uid for uid in uids if uid >= int(after[1])] or uids[-1:]
        elif since:
            day = datetime.strptime(f"{since[1]} +0000", "%d-%b-%Y %z").date()
            uids = [uid for uid in uids if mailbox.letters[uid][0].date() >= day]
        self._say(b"* SEARCH " + " ".join(map(str, uids)).encode() + b"\r\n")

    def _uid_fetch(self, mailbox: Mailbox, rest: str) -> None:
        asked, most = re.search(r"FETCH (\S+) ", rest), re.search(r"<0\.(\d+)>", rest)
        assert asked
        assert most
        assert "BODY.PEEK[]" in rest
        for place, uid in enumerate(map(int, asked[1].split(",")), 1):
            if uid in mailbox.letters:
                received, data = mailbox.letters[uid]
                head = f"* {place} FETCH (UID {uid} BODY[]<0> {{{len(data[: int(most[1])])}}}\r\n".encode()
                tail = f' INTERNALDATE "{received:%d-%b-%Y %H:%M:%S +0000}")\r\n'.encode()
                self._say(
                    head + data[: int(most[1])] + tail + f"* {place} FETCH (FLAGS (\\Seen))\r\n".encode()
                )

    def _idle(self, mailbox: Mailbox, rest: str) -> None:
        known = len(mailbox.letters)
        self._say(b"+ idling\r\n")
        ended = threading.Event()

        def watch() -> None:
            with mailbox.changed:
                mailbox.changed.wait_for(lambda: ended.is_set() or len(mailbox.letters) > known)
            if not ended.is_set():
                with contextlib.suppress(OSError):
                    self._say(f"* {len(mailbox.letters)} EXISTS\r\n".encode())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        self.rfile.readline()
        with mailbox.changed:
            ended.set()
            mailbox.changed.notify_all()
        watcher.join()

    def _logout(self, mailbox: Mailbox, rest: str) -> None:
        self._say(b"* BYE\r\n")


class FakeImap(socketserver.ThreadingTCPServer):
    """The server; it answers for one mailbox after the other."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        super().__init__(("127.0.0.1", 0), _Session)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def server_close(self) -> None:
        """End the thread, too. Beside a closed socket it would turn as fast as it can, for all later tests of its worker."""
        self.shutdown()
        super().server_close()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def settings(self, **more: Any) -> dict[str, Any]:
        """Those of a source of this server; the environment has the password."""
        own = {"host": "127.0.0.1", "port": self.port, "tls": "none", "user": "klachten"}
        return own | {"password": "env:MAIL_PASSWORD"} | more


@contextlib.contextmanager
def fake_imap() -> Iterator[FakeImap]:
    with FakeImap() as server:
        yield server


def letter(id: str, text: str = "De ketel lekt alweer", **headers: str) -> bytes:
    """A letter of plain text; `In_Reply_To=` is the header In-Reply-To."""
    own = {"Message-ID": f"<{id}>", "From": "Ayse <ayse@klant.example>", "Subject": "Ketel"}
    named = own | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n".encode()
