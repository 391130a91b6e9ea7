"""The API's description with every refusal that a route may give, those of the doors before it too, as problem+json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.openapi.models import Schema

from api.auth.cookies import COOKIE, SECURE_COOKIE
from api.auth.rules import RULES
from api.problems import DESCRIPTIONS, MEDIA_TYPE, ProblemBody

_SCHEMAS = "#/components/schemas/"
_PROBLEM = {"$ref": f"{_SCHEMAS}{ProblemBody.__name__}"}
# The refusals that every request may get before its route, that a request to a guarded route may get, and that one with a
# body may get.
_ALWAYS = (421, 429, 503)
_GUARDED = (401, 403)
_WITH_BODY = (400, 413)
SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, made with: tocsin key create.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"The page's session; {SECURE_COOKIE} over https. Whatever changes something also takes X-CSRF-Token.",
    },
}
# FastAPI's own words for what is a problem here.
_UNUSED = {"HTTPValidationError", "ValidationError"}


class DescribedApp(FastAPI):
    """An app whose OpenAPI description is whole. It is made once."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = with_every_refusal(super().openapi())
        return self.openapi_schema


def with_every_refusal(spec: dict[str, Any]) -> dict[str, Any]:
    """The description, in which each operation names each refusal and its media type."""
    for path, method, operation in _operations(spec):
        for status in _refusals(path, method, operation):
            told = operation["responses"].setdefault(str(status), {})
            told.setdefault("description", DESCRIPTIONS.get(status, "Refused."))
            told["content"] = {MEDIA_TYPE: {"schema": _PROBLEM}}
        operation["security"] = _who_may(path, method)
    schemas = spec["components"]["schemas"] | _problem_schemas()
    spec["components"]["schemas"] = {name: schemas[name] for name in sorted(schemas.keys() - _UNUSED)}
    spec["components"]["securitySchemes"] = SCHEMES
    return spec


def _who_may(path: str, method: str) -> list[dict[str, list[str]]]:
    """How a caller is known there: by a key, or by the page's session with its CSRF token. Empty: everybody may."""
    rule = RULES.get((method, path))
    return [] if rule is not None and rule.anonymous == "allowed" else [{"key": []}, {"session": []}]


def _problem_schemas() -> dict[str, Any]:
    """The schema of a refusal, and of the parts that it refers to."""
    whole = ProblemBody.model_json_schema(mode="serialization", ref_template=f"{_SCHEMAS}{{model}}")
    named = {ProblemBody.__name__: whole, **whole.pop("$defs")}
    return {name: jsonable_encoder(Schema(**one), exclude_none=True) for name, one in named.items()}


def _operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def _refusals(path: str, method: str, operation: dict[str, Any]) -> list[int]:
    rule = RULES.get((method, path))
    is_open = rule is not None and rule.anonymous == "allowed"
    said = {int(status) for status in operation["responses"] if status[0] in "45"}
    # What a route that is open says of readiness is its own body, no problem.
    own = {503} & said if path == "/readyz" else set()
    added = {*_ALWAYS, *(() if is_open else _GUARDED), *(_WITH_BODY if "requestBody" in operation else ())}
    return sorted((said | added) - own)
