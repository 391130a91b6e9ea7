"""The address at which people reach the page: what `api.public_url` may be, and whom `api.trusted_proxies` may name."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from tocsin.core.errors import WrongInput

MAX_CHARS = 500
LIKE = "write it like https://tocsin.example"


def public_address(url: str) -> str:
    """`url` if links can be made of it: http or https, a host as browsers send it, perhaps a port, and nothing behind it.

    The page stands at the root of its host, so an address with a path is refused. Raises `WrongInput` that says what is wrong and
    shows an address that is right.
    """
    fault = _fault(url)
    if fault is not None:
        raise WrongInput(f"{fault}; {LIKE}")
    return url


def proxy_address(text: str) -> str:
    """`text` if it is the address of one machine. Raises `WrongInput` otherwise."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise WrongInput(f"{text[:80]!r} is no address of a machine; write one like 192.0.2.7") from None


def _fault(url: str) -> str | None:
    if len(url) > MAX_CHARS:
        return f"an address has {MAX_CHARS} characters at most"
    if not url.isascii() or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        return "an address is plain ASCII without blanks; a name with other letters is written as browsers send it, xn--..."
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        return f"it is no address: {error}"
    # A table of what must not hold, in the order in which one reads an address.
    faults = (
        (parts.scheme not in ("http", "https"), "it must begin with http:// or https://"),
        (not host, "it names no host"),
        ("@" in parts.netloc, "it must not hold a user or a password"),
        (parts.path not in ("", "/"), "it must end behind the host: the page stands at the root of its host"),
        ("?" in url or "#" in url, "it must end behind the host: no question mark and no #"),
        ("\\" in url or "%" in (host or ""), "a host has letters, digits, hyphens and full stops"),
    )
    return next((words for holds, words in faults if holds), None)
