"""The app: routes, guard, problems and middleware in one place. Nothing happens on import; `create_app` opens no connection.

Routers are joined into one flat list of routes, because the guard wraps each route; `include_router` would hide them from it. The
page joins by `add_pages`. A handler asks `api.state` for what it needs: `state_of`, `principal_of`, `visitor_of` on open routes,
`form_of`. Every form of a signed-in person carries `principal.csrf` as the field `csrf`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware

from alerts import held
from alerts.events import newest_event
from api import problems
from api.auth.callers import principals
from api.auth.guard import install_guard
from api.auth.keys import store_last_uses
from api.auth.limits import RateLimiter
from api.auth.rules import RULES, AccessRule
from api.auth.shared_limits import EVERY_S, SharedLimits
from api.body_limit import BodyLimit
from api.live import Hub
from api.metrics import Metrics
from api.middleware import HostCheck, Outermost, TimeBound
from api.openapi import DescribedApp
from api.pages.i18n import Languages
from api.pages.site import add_pages
from api.placed import PlacedRouter
from api.push import RecentPushes
from api.rendered import COMPRESS_FROM, COMPRESS_LEVEL
from api.routes import (
    access,
    alert_actions,
    alerts,
    backtests,
    channels,
    corrections,
    dead_letters,
    defined,
    docs,
    erasures,
    escalations,
    events,
    explanation,
    feeds,
    figures,
    health,
    imports,
    looks,
    mail,
    mentions,
    normal,
    outbox,
    preview,
    reach,
    reasons,
    retention,
    sources,
    status,
    verdicts,
)
from api.shared_reads import SharedReads
from api.state import AppState, Services
from ingest.shared_budget import SharedBudget
from tocsin.access.address import Chosen, chosen
from tocsin.access.mail import ChosenMail, chosen_mail
from tocsin.core.errors import TocsinError
from tocsin.core.loop import WorkerLoop
from tocsin.version import __version__

log = structlog.get_logger(__name__)

STORE_LAST_USES_EVERY_S = 30.0
# Another process, or a command, may set the page's address.
READ_ADDRESS_EVERY_S = 5.0
ROUTERS: tuple[APIRouter, ...] = (
    status.router,
    mentions.router,
    preview.router,
    looks.router,
    reasons.router,
    figures.router,
    alerts.router,
    alert_actions.router,
    explanation.router,
    corrections.router,
    normal.router,
    verdicts.router,
    backtests.router,
    imports.router,
    retention.router,
    erasures.router,
    escalations.router,
    sources.router,
    channels.router,
    *defined.ROUTERS,
    events.router,
    dead_letters.router,
    outbox.router,
    access.router,
    reach.router,
    mail.router,
    feeds.router,
    health.router,
    docs.router,
)


def create_app(
    runtime: Services, rules: Mapping[tuple[str, str], AccessRule] = RULES, languages: Languages | None = None
) -> FastAPI:
    """The whole service over this runtime. Every route has a rule in `rules`; one without is refused to everybody.

    `languages` are those of the page; by default, all that have a catalogue.
    """
    state = _make_state(runtime, languages or Languages())
    app = DescribedApp(
        title="Tocsin",
        version=__version__,
        description="Social listening and crisis detection. See docs/api.md.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.router = PlacedRouter(redirect_slashes=False, lifespan=_lifespan, dependency_overrides_provider=app)
    app.state.tocsin = state
    app.state.recent = RecentPushes()
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    add_pages(app)
    install_guard(app, rules)
    problems.install(app)
    # The last one added is the first to see a request.
    app.add_middleware(TimeBound)
    settings = state.settings
    app.add_middleware(BodyLimit, most=settings.api.max_body_bytes, to_disk=settings.imports.upload_max_bytes)
    app.add_middleware(HostCheck, settings=lambda: state.settings.api)
    # Not for event streams: what is compressed waits for more.
    app.add_middleware(GZipMiddleware, minimum_size=COMPRESS_FROM, compresslevel=COMPRESS_LEVEL)
    app.add_middleware(Outermost, metrics=state.metrics)
    return app


def _make_state(runtime: Services, languages: Languages) -> AppState:
    store, now = runtime.store, runtime.clock.now

    def newest() -> int:
        with store.read() as conn:
            return newest_event(conn)

    def alerts_as_of() -> str:
        with store.read() as conn:
            return f"{newest_event(conn)} {held.stamp(conn)}"

    limiter = RateLimiter(runtime.settings.api.requests_per_minute, time.monotonic)
    return AppState(
        runtime,
        limiter,
        Metrics(),
        Hub(newest),
        languages,
        callers=SharedReads(lambda asked: principals(store, asked, now())),
        revision=SharedReads(lambda _: {None: alerts_as_of()}),
        shared_limits=SharedLimits(limiter, store, runtime.clock),
        budget=SharedBudget(store),
        news=SharedReads(lambda after: events.news(store, after, now())),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: AppState = app.state.tocsin
    tasks = [
        asyncio.create_task(
            _now_and_then("last uses", STORE_LAST_USES_EVERY_S, lambda: _store_last_uses(state))
        ),
        asyncio.create_task(_now_and_then("limits", EVERY_S, state.shared_limits.exchange)),
        asyncio.create_task(_now_and_then("address", READ_ADDRESS_EVERY_S, lambda: _read_address(state))),
    ]
    try:
        yield
    finally:
        state.hub.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await run_in_threadpool(_store_last_uses, state)


async def _now_and_then(name: str, every_s: float, work: Callable[[], None]) -> None:
    def turn() -> float:
        work()
        return every_s

    loop, pause = WorkerLoop(name), every_s
    while True:
        await asyncio.sleep(pause)
        pause = await run_in_threadpool(loop.round, turn)


def _read_address(state: AppState) -> None:
    with state.store.read() as conn:
        found, mail = chosen(conn), chosen_mail(conn)
    if mail != ChosenMail() or state.mail is not None:
        state.take_mail(mail)
    if found != Chosen() or state.laid is not None:
        state.take_address(found)


def _store_last_uses(state: AppState) -> None:
    uses, state.last_uses = state.last_uses, {}
    if not uses:
        return
    try:
        with state.store.write() as conn:
            store_last_uses(conn, uses)
    except TocsinError as error:
        log.warning("last uses of keys not stored", kind=type(error).__name__)
