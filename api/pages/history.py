"""The history of a definition: every version with what it changed, and the button that brings one back, also after the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api import defining
from api.pages.flash import flash_of
from api.pages.render import page_context, render
from api.problems import Problem
from api.state import form_of, principal_of, state_of
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.changes import changed_fields
from tocsin.definitions.models import (
    Definition,
    ExpectedEvent,
    Monitor,
    Person,
    Policy,
    Schedule,
    Silence,
    SourceDef,
)
from tocsin.definitions.repository import history, kind_called, kind_of

PATHS: Mapping[str, type[Definition]] = {
    "monitors": Monitor,
    "sources": SourceDef,
    "people": Person,
    "policies": Policy,
    "schedules": Schedule,
    "silences": Silence,
    "expected-events": ExpectedEvent,
}
"""Where each kind of definition stands on the page."""

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Version:
    """One version: `what` is made, changed, ended or restored; `fields` are the fields that differ, each with its JSON before
    and after.
    """

    number: int
    at: datetime
    actor: str
    what: str
    fields: Sequence[tuple[str, Any, Any]]
    current: bool


def router_of(path: str, model: type[Definition]) -> APIRouter:
    """The routes of one kind."""
    router = APIRouter(include_in_schema=False)

    @router.get(f"/{path}/{{id}}/history")
    def shown(request: Request, id: str) -> Response:
        with state_of(request).store.read() as conn:
            ctx = page_context(request, conn)
            kept = list(history(conn, kind_of(model), id[:256]))
        if not kept:
            raise NotFound(
                Sentence(
                    "no {kind} {id} was ever defined", kind=kind_called(kind_of(model)), id=repr(id[:80])
                )
            )
        name = next(str(body["name"]) for *_, body in reversed(kept) if "name" in body)
        versions = _versions(kept)
        return render(
            ctx,
            "history.html",
            name=name,
            place=path,
            kind=kind_of(model),
            id=id,
            versions=versions[:SHOWN],
            ended=versions[0].what == "ended",
            undo=next((one.number for one in versions[1:] if one.what != "ended"), None),
            flash=flash_of(request, ctx.fmt)[0],
        )

    @router.post(f"/{path}/{{id}}/restore")
    def restored(request: Request, id: str) -> Response:
        state, who = state_of(request), principal_of(request)
        typed = form_of(request).get("to", "")
        if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
            raise Problem(
                422, "wrong-input", Sentence("say which version to bring back; the history lists them")
            )
        with state.store.write() as conn:
            defining.bring_back(conn, state.settings, who, model, id[:256], int(typed), state.now())
        return RedirectResponse(f"/{path}/{quote(id, safe='')}/history?done=restored", 303)

    return router


def history_address(path: str, id: str) -> str:
    """Where an ended definition is brought back."""
    return f"/{path}/{quote(id, safe='')}/history?done=gone"


def _versions(kept: Sequence[tuple[int, datetime, str, Mapping[str, Any]]]) -> list[Version]:
    """The versions, the newest first. What was ended differs in no field."""
    found: list[Version] = []
    before: Mapping[str, Any] = {}
    ended = False
    for number, at, actor, body in kept:
        if body.get("deleted"):
            found.append(Version(number, at, actor, "ended", (), number == kept[-1][0]))
            ended = True
            continue
        what = "restored" if ended else "changed" if before else "made"
        fields = [
            (one, before.get(one), body.get(one))
            for one in changed_fields(before, body)
            if before or body.get(one) not in (None, [], {}, "")
        ]
        found.append(Version(number, at, actor, what, fields, number == kept[-1][0]))
        before, ended = body, False
    return found[::-1]


ROUTERS = tuple(router_of(path, model) for path, model in PATHS.items())
