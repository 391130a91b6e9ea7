"""The content of the overview, read from the store in a handful of queries whatever the number of monitors.

All times are aware and UTC; shares are 0..1 or None where nothing was scored. Counts of the last day come from the stored
readings (one row per monitor and window), those of the last hour from the tallies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
)

from alerts.escalations.views import count_open
from alerts.held_by import HeldBy
from alerts.outbox import hold
from alerts.unreached import Unreached, unreached
from alerts.views import StandingAlerts, standing
from api.pages.readiness import KEYS, READY, NotReady
from processors.detection.readings import newest_readings, readings_by_slot
from processors.last_hour import mentions_by_window, window_number
from tocsin.core.clock import DAY, from_micros, to_micros
from tocsin.core.signal_kinds import BLIND, SIGNAL_KINDS
from tocsin.definitions.repository import stored_definitions
from tocsin.definitions.source_kinds import source_kind
from tocsin.health.disk import DiskTrouble
from tocsin.health.gaps import SourceGap
from tocsin.health.report import in_words, never_ran, troubled_rows
from tocsin.health.roles import PARTS, is_gone, start_command
from tocsin.health.sources import (
    FAILING,
    NEVER_HEARD,
    OFF,
    OK,
    PUSHED,
    SILENT,
    SourceReport,
    source_reports,
)
from tocsin.store import meta

# A slot of the sparklines: three windows.
SLOT = timedelta(minutes=15)
SLOT_US = 15 * 60 * 1_000_000
# Mentions, negatives, scored, over.
_Slot = tuple[int, int, int, bool]
Look = Callable[[Connection, datetime, Hashable], NotReady]
"""Finds what is not ready at a time; the last argument changes with the definitions."""

WORST_FIRST = (FAILING, SILENT, NEVER_HEARD, OK, OFF)


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours of one monitor in slots of 15 minutes; None where no window was closed."""

    counts: tuple[int | None, ...]
    over: tuple[bool, ...]
    count: int
    negative: int
    scored: int


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """A monitor in a list. `state` is warm, learning, waiting (nothing heard yet) or off. `mentions` are those of 24 hours: of
    the closed windows of its day, and of what came since; `negative_share` is that of the scored ones among them.
    """

    id: str
    name: str
    query: str
    policy: str
    state: str
    day: Day
    mentions: int
    negative_share: float | None
    last_hour: int
    observed: float | None
    expected: float | None
    # The severities of its alerts, the worst first.
    alerts: tuple[int, ...]
    # The hold on one of its alerts.
    held: HeldBy | None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source and whether it is heard, as `tocsin.health.sources` judges it."""

    name: str
    kind: str
    state: str
    last_event_at: datetime | None
    last_success_at: datetime | None
    next_fetch_at: datetime | None
    lag: timedelta | None
    received: int
    rejected: int
    error: str | None
    expected_every: timedelta | None
    # The id of its definition.
    id: str | None = None
    per_hour: float | None = None
    requests: tuple[Mapping[str, Any], ...] = ()
    gaps: tuple[SourceGap, ...] = ()

    @property
    def comes_by_itself(self) -> bool:
        """Whether others push to it, or its network speaks when it likes. Any other source is asked at a time."""
        kind = source_kind(self.kind)
        return self.state != OFF and (self.kind == PUSHED or not kind.asked or kind.streams)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part that is not well: by its own report, `silent`, or `never ran` (`at` is None, and several parts share a line). The
    disk is `low`, `full` or `read-only`.
    """

    component: str
    state: str
    at: datetime | None
    told: tuple[str, ...]
    """Why, a sentence for each reason."""
    start: str | None = None
    """The command that starts it, where it does not run."""


