"""How people reach the page: what is wrong with `api.public_url` and `api.trusted_proxies`, for the page and `tocsin doctor`.
Beside it: who would notice that nothing runs any more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tocsin.core.sentences import Sentence
from tocsin.settings import Settings
from tocsin.settings.sections import EVERYBODY

NAMES_OF_THIS_MACHINE: Final = ("localhost", "")


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request came: the host that the browser named, the address at the other end, and whom a proxy says it comes from."""

    host: str
    address: str
    forwarded_for: str = ""


@dataclass(frozen=True, slots=True)
class ReachFault:
    """One thing that is wrong, and what to do. `bad`: people would be misled or shut out."""

    words: Sentence
    to_do: Sentence
    bad: bool = False
    proxy: bool = False


ADVICE_OF_FAULTS: Final[Mapping[str, Sentence]] = {
    "here": Sentence("It leads here."),
    "none": Sentence("No address is set, so there is none to check."),
    "often": Sentence("It was checked too often: try again in a minute."),
    "private": Sentence(
        "It lies in a private network, so Tocsin does not ask it. List that network in ingest.allowed_private_networks."
    ),
    "certificate": Sentence("It answers with a certificate that does not hold: browsers will warn."),
    "unreachable": Sentence(
        "Nothing answers there within five seconds: look at the name, the port and the proxy."
    ),
    "host": Sentence(
        "Tocsin answers there and does not know this name: let the proxy pass the Host on, or start Tocsin again."
    ),
    "other": Sentence("Something else answers there, not this installation: look where the proxy leads."),
}
"""What came of the check of the public address, by its outcome (`api.reaching`)."""


def reach_faults(settings: Settings, arrival: Arrival | None = None) -> Iterator[ReachFault]:
    """The faults that the settings show; with an `arrival` also the faults that this request shows."""
    url = settings.api.public_url
    where = urlsplit(url or "")
    if url is None:
        yield ReachFault(
            Sentence("links in notices work on this machine only"),
            Sentence(
                "set api.public_url to the address at which people reach the page, or set it on the page, under Settings"
            ),
        )
    elif where.scheme == "http" and not _is_here(where.hostname or ""):
        yield ReachFault(
            Sentence("api.public_url is http: sign-in links and cookies can be read on the way"),
            Sentence(
                "put a proxy with a certificate in front of it, set api.public_url to the https address, and start tocsin again"
            ),
            bad=True,
        )
    if (everybody := _trusts_everybody(settings.api.trusted_proxies)) is not None:
        yield ReachFault(
            Sentence(
                "api.trusted_proxies has {everybody}: whoever reaches the port may claim any address and pass every limit",
                everybody=everybody,
            ),
            Sentence("name each proxy by its address or network, and start tocsin again"),
        )
    if arrival is None:
        return
    named = arrival.host.lower()
    if url is not None and named and named != where.netloc.lower():
        yield ReachFault(
            Sentence("you came by {host}, and links in notices lead to {url}", host=named[:200], url=url),
            Sentence(
                "set api.public_url to the address at which people reach the page, or set it on the page, under Settings"
            ),
        )
    passed = [one.strip() for one in arrival.forwarded_for.split(",") if one.strip()]
    if passed and arrival.address not in passed:
        yield ReachFault(
            Sentence(
                "a proxy at {address} passed this request on and is not trusted: everybody counts as one address",
                address=arrival.address,
            ),
            Sentence(
                "add its address to api.trusted_proxies, or trust it on the page, and start tocsin again"
            ),
            bad=True,
            proxy=True,
        )


def heartbeat_faults(settings: Settings) -> Iterator[ReachFault]:
    """Whether somebody outside would notice the end of this machine."""
    if settings.alerting.heartbeat_url is None:
        yield ReachFault(
            Sentence("nobody outside would notice if this machine died"),
            Sentence(
                "set alerting.heartbeat_url to a service that notices when the pings stop, and start tocsin again"
            ),
        )


def _trusts_everybody(proxies: Sequence[str]) -> str | None:
    """The proxy of the setting that stands for every address; None: none does."""
    return next((one for one in proxies if one == EVERYBODY or one.endswith("/0")), None)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in NAMES_OF_THIS_MACHINE
