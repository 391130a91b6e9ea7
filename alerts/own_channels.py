"""A person's channels as they are shown: where each goes, whether it may page and why, and what waits for its code.

The page, the API and the command line show the same. An address that is a secret is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection

from alerts.directory import Someone, key_of
from alerts.notifiers.channels import target_of
from alerts.notifiers.registry import BY_ADDRESS, LAST_RESORT
from alerts.outbox.queue import newest_of
from alerts.outbox.test_notice import TEST
from alerts.proofs import Pending, Proof, pending, proofs
from tocsin.definitions.models import Channel, Person

SHOWN_OF_A_TARGET: Final = ("to", "url")
TESTS_LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True)
class OwnChannel:
    """A channel of a person. `proof` None: no code was ever sent there."""

    number: int
    key: str
    kind: str
    where: str
    proof: Proof | None
    rings: bool
    implicit: bool = False
    """Whether this is the person's address, which pages only while no channel is listed."""

    @property
    def proven_at(self) -> datetime | None:
        return self.proof.proven_at if self.proof else None

    @property
    def lacks_proof(self) -> bool:
        """Whether it pages nobody before its code was typed."""
        return self.proof is not None and self.proof.lacks

    @property
    def standing(self) -> Literal["silent", "proven", "unproven", "vouched"]:
        """Whether it pages, and why: it rings nowhere, a code proved it, nothing does, or a file vouches for it."""
        if not self.rings:
            return "silent"
        return "proven" if self.proven_at else "unproven" if self.lacks_proof else "vouched"


@dataclass(frozen=True, slots=True)
class OwnChannels:
    """A person's channels, and those that wait for their code."""

    listed: list[OwnChannel]
    waiting: list[tuple[Pending, str]]
    why_not: Mapping[str, str] = field(default_factory=dict)
    """By the key of a channel, why the newest test page there has not arrived."""

    def place(self, key: str | None) -> str:
        """Where the channel with this key goes; empty where there is none."""
        return next((one.where or one.kind for one in self.listed if key and one.key == key), "")

    def rows(self, now: datetime) -> list[dict[str, Any]]:
        """Each channel as one row of values. Channels that wait for their code come last."""
        listed = [
            _row(one.key, one.kind, one.where, one.standing, one.proven_at, one.proof, now)
            for one in self.listed
        ]
        return listed + [
            _row(one.key, one.channel.kind, where, "waiting", None, one.proof, now)
            for one, where in self.waiting
        ]


def channels_of(conn: Connection, one: Someone) -> OwnChannels:
    """The channels that wake a person, and those that wait for their code, each with the address that it leads to."""
    known = proofs(conn, one.id)
    own = [_own_channel(one, number, channel, known) for number, channel in enumerate(one.channels)]
    waiting = [(found, _where(one.person, found.channel)) for found in pending(conn, one.id)]
    return OwnChannels(own, waiting, _why_not(conn, one))


def _why_not(conn: Connection, one: Someone) -> dict[str, str]:
    newest: dict[str, str] = {}
    for sent in newest_of(conn, one.id, TESTS_LOOKED_AT):
        if sent["kind"] == TEST:
            channel = Channel.model_validate(
                {"kind": sent["channel"], **sent["target"]}, context={"stored": True}
            )
            newest.setdefault(key_of(one, channel), sent["why"] or "")
    return {key: why for key, why in newest.items() if why}


def _row(
    key: str,
    kind: str,
    where: str,
    standing: str,
    proven_at: datetime | None,
    proof: Proof | None,
    now: datetime,
) -> dict[str, Any]:
    return {
        "key": key,
        "kind": kind,
        "where": where,
        "standing": standing,
        "proven_at": proven_at,
        "code_waits": proof is not None and proof.waits(now),
    }


def _own_channel(one: Someone, number: int, channel: Channel, known: Mapping[str, Proof]) -> OwnChannel:
    key = key_of(one, channel)
    return OwnChannel(
        number,
        key,
        channel.kind,
        _where(one.person, channel),
        known.get(key),
        channel.kind != LAST_RESORT,
        not one.person.channels and channel.kind == BY_ADDRESS,
    )


def _where(person: Person, channel: Channel) -> str:
    target: Mapping[str, Any] = target_of(person, channel)
    return next((str(target[name]) for name in SHOWN_OF_A_TARGET if target.get(name)), "")
