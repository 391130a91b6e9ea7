"""TLS of every way out: an authority that is trusted, one that is not, and a certificate for another name."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
import trustme

from ingest.event_stream import EventStream
from ingest.foreign_topic import connect
from ingest.source import FetchFailed
from ingest.sources.imap_mailbox import Login, Mailbox, Tls
from ingest.web import Web
from ingest.wires import WebSocket
from tests.ingest.fake_imap import PASSWORD, FakeImap
from tests.ingest.test_wires import context, shake_hands
from tocsin.net import certificates, checked_socket
from tocsin.settings import Ingest, StreamSettings

AUTHORITY = trustme.CA()


class Secure:
    """A peer on loopback with a certificate for this name; it does `talk` with each client."""

    def __init__(self, name: str, talk: Callable[[socket.socket], None]) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert(name).configure_cert(self._tls)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.netloc = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._talk = talk
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        # The client has ended, or this peer is closed.
        with suppress(OSError):
            while True:
                plain, _ = self._server.accept()
                with plain, suppress(OSError), self._tls.wrap_socket(plain, server_side=True) as client:
                    self._talk(client)


def page(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nketel")


def events(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ketel\n\n")


def websocket(client: socket.socket) -> None:
    shake_hands(client)
    client.sendall(b"\x81\x05ketel")


def mailbox(client: socket.socket) -> None:
    """The fake mail server, which speaks no TLS, behind it."""
    with FakeImap() as server:
        inner = socket.create_connection(("127.0.0.1", server.port))
        threading.Thread(target=_pump, args=(client, inner), daemon=True).start()
        _pump(inner, client)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


def ask_page(netloc: str) -> bytes:
    return Web(context()).get(f"https://{netloc}/").body


def hear_events(netloc: str) -> bytes:
    with closing(EventStream(context(), f"https://{netloc}/")) as stream:
        return stream.receive().data


def hear_websocket(netloc: str) -> bytes:
    with closing(WebSocket(context(), f"wss://{netloc}/")) as wire:
        return wire.receive().data


def open_mailbox(netloc: str, tls: Tls = "tls") -> bytes:
    host, port = netloc.split(":")
    login = Login(host, int(port), tls, "klachten", PASSWORD, "password", "INBOX")
    allowed = ("127.0.0.0/8",)
    box = Mailbox(login, lambda: checked_socket(host, int(port), allowed), timedelta(seconds=10))
    box.close()
    return b"ketel"


class Upgraded:
    """A mail server that speaks TLS once a client has asked for it by STARTTLS."""

    def __init__(self, name: str) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert(name).configure_cert(tls)
        self._server = FakeImap().__enter__()
        self._server.mailbox.tls, self._server.mailbox.capabilities = tls, "IMAP4rev1 STARTTLS"
        self.netloc = f"127.0.0.1:{self._server.port}"

    def close(self) -> None:
        self._server.__exit__(None, None, None)


def secure(talk: Callable[[socket.socket], None]) -> Serve:
    return lambda name: Secure(name, talk)


Ask: TypeAlias = Callable[[str], bytes]
Serve: TypeAlias = Callable[[str], Secure | Upgraded]
WAYS: list[tuple[Ask, Serve]] = [
    (ask_page, secure(page)),
    (hear_events, secure(events)),
    (hear_websocket, secure(websocket)),
    (open_mailbox, secure(mailbox)),
    (lambda netloc: open_mailbox(netloc, "starttls"), Upgraded),
]
each_way = pytest.mark.parametrize(
    ("ask", "serve"), WAYS, ids=["page", "events", "websocket", "mailbox", "starttls"]
)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The authority of this file is trusted, and no other one."""
    file = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    certificates.cache_clear()
    yield
    certificates.cache_clear()


@each_way
@pytest.mark.usefixtures("trusted")
def test_a_trusted_authority_is_believed(ask: Ask, serve: Serve) -> None:
    with closing(serve("127.0.0.1")) as peer:
        assert ask(peer.netloc) == b"ketel"


@each_way
@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_is_refused(ask: Ask, serve: Serve) -> None:
    with (
        closing(serve("other.example")) as peer,
        pytest.raises(FetchFailed, match=r"not valid for '127\.0\.0\.1'"),
    ):
        ask(peer.netloc)


@each_way
def test_an_authority_that_nobody_knows_is_refused(ask: Ask, serve: Serve) -> None:
    certificates.cache_clear()
    with (
        closing(serve("127.0.0.1")) as peer,
        pytest.raises(FetchFailed, match="certificate does not hold") as caught,
    ):
        ask(peer.netloc)
    assert "_ssl" not in str(caught.value)


@pytest.mark.parametrize("ask", [ask_page, hear_events, hear_websocket], ids=["page", "events", "websocket"])
@pytest.mark.usefixtures("trusted")
def test_a_peer_without_tls_is_a_failure_in_words(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(FetchFailed):
            ask(f"127.0.0.1:{server.getsockname()[1]}")


def test_a_mail_server_without_starttls_gets_no_password() -> None:
    with FakeImap() as server:
        with pytest.raises(FetchFailed):
            open_mailbox(f"127.0.0.1:{server.port}", "starttls")
        assert not any(one.upper().startswith(("LOGIN", "AUTHENTICATE")) for one in server.mailbox.commands)


# -- a topic of somebody else's ---------------------------------------------------------------------------


def ask_topic(netloc: str) -> None:
    given = StreamSettings(security="SSL")
    allowed = Ingest.model_validate({"allowed_private_networks": ["127.0.0.0/8"]})
    connect([netloc], "talk", given, allowed).close()


@pytest.mark.slow("kafka-python looks for brokers for three seconds")
@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("name", "greeted"), [("127.0.0.1", True), ("other.example", False)])
def test_the_brokers_of_a_topic_are_judged_by_the_same_authorities(name: str, greeted: bool) -> None:
    came = threading.Event()

    def talk(client: socket.socket) -> None:
        # It said something, so it has believed the certificate; this peer is no broker and says nothing.
        if client.recv(4096):
            came.set()

    with closing(Secure(name, talk)) as peer, pytest.raises(FetchFailed):
        ask_topic(peer.netloc)
    assert came.wait(15) if greeted else not came.is_set()
