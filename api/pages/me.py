"""One's own page: language, zone and quiet hours, the channels with their proof, where one is signed in, what one was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy import Connection

from alerts.directory import Someone, key_of, someone
from alerts.outbox.queue import newest_of
from alerts.own_channels import channels_of
from alerts.proofs import prove, send_code
from api.auth.ceremonies import RelyingParty, relying_party
from api.auth.cookies import session_token
from api.auth.endings import end_one_session
from api.auth.passkeys import passkeys_of
from api.auth.principal import Principal
from api.auth.sessions import current_session, device_of, open_sessions
from api.defining import change_part
from api.pages.channels import ask_channel, back, fault_of, person_of
from api.pages.flash import flash_of
from api.pages.passkeys import LACKS
from api.pages.render import page_context, render
from api.pages.two_edits import TAKE, THEIRS, TwoEdits, as_read, asked_again, two_edits
from api.proving import note_proven
from api.state import form_of, state_of
from tocsin.access.links import page_address
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Channel, Person
from tocsin.definitions.repository import Defined, find
from tocsin.store import audit

router = APIRouter(include_in_schema=False)
NOTICES = 20
Number = Annotated[int, Path(ge=0, le=99)]


@router.get("/me")
def own_page(request: Request) -> Response:
    """The page of the person who is signed in."""
    return _page(request)


@router.post("/me")
def change_own(request: Request) -> Response:
    """Change one's language, zone and quiet hours. A fault is named at its field, and no typed text is lost."""
    state, who, form = state_of(request), person_of(request), form_of(request)
    typed = {name: form.get(name, "").strip() for name in ("language", "timezone", "quiet_from", "quiet_to")}
    with state.store.read() as conn:
        present = find(conn, Person, who.id)
    quiet = (typed["quiet_from"], typed["quiet_to"]) if typed["quiet_from"] or typed["quiet_to"] else None
    change = {"language": typed["language"] or None, "timezone": typed["timezone"], "quiet_hours": quiet}
    if typed["language"] and typed["language"] not in state.languages.codes:
        return _page(request, {**asked_again(form), **typed}, {"language": FAULTS["language"]}, status=422)
    try:
        _changed(present.value, change)
    except ValidationError as error:
        wrong = {
            str(one["loc"][0]) for one in error.errors(include_url=False, include_input=False) if one["loc"]
        }
        faults = {name: FAULTS.get(name, FAULTS[""]) for name in wrong}
        return _page(request, {**asked_again(form), **typed}, faults, status=422)
    with state.store.write() as conn:
        present = find(conn, Person, who.id)
        edits = _edits(conn, present, form, change)
        if edits is None:
            mine = {name: one for name, one in change.items() if form.get(f"{TAKE}{name}") != THEIRS}
            value = _changed(present.value, mine)
            change_part(conn, who, value, present, state.now(), present.version)
            return RedirectResponse("/me?done=saved", 303)
    shown = {**typed, "version": str(present.version)}
    return _page(request, shown, {"": STALE}, status=409, edits=edits)


def _edits(
    conn: Connection, present: Defined[Person], form: Mapping[str, str], change: Mapping[str, Any]
) -> TwoEdits | None:
    """What another tab or an administrator did since the form was read, beside what was typed, of the fields of this form."""
    was = as_read(conn, present, form)
    edits = two_edits(conn, present, form, was, _changed(was, change)) if was is not None else None
    rows = [one for one in edits.rows if one.field in change] if edits else []
    return replace(edits, rows=rows) if edits and rows else None


def _changed(person: Person, change: Mapping[str, Any]) -> Person:
    return Person.model_validate({**person.model_dump(), **change}, context={"stored": True})


@router.post("/me/channels")
def add_channel(request: Request) -> Response:
    """Send a code to a new channel; it pages when the code has been typed. A fault is shown at its field."""
    typed, fault = ask_channel(request, person_of(request).id)
    if fault is None:
        return RedirectResponse("/me?done=rung#channels", 303)
    return _page(request, status=422, channel=typed, channel_fault=fault)


