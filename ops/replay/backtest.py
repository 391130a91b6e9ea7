"""Back-tests: monitors played over the stored mentions, by the same code as a replay.

The store holds the mentions that some monitor matched, and a sample of the rest. The answer says what it covers. The silences and
expected events that are defined now hold back what would have fired in their time, as they would have.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from alerts.fired import fired_alerts
from ops.replay.fired import in_a_line
from ops.replay.player import Player, Totals
from ops.runtime import Runtime, open_runtime
from ops.times import time_of
from processors.corrections.models import active_models, keep
from processors.detection.tallies import load_tallies
from processors.understand.brand import BrandModel
from tocsin.core.clock import MINUTE, iso
from tocsin.core.errors import TocsinError
from tocsin.core.mention import Mention
from tocsin.definitions import repository
from tocsin.definitions.models import ExpectedEvent, Monitor, Silence
from tocsin.definitions.repository import Defined
from tocsin.store import meta
from tocsin.store.mentions import count_and_span, oldest_first

ACTOR = "backtest"


@dataclass(frozen=True, slots=True)
class CoveredMentions:
    """The stored mentions that a back-test covers."""

    mentions: int
    first: datetime
    last: datetime

    def __str__(self) -> str:
        return (
            f"{self.mentions:,} stored mentions from {_day(self.first)} to {_day(self.last)};"
            " what no monitor matched is not among them; silences, expected events and holidays hold alerts back"
        )


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a back-test: by name of the monitor, each alert with the time at which it would have fired; and by minute, the
    mentions of the first monitor.
    """

    totals: Totals
    history: CoveredMentions
    fired: Mapping[str, Sequence[tuple[datetime, dict[str, Any]]]]
    minutes: Mapping[int, int]


def backtest(
    runtime: Runtime, monitor: str, out: Callable[[str], None], heard_since: str | None = None
) -> tuple[Totals, str]:
    """Play the stored mentions through a copy of this monitor alone, and hand a line for each alert to `out`.

    `heard_since` (ISO 8601) is the time from which the sources were heard, though they were silent until the first mention.

    Returns the totals, and a text that says what the back-test covers. Nobody is notified, and this store is not changed. Raises
    `NotFound` for an unknown monitor, and `TocsinError` where nothing is stored yet.
    """
    heard = time_of("--heard-since", heard_since) if heard_since else None
    with runtime.store.read() as conn:
        found = repository.find(conn, Monitor, monitor)
        one, learnt = found.value, active_models(conn).get(found.id)
    played = play(runtime, [one], of=found, learnt=learnt, heard_since=heard)
    for at, alert in played.fired[one.name]:
        out(f"{iso(at)}  {in_a_line(alert)}")
    return played.totals, str(played.history)


def play(
    runtime: Runtime,
    monitors: Sequence[Monitor],
    *,
    of: Defined[Monitor],
    learnt: BrandModel | None = None,
    since: datetime | None = None,
    heard_since: datetime | None = None,
    on_progress: Callable[[float], None] = lambda _part: None,
) -> Played:
    """Play the mentions that are stored since `since` through these monitors at once, each by a name of its own. All of them are
    variants `of` one monitor, whose silences and expected events hold back their alerts.

    `learnt` is the model of corrections that labels their mentions, as it labels those that come now. Labels that people gave to
    single mentions are not played. `heard_since` is the time from which the sources were heard. `on_progress` hears which part
    (0 to 1) is done, and may end it by an exception. Nobody is notified, and this store is not changed. Raises `TocsinError`
    where nothing is stored.
    """
    with runtime.store.read() as conn:
        count, first, last = count_and_span(conn, since)
        quiet = _quiet_times(conn, of)
    if first is None or last is None:
        raise TocsinError("nothing is stored yet to test on: take recorded mentions in with tocsin import")
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-backtest-") as folder,
        open_runtime(data=Path(folder), store="sqlite", stream="sqlite", durable=False) as room,
    ):
        with room.store.write() as conn:
            meta.claim_mode(conn, "replay")
            begin = min(first, heard_since or first)
            for one in monitors:
                # One that is paused is played, too: people look before they let it alert.
                listening = one.model_copy(update={"enabled": True})
                made = repository.save(conn, listening, now=begin, actor=ACTOR)
                if learnt is not None:
                    keep(conn, made.id, learnt, {}, now=begin, actor=ACTOR, role=ACTOR)
            for time in quiet:
                repository.save(conn, time, now=begin, actor=ACTOR)
        player = Player(room.store, room.stream, room.settings, first, heard_since=heard_since)
        span = max((last - first).total_seconds(), 1.0)
        player.play(
            _up_to(last, map(_as_posted, oldest_first(runtime.store, since=since))),
            lambda _totals: on_progress(min(1.0, (player.clock.now() - first).total_seconds() / span)),
        )
        player.close()
        fired: dict[str, list[tuple[datetime, dict[str, Any]]]] = {one.name: [] for one in monitors}
        with room.store.read() as conn:
            for at, alert in fired_alerts(conn, player.totals.fired):
                fired[alert["monitor"]].append((at, alert))
            own = repository.find(conn, Monitor, monitors[0].name).id
            counted = load_tallies(conn, [own], first - MINUTE, last + MINUTE).get(own, {})
    minutes = {minute: counts[0] for minute, counts in counted.items()}
    return Played(player.totals, CoveredMentions(count, first, last), fired, minutes)


def _quiet_times(conn: Connection, of: Defined[Monitor]) -> list[Silence | ExpectedEvent]:
    """The silences and expected events of this monitor and of all, as those of every monitor that is played."""
    mine = (None, of.id, of.value.name)
    kinds: tuple[type[Silence] | type[ExpectedEvent], ...] = (Silence, ExpectedEvent)
    return [
        one.value.model_copy(update={"monitor": None})
        for kind in kinds
        for one in repository.listed(conn, kind)
        if one.value.monitor in mine
    ]


def _up_to(last: datetime, mentions: Iterator[Mention]) -> Iterator[Mention]:
    """The mentions up to the last one that was there at the beginning: in a live store there are always more."""
    for mention in mentions:
        if mention.created_at > last:
            return
        yield mention


def _as_posted(mention: Mention) -> Mention:
    """The mention without its edit time: an edit is judged as if it had been posted so. Its first text is another version."""
    return msgspec.structs.replace(mention, edited_at=None)


def _day(at: datetime) -> str:
    return at.date().isoformat()
