"""How a request came, and the check of the public address: it is asked, from this machine, for an answer that only this
installation can give.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx
from fastapi import Request

from api.pages.reach import Arrival
from api.state import AppState
from tocsin.access.address import PAGE, URL, ask_for_proof, end_of_proof
from tocsin.core.errors import WrongInput
from tocsin.net import certificate_fault, certificates, checked_client

Outcome = Literal["here", "none", "often", "private", "certificate", "unreachable", "host", "other"]
"""What the check found: the address leads here; none is set; it was asked too often; it lies in a private network; its
certificate does not hold; nothing answers; our service answers and does not know the name; something else answers."""

TIMEOUT: Final = timedelta(seconds=5)
MAX_BYTES: Final = 4096
UNKNOWN_NAME: Final = 421
PATH: Final = "/v1/reach"


@dataclass(frozen=True, slots=True)
class AddressCheck:
    """What came of asking `url`. `detail` is the other side's fault in plain words, where there is one."""

    outcome: Outcome
    url: str | None
    detail: str = ""


def arrival_of(request: Request) -> Arrival:
    """How this request came."""
    address = request.client.host if request.client else ""
    return Arrival(
        request.headers.get("host", ""), address, request.headers.get("x-forwarded-for", "")[:2000]
    )


def check_address(state: AppState) -> AddressCheck:
    """Ask the public address in force, and no other. No redirect is followed, and the whole takes five seconds at most.

    Where an operator set the address, its own network may be private. An address that was set on the page may lie in a private
    network only where `ingest.allowed_private_networks` lists it, as any other address that somebody typed.
    """
    url = state.settings.api.public_url
    if url is None:
        return AddressCheck("none", None)
    if state.checks.wait_for("check"):
        return AddressCheck("often", url)
    with state.store.write() as conn:
        word, answer = ask_for_proof(conn, state.now())
    try:
        return _asked(state, url.rstrip("/"), word, answer)
    finally:
        with state.store.write() as conn:
            end_of_proof(conn, word)


def _asked(state: AppState, url: str, word: str, answer: str) -> AddressCheck:
    allowed = state.settings.ingest.allowed_private_networks
    own = _addresses(url) if state.origins.get(URL) != PAGE else ()
    client = checked_client(
        (*allowed, *own), TIMEOUT, MAX_BYTES, (lambda _host, _port: own) if own else None, certificates()
    )
    try:
        with client:
            got = client.get(f"{url}{PATH}/{word}")
    except WrongInput as error:
        return AddressCheck("private", url, str(error))
    except httpx.HTTPError as error:
        fault = certificate_fault(error)
        return AddressCheck("certificate" if fault else "unreachable", url, fault or "")
    if got.status_code == UNKNOWN_NAME:
        return AddressCheck("host", url)
    with suppress(ValueError, TypeError, KeyError):
        if got.json()["answer"] == answer:
            return AddressCheck("here", url)
    return AddressCheck("other", url, str(got.status_code))


def _addresses(url: str) -> Sequence[str]:
    """The addresses of the URL's host, found once; none where it has none."""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or parts.scheme, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found))
