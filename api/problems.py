"""Every refusal as problem+json (RFC 9457): type, title, status, detail, and which field where. Never a traceback.

Outside /v1, where the browser prefers HTML, `app.state.render_problem`, a function of (request, Problem), answers instead.
Title, detail and messages are said in the caller's language; `type` is for programs, and stays. The log is in English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.auth.principal import Principal
from tocsin.core import errors as e
from tocsin.core.faults import fault_of
from tocsin.core.languages import ENGLISH, Language
from tocsin.core.sentences import Sentence

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
LONGEST = 1000


class FieldError(BaseModel):
    """One thing that is wrong with what was sent."""

    field: str = Field(description="Where: names and indexes joined by dots; empty for the whole body.")
    message: str
    line: int | None = Field(default=None, description="In a text with lines, such as a query; from 1.")
    column: int | None = Field(default=None, description="From 1.")


class ProblemBody(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = Field(default=None, description="The request's id, as in X-Request-Id.")
    errors: list[FieldError] | None = None


TITLES = {
    400: "That cannot be read",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "Not possible any more",
    412: "Somebody changed it",
    413: "Too large",
    415: "That kind is not taken",
    421: "Not one of our names",
    422: "That cannot be used",
    428: "Say which version you read",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "Not just now",
}
"""What a page, and the title of a problem in another language than English, say of a status."""

DESCRIPTIONS = {
    400: "The body cannot be read.",
    401: "Nobody we know.",
    403: "Not for this role or key.",
    404: "There is no such thing.",
    409: "Not possible as things stand.",
    412: "It changed since you read it.",
    413: "Too large.",
    415: "This kind of content is not known.",
    421: "This host name is not one of ours.",
    422: "What was sent cannot be used; `errors` says where.",
    428: "If-Match is missing.",
    429: "Too many requests; Retry-After says when.",
    503: "Not just now; Retry-After says when. Nothing was half done.",
}
# For the OpenAPI of every route. `api.openapi` adds the body: a model named here would be built anew for each code of each route.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"description": text} for code, text in DESCRIPTIONS.items()
}


class Problem(Exception):  # the RFC's word
    """A refusal on its way to the client. `slug` names the kind for programs; `detail` is for people."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def body(self, request_id: str | None, language: Language | None = None) -> dict[str, Any]:
        """The problem as JSON values. In English the title is HTTP's own phrase, which programs know."""
        foreign = language if language is not None and language.code != ENGLISH else None
        say: Callable[[str], str] = str if foreign is None else foreign.say
        title = TITLES.get(self.status) if foreign else None
        shown: dict[str, Any] = {
            "type": f"urn:tocsin:problem:{self.slug}",
            "title": say(title) if title else HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": say(self.detail),
        }
        if request_id:
            shown["instance"] = request_id
        if self.errors:
            shown["errors"] = [
                one.model_dump(exclude_none=True) | {"message": say(one.message)} for one in self.errors
            ]
        return shown

    def response(self, request_id: str | None, language: Language | None = None) -> JSONResponse:
        spoken = {} if language is None else {"Content-Language": language.code}
        return JSONResponse(self.body(request_id, language), self.status, self.headers | spoken, MEDIA_TYPE)


