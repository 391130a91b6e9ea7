"""Dead letters on the page, and the button that releases a held outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from alerts.outbox import hold
from api.pages.flash import flash_of
from api.pages.permission import permitted
from api.pages.render import page_context, render
from api.routes.dead_letters import hand_over_again
from api.state import form_of, principal_of, state_of
from api.turns import actor_of
from tocsin.core.errors import IllegalTransition
from tocsin.core.text import escaped
from tocsin.intake.dead_letters import DeadLetter, get_dead_letter, list_dead_letters

router = APIRouter(include_in_schema=False)

AT_ONCE = 50
BEGINS_CHARS = 120
SHOWN_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A dead letter as a page shows it: nothing in it can steer the reader's screen."""

    id: str
    at: datetime
    source: str
    origin: str
    reason: str
    message: str
    attempts: int
    replayed_at: datetime | None
    size: int
    kept: int
    begins: str
    payload: str


@router.get("/dead-letters")
def dead_letter_list(request: Request) -> Response:
    """A page of the list, the newest first. A bad cursor is 422."""
    asked = request.query_params
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        page, cursor = list_dead_letters(
            conn,
            AT_ONCE,
            asked.get("cursor"),
            (asked.get("source") or "")[:256] or None,
        )
    more = urlencode({"cursor": cursor, **({"source": asked["source"]} if asked.get("source") else {})})
    return render(
        ctx,
        "dead_letters.html",
        letters=[_shown(one) for one in page],
        more=f"/dead-letters?{more}" if cursor else "",
    )


@router.get("/dead-letters/{id}")
def dead_letter_detail(request: Request, id: str) -> Response:
    """The page of one dead letter: what was kept, and the form that hands it over again."""
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        letter = get_dead_letter(conn, id[:64])
    flash, bad = flash_of(request, ctx.fmt)
    return render(
        ctx,
        "dead_letter.html",
        d=_shown(letter),
        whole=letter.whole,
        flash=flash,
        flash_bad=bad,
        may_mend=permitted(ctx.who, "/dead-letters/{id}/replay"),
    )


@router.post("/dead-letters/{id}/replay")
def replay(request: Request, id: str) -> Response:
    """Hand the dead letter over again, as it is or as it was mended in the form."""
    mended = form_of(request).get("mended", "").strip()
    outcome, _ = hand_over_again(
        state_of(request), principal_of(request), id[:64], mended.encode("utf-8", "replace") or None
    )
    done = "replay" if outcome == "handed over" else "bad"
    return RedirectResponse(f"/dead-letters/{id[:64]}?done={done}", 303)


@router.post("/outbox/release")
def release(request: Request) -> Response:
    """Release a held outbox; what waits leaves or is cancelled."""
    state, who = state_of(request), principal_of(request)
    discard = form_of(request).get("what") == "discard"
    try:
        with state.store.write() as conn:
            hold.release(conn, actor_of(who), state.now(), discard=discard)
    except IllegalTransition:
        # Somebody was faster: it is released.
        pass
    return RedirectResponse("/", 303)


def _shown(one: DeadLetter) -> DeadLetterRow:
    text = one.payload.decode("utf-8", "backslashreplace")
    return DeadLetterRow(
        id=one.id,
        at=one.at,
        source=escaped(one.source),
        origin=escaped(one.origin),
        reason=escaped(one.reason),
        message=escaped(one.message),
        attempts=one.attempts,
        replayed_at=one.replayed_at,
        size=one.payload_size,
        kept=len(one.payload),
        begins=escaped(" ".join(text[: 4 * BEGINS_CHARS].split()))[:BEGINS_CHARS],
        payload="\n".join(escaped(line) for line in text[:SHOWN_CHARS].split("\n")),
    )
