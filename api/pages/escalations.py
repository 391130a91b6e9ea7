"""The escalation queue, ordered by deadline, and one escalation with its clocks, review and history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from alerts.escalations.escalation import TEAMS, Escalation, get, of_alert, works_escalations
from alerts.escalations.states import ENDED
from alerts.escalations.views import ended_escalations, find_escalations, held_by_nobody, history
from alerts.views import notices
from api.pages.card import Card, NoticeLine, RecordLine, card, notice_line, record_line
from api.pages.flash import flash_of
from api.pages.permission import permitted_actions
from api.pages.render import page_context, render
from api.state import state_of
from tocsin.definitions.models import Person, Role
from tocsin.definitions.repository import listed

router = APIRouter(include_in_schema=False)
AT_ONCE = 200
LINES = 300
TOLD = 50
"""So many lines of the history are shown, the newest ones."""
OFFERED = ("claim", "release_claim", "reassign", "review", "decide", "release", "close", "withdraw", "assess")


@dataclass(frozen=True, slots=True)
class EscalationPage:
    """Everything on the page of one escalation. `hidden` privileged notes are left out for this reader."""

    escalation: Escalation
    alert: Card
    history: tuple[RecordLine, ...]
    hidden: int
    beside: tuple[Escalation, ...]
    # The number of the record's last line, hidden lines included.
    seen: int
    notices: tuple[NoticeLine, ...] = ()
    # When the statement was marked as released; None: it was not.
    released_at: datetime | None = None
    # The names of those who may be given it, and of those who may be asked for something.
    workers: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    # Whether whoever has it works no escalations any more.
    held_by_nobody: bool = False


@router.get("/escalations")
def queue_page(request: Request) -> Response:
    """The escalation whose clock runs out first comes first; of ended ones, the last to end."""
    team = request.query_params.get("team")
    team = team if team in ("pr", "legal") else None
    ended = request.query_params.get("closed") == "1"
    with state_of(request).store.read() as conn:
        ctx = page_context(request, conn)
        if ended:
            rows = ended_escalations(conn, team, AT_ONCE)
        else:
            rows, _ = find_escalations(conn, team=team, limit=AT_ONCE)
        unheld = {one.id for one in held_by_nobody(conn)}
    return render(
        ctx,
        "queue.html",
        etag=True,
        rows=rows,
        team=team,
        closed=ended,
        held_by_nobody=unheld,
        may=permitted_actions(ctx.who, "/escalations/{id}"),
    )


@router.get("/escalations/{id}")
def escalation_page(request: Request, id: str) -> Response:
    """The clocks, the review by PR and Legal side by side, the alert behind it, the history."""
    state = state_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        role = ctx.who.role if ctx.who else None
        shown = read_page(conn, id, state.now(), role)
    flash, bad = flash_of(request, ctx.fmt)
    may = permitted_actions(ctx.who, "/escalations/{id}")
    return render(
        ctx,
        "escalation.html",
        linked=False,
        may=may,
        flash=flash,
        flash_bad=bad,
        **escalation_context(shown, role),
    )


def escalation_context(shown: EscalationPage, role: Role | None) -> dict[str, Any]:
    """The data behind an escalation, on its page and behind a notice's link."""
    return {
        "page": shown,
        "can": {action: action in shown.escalation.actions for action in OFFERED},
        "ended": shown.escalation.status in ENDED,
        "asked": _asked(shown.escalation.team, role),
    }


def read_page(conn: Connection, id: str, now: datetime, role: Role | None) -> EscalationPage:
    """The escalation with this id, as a reader of this role may see it. Raises `NotFound`."""
    escalation = get(conn, id[:64])
    told = history(conn, escalation.id, role.value if role else None)
    lines = [record_line(one) for one in told.entries]
    people = [one.value for one in listed(conn, Person) if one.value.active]
    return EscalationPage(
        escalation=escalation,
        alert=card(conn, escalation.alert_id, now, brief=True),
        history=tuple(reversed(lines[-LINES:])),
        hidden=told.hidden,
        beside=tuple(one for one in of_alert(conn, escalation.alert_id) if one.id != escalation.id),
        seen=told.last,
        notices=tuple(
            notice_line(one)
            for one in reversed(notices(conn, escalation.alert_id))
            if one["escalation_id"] == escalation.id
        )[:TOLD],
        released_at=next((line.at for line in reversed(lines) if line.action == "release"), None),
        workers=tuple(
            one.name for one in people if works_escalations(one) and one.name != escalation.claimed_by
        ),
        people=tuple(one.name for one in people),
        held_by_nobody=escalation.id in {one.id for one in held_by_nobody(conn)},
    )


def _asked(team: str, role: Role | None) -> tuple[str, ...]:
    """For which of the teams that the escalation asks this reader may decide."""
    asked = TEAMS.get(team, ())
    return (
        asked
        if role is Role.ADMIN
        else tuple(name for name in asked if role is not None and role.value == name)
    )