class NotModified(Exception):  # not an error: an answer
    """The client's copy is still true: 304."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


# First match wins: the more special errors come first.
FROM_ERRORS: tuple[tuple[type[e.TocsinError], int, str], ...] = (
    (e.StreamFull, 503, "stream-full"),
    (e.StreamUnavailable, 503, "stream-unavailable"),
    (e.StoreUnavailable, 503, "store-unavailable"),
    (e.Fenced, 503, "taken-over"),
    (e.NotFound, 404, "not-found"),
    (e.NotAllowed, 403, "not-allowed"),
    (e.IllegalTransition, 409, "illegal-transition"),
    (e.Conflict, 409, "conflict"),
    (e.WrongInput, 422, "wrong-input"),
)


INTERNAL = Sentence("something went wrong on our side; the log has it under this request's id")

# The words about an engine that is away, for strangers and for keys that only push. The error's own words name folders and
# servers.
AWAY: Mapping[str, Sentence] = {
    "store-unavailable": Sentence("the store cannot be used just now; tocsin doctor says why"),
    "stream-unavailable": Sentence("the stream cannot be used just now; tocsin doctor says why"),
}


def from_error(error: e.TocsinError) -> Problem:
    """One of our own errors as a problem, with the field or the position where the error knows it."""
    for kind, status, slug in FROM_ERRORS:
        if isinstance(error, kind):
            headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
            return Problem(status, slug, error.said, errors=_places(error), headers=headers)
    return Problem(500, "internal", INTERNAL)


def from_validation(error: RequestValidationError | ValidationError, prefix: Sequence[str] = ()) -> Problem:
    """A validation error as a problem, field by field. The values are not repeated: they may be large or private."""
    found = (
        [_field_error(one, prefix) for one in error.errors(include_url=False, include_input=False)[:50]]
        if isinstance(error, ValidationError)
        else [_field_error(one, prefix) for one in list(error.errors())[:50]]
    )
    first: str = found[0].message if found else ""
    if found and found[0].field:
        first = Sentence("{field}: {what}", field=found[0].field, what=first)
    if len(found) > 1:
        first = Sentence("{what} (and {n} more)", what=first, n=len(found) - 1)
    return Problem(422, "wrong-input", first, errors=found)


def install(app: FastAPI) -> None:
    """Make the app answer every error as a problem."""

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return _answer(request, error)

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, e.TocsinError)
        return _answer(request, _without_places(request, from_error(error)))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError | ValidationError)
        return _answer(request, from_validation(error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        slug = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
        path = request.url.path[:200]
        detail = {
            404: Sentence("there is nothing at {path}", path=path),
            405: Sentence("{method} is not possible at {path}", method=request.method[:20], path=path),
        }.get(error.status_code, str(error.detail))
        return _answer(request, Problem(error.status_code, slug, detail, headers=error.headers))

    async def unchanged(_request: Request, error: Exception) -> Response:
        assert isinstance(error, NotModified)
        return Response(status_code=304, headers={"ETag": error.tag})

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(e.TocsinError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(NotModified, unchanged)


def wants_html(request: Request) -> bool:
    """Whether a browser asks for HTML, outside /v1."""
    return not request.url.path.startswith("/v1") and "text/html" in request.headers.get("accept", "")


def outside(problem: Problem, scope: Scope) -> Response:
    """The answer of a middleware, in the language that the request asks for. It asks nothing of the store, which may be what is
    away.
    """
    speak: Callable[[Request], Language] | None = getattr(
        getattr(scope.get("app"), "state", None), "language_asked", None
    )
    return problem.response(scope["state"]["request_id"], speak(Request(scope)) if speak else None)


def _without_places(request: Request, problem: Problem) -> Problem:
    """The problem as this caller may hear it. Only callers who may read are told which file or server is away."""
    principal: Principal | None = request.scope.get("state", {}).get("principal")
    if problem.slug not in AWAY or (principal is not None and principal.may_read):
        return problem
    return Problem(problem.status, problem.slug, AWAY[problem.slug], headers=problem.headers)


def _answer(request: Request, problem: Problem) -> Response:
    draw: Callable[[Request, Problem], Response] | None = getattr(request.app.state, "render_problem", None)
    if draw is not None and wants_html(request):
        return draw(request, problem)
    speak: Callable[[Request], Language] | None = getattr(request.app.state, "language_of", None)
    language = speak(request) if speak is not None else None
    return problem.response(request.scope.get("state", {}).get("request_id"), language)


def _places(error: e.TocsinError) -> list[FieldError]:
    field, line, column = (getattr(error, name, None) for name in ("field", "line", "column"))
    if field is None and line is None:
        return []
    return [field_error(field or "query", error.said, line=line, column=column)]


def field_error(
    field: str, message: str, *, line: int | None = None, column: int | None = None
) -> FieldError:
    """One thing that is wrong. A message that is a `Sentence` stays one: pydantic would make bare text of it."""
    return FieldError.model_construct(field=field, message=message, line=line, column=column)


def _field_error(one: Any, prefix: Sequence[str]) -> FieldError:
    place = [str(part) for part in one["loc"]]
    if place and place[0] in ("body", "query", "path", "header", "cookie") and not prefix:
        place = place[1:]
    # Of a choice between literals pydantic names the branch, too.
    place = [part for part in place if not part.startswith("literal[")]
    said = fault_of(one)
    return field_error(".".join([*prefix, *place])[:200], said if len(said) <= LONGEST else said[:LONGEST])
