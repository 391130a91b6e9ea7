"""Real peers on loopback: an HTTP server and an SMTP server that work or fail as the test says."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

AWAY = "away"
HANG = "hang"
TROUBLES: Final[Mapping[str, int | None]] = {AWAY: None, HANG: None, "429": 429, "500": 500, "302": 302}
"""The troubles of a peer, with the status that it answers. Away: nobody listens. Hang: it takes requests and says nothing."""


@dataclass
class HttpPeer:
    """An HTTP server that answers each POST with the next of `statuses`, then 200. With `silent` it never answers.

    While there is a `trouble` it does what that says: one of `TROUBLES`.
    """

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    silent: bool = False
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    """The status of each answer, in the order of the requests."""
    taken: list[str] = field(default_factory=list)
    """The webhook ids of the requests that were answered well."""
    done: threading.Event = field(default_factory=threading.Event)
    listens: Callable[[bool], None] = lambda _yes: None
    trouble: str = ""
    late_s: float = 0.0
    """It answers so many seconds after it has taken a request."""
    retry_after: str = "2"
    """What a refusal says in Retry-After. Empty: nothing."""

    def have(self, trouble: str) -> None:
        """Begin this trouble; with "", end it."""
        self.trouble = trouble
        self.listens(trouble != AWAY)


@contextmanager
def http_peer(statuses: list[int] | None = None, silent: bool = False) -> Iterator[HttpPeer]:
    peer = HttpPeer(statuses=list(statuses or []), silent=silent)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            peer.requests.append(({key.lower(): value for key, value in self.headers.items()}, body))
            trouble = peer.trouble
            if peer.silent or trouble == HANG:
                peer.done.wait(10)
                return
            status = TROUBLES.get(trouble) or (peer.statuses.pop(0) if peer.statuses else 200)
            peer.answered.append(status)
            if status < 300:
                peer.taken.append(self.headers.get("webhook-id", ""))
            peer.done.wait(peer.late_s)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
            if status >= 400 and peer.retry_after:
                self.send_header("retry-after", peer.retry_after)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    running: list[tuple[Server, threading.Thread]] = []

    def listens(yes: bool) -> None:
        if yes and not running:
            server = Server(("127.0.0.1", urlsplit(peer.url).port or 0), Handler)
            serve = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            serve.start()
            running.append((server, serve))
            peer.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        elif running and not yes:
            server, serve = running.pop()
            server.shutdown()
            server.server_close()
            serve.join(10)

    peer.listens = listens
    listens(True)
    try:
        yield peer
    finally:
        peer.done.set()
        listens(False)


@dataclass
class SmtpPeer:
    """An SMTP server.

    `behaviour`: ok | refuse_greeting | refuse_rcpt | busy_rcpt | refuse_content | drop_after_content | hang_after_content
    | hang_after_data | silent. `knows_accounts`: it offers AUTH PLAIN, and lets everybody in.
    """

    port: int = 0
    behaviour: str = "ok"
    knows_accounts: bool = False
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)


@contextmanager
def smtp_peer(behaviour: str = "ok", tls: ssl.SSLContext | None = None) -> Iterator[SmtpPeer]:
    """With `tls` it speaks TLS from the first byte, and knows accounts."""
    listener = socket.create_server(("127.0.0.1", 0))
    peer = SmtpPeer(port=listener.getsockname()[1], behaviour=behaviour, knows_accounts=tls is not None)
    done = threading.Event()

    def serve() -> None:
        while True:
            conn, _ = listener.accept()
            with conn:
                if done.is_set():
                    return
                peer.connections += 1
                conn.settimeout(10)
                try:
                    _talk(conn if tls is None else tls.wrap_socket(conn, server_side=True), peer)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        done.set()
        # This lets the accept return.
        socket.create_connection(("127.0.0.1", peer.port)).close()
        thread.join(10)
        listener.close()


def _hang(conn: socket.socket) -> None:
    """Say nothing until the other side has gone."""
    while conn.recv(4096):
        pass


def _talk(conn: socket.socket, peer: SmtpPeer) -> None:
    lines = conn.makefile("rb")

    def say(text: str) -> None:
        conn.sendall(text.encode() + b"\r\n")

    if peer.behaviour == "silent":
        _hang(conn)
        return
    say("421 go away" if peer.behaviour == "refuse_greeting" else "220 made-up mail")
    while line := lines.readline():
        command = line.decode().strip()
        peer.commands.append(command)
        verb = command.split(" ", 1)[0].upper()
        if verb == "RCPT" and peer.behaviour == "refuse_rcpt":
            say("550 nobody of that name")
        elif verb == "RCPT" and peer.behaviour == "busy_rcpt":
            say("451 try later")
        elif verb == "DATA":
            if peer.behaviour == "hang_after_data":
                _hang(conn)
                return
            say("354 go on")
            content = b""
            while (line := lines.readline()) != b".\r\n":
                content += line[1:] if line.startswith(b".") else line
            peer.messages.append(content)
            if peer.behaviour == "hang_after_content":
                _hang(conn)
            if peer.behaviour in ("drop_after_content", "hang_after_content"):
                return
            say("554 not this" if peer.behaviour == "refuse_content" else "250 taken as 42")
        elif verb == "EHLO" and peer.knows_accounts:
            say("250-made-up")
            say("250 AUTH PLAIN")
        elif verb == "AUTH":
            say("235 come in")
        elif verb == "QUIT":
            say("221 bye")
            return
        else:
            say("250 ok")


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
