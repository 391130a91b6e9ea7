"""Stories that are deferred: one story that cannot be handled stops itself only, never the engine's turn.

A story is a fingerprint. All its signals and due times wait together, so that their order is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from alerts.directory import monitor_facts
from tocsin.core.clock import passed
from tocsin.core.errors import Conflict, StoreUnavailable
from tocsin.store import schema as s

T = TypeVar("T")

WAITS: Final = (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15))
"""The waits before a story is tried again, by the number of its failures in a row. The last value repeats."""

MOST: Final = 1000
"""So many stories are deferred at most. Where more fail, the fault is not theirs: the error stops the turn, and is shown."""

# The trouble is not the story's: the whole turn is tried again.
NOT_ITS_OWN: Final = (Conflict, StoreUnavailable, OperationalError, InterfaceError, InternalError)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failure of a story, and when the story is tried again."""

    times: int
    at: datetime
    wait: timedelta
    error: str
    name: str
    """The story for a reader: its monitor, and the kind of its signals."""


@dataclass(slots=True)
class Deferred:
    """The stories that one engine has deferred. Kept in memory: an engine that starts anew tries every story."""

    _stories: dict[str, Failure] = field(default_factory=dict)

    def waiting(self, now: datetime) -> list[str]:
        """The stories that are not tried at `now`."""
        return [
            story for story, failure in self._stories.items() if not passed(failure.wait, failure.at, now)
        ]

    def forget_idle(self, now: datetime) -> None:
        """Forget the stories that may be tried again and of which nothing is due at `now`: people have settled them, say."""
        waiting = set(self.waiting(now))
        self._stories = {story: failure for story, failure in self._stories.items() if story in waiting}

    @property
    def trouble(self) -> str | None:
        """The stories that are deferred, in words; None: there are none."""
        if not self._stories:
            return None
        first, *others = self._stories.values()
        if not others:
            return f"the story {first.name} cannot be handled and waits: {first.error}"
        return f"{len(self._stories)} stories cannot be handled and wait, such as {first.name}: {first.error}"

    def attempt(self, conn: Connection, story: str, now: datetime, work: Callable[[], T]) -> T | None:
        """The result of `work`. Where `work` fails, everything that it wrote is undone, the story is deferred, and the result is
        None. Raises what is no fault of the story.
        """
        try:
            with conn.begin_nested():
                done = work()
        except NOT_ITS_OWN:
            raise
        except Exception as error:
            if len(self._stories) >= MOST and story not in self._stories:
                raise
            self._defer(story, _name(conn, story), now, error)
            return None
        self._stories.pop(story, None)
        return done

    def _defer(self, story: str, name: str, now: datetime, error: Exception) -> None:
        before = self._stories.get(story)
        times = before.times + 1 if before else 1
        wait = WAITS[min(times, len(WAITS)) - 1]
        self._stories[story] = Failure(times, now, wait, f"{type(error).__name__}: {error}"[:200], name)
        log.exception(
            "a story is deferred", story=story, name=name, times=times, again_after_s=wait.total_seconds()
        )


def _name(conn: Connection, story: str) -> str:
    """The story for a reader. A story is the fingerprint of signals, or the id of an escalation."""
    signals, alerts, escalations = s.signals.c, s.alerts.c, s.escalations.c
    by_fingerprint = select(signals.monitor_id, signals.kind).where(signals.fingerprint == story)
    by_escalation = (
        select(alerts.monitor_id, alerts.kind)
        .join(s.escalations, escalations.alert_id == alerts.id)
        .where(escalations.id == story)
    )
    for query in (by_fingerprint, by_escalation):
        found = conn.execute(query.limit(1)).first()
        if found is not None:
            return f"{monitor_facts(conn, found.monitor_id).name} ({found.kind})"
    return story
