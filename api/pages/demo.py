"""The demo's button: its crisis is played again, from the beginning. No other store has it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from api.state import state_of
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.store import meta

router = APIRouter(include_in_schema=False)


@router.post("/demo/again")
def again(request: Request) -> RedirectResponse:
    """Ask the demo that runs here to begin anew. A second time changes nothing."""
    with state_of(request).store.write() as conn:
        said = meta.several(conn, ("mode", meta.PLAY_AGAIN))
        if said.get("mode") != "demo" or said.get(meta.PLAY_AGAIN) not in (meta.OFFERED, meta.ASKED):
            raise NotFound(Sentence("there is no demo here that could be played again"))
        meta.put(conn, meta.PLAY_AGAIN, meta.ASKED)
    return RedirectResponse("/", 303)
