"""The state of the app, which every request can reach: the runtime, and what lives as long as the app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from api.auth.callers import Credential
from api.auth.limits import RateLimiter
from api.auth.principal import Principal
from api.auth.shared_limits import SharedLimits
from api.lanes import Lanes
from api.live import Hub, Told
from api.metrics import Metrics
from api.pages.holding import HeldTimes
from api.pages.i18n import Languages
from api.pages.readiness import Readiness
from api.rendered import Rendered
from api.shared_reads import SharedReads
from ingest.budget import HostBudget
from ingest.looking import PLACES, OpenNetwork
from tocsin.access.address import PAGE, PROXIES, Chosen, laid_under
from tocsin.access.mail import ChosenMail, mail_laid_under
from tocsin.core.clock import Clock
from tocsin.settings import Loaded, Settings
from tocsin.store.port import Store
from tocsin.stream.port import Stream

# Pushes that are unpacked and handed over at once; others wait. Each may hold about three times the largest unpacked body.
PUSHES_AT_ONCE = 4
# Sign-ins that one address may ask for, by mail or by passkey, however many people it names.
KNOCKS_A_MINUTE = 10
CHECKS_A_MINUTE = 6
LOOKS_A_MINUTE = 6
ALERTS_BYTES = 4 * 1024 * 1024


class Services(Protocol):
    """What the app asks of its composition root (`ops.runtime`)."""

    @property
    def origins(self) -> Mapping[str, str]: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def store(self) -> Store: ...

    @property
    def stream(self) -> Stream: ...

    @property
    def clock(self) -> Clock: ...


@dataclass(slots=True)
class AppState:
    """The state of one app. `last_uses` is written to the store now and then, because a GET changes nothing."""

    runtime: Services
    limiter: RateLimiter
    metrics: Metrics
    hub: Hub
    languages: Languages
    callers: SharedReads[Credential, Principal | None]
    """Whose a credential is now."""

    revision: SharedReads[None, str]
    """The number of the newest event of alerts and escalations."""

    shared_limits: SharedLimits
    budget: HostBudget
    """The requests to networks that looks and trials of sources share with the ingest workers."""

    news: SharedReads[int, Sequence[Told]]
    """The events after this number, as the event stream tells them."""

    last_uses: dict[str, datetime] = field(default_factory=dict)
    lanes: Lanes = field(default_factory=Lanes)
    rendered: Rendered = field(default_factory=Rendered)
    # Single alerts as JSON, each in one version: from one list to the next, few of them have changed.
    rendered_alerts: Rendered = field(default_factory=lambda: Rendered(ALERTS_BYTES))
    readiness: Readiness = field(default_factory=Readiness)
    held_times: HeldTimes = field(default_factory=HeldTimes)
    # How often a stranger may ask to be signed in: a rate of its own, per address.
    knocks: RateLimiter = field(default_factory=lambda: RateLimiter(KNOCKS_A_MINUTE, time.monotonic))
    # How often the public address may be asked whether it leads here.
    checks: RateLimiter = field(default_factory=lambda: RateLimiter(CHECKS_A_MINUTE, time.monotonic))
    # How often one person may look at what networks answer, and at which.
    looks: RateLimiter = field(default_factory=lambda: RateLimiter(LOOKS_A_MINUTE, time.monotonic))
    look_at: Sequence[OpenNetwork] = PLACES
    only_read: bool = False
    """Whether nothing may be changed but who is signed in and in what language: the data is that of a replay."""

    laid: Loaded | None = None
    """The settings with what was set on the page since the start; None: nothing was."""
    mail: ChosenMail | None = None
    """The mail server that was set on the page since the start; None: none was."""
    pushes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PUSHES_AT_ONCE))

    @property
    def settings(self) -> Settings:
        return (self.laid or self.runtime).settings

    def take_address(self, found: Chosen) -> None:
        """Answer to, and link to, the address that was set on the page, unless a setting says another. Proxies are trusted from
        the next start on.
        """
        begun = Loaded(self.runtime.settings, self.runtime.origins)
        proxies = begun.settings.api.trusted_proxies if begun.origins.get(PROXIES) == PAGE else ()
        laid = laid_under(begun, Chosen(found.public_url, proxies))
        self.laid = mail_laid_under(laid, self.mail) if self.mail is not None else laid

    def take_mail(self, found: ChosenMail) -> None:
        """Count with the mail server that was set on the page, unless a setting says another."""
        self.mail = found
        self.laid = mail_laid_under(Loaded(self.settings, self.origins), found)

    @property
    def store(self) -> Store:
        return self.runtime.store

    @property
    def stream(self) -> Stream:
        return self.runtime.stream

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each setting in force came from, as `section.name`; one at its default is left out."""
        return (self.laid or self.runtime).origins

    def now(self) -> datetime:
        return self.runtime.clock.now()


def state_of(request: Request) -> AppState:
    """The app's state, from a request."""
    return cast(AppState, request.app.state.tocsin)


def principal_of(request: Request) -> Principal:
    """The caller, as the guard found it. Only for routes that are not open: there it is always known."""
    return cast(Principal, request.scope["state"]["principal"])


def visitor_of(request: Request) -> Principal | None:
    """The caller, or None for a stranger on an open route."""
    return cast("Principal | None", request.scope.get("state", {}).get("principal"))


def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form, read and bounded by the guard. A repeated field has its last value; no form is empty."""
    return cast("dict[str, str]", request.scope.get("state", {}).get("form", {}))


# Of functions that wait for nothing: the framework would run others in a thread, each request two more of them.
async def _state(request: Request) -> AppState:
    return state_of(request)


async def _who(request: Request) -> Principal:
    return principal_of(request)


State = Annotated[AppState, Depends(_state)]
Who = Annotated[Principal, Depends(_who)]
