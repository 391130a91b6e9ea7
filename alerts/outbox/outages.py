"""Outages of channels: a channel is away from the notice that failed on it until one gets through again.

One row of `meta` keeps each outage. While somebody still has to answer, one notice a minute is tried on the channel, so
that its return is noticed at once. The engine then rings on it what nobody has answered (`alerts.on_clock`).

Notices to one receiver share its outage (`pauses.receiver_of`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select, update

from alerts import states
from alerts.outbox import pauses, queue
from tocsin.core.clock import iso, passed
from tocsin.store import meta
from tocsin.store import schema as s

PREFIX: Final = "outage:"
PROBE: Final = timedelta(minutes=1)
"""The pause between two tries of a channel that is away, while somebody waits for it."""

LONGEST_RETRY: Final = timedelta(hours=1)
"""A notice that failed during an outage was due at most this long before the outage began."""

_a, _n = s.alerts.c, s.notices.c


@dataclass(frozen=True, slots=True)
class Outage:
    """A channel that is away. `works_at`: a notice has got through since; the engine has not rung on it yet.

    `left`: the alerts that it still has to ring for, where it has rung for all others.
    """

    key: str
    channel: str
    since: datetime
    probe_at: datetime
    works_at: datetime | None = None
    left: tuple[str, ...] = ()


def key_of(channel: str, target: Mapping[str, Any]) -> str:
    """The key of the outage that a notice to this target belongs to."""
    return PREFIX + pauses.receiver_of(channel, target)


def standing(conn: Connection) -> list[Outage]:
    """Every outage, in the order of their keys."""
    return [_read(value) for value in meta.starting_with(conn, PREFIX)]


def begin(conn: Connection, channel: str, target: Mapping[str, Any], now: datetime) -> None:
    """A notice has failed on this channel: the channel is away. An outage that stands goes on."""
    key = key_of(channel, target)
    found = meta.get(conn, key)
    before = _read(found) if found is not None else Outage(key, channel, now, now + PROBE)
    _write(conn, replace(before, works_at=None, left=()))


def works(conn: Connection, channel: str, target: Mapping[str, Any], now: datetime) -> None:
    """A notice has got through on this channel. Where it was away, the engine rings what waits."""
    found = meta.get(conn, key_of(channel, target))
    if found is not None:
        _write(conn, replace(_read(found), works_at=now))


def end(conn: Connection, outage: Outage, left: Collection[str] = ()) -> None:
    """The outage is over, but for the alerts that are `left`: the engine rings for them later."""
    if left:
        _write(conn, replace(outage, left=tuple(left)))
    else:
        meta.forget(conn, outage.key)


def back(conn: Connection) -> list[Outage]:
    """The outages whose channel works again."""
    return [one for one in standing(conn) if one.works_at is not None]


def to_ring(conn: Connection, passed_over: Collection[str] = ()) -> bool:
    """Whether the engine has to ring on a channel that works again, for more than the stories `passed_over`."""
    return any(not one.left or _others(conn, one.left, passed_over) for one in back(conn))


def _others(conn: Connection, alerts: Collection[str], passed_over: Collection[str]) -> bool:
    others = select(_a.id).where(_a.id.in_(alerts), _a.fingerprint.not_in(passed_over))
    return conn.execute(others.limit(1)).first() is not None


def away(conn: Connection) -> list[Outage]:
    """The outages whose channel does not work yet."""
    return [one for one in standing(conn) if one.works_at is None]


def probe_due(conn: Connection, now: datetime, kinds: Collection[str] | None = None) -> list[Outage]:
    """The outages whose channel is tried now (of these `kinds`). A channel that asked for a pause is not tried before its
    end.
    """
    found = [
        one
        for one in away(conn)
        # The pause, whatever was done to the clock meanwhile.
        if passed(PROBE, one.probe_at - PROBE, now) and (kinds is None or one.channel in kinds)
    ]
    return [one for one in found if pauses.left(conn, one.key.removeprefix(PREFIX), now) is None]


def next_probe(conn: Connection) -> datetime | None:
    """The time at which a channel that is away is tried next. None: every channel works."""
    return min((one.probe_at for one in away(conn)), default=None)


def probe(conn: Connection, outage: Outage, repeatable: bool, now: datetime) -> None:
    """Queue the newest notice that failed in the outage once more. Where nobody waits for one, the outage is forgotten.

    `repeatable`: the channel drops a second notice with the same id, so one that may have arrived is tried too.
    """
    rows = lost(conn, outage)
    if not rows:
        end(conn, outage)
        return
    _write(conn, replace(outage, probe_at=now + PROBE))
    tried = [row for row in rows if row.status == queue.FAILED or repeatable]
    if tried:
        again = {"status": queue.QUEUED, "due_at": now, "attempting_at": None}
        conn.execute(update(s.notices).where(_n.id == tried[-1].id).values(again))


def lost(conn: Connection, outage: Outage) -> list[Any]:
    """The notices that did not get through in this outage and whose alert nobody has answered, oldest first."""
    rows = conn.execute(
        select(s.notices)
        .join(s.alerts, _a.id == _n.alert_id)
        .where(*_unanswered(), _n.status.in_(queue.LOST), _n.due_at >= outage.since - LONGEST_RETRY)
        .where(_n.channel == outage.channel, _n.ended_at >= outage.since)
        .order_by(_n.created_at, _n.id)
    ).all()
    return [row for row in rows if key_of(row.channel, row.target) == outage.key]


def waiting(conn: Connection, outage: Outage) -> dict[str, tuple[str, ...]]:
    """The people whom the outage kept from each alert that nobody has answered, by alert. A person whom the channel
    reached since, or whose notice is on its way, does not wait.
    """
    found: dict[str, dict[str, None]] = {}
    for row in lost(conn, outage):
        if not _reached_since(conn, outage, row):
            found.setdefault(row.alert_id, {})[row.person] = None
    if outage.left:
        found = {alert_id: people for alert_id, people in found.items() if alert_id in outage.left}
    return {alert_id: tuple(people) for alert_id, people in found.items()}


def _reached_since(conn: Connection, outage: Outage, row: Any) -> bool:
    same = (
        _n.alert_id == row.alert_id,
        _n.person_id == row.person_id,
        _n.channel == row.channel,
        *queue.ASKED,
    )
    on_its_way = _n.status.in_((queue.QUEUED, queue.ATTEMPTING))
    arrived = (_n.status == queue.SENT) & (_n.ended_at >= outage.since)
    reached = select(_n.target).where(*same, on_its_way | arrived)
    return any(key_of(row.channel, one.target) == outage.key for one in conn.execute(reached))


def _unanswered() -> tuple[ColumnElement[bool], ...]:
    firing = (_a.live > "", _a.status == states.FIRING, _a.calmed_at.is_(None))
    return (*firing, _n.kind.in_(queue.ASKING), _n.escalation_id.is_(None))


def _read(value: str) -> Outage:
    found = json.loads(value)
    times = {
        name: datetime.fromisoformat(found[name]) for name in ("since", "probe_at", "works_at") if found[name]
    }
    left = tuple(found.get("left", ()))
    return Outage(
        found["key"], found["channel"], times["since"], times["probe_at"], times.get("works_at"), left
    )


def _write(conn: Connection, outage: Outage) -> None:
    value = {name: iso(one) if isinstance(one, datetime) else one for name, one in asdict(outage).items()}
    meta.put(conn, outage.key, json.dumps(value))
