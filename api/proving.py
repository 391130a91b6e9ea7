"""Codes that prove a person's channels: sending one, taking the one that was typed, and taking a proof back. The one way for
the API, the page and the command line.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from alerts.directory import Someone, key_of, someone
from alerts.directory import read as read_directory
from alerts.proofs import Pending, ask_for, doubt, drop, pending, prove, send_code, settle
from api.auth.principal import Principal
from api.defining import change_part, make
from tocsin.core.errors import NotFound
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Channel, Person, Policy, Role, Step
from tocsin.definitions.repository import Defined, find, names
from tocsin.settings import Settings
from tocsin.store import audit
from tocsin.store.port import Store

DEFAULT_POLICY = "default"
NOBODY_AT_ALL = "person:nobody"


def send_code_to(
    store: Store, conn: Connection, person_id: str, key: str, base: str, now: datetime
) -> list[str]:
    """Send a fresh code to the channel with this key: one of the person's, or one that waits to become one.

    Returns the ids of its notices. Raises `NotFound`, and `WrongInput` beyond the limit of test pages.
    """
    theirs = find(conn, Person, person_id)
    one = someone(conn, theirs.id, theirs.value)
    waiting = _waiting(conn, one, key)
    if waiting is not None:
        return ask_for(store, conn, one, waiting.channel, base, now, waiting.replaces)
    return send_code(store, conn, one, _own(one, key), base, now)


def prove_by_code(
    conn: Connection, settings: Settings, who: Principal, person_id: str, key: str, code: str, now: datetime
) -> bool:
    """Whether this is the code that was sent to the channel with this key; the channel then pages. A channel that waited for
    the code becomes the person's. Raises `NotFound`.
    """
    theirs = find(conn, Person, person_id)
    one = Someone(theirs.id, theirs.value)
    if _waiting(conn, one, key) is None:
        if not prove(conn, one, _own(one, key), code, now):
            return False
        note_proven(conn, who, key, now)
        return True
    waited = settle(conn, one, key, code, now)
    if waited is not None:
        _added(conn, settings, who, theirs, waited, now)
    return waited is not None


def take_proof_back(conn: Connection, who: Principal, person_id: str, key: str, now: datetime) -> None:
    """Let the channel with this key page nobody before a new code was typed. A channel that waits for its first code is
    forgotten.

    Raises `NotFound`.
    """
    theirs = find(conn, Person, person_id)
    one = Someone(theirs.id, theirs.value)
    if _waiting(conn, one, key) is not None:
        drop(conn, theirs.id, key)
    elif doubt(conn, one, _own(one, key), now):
        _note(conn, who, "channel.proof_taken_back", key, {}, now)


def note_proven(
    conn: Connection, who: Principal, key: str, now: datetime, replaces: str | None = None
) -> None:
    """Put into the audit chain that the channel with this key was proven."""
    _note(conn, who, "channel.proven", key, {"replaces": replaces} if replaces else {}, now)


def _note(
    conn: Connection, who: Principal, action: str, key: str, detail: dict[str, str], now: datetime
) -> None:
    audit.append(conn, at=now, actor=who.label, role=who.role.value, action=action, object=key, detail=detail)


def _waiting(conn: Connection, one: Someone, key: str) -> Pending | None:
    return next((found for found in pending(conn, one.id) if found.key == key), None)


def _own(one: Someone, key: str) -> Channel:
    found = next((channel for channel in one.channels if key_of(one, channel) == key), None)
    if found is None:
        raise NotFound(Sentence("there is no such channel any more; load the page again"))
    return found


def _added(
    conn: Connection,
    settings: Settings,
    who: Principal,
    theirs: Defined[Person],
    waited: Pending,
    now: datetime,
) -> None:
    one = Someone(theirs.id, theirs.value)
    own = tuple(
        waited.channel if key_of(one, channel) == waited.replaces else channel
        for channel in theirs.value.channels
    )
    left = own if waited.channel in own else (*own, waited.channel)
    change_part(conn, who, theirs.value.model_copy(update={"channels": left}), theirs, now)
    note_proven(conn, who, waited.key, now, waited.replaces)
    is_own = theirs.id == who.id
    if is_own and who.role is Role.ADMIN and DEFAULT_POLICY not in names(conn, "policy").values():
        make(conn, settings, who, _first_policy(conn, theirs.name), now)


def _first_policy(conn: Connection, name: str) -> Policy:
    """The built-in policy, which held until now, with this person in its first step: nobody who was woken is left out."""
    first, *later = read_directory(conn).built_in_policy().steps
    kept = (one for one in first.targets if one != NOBODY_AT_ALL)
    targets = tuple(dict.fromkeys((*kept, f"person:{name}")))
    return Policy(name=DEFAULT_POLICY, steps=(Step(after_minutes=0, targets=targets), *later))
