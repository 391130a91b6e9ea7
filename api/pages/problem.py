"""Problems as pages: what happened, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from api.pages.formatting import Formatter
from api.pages.i18n import ENGLISH, Language
from api.pages.models import Banner
from api.pages.render import PageContext, chosen_language, page_context, render
from api.pages.terms import FIELDS
from api.pages.wanted import keep_wanted
from api.problems import TITLES, FieldError, Problem
from api.state import form_of, state_of, visitor_of
from tocsin.core.errors import TocsinError
from tocsin.core.sentences import Sentence

KEPT = (401, 403, 404, 409, 412, 422)
"""Statuses of a refusal after which what was typed is shown."""

_WITH_FORMS = ("alerts", "escalations", "monitors")
"""Pages of one thing, below which the addresses of their forms lie."""

_OF_MENTIONS = re.compile(r"/(?:mentions|alerts/[\w-]+)(?:\?[^\s\\]*)?")
"""The pages on which mentions are corrected."""

WRITTEN = ("reason", "text", "note")
"""The fields of forms in which people write sentences."""

DETAILS = {
    400: "What was sent cannot be read.",
    401: "Sign in with a link by mail, or with one from the machine.",
    403: "Your role does not cover this.",
    404: "It was never here, or it is no longer here.",
    405: "This address takes no such request.",
    409: "Its state has changed since.",
    413: "What was sent is larger than the limit.",
    422: "Something in the form is missing or not possible. Go back and look at what you filled in.",
    429: "Too many requests came from here within a minute.",
    500: "It is being written down with its request's id.",
    503: "A part that this needs cannot be reached.",
}
ADVICE = {
    401: "Nothing was done. Copy what you typed, sign in, then send it again.",
    403: "If you need to, ask an administrator for another role.",
    409: "Look at it again: the buttons show what is possible now.",
    412: "Look at it again, then decide. Nothing of yours was saved.",
    429: "Wait a little and try again.",
    500: "The log has this error under the request's id. Alerts are still raised, and people are still paged.",
    503: "Nothing was half done. Try again in a few seconds.",
}


ON_THE_PAGE: Mapping[str, str] = {
    "no alert {id}; `tocsin alerts list` shows those there are": (
        "there is no alert {id}; the list of alerts shows those that there are"
    ),
    "no escalation {id}; `tocsin escalations list` shows those there are": (
        "there is no escalation {id}; the escalation queue shows those that there are"
    ),
    "no dead letter {id}; list them with: tocsin dead-letters list": (
        "there is no dead letter {id}; the list of dead letters shows those that there are"
    ),
    "the monitor matches no mention {id} of the source {source} that is kept": (
        "this post is no longer kept, or the monitor no longer matches it"
    ),
    "there is no such sign-in link; make a new one with: tocsin signin": (
        "there is no such sign-in link; the sign-in page sends a new one"
    ),
}
"""What the page says in place of a sentence that names a command or an id, by their patterns."""


def render_problem(request: Request, problem: Problem) -> Response:
    """The problem as HTML. It needs no store, because the store may be what is away."""
    ctx = _context(request)
    title = TITLES.get(problem.status, "That did not work")
    back = _back(request, problem.status) if request.method == "POST" else None
    detail, faults = _detail(problem, ctx), [_fault(one, ctx) for one in problem.errors]
    typed = written(request) if problem.status in KEPT else []
    # A stranger who only looked has nothing to copy.
    advice = ADVICE.get(problem.status, "") if typed or problem.status != 401 else ""
    answer = render(
        ctx,
        "problem.html",
        status=problem.status,
        headers=problem.headers,
        title=ctx.fmt.translate(title),
        detail=detail,
        typed=typed,
        advice=ctx.fmt.translate(advice) if advice else "",
        # One fault may be the whole detail: it is said once.
        faults=[one for one in faults if one.line or detail != f"{one.field}: {one.message}"],
        back=back,
        request_id=request.scope.get("state", {}).get("request_id"),
        code=problem.status,
    )
    if problem.status == 401:
        keep_wanted(answer, request.url.path if request.method == "GET" else _return_path(request))
    return answer


def _detail(problem: Problem, ctx: PageContext) -> str:
    """What happened, in the reader's language: the sentence itself where it can be said there, else that of its status."""
    language = ctx.fmt.language
    told = problem.detail
    if isinstance(told, Sentence) and told.pattern in ON_THE_PAGE:
        told = Sentence(ON_THE_PAGE[told.pattern], **told.values)
    if language.code == ENGLISH or isinstance(told, Sentence):
        return language.say(told).partition("\n")[0]
    return language.translate(DETAILS.get(problem.status, DETAILS[500]))


def _fault(one: FieldError, ctx: PageContext) -> FieldError:
    """A field that is wrong, called as in its form, and what is wrong with it, in the reader's language."""
    named = ctx.fmt.translate(FIELDS[one.field]) if one.field in FIELDS else one.field
    message = ctx.fmt.language.say(one.message)
    return one.model_copy(update={"field": named, "message": message.partition("\n")[0]})


def language_of(request: Request) -> Language:
    """The language in which a refusal is said: the person's own, else what the request asks for. Who asks for none hears English.

    It asks the store for a signed-in person only; a store that is away costs them their own choice.
    """
    who = visitor_of(request)
    if who is not None and who.kind == "person":
        return _context(request).fmt.language
    return language_asked(request)


def language_asked(request: Request) -> Language:
    """The language that the request itself asks for: that of its cookie, else of its header, else English."""
    state = state_of(request)
    return state.languages.choose(chosen_language(request), request.headers.get("accept-language"))


def written(request: Request) -> list[str]:
    """What somebody typed into a form that was refused, so that it can be copied and is not lost."""
    fields = form_of(request)
    return [fields[name] for name in WRITTEN if fields.get(name, "").strip()]


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


def _back(request: Request, status: int) -> str | None:
    """Where a refused form leads back to. After 404 only a page that lists other things is still there."""
    if status == 404:
        return came_from(request)
    return _return_path(request) if status in (403, 409, 412, 422) else None


def _return_path(request: Request) -> str | None:
    """The page that the form was on: /alerts/ID/escalate came from /alerts/ID, where the form does not name another."""
    if (named := came_from(request)) is not None:
        return named
    path = urlsplit(str(request.url)).path
    parts = path.split("/")
    return "/".join(parts[:3]) if len(parts) == 4 and parts[1] in _WITH_FORMS else None


def came_from(request: Request) -> str | None:
    """The page of mentions that a form names as its own."""
    named = form_of(request).get("back", "")
    return named if _OF_MENTIONS.fullmatch(named) else None
