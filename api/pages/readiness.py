"""The reasons why this installation would wake nobody: nothing is heard or watched, nobody is on call, no channel rings. Every
page says so, and nothing is called calm.

The answer follows from definitions and settings, so it is kept until a definition changes, and for a minute at most, because a
schedule's turn ends by itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from alerts import directory
from alerts.readiness import Unready, unready, woken
from ingest.heard import Deaf, deaf
from tocsin.definitions.repository import stored_definitions
from tocsin.settings import Settings

KEYS = (*directory.KEYS, "generation:monitor", "generation:source")
"""The counts of changes that the answer follows from."""

DEAF: Final[Mapping[Deaf, str]] = {
    "no source": "nothing is listened to: no source is defined",
    "pushes ended": "nothing is heard: no source is defined, and what others pushed has ended days ago",
    "all off": "nothing is listened to: every source is switched off",
}
ALL_PAUSED: Final = "nothing is watched: every monitor is paused"

KEPT_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NotReady:
    """What keeps this installation from waking anybody. `all_paused`: there are monitors, and none is on. `on_call`: the ids of
    the people whom an alert would wake now.
    """

    deaf: Deaf | None = None
    all_paused: bool = False
    policies: tuple[Unready, ...] = ()
    on_call: frozenset[str] = frozenset()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each reason in plain words, for answers of the API."""
        heard = (DEAF[self.deaf],) if self.deaf else ()
        watched = (ALL_PAUSED,) if self.all_paused else ()
        return heard + watched + tuple(one.words for one in self.policies)

    def __bool__(self) -> bool:
        return self.deaf is not None or self.all_paused or bool(self.policies)


READY = NotReady()


def not_ready(conn: Connection, settings: Settings, now: datetime) -> NotReady:
    """What keeps this installation from waking anybody at `now`: what every page says, and `tocsin doctor`."""
    monitors = stored_definitions(conn, "monitor")
    all_paused = bool(monitors) and not any(one.body.get("enabled", True) for one in monitors)
    people = directory.read(conn)
    return NotReady(
        deaf(conn, now), all_paused, unready(conn, people, settings, now), woken(conn, people, now)
    )


@dataclass(slots=True)
class Readiness:
    """The last answer, with what it was made from. One per app; two threads may both make it anew."""

    made: tuple[Hashable, datetime, NotReady] | None = None

    def look(self, conn: Connection, settings: Settings, now: datetime, stamp: Hashable) -> NotReady:
        """The reasons at `now` why nothing would wake anybody. While the `stamp` (the values of `KEYS`) is the same, this asks
        the store nothing.
        """
        made = self.made
        if made is not None and made[0] == stamp and timedelta() <= now - made[1] < KEPT_FOR:
            return made[2]
        found = not_ready(conn, settings, now)
        self.made = (stamp, now, found)
        return found
