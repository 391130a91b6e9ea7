"""Whether a page would arrive: each policy that a monitor uses, step by step, down to a channel that works here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from alerts import directory, readiness
from alerts.directory import NOBODY, Directory, Someone
from alerts.notifiers.channels import obstacles
from alerts.notifiers.registry import LAST_RESORT
from alerts.readiness import NO_CHANNEL, NOBODY_ON_CALL, Lack, Unready, in_use, on_call_by
from api.answering import ANSWER
from ops.check.observation import Observation
from tocsin.definitions.models import Definition, Policy
from tocsin.definitions.references import WrongReference, references
from tocsin.definitions.repository import kind_of, names
from tocsin.settings import Settings

MEND = "mend the channels with: tocsin apply FILE; then ring them with: tocsin notify test PERSON"
GIVE = "give its people a channel, on the page (/me) or with: tocsin apply FILE"

NOT_PROVEN = "no code was typed that proves the channel, and no file vouches for it"
STAFF = "put somebody on call, on the page under Settings or with: tocsin apply FILE"
ABLE = "name somebody else, or give the role of those who answer with: tocsin user create NAME --role community_manager"
PROVE = "send a code and type it on the page (/me), or vouch for the channel with: tocsin apply FILE"

WHAT_HELPS: Final[Mapping[Lack, str]] = {NOBODY_ON_CALL: STAFF, NO_CHANNEL: MEND, readiness.NOT_PROVEN: PROVE}


def paging(
    conn: Connection, now: datetime, settings: Settings, lacks: Iterable[Unready]
) -> Iterator[Observation]:
    """One observation for each policy in use, for each person of theirs whom a channel cannot reach, and for each name that is
    not there. `lacks` are the policies that would wake nobody, as every page says; of the others each step is looked at, and
    secrets are looked for.
    """
    lacking = {one.policy: one for one in lacks}
    people = directory.read(conn)
    policies = in_use(conn, people)
    yield from _lost(conn, [*people.policies.values(), *people.schedules.values()])
    told: set[str] = set()
    for name, policy in policies.items():
        if name in lacking:
            yield Observation("bad", lacking[name].words, WHAT_HELPS[lacking[name].lack])
        else:
            yield _policy(name, policy, people, now, settings)
        for one in on_call_by(policy, people, now):
            if one.id not in told:
                told.add(one.id)
                yield from _person(one, settings)
                yield from _unable(one, name)


def _policy(name: str, policy: Policy, people: Directory, now: datetime, settings: Settings) -> Observation:
    ways = {
        number: {way for one in people.reach(step.targets, now) for way in _ways(one, settings)}
        for number, step in enumerate(policy.steps, 1)
    }
    empty = ", ".join(str(number) for number, found in ways.items() if not found)
    if empty:
        return Observation("bad", f"policy {name!r}: step {empty} leads to no channel that works", MEND)
    printed = ", ".join(str(number) for number, found in ways.items() if found == {LAST_RESORT})
    if printed:
        return Observation("note", f"policy {name!r}: step {printed} is printed here and rings nobody", GIVE)
    return Observation("ok", f"policy {name!r}: each of its {len(ways)} steps leads to a channel that works")


def _person(one: Someone, settings: Settings) -> Iterator[Observation]:
    for channel, why in obstacles(one.person, settings):
        if why is not None:
            text = f"{one.name} cannot be reached by {channel.kind} from here: {why}"
            yield Observation("bad", text, MEND)
        elif one.lacks_proof(channel):
            yield Observation("bad", f"{one.name} is not paged by {channel.kind}: {NOT_PROVEN}", PROVE)


def _unable(one: Someone, policy: str) -> Iterator[Observation]:
    """A person who is paged and whose role can acknowledge nothing."""
    if one.person.role not in ANSWER:
        text = (
            f"{one.name} is paged by policy {policy!r} and cannot answer: the role is {one.person.role.value}"
        )
        yield Observation("bad", text, ABLE)


def _lost(conn: Connection, values: Sequence[Definition]) -> Iterator[Observation]:
    """Names in policies and schedules that nobody has (any more)."""
    known = {kind: set(names(conn, kind).values()) for kind in ("person", "schedule")}
    for value in values:
        try:
            missing = [one for one in references(value) if one.name not in known[one.kind]]
        except WrongReference as error:
            yield Observation("bad", f"{_called(value)}: {error}", "mend it with: tocsin apply FILE")
            continue
        for one in missing:
            text = f"{_called(value)} names the {one.kind} {one.name!r}, and there is none"
            yield Observation("bad", text, "mend it with: tocsin apply FILE")


def _called(value: Definition) -> str:
    return f"{kind_of(type(value))} {value.name!r}"


def _ways(one: Someone, settings: Settings) -> list[str]:
    """The kinds of the channels by which a notice can leave for this person from here."""
    if one is NOBODY:
        return []
    found = [
        channel.kind
        for channel, why in obstacles(one.person, settings)
        if why is None and not one.lacks_proof(channel)
    ]
    bare = not one.person.channels and not one.person.email
    return [LAST_RESORT] if bare else found