@router.post("/me/channels/{number}/test")
def ring(request: Request, number: Number) -> Response:
    """Send a test page with a code to one of one's own channels."""
    state, who = state_of(request), person_of(request)
    with state.store.write() as conn:
        one, channel = _channel(conn, who, number)
        send_code(state.store, conn, one, channel, page_address(state.settings), state.now())
    return back(request, "rung")


@router.post("/me/channels/{number}/prove")
def type_code(request: Request, number: Number) -> Response:
    """The code that arrived there: the channel counts as proven."""
    state, who = state_of(request), person_of(request)
    with state.store.write() as conn:
        one, channel = _channel(conn, who, number)
        right = prove(conn, one, channel, form_of(request).get("code", ""), state.now())
        if right:
            note_proven(conn, who, key_of(one, channel), state.now())
    return back(request, "proven" if right else "wrong_code")


@router.post("/me/sessions/{id}/end")
def end_own(request: Request, id: str) -> Response:
    """Sign one of one's own browsers out, its event streams included."""
    state, who, now = state_of(request), person_of(request), state_of(request).now()
    with state.store.write() as conn:
        mine = (one for one in open_sessions(conn, now) if one["person_id"] == who.id)
        found = next((one for one in mine if one["id"] == id), None)
        if found is None:
            raise NotFound(Sentence("no open session of yours has this id"))
        end_one_session(conn, found, now, who.label, who.role.value)
    return RedirectResponse("/me?done=ended#sessions", 303)


STALE = "Somebody changed it since you opened the form. Nothing you typed is lost: take theirs or yours, field by field."

FAULTS = {
    "language": "Choose one of these languages.",
    "timezone": "There is no such time zone. Zones are written like Europe/Amsterdam.",
    "quiet_hours": "Quiet hours are two times of day, such as 22:00 and 07:00, or both empty.",
    "": "This cannot be used.",
}


def _page(
    request: Request,
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    channel: Mapping[str, str] | None = None,
    channel_fault: tuple[str, str] | None = None,
    edits: TwoEdits | None = None,
) -> Response:
    state, who = state_of(request), person_of(request)
    with state.store.read() as conn:
        ctx = page_context(request, conn)
        mine = find(conn, Person, who.id)
        one = Someone(mine.id, mine.value)
        own = channels_of(conn, one)
        sessions = [found for found in open_sessions(conn, state.now()) if found["person_id"] == who.id]
        notices = newest_of(conn, who.id, NOTICES)
        passkeys = passkeys_of(conn, who.id)
    party = relying_party(state.settings.api.public_url)
    flash, bad = flash_of(request, ctx.fmt)
    quiet = mine.value.quiet_hours or ("", "")
    form = typed or {
        "language": mine.value.language or "",
        "timezone": mine.value.timezone,
        "quiet_from": quiet[0],
        "quiet_to": quiet[1],
        "version": str(mine.version),
    }
    return render(
        ctx,
        "me.html",
        status=status,
        form=form,
        edits=edits,
        faults={name: ctx.fmt.translate(text) for name, text in (faults or {}).items()}
        | fault_of(ctx, channel_fault),
        own=own,
        typed=channel or {},
        by_mail=state.settings.smtp.host is not None,
        back="me",
        sessions=sessions,
        here=current_session(session_token(request) or ""),
        notices=notices,
        passkeys=passkeys,
        party=party,
        passkeys_lack="" if isinstance(party, RelyingParty) else ctx.fmt.translate(LACKS[party]),
        device=device_of(request.headers.get("user-agent", "")),
        flash=flash,
        flash_bad=bad,
    )


def _channel(conn: Connection, who: Principal, number: int) -> tuple[Someone, Channel]:
    mine = find(conn, Person, who.id)
    one = someone(conn, mine.id, mine.value)
    if number >= len(one.channels):
        raise NotFound(Sentence("you have no such channel any more; load the page again"))
    return one, one.channels[number]


def _note(conn: Connection, who: Principal, action: str, object: str, now: datetime) -> None:
    audit.append(conn, at=now, actor=who.label, role=who.role.value, action=action, object=object, detail={})
