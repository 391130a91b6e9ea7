"""Corrections on the page: one tap relabels a mention; a monitor learns from them, and goes back to an earlier model."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from api.pages.card import anchor_of
from api.pages.problem import came_from
from api.pages.render import page_context
from api.routes.corrections import stale
from api.state import form_of, principal_of, state_of
from processors.corrections import models
from processors.corrections.correct import changed_since, correct
from processors.corrections.learning import learn_from_corrections
from tocsin.core.errors import WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Monitor
from tocsin.definitions.repository import find
from tocsin.store.mentions import Key

router = APIRouter(include_in_schema=False)


@router.post("/monitors/{id}/correct")
def correct_post(request: Request, id: str) -> Response:
    """Give a mention the label of the button, and lead back to where it stands on its page."""
    state, who, form = state_of(request), principal_of(request), form_of(request)
    with state.store.write() as conn:
        monitor = find(conn, Monitor, id[:256])
        key = (form.get("source", "")[:256], form.get("id", "")[:256])
        label = form.get("label", "")[:16]
        _refuse_stale(request, conn, monitor.id, key, label, form.get("seen", ""))
        correct(
            state.store, conn, monitor.id, key, label, now=state.now(), actor=who.label, role=who.role.value
        )
    page = came_from(request) or f"/mentions?monitor={monitor.id}"
    return RedirectResponse(f"{page}#{anchor_of(*key)}", 303)


def _refuse_stale(
    request: Request, conn: Connection, monitor_id: str, key: Key, label: str, seen: str
) -> None:
    """Nothing is written where somebody has given the mention a third label since the reader saw it."""
    if seen and (known := changed_since(conn, monitor_id, key, label, seen)):
        fmt = page_context(request, conn).fmt
        raise stale(known, fmt.term("label", known.label))


@router.post("/monitors/{id}/learn")
def learn(request: Request, id: str) -> Response:
    """Learn from the corrections of the monitor."""
    state, who = state_of(request), principal_of(request)
    with state.store.read() as conn:
        monitor = find(conn, Monitor, id[:256])
    learn_from_corrections(state.store, monitor, now=state.now(), actor=who.label, role=who.role.value)
    return RedirectResponse(f"/monitors/{monitor.id}?done=learnt", 303)


@router.post("/monitors/{id}/use")
def use(request: Request, id: str) -> Response:
    """Use another version of the monitor's model, or none."""
    state, who, version = state_of(request), principal_of(request), form_of(request).get("model", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise WrongInput(Sentence("a model is a number, not {version}", version=repr(version[:20])))
    with state.store.write() as conn:
        monitor = find(conn, Monitor, id[:256])
        models.use(conn, monitor.id, int(version), now=state.now(), actor=who.label, role=who.role.value)
    return RedirectResponse(f"/monitors/{monitor.id}?done={'used' if int(version) else 'unused'}", 303)
