"""The API's description: as OpenAPI for programs, and as one plain page for people. Nothing is loaded from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from api.auth.rules import RULES

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """The OpenAPI 3.1 description of everything under /v1 and of the health routes."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """The same description as a page: the routes, who may use them, and their input. It has no script and no style of its own."""
    spec: dict[str, Any] = request.app.openapi()
    parts = [
        _operation(path, method, told)
        for path, item in spec["paths"].items()
        for method, told in item.items()
    ]
    title = escape(f"Tocsin {spec['info']['version']}: the API")
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        f"<body><main><h1>{title}</h1>"
        '<p>For programs: <a href="/openapi.json">/openapi.json</a>. Errors are problem+json (RFC 9457).</p>'
        f"{''.join(parts)}</main></body></html>"
    )


def _operation(path: str, method: str, told: dict[str, Any]) -> str:
    rule = RULES.get((method.upper(), path))
    who = (
        "nobody"
        if rule is None
        else "anybody"
        if rule.anonymous == "allowed"
        else ", ".join(sorted(rule.roles))
    )
    scope = (
        ""
        if rule is None or rule.anonymous == "allowed"
        else f"; keys with scopes need <code>{escape(rule.scope)}</code>"
    )
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{'required' if one.get('required') else ''}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for one in told.get("parameters", [])
    )
    table = f"<table><thead><tr><th>name</th><th>in</th><th>need</th><th>meaning</th></tr></thead><tbody>{rows}</tbody></table>"
    return (
        f"<section><h2><code>{escape(method.upper())} {escape(path)}</code></h2>"
        f"<p><strong>{escape(told.get('summary', ''))}</strong> {escape(told.get('description', ''))}</p>"
        f"<p>Who may: {escape(who)}{scope}.</p>{table if rows else ''}"
        f"{_body(told)}</section>"
    )


def _body(told: dict[str, Any]) -> str:
    names = [
        schema.get("schema", {}).get("$ref", "").rpartition("/")[2] or kind
        for kind, schema in told.get("requestBody", {}).get("content", {}).items()
    ]
    return f"<p>Body: {escape(', '.join(names))}.</p>" if names else ""
