"""Problems as pages: what happened, and what to do next."""

from __future__ import annotations

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from api.pages.formatting import Formatter
from api.pages.models import Banner
from api.pages.render import PageContext, page_context, render
from api.problems import Problem
from api.state import state_of, visitor_of
from tocsin.core.errors import TocsinError

TITLES = {
    401: "Sign in first",
    403: "Not for you to do",
    404: "Not found",
    405: "Not possible here",
    409: "Not possible any more",
    412: "Somebody changed it",
    413: "Too large",
    422: "That cannot be used",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "Not just now",
}
ADVICE = {
    403: "If you need to, ask an administrator for another role.",
    409: "Look at it again: the buttons show what is possible now.",
    412: "Look at it again, then decide; nothing of yours was written.",
    429: "Wait a little and try again.",
    500: "The log has it under the request's id; alerts go on being raised and paged.",
    503: "Nothing was half done. Try again in a few seconds.",
}


def render_problem(request: Request, problem: Problem) -> Response:
    """The problem as HTML. It needs no store, because the store may be what is away."""
    ctx = _context(request)
    title = TITLES.get(problem.status, "That did not work")
    back = (
        _return_path(request) if request.method == "POST" and problem.status in (403, 409, 412, 422) else None
    )
    return render(
        ctx,
        "problem.html",
        status=problem.status,
        headers=problem.headers,
        title=ctx.fmt.translate(title),
        detail=problem.detail,
        advice=ctx.fmt.translate(ADVICE[problem.status]) if problem.status in ADVICE else "",
        faults=problem.errors,
        back=back,
        request_id=request.scope.get("state", {}).get("request_id"),
        code=problem.status,
    )


def _context(request: Request) -> PageContext:
    state = state_of(request)
    try:
        with state.store.read() as conn:
            return page_context(request, conn)
    except TocsinError:
        fmt = Formatter(
            state.languages.choose(None, request.headers.get("accept-language")),
            ZoneInfo("UTC"),
            state.now(),
        )
        return PageContext(request, state, visitor_of(request), fmt, Banner())


def _return_path(request: Request) -> str | None:
    """The page that the form was on: /alerts/ID/escalate came from /alerts/ID."""
    path = urlsplit(str(request.url)).path
    parts = path.split("/")
    return "/".join(parts[:3]) if len(parts) == 4 and parts[1] in ("alerts", "escalations") else None
