"""`tocsin backtest`: a monitor played over the stored mentions, by the same code as a replay.

The store holds the mentions that some monitor matched, and a sample of the rest. The answer says what it covers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from ops.replay.files import heard_from
from ops.replay.fired import fired_alerts, in_a_line
from ops.replay.player import Player, Totals
from ops.runtime import Runtime, open_runtime
from tocsin.core.clock import iso
from tocsin.core.errors import NotFound
from tocsin.core.mention import Mention
from tocsin.definitions import repository
from tocsin.definitions.models import Monitor
from tocsin.store import meta
from tocsin.store.mentions import count_and_span, oldest_first

ACTOR = "backtest"


def backtest(
    runtime: Runtime, monitor: str, out: Callable[[str], None], heard_since: str | None = None
) -> tuple[Totals, str]:
    """Play the stored mentions through a copy of this monitor alone, and hand a line for each alert to `out`.

    `heard_since` (ISO 8601) is the time from which the sources were heard, though they were silent until the first mention.

    Returns the totals, and a text that says what the back-test covers. Nobody is notified, and this store is not changed. Raises
    `NotFound` for an unknown monitor, and where nothing is stored yet.
    """
    since = heard_from(heard_since) if heard_since else None
    with runtime.store.read() as conn:
        one = repository.find(conn, Monitor, monitor).value
        count, first, last = count_and_span(conn)
    if first is None or last is None:
        raise NotFound("nothing is stored yet to test on: take recorded mentions in with tocsin import")
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-backtest-") as folder,
        open_runtime(data=Path(folder), store="sqlite", stream="sqlite", durable=False) as room,
    ):
        with room.store.write() as conn:
            meta.claim_mode(conn, "replay")
            repository.save(conn, one, now=min(first, since or first), actor=ACTOR)
        player = Player(room.store, room.stream, room.settings, first, heard_since=since)
        player.play(map(_as_posted, oldest_first(runtime.store)))
        player.close()
        with room.store.read() as conn:
            for at, alert in fired_alerts(conn, player.totals.fired):
                out(f"{iso(at)}  {in_a_line(alert)}")
    return (
        player.totals,
        f"{count:,} stored mentions from {_day(first)} to {_day(last)}; what no monitor matched is not among them",
    )


def _as_posted(mention: Mention) -> Mention:
    """The mention without its edit time: an edit is judged as if it had been posted so. Its first text is another version."""
    return msgspec.structs.replace(mention, edited_at=None)


def _day(at: datetime) -> str:
    return at.date().isoformat()
