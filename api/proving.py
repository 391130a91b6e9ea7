"""Codes that prove a person's channels: sending one, and taking the one that was typed. The one way for the API and the page."""

from __future__ import annotations

from sqlalchemy import Connection

from alerts.directory import Someone, key_of, someone
from alerts.directory import read as read_directory
from alerts.proofs import Pending, ask_for, pending, prove, send_code, settle
from api.auth.principal import Principal
from api.defining import change_part, make
from api.state import AppState
from tocsin.access.links import page_address
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Channel, Person, Policy, Role, Step
from tocsin.definitions.repository import Defined, find, names
from tocsin.store import audit

DEFAULT_POLICY = "default"
NOBODY_AT_ALL = "person:nobody"


def send_code_to(state: AppState, person_id: str, key: str) -> None:
    """Send a fresh code to the channel with this key: one of the person's, or one that waits to become one.

    Raises `NotFound`, and `WrongInput` beyond the limit of test pages.
    """
    base, now = page_address(state.settings), state.now()
    with state.store.write() as conn:
        theirs = find(conn, Person, person_id)
        one = someone(conn, theirs.id, theirs.value)
        waiting = _waiting(conn, one, key)
        if waiting is not None:
            ask_for(state.store, conn, one, waiting.channel, base, now, waiting.replaces)
        else:
            send_code(state.store, conn, one, _own(one, key), base, now)


def prove_by_code(state: AppState, who: Principal, person_id: str, key: str, code: str) -> bool:
    """Whether this is the code that was sent to the channel with this key; the channel then pages. One that waited becomes the
    person's. Raises `NotFound`.
    """
    now = state.now()
    with state.store.write() as conn:
        theirs = find(conn, Person, person_id)
        one = Someone(theirs.id, theirs.value)
        if _waiting(conn, one, key) is None:
            if not prove(conn, one, _own(one, key), code, now):
                return False
            note_proven(conn, state, who, key)
            return True
        waited = settle(conn, one, key, code, now)
        if waited is not None:
            _added(conn, state, who, theirs, waited)
        return waited is not None


def note_proven(
    conn: Connection, state: AppState, who: Principal, key: str, replaces: str | None = None
) -> None:
    """Put into the audit chain that the channel with this key was proven."""
    detail = {"replaces": replaces} if replaces else {}
    audit.append(
        conn,
        at=state.now(),
        actor=who.label,
        role=who.role.value,
        action="channel.proven",
        object=key,
        detail=detail,
    )


def _waiting(conn: Connection, one: Someone, key: str) -> Pending | None:
    return next((found for found in pending(conn, one.id) if found.key == key), None)


def _own(one: Someone, key: str) -> Channel:
    found = next((channel for channel in one.channels if key_of(one, channel) == key), None)
    if found is None:
        raise NotFound(Sentence("there is no such channel any more; load the page again"))
    return found


def _added(
    conn: Connection, state: AppState, who: Principal, theirs: Defined[Person], waited: Pending
) -> None:
    now, one = state.now(), Someone(theirs.id, theirs.value)
    own = tuple(
        waited.channel if key_of(one, channel) == waited.replaces else channel
        for channel in theirs.value.channels
    )
    left = own if waited.channel in own else (*own, waited.channel)
    change_part(conn, who, theirs.value.model_copy(update={"channels": left}), theirs, now)
    note_proven(conn, state, who, waited.key, waited.replaces)
    is_own = theirs.id == who.id
    if is_own and who.role is Role.ADMIN and DEFAULT_POLICY not in names(conn, "policy").values():
        make(conn, state.settings, who, _first_policy(conn, theirs.name), now)


def _first_policy(conn: Connection, name: str) -> Policy:
    """The built-in policy, which held until now, with this person in its first step: nobody who was woken is left out."""
    first, *later = read_directory(conn).built_in_policy().steps
    kept = (one for one in first.targets if one != NOBODY_AT_ALL)
    targets = tuple(dict.fromkeys((*kept, f"person:{name}")))
    return Policy(name=DEFAULT_POLICY, steps=(Step(after_minutes=0, targets=targets), *later))