@dataclass(frozen=True, slots=True)
class Banner:
    """The strip above every page: the mode, and everything that is not well."""

    mode: str = "live"
    troubles: tuple[Trouble, ...] = ()
    # Since then the outbox waits for a person.
    held_since: datetime | None = None
    # Crises that nobody has answered and that reach nobody.
    unreached: tuple[Unreached, ...] = ()
    # What keeps this installation from waking anybody.
    not_ready: NotReady = READY
    # In a demo: whether the crisis can be played again (`meta.OFFERED`), will be (`meta.ASKED`), or cannot (`meta.ONCE`).
    again: str | None = None
    # It differs where a definition changed.
    stamp: Hashable = None

    @property
    def blind(self) -> bool:
        return any(t.state in ("blind", "full", "read-only") for t in self.troubles)


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole overview."""

    alerts: StandingAlerts
    monitors: tuple[MonitorRow, ...]
    sources: tuple[SourceRow, ...]
    open_escalations: int = 0
    overdue_escalations: int = 0

    @property
    def unheard(self) -> bool:
        """Whether a source is not heard: then nothing is called calm."""
        return any(one.state not in (OK, OFF) for one in self.sources)


def banner(
    conn: Connection,
    now: datetime,
    look: Look = lambda *_: READY,
    disk: DiskTrouble | None = None,
    stream: str = "sqlite",
) -> Banner:
    """What every page says: a handful of queries. A part that has not reported for two minutes is silent, and a part without a
    row has never run. In a replay or demo nothing runs live, so the page names neither, nor what is not ready (`look` finds it).
    `disk` is what keeps the embedded engines from writing. The address of the `stream` decides how a role is started.
    """
    said = meta.several(conn, ("mode", hold.OUTBOX, meta.PLAY_AGAIN, *KEYS))
    mode, held = said.get("mode", "live"), hold.read(said.get(hold.OUTBOX))
    live = mode == "live"
    troubles = [_trouble(row, now, stream, live=live) for row in troubled_rows(conn, now, live=live)]
    if live and (missing := never_ran(conn)):
        troubles.append(Trouble(", ".join(missing), "never ran", None, (), start_command(missing, stream)))
    if disk is not None:
        troubles.insert(0, Trouble("disk", disk.kind, None, (disk.words,)))
    since = held.since if held else None
    known = tuple(t for t in troubles if t is not None)
    stamp = tuple(said.get(key) for key in KEYS)
    not_ready = look(conn, now, stamp) if live else READY
    again = said.get(meta.PLAY_AGAIN) if mode == "demo" else None
    return Banner(mode, known, since, tuple(unreached(conn, now)), not_ready, again, stamp)


def overview(conn: Connection, now: datetime, blind_after: timedelta) -> Overview:
    """Everything on `/` but the banner."""
    alerts = standing(conn, now)
    unended, overdue = count_open(conn, now)
    return Overview(
        alerts=alerts,
        monitors=monitor_rows(conn, now, alerts),
        sources=source_rows(conn, now, blind_after),
        open_escalations=unended,
        overdue_escalations=overdue,
    )


def monitor_rows(conn: Connection, now: datetime, stands: StandingAlerts) -> tuple[MonitorRow, ...]:
    """Every monitor with its day, those with the worst live alert first: four queries in all. `stands` are the alerts of all
    of them."""
    held: dict[str, HeldBy] = {}
    for one in (*stands.live, *stands.suppressed):
        if one.id in stands.holders:
            held.setdefault(one.monitor_id, stands.holders[one.id])
    monitors = stored_definitions(conn, "monitor")
    ids = [m.id for m in monitors]
    days = last_days(conn, ids, now)
    latest = newest_readings(conn, ids, SIGNAL_KINDS.lead.kind, now - DAY)
    hour = mentions_by_window(conn, now)
    rows = []
    for m in monitors:
        reading = latest.get(m.id)
        late, day = hour.get(m.id, {}), days[m.id]
        closed = window_number(reading.window_start) if reading is not None else -1
        since = [heard for window, heard in late.items() if window > closed]
        scored = day.scored + sum(heard.scored for heard in since)
        negative = day.negative + sum(heard.negative for heard in since)
        state = _state(
            m.body.get("enabled", True), reading.state if reading is not None else None, bool(late)
        )
        rows.append(
            MonitorRow(
                id=m.id,
                name=m.name,
                query=m.body.get("query", ""),
                policy=m.body.get("policy", ""),
                state=state,
                day=day,
                mentions=day.count + sum(heard.count for heard in since),
                negative_share=negative / scored if scored else None,
                last_hour=sum(heard.count for heard in late.values()),
                observed=reading.observed if reading is not None else None,
                expected=reading.expected if reading is not None else None,
                alerts=stands.severities.get(m.id, ()),
                held=held.get(m.id),
            )
        )
    return tuple(sorted(rows, key=lambda r: (r.alerts[:1] or (9,), r.name.casefold())))


def last_days(conn: Connection, ids: Sequence[str], now: datetime) -> dict[str, Day]:
    """The last 24 hours of each of these monitors: one query over the closed windows."""
    last_slot = to_micros(now) // SLOT_US
    first_slot = last_slot - int(DAY / SLOT) + 1
    start = from_micros(first_slot * SLOT_US)
    found = readings_by_slot(conn, ids, SIGNAL_KINDS.lead.kind, start, SLOT)
    slots = last_slot - first_slot + 1
    days: dict[str, list[_Slot | None]] = {id: [None] * slots for id in ids}
    for one in found:
        place = one.slot - first_slot
        if 0 <= place < slots:
            days[one.monitor_id][place] = (int(one.n), int(one.negative), int(one.scored), bool(one.over))
    return {id: _day(there) for id, there in days.items()}


def source_rows(
    conn: Connection,
    now: datetime,
    blind_after: timedelta,
    *,
    gaps: bool = False,
    only: Sequence[str] | None = None,
) -> tuple[SourceRow, ...]:
    """Every source that is defined or has ever brought something, what needs a person first; with its `gaps` where asked.
    `only` asks for the sources with these names.
    """
    rows = [_source(one, now) for one in source_reports(conn, now, blind_after, gaps=gaps, only=only)]
    return tuple(sorted(rows, key=lambda r: (WORST_FIRST.index(r.state), r.name.casefold())))


# -- pieces ------------------------------------------------------------------------------------------------------------------


def _state(enabled: bool, judged: str | None, heard: bool) -> str:
    """Of a monitor. One that heard something and has no closed window yet is learning."""
    if not enabled:
        return "off"
    return judged or ("learning" if heard else "waiting")


def _day(slots: Sequence[_Slot | None]) -> Day:
    known = [slot for slot in slots if slot is not None]
    return Day(
        counts=tuple(slot[0] if slot else None for slot in slots),
        over=tuple(slot[3] if slot else False for slot in slots),
        count=sum(slot[0] for slot in known),
        negative=sum(slot[1] for slot in known),
        scored=sum(slot[2] for slot in known),
    )


def _source(one: SourceReport, now: datetime) -> SourceRow:
    facts, row = one.facts, one.row
    return SourceRow(
        name=one.name,
        kind=one.kind if one.kind is not None else PUSHED,
        state=one.verdict.state,
        last_event_at=facts.last_event_at,
        last_success_at=facts.last_success_at,
        next_fetch_at=one.next_fetch_at,
        lag=max(timedelta(), now - facts.last_event_at) if facts.last_event_at else None,
        received=int(row.received) if row is not None else 0,
        rejected=int(row.rejected) if row is not None else 0,
        error=one.verdict.reason if one.verdict.state == SILENT else facts.last_error,
        expected_every=facts.expected_every,
        id=one.id,
        per_hour=one.per_hour,
        requests=tuple(one.requests),
        gaps=tuple(one.gaps),
    )


def _trouble(row: Row[Any], now: datetime, stream: str, *, live: bool) -> Trouble | None:
    detail = row.detail if isinstance(row.detail, dict) else {}
    if live and row.component in PARTS and is_gone(row.at, now):
        return Trouble(row.component, "silent", row.at, (), start_command([row.component], stream))
    # Where the auditor could not look there are no findings, only a reason.
    if row.component == "auditor" and "findings" in detail:
        told = [
            str(f.get("text", ""))
            for f in detail.get("findings", ())
            if isinstance(f, dict) and f.get("kind") != BLIND
        ]
        # Blind sources tell it themselves.
        return Trouble(row.component, row.state, row.at, tuple(told[:3])) if told else None
    said = in_words(detail)
    return Trouble(row.component, row.state, row.at, (said,) if said else ())
