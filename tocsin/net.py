"""Outgoing HTTP to addresses that people typed: no way into the private network, no DNS rebinding, bounded in time and size.

A target that resolves to a private, loopback, link-local, multicast or reserved address is refused unless its network is listed
(setting `ingest.allowed_private_networks`). The check happens where the connection is made. A name is resolved once, every
address of it is checked, and the connection goes to exactly a checked address. So a name that resolves differently between
check and use gains nothing. Each hop of a redirect is checked like the first.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence, spoken
from tocsin.core.text import unseen

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
"""A function that gives the addresses of a host, as text. Raises OSError when the host has none."""

MAX_URL_CHARS = 2000
# As it is asked: letters of other scripts are encoded in these, and an address of IPv6 alone has colons.
_HOST = re.compile(rb"[A-Za-z0-9._-]+")
_NAT64 = ip_network("64:ff9b::/96")
# What IANA set aside, and older releases of Python take for public.
_SET_ASIDE: tuple[Network, ...] = tuple(
    map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "5f00::/16", "2001:20::/28"))
)
# An address of ISATAP ends in this and an IPv4 address, whatever its network is.
_ISATAP = 0x5EFE


class TooLarge(WrongInput):
    """The answer is longer than the limit, or is packed in a way that is not read."""


def check_url(url: str) -> str:
    """`url` if it is an absolute http or https URL with a host, and without a user or password. Raises `WrongInput` otherwise."""
    if len(url) > MAX_URL_CHARS:
        raise WrongInput(
            Sentence(
                "a URL may have {most} characters, this one has {n}",
                most=MAX_URL_CHARS,
                n=len(url),
            )
        )
    if any(char.isspace() for char in url) or unseen(url):
        raise WrongInput(
            Sentence("{url} has blanks or control characters in it; a URL has none", url=repr(url[:80]))
        )
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
        # A name that the library could not ask is refused where it is written.
        asked = httpx.URL(url).raw_host
    except (ValueError, httpx.InvalidURL) as error:
        raise WrongInput(Sentence("{url} is no URL: {error}", url=repr(url[:80]), error=str(error))) from None
    if parts.scheme not in ("http", "https"):
        raise WrongInput(Sentence("{url} must begin with http:// or https://", url=repr(url[:80])))
    if not host or not (_HOST.fullmatch(asked) or b":" in asked):
        raise WrongInput(Sentence("{url} names no host", url=repr(url[:80])))
    if parts.username is not None or parts.password is not None:
        raise WrongInput(
            Sentence(
                "the URL for {host} holds a user or password; give secrets as env:NAME or file:PATH",
                host=host,
            )
        )
    return url


def checked_client(
    allowed_private_networks: Sequence[str] = (),
    timeout: timedelta = timedelta(seconds=20),
    max_bytes: int | None = None,
    resolve: Resolve | None = None,
    verify: SSLContext | bool = True,
    *,
    unpack: bool = False,
) -> httpx.Client:
    """An HTTP client for targets that people typed.

    `timeout` bounds the whole exchange, not each read: a peer that sends byte by byte gets no more time. A body of more than
    `max_bytes` raises `TooLarge`, also in the middle of a stream. Compressed answers are not asked for, and with `max_bytes`
    they are refused (`TooLarge`), so that a small body cannot unpack into a large one; with `unpack` gzip is asked for, and
    `max_bytes` counts the unpacked bytes. Redirects are not followed unless the caller asks. Proxies and credentials of the
    environment are not used. A refused address raises `WrongInput`. A failure before the connection stands raises
    `httpx.ConnectError` or `httpx.ConnectTimeout`.
    """
    return httpx.Client(
        transport=_CheckedTransport(
            parse_networks(allowed_private_networks), timeout, max_bytes, resolve or _resolve, verify, unpack
        ),
        timeout=timeout.total_seconds(),
        follow_redirects=False,
        trust_env=False,
        headers={"user-agent": "tocsin", "accept-encoding": "gzip" if unpack else "identity"},
    )


def parse_networks(networks: Iterable[str]) -> tuple[Network, ...]:
    """CIDR texts as networks. Raises `WrongInput` that names the bad text."""
    parsed = []
    for text in networks:
        try:
            parsed.append(ip_network(text, strict=False))
        except ValueError as error:
            raise WrongInput(
                f"allowed_private_networks: {text!r} is no network: {error}; write for example 10.0.0.0/8"
            ) from None
    return tuple(parsed)


def refusal(address: str, allowed: Sequence[Network] = ()) -> str | None:
    """The reason, in one or two words, why no connection may go to this address; None when it may."""
    found = ip_address(address.partition("%")[0])
    if any(found.version == network.version and found in network for network in allowed):
        return None
    for inner in _embedded(found):
        reason = refusal(str(inner), allowed)
        if reason:
            return reason
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        # The loop above has judged the IPv4 address that it stands for.
        return None
    rules = (
        ("unspecified", found.is_unspecified),
        ("loopback", found.is_loopback),
        ("link-local", found.is_link_local),
        ("multicast", found.is_multicast),
        ("site-local", isinstance(found, IPv6Address) and found.is_site_local),
        ("private", found.is_private),
        ("reserved", found.is_reserved and not (isinstance(found, IPv6Address) and found in _NAT64)),
        ("not public", not found.is_global or any(found in network for network in _SET_ASIDE)),
    )
    return next((name for name, holds in rules if holds), None)


def _embedded(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address carries: mapped, 6to4, Teredo, NAT64, ISATAP."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or (int(address) >> 32) & 0xFDFFFFFF == _ISATAP:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [inner for inner in found if inner is not None]


def _resolve(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _checked_addresses(host: str, port: int, allowed: Sequence[Network], resolve: Resolve) -> tuple[str, ...]:
    addresses = tuple(resolve(host, port))
    if not addresses:
        raise OSError(f"{host} has no address")
    for address in addresses:
        reason = refusal(address, allowed)
        if reason:
            raise WrongInput(
                Sentence(
                    "the host {host} resolves to {address}, a {reason} address; list its network in "
                    "ingest.allowed_private_networks if that is meant",
                    host=repr(host),
                    address=str(address),
                    reason=spoken(reason),
                )
            )
    return addresses


def check_host(
    host: str, port: int, allowed_private_networks: Sequence[str] = (), resolve: Resolve | None = None
) -> None:
    """Raise `WrongInput` where any address of the host is refused. A name without an address passes: nothing is reached there.

    Only for a connection that another library makes. Such a library resolves the name again, so a name that changes its answer
    in between is not held; `checked_client` and `checked_socket` hold it.
    """
    with suppress(OSError, UnicodeError):
        _checked_addresses(host, port, parse_networks(allowed_private_networks), resolve or _resolve)


def checked_socket(
    host: str,
    port: int,
    allowed_private_networks: Sequence[str] = (),
    timeout: timedelta = timedelta(seconds=20),
    resolve: Resolve | None = None,
) -> socket.socket:
    """A connection to a host that people typed, for what is no HTTP exchange. The caller closes it.

    Every address of the host is checked as `checked_client` does. Connecting ends within `timeout`, which each read has
    afterwards. A refused address raises `WrongInput`; a host that cannot be found or reached raises OSError.
    """
    deadline = time.monotonic() + timeout.total_seconds()
    try:
        addresses = _checked_addresses(
            host, port, parse_networks(allowed_private_networks), resolve or _resolve
        )
    except UnicodeError:
        raise OSError(f"{host!r} is no name of a host") from None
    failure: OSError = OSError(f"{host} has no address")
    for address in addresses:
        try:
            found = socket.create_connection((address, port), max(0.001, deadline - time.monotonic()))
        except OSError as error:
            failure = error
        else:
            found.settimeout(timeout.total_seconds())
            return found
    raise failure


@cache
def certificates() -> SSLContext:
    """The authorities that certificates are checked against. They are loaded once: loading takes longer than asking.

    They are the machine's own and certifi's, or only the ones that the environment names with `SSL_CERT_FILE` or
    `SSL_CERT_DIR`.
    """
    paths = ssl.get_default_verify_paths()
    if paths.cafile not in (None, paths.openssl_cafile) or paths.capath not in (None, paths.openssl_capath):
        return ssl.create_default_context()
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def certificate_fault(error: BaseException | None) -> str | None:
    """The fault of the other side's certificate, in plain words; None where the failure has another reason."""
    for _ in range(6):
        if error is None:
            return None
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate does not hold: {error.verify_message or 'it cannot be verified'}".rstrip(
                "."
            )
        error = error.__cause__ or error.__context__
    return None


