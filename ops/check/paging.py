"""Whether a page would arrive: each policy that a monitor uses, step by step, down to a channel that works here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection

from alerts import directory
from alerts.directory import NOBODY, Directory, Someone
from alerts.notifiers.channels import obstacles
from alerts.notifiers.registry import LAST_RESORT
from alerts.readiness import in_use, on_call_by
from ops.check.observation import Observation
from tocsin.definitions.models import Definition, Policy
from tocsin.definitions.references import WrongReference, references
from tocsin.definitions.repository import kind_of, names
from tocsin.settings import Settings

MEND = "mend the channels with: tocsin apply FILE; then ring them with: tocsin notify test PERSON"

NOT_PROVEN = "no code was typed that proves the channel, and no file vouches for it"
PROVE = "send a code and type it on the page (/me), or vouch for the channel with: tocsin apply FILE"


def paging(conn: Connection, now: datetime, settings: Settings) -> Iterator[Observation]:
    """One observation for each policy in use, for each person of theirs whom a channel cannot reach, and for each name that is
    not there.
    """
    people = directory.read(conn)
    policies = in_use(conn, people)
    yield from _lost(conn, [*people.policies.values(), *people.schedules.values()])
    told: set[str] = set()
    for name, policy in policies.items():
        yield from _policy(name, policy, people, now, settings)
        for one in on_call_by(policy, people, now):
            if one.id not in told:
                told.add(one.id)
                yield from _person(one, settings)


def _policy(
    name: str, policy: Policy, people: Directory, now: datetime, settings: Settings
) -> Iterator[Observation]:
    empty = [
        number
        for number, step in enumerate(policy.steps, 1)
        if not any(_ways(one, settings) for one in people.reach(step.targets, now))
    ]
    reached = len(policy.steps) - len(empty)
    if not reached:
        yield Observation(
            "bad", f"policy {name!r} reaches nobody: no step leads to a channel that works", MEND
        )
    elif empty:
        steps = ", ".join(map(str, empty))
        yield Observation("bad", f"policy {name!r}: step {steps} leads to no channel that works", MEND)
    elif all(_ways(one, settings) == [LAST_RESORT] for one in on_call_by(policy, people, now)):
        yield Observation(
            "note",
            f"policy {name!r} reaches the {LAST_RESORT} only: a page is printed, and rings nowhere",
            "give a person an email or a webhook with: tocsin apply FILE",
        )
    else:
        yield Observation("ok", f"policy {name!r}: each of its {reached} steps leads to a channel that works")


def _person(one: Someone, settings: Settings) -> Iterator[Observation]:
    for channel, why in obstacles(one.person, settings):
        if why is not None:
            text = f"{one.name} cannot be reached by {channel.kind} from here: {why}"
            yield Observation("bad", text, MEND)
        elif one.lacks_proof(channel):
            yield Observation("bad", f"{one.name} is not paged by {channel.kind}: {NOT_PROVEN}", PROVE)


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
