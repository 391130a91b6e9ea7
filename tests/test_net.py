"""Outgoing requests to typed addresses cannot reach what they should not, nor take for ever."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from tocsin.core.errors import WrongInput
from tocsin.net import (
    Resolve,
    TooLarge,
    check_url,
    checked_client,
    checked_socket,
    parse_networks,
    refusal,
    why_not_reached,
)

PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
LOOPBACK = ("127.0.0.0/8", "::1/128")


@contextmanager
def peer(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that reads the head of a request and gives the connection to `answer`."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    done = threading.Event()

    def serve() -> None:
        try:
            while True:
                conn, _ = listener.accept()
                if done.is_set():
                    conn.close()
                    return
                with conn:
                    conn.settimeout(10)
                    conn.recv(65536)
                    answer(conn)
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        done.set()
        # This wakes the accept.
        socket.create_connection(listener.getsockname()).close()
        thread.join(10)
        listener.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "192.0.0.8",
        "192.88.99.1",
        "3fff::1",
        "2001:470::5efe:7f00:1",
        "2001:470::200:5efe:a00:1",
    ],
)
def test_an_address_that_is_not_public_is_refused_with_a_reason(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"]
)
def test_a_public_address_is_taken(address: str) -> None:
    assert refusal(address) is None


def test_a_listed_network_is_taken_and_its_neighbour_is_not() -> None:
    listed = parse_networks(["10.1.0.0/16"])
    assert (refusal("10.1.2.3", listed), refusal("10.2.2.3", listed)) == (None, "private")
    with (
        checked_client(["10.1.0.0/16"]) as client,
        pytest.raises(WrongInput, match=r"10\.2\.2\.3, a private address"),
    ):
        client.get("http://10.2.2.3/x")
    with pytest.raises(WrongInput, match="'ten' is no network"):
        checked_client(["ten"])


def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    resolved = ["93.184.216.34", "127.0.0.1"]
    with (
        checked_client(resolve=lambda host, port: resolved) as client,
        pytest.raises(WrongInput, match="loopback"),
    ):
        client.get("https://feed.example/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://feed.example/",
        "feed.example/rss",
        "http://",
        "http://a b/",
        "http://u:p@feed.example/",
        "http://[::1",
        "file:///etc/passwd",
        "http://h/" + "x" * 3000,
    ],
)
def test_what_is_no_plain_web_address_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(WrongInput):
        check_url(url)


def test_loopback_is_refused_at_the_moment_of_connecting() -> None:
    with (
        peer(lambda conn: conn.sendall(PLAIN)) as port,
        checked_client() as client,
        pytest.raises(WrongInput, match="loopback"),
    ):
        client.get(f"http://127.0.0.1:{port}/")


def test_a_name_that_rebinds_after_the_check_is_connected_at_the_checked_address_only() -> None:
    answers: list[Sequence[str]] = [["127.0.0.1"], ["10.0.0.1"]]
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers.pop(0)

    with peer(lambda conn: conn.sendall(PLAIN)) as port, checked_client(LOOPBACK, resolve=resolve) as client:
        assert client.get(f"http://rebind.example:{port}/").text == "ok"
        assert asked == ["rebind.example"]
        with pytest.raises(WrongInput, match=r"10\.0\.0\.1, a private address"):
            client.get(f"http://rebind.example:{port}/")


def test_a_redirect_to_a_private_address_is_refused_even_when_the_caller_follows() -> None:
    moved = (
        b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    with (
        peer(lambda conn: conn.sendall(moved)) as port,
        checked_client(LOOPBACK) as client,
        pytest.raises(WrongInput, match=r"10\.0\.0\.1"),
    ):
        client.get(f"http://127.0.0.1:{port}/", follow_redirects=True)


def test_an_answer_that_is_too_long_is_dropped_whether_it_says_so_or_not() -> None:
    def says_so(conn: socket.socket) -> None:
        conn.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000)

    def does_not(conn: socket.socket) -> None:
        conn.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"x" * 5000)

    def packed(conn: socket.socket) -> None:
        conn.sendall(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nxx")

    for answer in (says_so, does_not, packed):
        with (
            peer(answer) as port,
            checked_client(LOOPBACK, max_bytes=1000) as client,
            pytest.raises(TooLarge),
        ):
            client.get(f"http://127.0.0.1:{port}/")


def test_a_peer_that_drips_bytes_does_not_get_longer_than_the_limit() -> None:
    gone = threading.Event()

    def drip(conn: socket.socket) -> None:
        try:
            while not gone.wait(0.05):
                conn.sendall(b"H")
        except OSError:
            return

    with peer(drip) as port, checked_client(LOOPBACK, timeout=timedelta(seconds=0.3)) as client:
        with pytest.raises((httpx.ReadTimeout, httpx.RemoteProtocolError)):
            client.get(f"http://127.0.0.1:{port}/")
        gone.set()


def test_why_a_host_was_not_reached_is_said_without_the_systems_number() -> None:
    assert why_not_reached(ConnectionRefusedError(111, "Connection refused")) == "Connection refused"
    assert why_not_reached(socket.gaierror(-2, "Name or service not known")) == "Name or service not known"
    assert why_not_reached(httpx.ReadError("")) == "ReadError"


def test_a_host_that_does_not_exist_is_a_connect_error() -> None:
    def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    with (
        checked_client(resolve=nowhere) as client,
        pytest.raises(httpx.ConnectError, match="cannot be found"),
    ):
        client.get("http://nowhere.example/")


@contextmanager
def name_server(answers: Sequence[str]) -> Iterator[tuple[Resolve, list[str]]]:
    """A name server on loopback that gives the next of these addresses for each question. Yields what asks it, and the answers
    that it gave.
    """
    given: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            for address in answers:
                try:
                    question, who = server.recvfrom(512)
                except OSError:
                    return
                given.append(address)
                record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04" + socket.inet_aton(address)
                server.sendto(question[:2] + b"\x81\x80\x00\x01\x00\x01" + question[8:] + record, who)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()

        def resolve(host: str, _port: int) -> Sequence[str]:
            name = b"".join(bytes([len(part)]) + part.encode() for part in host.split(".")) + b"\0"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(15)
                client.sendto(
                    b"\x07\x07\x01\0\0\x01\0\0\0\0\0\0" + name + b"\0\x01\0\x01", server.getsockname()
                )
                return [socket.inet_ntoa(client.recv(512)[-4:])]

        yield resolve, given


@pytest.mark.parametrize("how", ["http", "socket"])
def test_a_name_server_that_changes_its_answer_between_check_and_connection_gains_nothing(how: str) -> None:
    # The first answer is allowed and is checked; the second would be the metadata service of a cloud.
    with (
        name_server(["127.0.0.1", "169.254.169.254"]) as (resolve, given),
        peer(lambda conn: conn.sendall(PLAIN)) as port,
    ):
        if how == "http":
            with checked_client(LOOPBACK, resolve=resolve) as client:
                assert client.get(f"http://rebind.example:{port}/").text == "ok"
        else:
            with checked_socket("rebind.example", port, LOOPBACK, resolve=resolve) as found:
                assert found.getpeername() == ("127.0.0.1", port)
        assert given == ["127.0.0.1"]
        with pytest.raises(WrongInput, match=r"169\.254\.169\.254, a link-local address"):
            checked_socket("rebind.example", port, LOOPBACK, resolve=resolve)