def why_not_reached(error: BaseException) -> str:
    """Why the other side could not be reached or asked, in words: without the number that the system has for it."""
    said = re.sub(r"^\[Errno -?\d+\] ", "", str(error))
    return certificate_fault(error) or said or type(error).__name__


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only, and gives each connection a deadline."""

    def __init__(self, allowed: Sequence[Network], timeout: timedelta, resolve: Resolve) -> None:
        self._allowed, self._timeout, self._resolve = allowed, timeout, resolve
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # of the port; the deadline of the whole exchange replaces it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        deadline = time.monotonic() + self._timeout.total_seconds()
        try:
            addresses = _checked_addresses(host, port, self._allowed, self._resolve)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the host {host!r} cannot be found: {error}") from error
        failure: Exception = httpcore.ConnectError(f"the host {host!r} has no address")
        for address in addresses:
            try:
                stream = self._inner.connect_tcp(
                    address, port, max(0.001, deadline - time.monotonic()), local_address, socket_options
                )
                return _DeadlineStream(stream, deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002  # of the port; every socket file is refused
        timeout: float | None = None,  # noqa: ARG002  # likewise
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002  # likewise
    ) -> httpcore.NetworkStream:
        raise WrongInput(Sentence("a socket file cannot be a target"))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection that ends at its deadline, however slowly the other side keeps talking."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner, self._deadline = inner, deadline

    def _left(self, timeout: float | None, error: type[Exception]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise error("the exchange took longer than its time limit")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _CheckedTransport(httpx.HTTPTransport):
    def __init__(
        self,
        allowed: Sequence[Network],
        timeout: timedelta,
        max_bytes: int | None,
        resolve: Resolve,
        verify: SSLContext | bool,
        unpack: bool,
    ) -> None:
        super().__init__(verify=verify, trust_env=False)
        self._max_bytes = max_bytes
        self._packings = _PACKINGS if unpack else ()
        # httpx takes no network backend, so its whole pool is replaced; the transport holds nothing else. No connection is
        # kept, because its deadline belongs to one exchange.
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(verify=verify, trust_env=False),
            max_keepalive_connections=0,
            network_backend=_CheckedBackend(allowed, timeout, resolve),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if self._max_bytes is None:
            return response
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        length = response.headers.get("content-length", "0")
        packed = encoding not in ("", "identity")
        if (packed and encoding not in self._packings) or (
            length.isdigit() and int(length[:20]) > self._max_bytes
        ):
            response.close()
            what = f"{encoding[:40]} packed" if packed else f"{length[:20]} bytes long"
            raise TooLarge(
                f"the answer of {request.url.host} is {what}; at most {self._max_bytes} plain bytes are read"
            )
        assert isinstance(response.stream, httpx.SyncByteStream)
        if packed:
            # httpx would unpack a block into however many bytes it holds.
            del response.headers["content-encoding"]
            response.stream = _UnpackedStream(response.stream, self._max_bytes)
        response.stream = _BoundedStream(response.stream, self._max_bytes, request.url.host)
        return response


class _BoundedStream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, max_bytes: int, host: str) -> None:
        self._inner, self._max_bytes, self._host = inner, max_bytes, host

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._inner:
            size += len(chunk)
            if size > self._max_bytes:
                raise TooLarge(f"the answer of {self._host} is longer than {self._max_bytes} bytes")
            yield chunk

    def close(self) -> None:
        self._inner.close()


_PACKINGS = ("gzip", "x-gzip", "deflate")


class _UnpackedStream(httpx.SyncByteStream):
    """The unpacked bytes of a packed answer, in blocks of bounded size. Raises `httpx.DecodingError` for damaged bytes."""

    def __init__(self, inner: httpx.SyncByteStream, max_bytes: int) -> None:
        self._inner, self._block = inner, min(max_bytes + 1, 1024 * 1024)

    def __iter__(self) -> Iterator[bytes]:
        # gzip, or deflate with its head (zlib knows both by their first bytes).
        unpacker = zlib.decompressobj(wbits=47)
        try:
            for chunk in self._inner:
                waiting = chunk
                while waiting and not unpacker.eof:
                    yield unpacker.decompress(waiting, self._block)
                    waiting = unpacker.unconsumed_tail
        except zlib.error as error:
            raise httpx.DecodingError(f"the packed answer is damaged: {error}") from None
        if not unpacker.eof:
            raise httpx.DecodingError("the packed answer ends early")

    def close(self) -> None:
        self._inner.close()
