"""The page joins the app: its routes, its static files, and its rendering of problems."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from api.pages import (
    actions,
    alerts,
    backtests,
    channels,
    corrections,
    dead_letters,
    demo,
    erasures,
    escalations,
    explanation,
    history,
    imports,
    links,
    mail_page,
    me,
    monitors,
    normal,
    overview,
    passkeys,
    reach_page,
    retention,
    search,
    settings_page,
    setup,
    setup_brand,
    setup_listen,
    setup_wake,
    signin,
    source_form,
    sources,
    team_forms,
    times_forms,
    wall,
)
from api.pages.problem import language_asked, language_of, render_problem
from api.pages.render import STATIC


class Lasting(StaticFiles):
    """Static files whose address carries their content's hash: a browser may keep them for a year."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def kept(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start" and b"v=" in scope.get("query_string", b""):
                headers = [h for h in message["headers"] if h[0].lower() != b"cache-control"]  # type: ignore[attr-defined]  # ASGI's
                message["headers"] = [*headers, (b"cache-control", b"public, max-age=31536000, immutable")]
            await send(message)

        await super().__call__(scope, receive, kept)  # type: ignore[arg-type]  # a message is a mapping


def add_pages(app: FastAPI) -> None:
    """Give the app the page. Rules for every route: `PAGES` in `api.auth.rules`."""
    for router in (
        overview.router,
        alerts.router,
        actions.router,
        explanation.router,
        escalations.router,
        monitors.router,
        corrections.router,
        normal.router,
        backtests.router,
        dead_letters.router,
        imports.router,
        retention.router,
        erasures.router,
        search.router,
        # Before the page of one, which any other name would be.
        source_form.router,
        sources.router,
        # Before the sign-in link, whose token any other word would be.
        passkeys.router,
        signin.router,
        links.router,
        me.router,
        channels.router,
        settings_page.router,
        reach_page.router,
        mail_page.router,
        *team_forms.ROUTERS,
        *times_forms.ROUTERS,
        setup.router,
        setup_brand.router,
        setup_listen.router,
        setup_wake.router,
        *history.ROUTERS,
        demo.router,
        wall.router,
    ):
        app.router.routes.extend(router.routes)
    app.router.routes.append(Mount("/static", Lasting(directory=STATIC), name="static"))
    app.state.render_problem = render_problem
    app.state.language_of = language_of
    app.state.language_asked = language_asked
