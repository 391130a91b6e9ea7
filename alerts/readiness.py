"""Whether somebody would be woken: the policies in use, down to the people on call now and the channels that ring them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection

from alerts.directory import NOBODY, OPERATOR_POLICY, Directory, Someone
from alerts.notifiers.channels import target_of
from alerts.notifiers.registry import BY_ADDRESS, KINDS, LAST_RESORT
from tocsin.core.errors import WrongInput
from tocsin.definitions.models import Channel, Monitor, Policy
from tocsin.definitions.repository import listed
from tocsin.settings import Settings

Lack = Literal["nobody", "no channel", "not proven"]
NOBODY_ON_CALL: Final = "nobody"
NO_CHANNEL: Final = "no channel"
NOT_PROVEN: Final = "not proven"

WORDS: Final[Mapping[Lack, str]] = {
    NOBODY_ON_CALL: "by the policy {name} nobody is on call: nobody would be woken",
    NO_CHANNEL: "by the policy {name} no channel rings: a page would be printed, or lost",
    NOT_PROVEN: "by the policy {name} no channel is proven: nobody is paged before a code was typed",
}
"""What each lack means, for answers of the API and the doctor. `name` is the policy's."""


@dataclass(frozen=True, slots=True)
class Unready:
    """A policy in use that would wake nobody now: nobody is on call, no channel of theirs rings, or none that rings is proven."""

    policy: str
    lack: Lack

    @property
    def words(self) -> str:
        return WORDS[self.lack].format(name=self.policy)


def in_use(conn: Connection, people: Directory) -> dict[str, Policy]:
    """The policies by which somebody may be paged now, by name: those of monitors that are watched, and the operator's."""
    wanted = {one.value.policy for one in listed(conn, Monitor) if one.value.enabled} | {OPERATOR_POLICY}
    found = {policy.name: policy for policy in map(people.policy, sorted(wanted))}
    return dict(sorted(found.items()))


def on_call_by(policy: Policy, people: Directory, now: datetime) -> list[Someone]:
    """The people of all steps, each once. `NOBODY` is none."""
    targets = [target for step in policy.steps for target in step.targets]
    return [one for one in people.reach(targets, now) if one is not NOBODY]


def woken(conn: Connection, people: Directory, now: datetime) -> frozenset[str]:
    """The ids of the people on call now by the policy of a monitor that is watched, whichever step reaches them."""
    names = {one.value.policy for one in listed(conn, Monitor) if one.value.enabled}
    return frozenset(one.id for name in names for one in on_call_by(people.policy(name), people, now))


def unready(conn: Connection, people: Directory, settings: Settings, now: datetime) -> tuple[Unready, ...]:
    """The policies in use that would wake nobody. Secrets are not looked for: they lie where the role alerts runs."""
    lacks = ((name, _lack(policy, people, settings, now)) for name, policy in in_use(conn, people).items())
    return tuple(Unready(name, lack) for name, lack in lacks if lack is not None)


def _lack(policy: Policy, people: Directory, settings: Settings, now: datetime) -> Lack | None:
    found = on_call_by(policy, people, now)
    if not found:
        return NOBODY_ON_CALL
    if any(_rings(one, channel, settings) for one in found for channel in one.paged_on):
        return None
    unproven = any(_rings(one, channel, settings) for one in found for channel in one.channels)
    return NOT_PROVEN if unproven else NO_CHANNEL


def _rings(one: Someone, channel: Channel, settings: Settings) -> bool:
    """Whether a notice on this channel makes a sound somewhere: one that is printed does not."""
    known = KINDS.get(channel.kind)
    if known is None or channel.kind == LAST_RESORT:
        return False
    if channel.kind == BY_ADDRESS and not settings.smtp.host:
        return False
    try:
        known.check(target_of(one.person, channel))
    except WrongInput:
        return False
    return True
