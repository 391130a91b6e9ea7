"""TLS of every way out: an authority that is trusted, one that is not, and a certificate for another name."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from ingest.event_stream import EventStream
from ingest.source import FetchFailed
from ingest.sources.imap_mailbox import Login, Mailbox
from ingest.web import Web
from ingest.wires import WebSocket
from tests.ingest.fake_imap import PASSWORD, FakeImap
from tests.ingest.test_wires import context, shake_hands
from tocsin.net import certificates, checked_socket

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
        server.shutdown()


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


def open_mailbox(netloc: str) -> bytes:
    host, port = netloc.split(":")
    login = Login(host, int(port), "tls", "klachten", PASSWORD, "password", "INBOX")
    allowed = ("127.0.0.0/8",)
    box = Mailbox(login, lambda: checked_socket(host, int(port), allowed), timedelta(seconds=10))
    box.close()
    return b"ketel"


WAYS = [(ask_page, page), (hear_events, events), (hear_websocket, websocket), (open_mailbox, mailbox)]
each_way = pytest.mark.parametrize(("ask", "talk"), WAYS, ids=["page", "events", "websocket", "mailbox"])
Ask, Talk = Callable[[str], bytes], Callable[[socket.socket], None]


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
def test_a_trusted_authority_is_believed(ask: Ask, talk: Talk) -> None:
    with closing(Secure("127.0.0.1", talk)) as peer:
        assert ask(peer.netloc) == b"ketel"


@each_way
@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_is_refused(ask: Ask, talk: Talk) -> None:
    with (
        closing(Secure("other.example", talk)) as peer,
        pytest.raises(FetchFailed, match=r"not valid for '127\.0\.0\.1'"),
    ):
        ask(peer.netloc)


@each_way
def test_an_authority_that_nobody_knows_is_refused(ask: Ask, talk: Talk) -> None:
    certificates.cache_clear()
    with (
        closing(Secure("127.0.0.1", talk)) as peer,
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
