"""A person's channels: a new one is asked for, gets a code, and pages only when that code has been typed.

People see to their own (`/me`, the set-up); an admin sees to anybody's in the person's form, where whoever has the code tells it.

A channel that was asked for waits beside the person (`contact_proofs.pending`), so another device finds it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy import Connection

from alerts.directory import Someone, key_of, someone
from alerts.notifiers.channels import require_usable
from alerts.notifiers.registry import BY_ADDRESS, KINDS
from alerts.proofs import ask_for, drop, pending
from api.auth.principal import Principal
from api.defining import change_part
from api.kept_secrets import kept
from api.pages.render import PageContext
from api.proving import prove_by_code, send_code_to, take_proof_back
from api.state import AppState, form_of, principal_of, state_of
from tocsin.access.links import new_token, page_address
from tocsin.core.errors import NotFound, WrongInput
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Channel, Person, Role
from tocsin.definitions.repository import find
from tocsin.settings.secrets import REFERENCES

router = APIRouter(include_in_schema=False)
ASKED_FOR: Final = tuple(kind for kind, one in KINDS.items() if not one.last_resort)
BACK: Final = {"setup": "/setup/wake", "me": "/me"}
MOST: Final = 10
LONGEST: Final = 2000
Key = Annotated[str, Path(min_length=1, max_length=64)]
Number = Annotated[int, Path(ge=0, le=99)]

FAULTS: Final = {
    "kind": "Choose one of these.",
    "email": "That is no e-mail address. One looks like ada@brand.example.",
    "webhook": "That is no address that can be called. One looks like https://chat.example/hook.",
    "apprise": "That is no address that Apprise knows. One looks like ntfy://ntfy.sh/your-topic.",
    "secret": "A secret is a line of text, or env:NAME. A file must lie in a folder that ingest.allowed_folders names.",
    "no_mail": "No mail server is set. Choose another way, or ask an administrator to set one under Settings.",
    "taken": "You have this channel already.",
    "gone": "The channel that you change is no longer there: load the page again.",
    "many": "Too many test pages within an hour: try again later.",
}


def ask_channel(request: Request, person_id: str) -> tuple[dict[str, str], tuple[str, str] | None]:
    """Send a code to the new channel of the form, for this person. Returns what was typed, and the field with the key of its
    fault, if any.
    """
    state, who, form = state_of(request), principal_of(request), form_of(request)
    typed = {name: form.get(name, "").strip()[:LONGEST] for name in ("kind", "to", "secret", "replaces")}
    kind = typed["kind"]
    if kind not in ASKED_FOR:
        return typed, ("kind", "kind")
    if kind == BY_ADDRESS and not state.settings.smtp.host:
        return typed, ("kind", "no_mail")
    old = _replaced(state, person_id, typed["replaces"])
    if typed["replaces"] and old is None:
        return typed, ("to", "gone")
    try:
        channel = _channel_of(state, who, typed, old)
    except WrongInput:
        return typed, ("secret", "secret")
    except ValidationError:
        return typed, ("to", kind)
    with state.store.write() as conn:
        return typed, _sent(state, conn, person_id, channel, typed["replaces"])


def settle_channel(request: Request, person_id: str, key: str) -> str:
    """Take the typed code of a channel that waits, or is the person's already. Returns what to say of it."""
    state, who, code = state_of(request), principal_of(request), form_of(request).get("code", "")
    with state.store.write() as conn:
        right = prove_by_code(conn, state.settings, who, person_id, key, code, state.now())
    return "proven" if right else "wrong_code"


def send_code_again(request: Request, person_id: str, key: str) -> str:
    """Send a fresh code there. Returns what to say of it. Raises `NotFound`."""
    state = state_of(request)
    with state.store.write() as conn:
        send_code_to(state.store, conn, person_id, key, page_address(state.settings), state.now())
    return "rung"


def doubt_channel(request: Request, person_id: str, key: str) -> str:
    """Take the proof of a channel back. Returns what to say of it. Raises `NotFound`."""
    state = state_of(request)
    with state.store.write() as conn:
        take_proof_back(conn, principal_of(request), person_id, key, state.now())
    return "doubted"


