"""The address at which people reach the page: what `api.public_url` may be, and whom `api.trusted_proxies` may name."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence

MAX_CHARS = 500
LIKE = "write it like https://tocsin.example"


def public_address(url: str) -> str:
    """`url` if links can be made of it: http or https, a host as browsers send it, perhaps a port, and nothing behind it.

    The page stands at the root of its host, so an address with a path is refused. Raises `WrongInput` that says what is wrong and
    shows an address that is right.
    """
    fault = _fault(url)
    if fault is not None:
        raise WrongInput(Sentence("{fault}; {like}", fault=fault, like=Sentence(LIKE)))
    return url


def proxy_address(text: str) -> str:
    """`text` if it is the address of one machine. Raises `WrongInput` otherwise."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise WrongInput(
            Sentence("{text} is no address of a machine; write one like 192.0.2.7", text=repr(text[:80]))
        ) from None


def _fault(url: str) -> str | None:
    if len(url) > MAX_CHARS:
        return Sentence("an address has {n} characters at most", n=MAX_CHARS)
    if not url.isascii() or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        return Sentence(
            "an address is plain ASCII without blanks; a name with other letters is written as browsers send it, xn--..."
        )
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        return Sentence("it is no address: {error}", error=str(error))
    # A table of what must not hold, in the order in which one reads an address.
    faults = (
        (parts.scheme not in ("http", "https"), Sentence("it must begin with http:// or https://")),
        (not host, Sentence("it names no host")),
        ("@" in parts.netloc, Sentence("it must not hold a user or a password")),
        (
            parts.path not in ("", "/"),
            Sentence("it must end after the host: the page stands at the root of its host"),
        ),
        ("?" in url or "#" in url, Sentence("it must end after the host: no question mark and no #")),
        ("\\" in url or "%" in (host or ""), Sentence("a host has letters, digits, hyphens and full stops")),
    )
    return next((words for holds, words in faults if holds), None)
