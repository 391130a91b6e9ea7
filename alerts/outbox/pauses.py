"""Pauses that a receiver has asked for: until its pause ends nothing is sent to that receiver, and other ways go first.

One row of `meta` keeps each pause. Notices that go through one server share its pause (`by_address`). Elsewhere each target is a
receiver of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from alerts.ladder import PACE
from alerts.notifiers.port import Notice, Outcome
from alerts.notifiers.registry import KINDS
from tocsin.core.clock import iso
from tocsin.core.ids import stable_id
from tocsin.store import meta

PREFIX: Final = "pause:"
LONGEST: Final = PACE[1]
"""No receiver is left alone for longer than a crisis waits for its next ring, whatever it asks for."""


def receiver_of(channel: str, target: Mapping[str, Any]) -> str:
    """The id of the receiver that a notice to this target goes to."""
    known = KINDS.get(channel)
    shared = known is not None and known.by_address
    return stable_id("chn", channel, "" if shared else json.dumps(target, sort_keys=True))


def begin(conn: Connection, receiver: str, asked: timedelta, now: datetime) -> None:
    """The receiver has asked not to be asked again for so long."""
    meta.put(conn, PREFIX + receiver, iso(now + min(asked, LONGEST)))


def end(conn: Connection, receiver: str) -> None:
    """The receiver takes notices again."""
    meta.forget(conn, PREFIX + receiver)


def left(conn: Connection, receiver: str, now: datetime) -> timedelta | None:
    """The rest of the receiver's pause. None: it has none."""
    until = meta.get(conn, PREFIX + receiver)
    return None if until is None else _left(datetime.fromisoformat(until), now)


def _left(until: datetime, now: datetime) -> timedelta | None:
    # A longer rest means that a clock which was ahead, and was set back since, began the pause.
    return until - now if timedelta(0) < until - now <= LONGEST else None


class Resting:
    """The pauses that one round of the outbox knows of: those on record when it took its notices, and those that receivers ask
    for meanwhile.
    """

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def look(self, conn: Connection, notices: Iterable[Notice], now: datetime) -> None:
        """Look up the pauses of the receivers of these notices."""
        for receiver in {receiver_of(one.channel, one.target) for one in notices}:
            pause = left(conn, receiver, now)
            if pause is not None:
                self._until[receiver] = now + pause

    def refusal(self, notice: Notice, now: datetime) -> Outcome | None:
        """The outcome of a notice whose receiver rests: it is not asked. None: it may be asked."""
        until = self._until.get(receiver_of(notice.channel, notice.target))
        pause = None if until is None else _left(until, now)
        if pause is None:
            return None
        return Outcome("failed", "not sent: the receiver has asked for a pause", pause=pause)

    def learn(self, notice: Notice, outcome: Outcome, now: datetime) -> None:
        """Keep the pause for which the receiver has asked, if it has."""
        if outcome.pause is not None:
            receiver = receiver_of(notice.channel, notice.target)
            self._until[receiver] = now + min(outcome.pause, LONGEST)
