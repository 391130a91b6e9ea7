"""What every request can reach: the runtime and the few things that live as long as the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from api.auth.limits import RateLimiter
from api.auth.principal import Principal
from api.live import Hub
from api.metrics import Metrics
from api.pages.i18n import Languages
from tocsin.core.clock import Clock
from tocsin.settings import Settings
from tocsin.store.port import Store
from tocsin.stream.port import Stream


class Services(Protocol):
    """What the composition root (`ops.runtime`) hands over."""

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
    """One app's belongings. `last_uses` is written to the store now and then, because a GET changes nothing."""

    runtime: Services
    limiter: RateLimiter
    metrics: Metrics
    hub: Hub
    languages: Languages
    last_uses: dict[str, datetime] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return self.runtime.settings

    @property
    def store(self) -> Store:
        return self.runtime.store

    @property
    def stream(self) -> Stream:
        return self.runtime.stream

    def now(self) -> datetime:
        return self.runtime.clock.now()


def state_of(request: Request) -> AppState:
    """The app's belongings, from a request."""
    return cast(AppState, request.app.state.tocsin)


def principal_of(request: Request) -> Principal:
    """Who asks. The guard has put it there; on an open route it is None and this raises KeyError: a mistake of ours."""
    return cast(Principal, request.scope["state"]["principal"])


def visitor_of(request: Request) -> Principal | None:
    """Who asks, or None for a stranger on an open route."""
    return cast("Principal | None", request.scope.get("state", {}).get("principal"))


def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form, read and bounded by the guard; the last value of a repeated field; else empty."""
    return cast("dict[str, str]", request.scope.get("state", {}).get("form", {}))


State = Annotated[AppState, Depends(state_of)]
Who = Annotated[Principal, Depends(principal_of)]