@router.post("/me/waiting/{key}/prove")
def type_code(request: Request, key: Key) -> Response:
    """The code that arrived there: the channel is one's own from now on, and pages. Where no policy is defined, one is made."""
    return back(request, settle_channel(request, person_of(request).id, key))


@router.post("/me/waiting/{key}/test")
def send_again(request: Request, key: Key) -> Response:
    """Send a fresh code there."""
    return back(request, send_code_again(request, person_of(request).id, key))


@router.post("/me/waiting/{key}/drop")
def drop_waiting(request: Request, key: Key) -> Response:
    """Take back a channel that was never proven."""
    state, who = state_of(request), person_of(request)
    with state.store.write() as conn:
        drop(conn, who.id, key)
    return back(request, "removed")


@router.post("/me/channels/{number}/remove")
def remove(request: Request, number: Number) -> Response:
    """Take a channel out: nothing pages there any more. The history brings it back."""
    state, who = state_of(request), person_of(request)
    with state.store.write() as conn:
        mine = find(conn, Person, who.id)
        if number >= len(mine.value.channels):
            raise NotFound(Sentence("you have no such channel any more; load the page again"))
        left = tuple(one for place, one in enumerate(mine.value.channels) if place != number)
        change_part(conn, who, mine.value.model_copy(update={"channels": left}), mine, state.now())
    return back(request, "removed")


def person_of(request: Request) -> Principal:
    """The person who asks. Raises `NotFound` for a key, which has no page of its own."""
    who = principal_of(request)
    if who.kind != "person":
        raise NotFound(Sentence("a key has no page of its own; a person does"))
    return who


def fault_of(ctx: PageContext, fault: tuple[str, str] | None) -> dict[str, str]:
    """The fault of a new channel by its field, in the reader's language."""
    return {} if fault is None else {fault[0]: ctx.fmt.translate(FAULTS[fault[1]])}


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _replaced(state: AppState, person_id: str, key: str) -> Channel | None:
    """The channel of this person that a new one is to replace; None where there is none."""
    if not key:
        return None
    with state.store.read() as conn:
        theirs = find(conn, Person, person_id)
    one = Someone(theirs.id, theirs.value)
    return next((channel for channel in one.channels if key_of(one, channel) == key), None)


def _channel_of(
    state: AppState, who: Principal, typed: Mapping[str, str], old: Channel | None = None
) -> Channel:
    """The channel that the form describes. A webhook in place of an `old` one keeps its secret, unless another was typed.

    Raises `WrongInput` for its secret, and `ValidationError` for its address.
    """
    kind, to = typed["kind"], typed["to"]
    known, may_name = KINDS[kind], who.role is Role.ADMIN
    given: dict[str, Any] = {known.address: to}
    if known.signed_by == known.address:
        if "://" not in to and not to.startswith(REFERENCES):
            raise ValidationError.from_exception_data("Channel", [])
        given = {known.address: kept(state.settings, to, may_name=may_name)}
    elif known.signed_by is not None:
        present = old.target.get(known.signed_by) if old is not None and old.kind == kind else None
        secret = typed["secret"] or new_token()
        keeps = present is not None and not typed["secret"]
        given |= {known.signed_by: present if keeps else kept(state.settings, secret, may_name=may_name)}
    channel = Channel.model_validate({"kind": kind, **given})
    probe = Person(name="probe", channels=(channel,))
    try:
        require_usable(probe)
    except WrongInput:
        raise ValidationError.from_exception_data("Channel", []) from None
    return channel


def _sent(
    state: AppState, conn: Connection, person_id: str, channel: Channel, replaces: str
) -> tuple[str, str] | None:
    theirs = find(conn, Person, person_id)
    one = someone(conn, theirs.id, theirs.value)
    if channel in one.person.channels:
        return "to", "taken"
    if len(pending(conn, person_id)) >= MOST:
        return "to", "many"
    try:
        base = page_address(state.settings)
        ask_for(state.store, conn, one, channel, base, state.now(), replaces or None)
    except WrongInput:
        return "to", "many"
    return None


def back(request: Request, done: str) -> Response:
    """Where the form was: one's own page or the set-up."""
    place = BACK.get(form_of(request).get("back", ""), BACK["me"])
    return RedirectResponse(f"{place}?done={done}#channels", 303)
