"""What a notice links to: the alert's whole card, or the escalation, without signing in, and the buttons that the link carries.

A GET spends nothing. Each button is a POST that is bound to alert, person and action, and works once. What the person may today
decides, not what they might when the notice left.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from alerts.actor import Actor
from alerts.personal import ACKNOWLEDGE, BESIDE, escalation_of
from alerts.states import for_people
from api.auth.principal import Principal
from api.pages.actions import ALERT_ACTIONS
from api.pages.alerts import card_context
from api.pages.card import card
from api.pages.escalations import EscalationPage, escalation_context, read_page
from api.pages.flash import DONE
from api.pages.permission import permitted
from api.pages.problem import written
from api.pages.render import PageContext, page_context, render
from api.pages.signin import NOTICE_LINK, Token, person_of, signin_answer
from api.state import AppState, form_of, state_of
from api.turns import turn_of
from tocsin.access.links import (
    ActionLink,
    LinkRefused,
    find_action_link,
    spend_action_link,
    usable_beside,
)
from tocsin.core.errors import IllegalTransition, NotAllowed, NotFound, WrongInput
from tocsin.core.sentences import Sentence, listed, spoken

router = APIRouter(include_in_schema=False)
RULE = "/alerts/{id}/"
REFUSALS = {
    "role": "Your role may not acknowledge any more. Sign in to see the alert.",
    "used": "This link was used already. Sign in to do more.",
    "expired": "This link has expired. Sign in to act on the alert.",
}


@router.get("/links/{token}")
def notice_link(request: Request, token: Token) -> Response:
    """The card or the escalation, as far as the link's person may see it today, and the buttons that would work."""
    return _shown(request, token) if _is_known(request, token) else _unknown(request)


@router.post("/links/{token}")
def acknowledge_by_link(request: Request, token: Token) -> Response:
    """Acknowledge as the person whom the notice went to, once."""
    return _pressed(request, token, None)


@router.post("/links/{token}/{action}")
def act_by_link(request: Request, token: Token, action: str) -> Response:
    """Snooze, dismiss or escalate as the person whom the notice went to, each once."""
    if action not in BESIDE:
        raise NotFound(
            Sentence(
                "a notice's link cannot {action}; it can: {choices}",
                action=repr(action[:20]),
                choices=listed([spoken(one) for one in BESIDE]),
            )
        )
    return _pressed(request, token, action)


def _is_known(request: Request, token: str) -> bool:
    with state_of(request).store.read() as conn:
        try:
            find_action_link(conn, token)
        except NotFound:
            return False
    return True


def _unknown(request: Request) -> Response:
    """The page of a link that was cut short or is long forgotten: signing in is the way to its alert."""
    return signin_answer(request, refused=NOTICE_LINK)


def _pressed(request: Request, token: str, action: str | None) -> Response:
    if not _is_known(request, token):
        return _unknown(request)
    state, form = state_of(request), form_of(request)
    try:
        with state.store.write() as conn:
            link = spend_action_link(conn, token, state.now(), action)
            reader = _reader(conn, link.person_id)
            if not permitted(reader, f"{RULE}{link.action}"):
                raise NotAllowed(
                    Sentence(
                        "the role {role} may not {action}; sign in to see the alert",
                        role=spoken(reader.role.value),
                        action=spoken(link.action),
                    )
                )
            actor = Actor(reader.id, reader.name, reader.role.value)
            done = ALERT_ACTIONS[link.action](turn_of(state, conn, actor), link.alert_id, form)
    except LinkRefused:
        with state.store.read() as conn:
            late = _outdated(find_action_link(conn, token), state)
        return _shown(request, token, refused=late or REFUSALS["used"], status=410, tried=action)
    except (IllegalTransition, NotAllowed, WrongInput) as error:
        return _shown(request, token, refused=error.said, status=410, tried=action)
    return _shown(request, token, done=DONE[done if isinstance(done, str) else link.action])


def _shown(
    request: Request,
    token: str,
    *,
    done: str | None = None,
    refused: str | None = None,
    status: int = 200,
    tried: str | None = None,
) -> Response:
    """The page of the link. `tried` is the action that was refused: its form stands open with what was typed; where it cannot be
    sent any more, the sentences are shown to be copied.
    """
    state = state_of(request)
    with state.store.read() as conn:
        link = find_action_link(conn, token)
        reader = _reader(conn, link.person_id)
        ctx = page_context(request, conn, link.person_id)
        escalation = escalation_of(link.action)
        if escalation is not None:
            page = read_page(conn, escalation, state.now(), None)
            said = refused or _outdated(link, state)
            return _escalation(ctx, page, ctx.fmt.language.say(said) if said else "", status)
        about = card(conn, link.alert_id, state.now(), blind_after=_patience(state))
        left = usable_beside(conn, token, BESIDE, state.now())
    may = permitted(reader, f"{RULE}{ACKNOWLEDGE}")
    possible = for_people(about.alert.status)
    beside = {one: one in left and one in possible and permitted(reader, f"{RULE}{one}") for one in BESIDE}
    said = refused or (None if done else _why_not(link, state, may=may))
    return render(
        ctx,
        "link.html",
        status=status,
        token=token,
        correct=None,
        back="",
        person=reader.name,
        usable=may and link.usable(state.now()) and link.action == ACKNOWLEDGE and ACKNOWLEDGE in possible,
        beside=beside,
        refused=ctx.fmt.language.say(said) if said else None,
        done=ctx.fmt.translate(done) if done else None,
        tried=tried,
        form=form_of(request) if tried else {},
        typed=written(request) if tried and not beside.get(tried) else [],
        **card_context(ctx, about),
    )


def _escalation(ctx: PageContext, page: EscalationPage, refused: str, status: int) -> Response:
    """The escalation as a stranger may see it: no privileged note, and no button but the one that leads to signing in."""
    context = escalation_context(page, None)
    nothing: dict[str, Any] = {"may": lambda _action: False, "flash": refused, "flash_bad": bool(refused)}
    return render(ctx, "escalation.html", status=status, linked=True, **nothing, **context)


def _why_not(link: ActionLink, state: AppState, *, may: bool) -> str | None:
    if not may:
        return REFUSALS["role"]
    if link.spent_at is not None:
        return REFUSALS["used"]
    return _outdated(link, state)


def _outdated(link: ActionLink, state: AppState) -> str | None:
    return None if state.now() < link.expires_at else REFUSALS["expired"]


def _patience(state: AppState) -> timedelta:
    return timedelta(minutes=state.settings.alerting.blind_after_minutes)


def _reader(conn: Connection, person_id: str) -> Principal:
    """The person whom a notice's link was sent to, with today's role. Raises `NotAllowed` for one who left."""
    name, role = person_of(conn, person_id)
    if not name:
        raise NotAllowed(Sentence("the person of this link is no longer active; sign in to see the alert"))
    return Principal("person", person_id, name, role)
