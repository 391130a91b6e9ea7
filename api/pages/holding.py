"""The silences and expected events that hold now, as the overview, the list of alerts and the wall show them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from alerts.announcements import PLACES, Holding, defined
from tocsin.definitions.repository import names

SHOWN: Final = 6
"""So many are shown; their own pages have the others."""


@dataclass(frozen=True, slots=True)
class Holds:
    """One that holds. `about` is the monitor's name (None: all monitors), `place` the page that lists its kind."""

    kind: str
    name: str
    about: str | None
    until: datetime
    place: str


@dataclass(slots=True)
class HeldTimes:
    """The definitions, with the stamp under which they were read. One per app; two threads may both read it."""

    read: tuple[Hashable, tuple[Holding, ...]] | None = None

    def now(self, conn: Connection, now: datetime, stamp: Hashable) -> tuple[Holds, ...]:
        """What holds now, the silences first, at most `SHOWN`: no query while the `stamp` of the definitions is the same."""
        kept = self.read
        if kept is None or kept[0] != stamp:
            kept = self.read = (stamp, _with_names_of_monitors(conn))
        found = [one for one in kept[1] if one.covers(now)][:SHOWN]
        return tuple(Holds(one.kind, one.name, one.monitor, one.until, PLACES[one.kind]) for one in found)


def _with_names_of_monitors(conn: Connection) -> tuple[Holding, ...]:
    found = defined(conn)
    called = names(conn, "monitor", ended=True) if found else {}
    return tuple(
        replace(one, monitor=called.get(one.monitor, one.monitor)) if one.monitor else one for one in found
    )
