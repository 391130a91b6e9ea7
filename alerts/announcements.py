"""Announcements: the people concerned are told, once, when a silence or an expected event begins, gets another end, or is over.

While a silence or an event holds, a row of `meta` has what people were told of it. The row and the notices commit together, so
that nothing is told twice, whatever dies and however many workers run. A silence or an event that begins and ends while nothing
runs is not announced. A beginning or an end that is noticed later than `LATE` is kept without a notice.

The people concerned are those of the policies of its monitors, and the person who made it. Each is told on the first channel
that they have proven, after their quiet hours. The notice asks for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from alerts import held
from alerts.directory import Someone, key_of
from alerts.message import Message, plain_message
from alerts.outbox import queue
from alerts.proofs import proofs
from alerts.readiness import in_use, on_call_by
from alerts.suppression.quiet_hours import quiet_until
from alerts.turn import Turn
from alerts.words import Words, words_for
from tocsin.core.clock import from_micros, to_micros
from tocsin.core.sentences import Sentence
from tocsin.definitions.models import Channel, ExpectedEvent, Monitor, Silence
from tocsin.definitions.repository import Defined, history, listed, stored_definition
from tocsin.store import meta

LATE: Final = timedelta(days=1)
SEVERITY: Final = 4
"""The severity of an announcement: the mildest, so that it waits for the end of quiet hours and leaves after everything else."""

PREFIX: Final = "announced:"
LOOKED: Final = "alerts:announced"
"""Key of `meta`: the stamp of the definitions at the last look, and the next moment at which one begins or ends."""

PLACES: Final = {"silence": "silences", "expected_event": "expected-events"}
TIMES: Final = ("starts", "until", "changed")
AGAIN: Final = timedelta(minutes=1)

Edge = Literal["begins", "changed", "over"]

SUBJECTS: Final = {
    ("silence", "begins"): Sentence("Silence begins: {name}"),
    ("silence", "changed"): Sentence("Silence now lasts until {time}: {name}"),
    ("silence", "over"): Sentence("Silence is over: {name}"),
    ("expected_event", "begins"): Sentence("Expected event begins: {name}"),
    ("expected_event", "changed"): Sentence("Expected event now lasts until {time}: {name}"),
    ("expected_event", "over"): Sentence("Expected event is over: {name}"),
}
MEANS: Final = {
    "silence": Sentence("Until then no alert pages, except a crisis (SEV1)."),
    "expected_event": Sentence("Until then more talk alone pages nobody; a worse tone or a trigger does."),
}
OVER: Final = Sentence("From now on alerts page as usual.")


@dataclass(frozen=True, slots=True)
class Holding:
    """The times of a silence or an expected event, and when it was last changed."""

    kind: str
    id: str
    name: str
    monitor: str | None
    starts: datetime
    until: datetime
    changed: datetime

    @property
    def key(self) -> str:
        return f"{PREFIX}{self.kind}:{self.id}"

    def covers(self, now: datetime) -> bool:
        return self.starts <= now < self.until


def edge_of(told: Holding | None, holds: Holding | None) -> Edge | None:
    """The announcement that is due: `told` is what people know, `holds` is what is so now. None: nothing is to be announced."""
    if told is None or holds is None:
        return "begins" if holds else "over" if told else None
    return "changed" if told.until != holds.until else None


def is_late(edge: Edge, one: Holding, now: datetime) -> bool:
    """Whether the beginning or the end lies so far back that nobody is told any more."""
    at = {"begins": max(one.starts, one.changed), "changed": now, "over": min(one.until, now)}[edge]
    return now - at > LATE


def defined(conn: Connection) -> list[Holding]:
    """Every silence and every expected event, in the order of the names, the silences first."""
    return [_holding(one) for model in (Silence, ExpectedEvent) for one in listed(conn, model)]


def due(conn: Connection, now: datetime) -> bool:
    """Whether something may have to be announced: one cheap look."""
    return tells_one_is_due(meta.several(conn, (*held.HOLDERS, LOOKED)), now)


def tells_one_is_due(kept: Mapping[str, str], now: datetime) -> bool:
    """`due`, by the values of these keys of `meta`."""
    stamp, next_at = _read_look(kept.get(LOOKED, "|"))
    holders = {key: kept[key] for key in held.HOLDERS if key in kept}
    return stamp != held.joined(holders) or (next_at is not None and next_at <= now)


def next_at(conn: Connection) -> datetime | None:
    """The next moment at which something known begins or ends."""
    return _read_look(meta.get(conn, LOOKED) or "|")[1]


def announce(turn: Turn, limit: int) -> int:
    """Tell what has begun, changed or ended, of at most `limit`. Returns of how many."""
    conn, now = turn.conn, turn.now
    if not due(conn, now):
        return 0
    told = {one.key: one for one in map(_read, meta.starting_with(conn, PREFIX))}
    holds = {one.key: one for one in defined(conn) if one.covers(now)}
    changes = [
        (edge, told.get(key), holds.get(key))
        for key in sorted({*told, *holds})
        if (edge := edge_of(told.get(key), holds.get(key))) is not None
    ]
    done = [turn.attempt(_story(*change), partial(_tell, turn, *change)) for change in changes[:limit]]
    if len(changes) <= limit:
        _looked(turn, failed=None in done)
    return len(done)


def _story(_edge: Edge, told: Holding | None, holds: Holding | None) -> str:
    return next(one.key for one in (holds, told) if one is not None)


def _tell(turn: Turn, edge: Edge, told: Holding | None, holds: Holding | None) -> bool:
    """Write down what people are told now, and queue the notices. Returns whether anybody is told."""
    one = holds or told
    assert one is not None
    if holds is None:
        meta.forget(turn.conn, one.key)
    else:
        meta.put(turn.conn, holds.key, _written(holds))
    if is_late(edge, one, turn.now):
        return False
    queue.cancel_announced(turn.conn, one.id, turn.now)
    for person, channel in _concerned(turn, one):
        _queue(turn, edge, one, person, channel)
    return True


def _concerned(turn: Turn, one: Holding) -> Iterator[tuple[Someone, Channel]]:
    """Each person to tell, once, with the first channel that they have proven. A person without a proven channel is left out."""
    conn, people = turn.conn, turn.directory
    maker = people.people.get(_made_by(conn, one))
    reached = [person for policy in _policies(turn, one) for person in on_call_by(policy, people, turn.now)]
    made = [maker] if maker is not None and maker.person.active else []
    for person in {person.id: person for person in (*reached, *made)}.values():
        known = proofs(conn, person.id)
        proven = (c for c in person.channels if (p := known.get(key_of(person, c))) and p.proven_at)
        if (channel := next(proven, None)) is not None:
            yield person, channel


def _policies(turn: Turn, one: Holding) -> list[Any]:
    if one.monitor is None:
        return list(in_use(turn.conn, turn.directory).values())
    mine = [m.value for m in listed(turn.conn, Monitor) if one.monitor in (m.id, m.name)]
    return [turn.directory.policy(monitor.policy) for monitor in mine]


def _made_by(conn: Connection, one: Holding) -> str:
    return next((actor for _, _, actor, _ in history(conn, one.kind, one.id)), "")


def _queue(turn: Turn, edge: Edge, one: Holding, person: Someone, channel: Channel) -> None:
    queue.queue(
        turn.conn,
        alert_id=one.id,
        one=person,
        channels=[channel],
        kind=queue.ANNOUNCED,
        severity=SEVERITY,
        step=0,
        message=_message(turn, edge, one, words_for(person.language, person.person.timezone)),
        now=turn.now,
        due_at=quiet_until(person.person, turn.now) or turn.now,
    )


def _message(turn: Turn, edge: Edge, one: Holding, words: Words) -> Message:
    stored = stored_definition(turn.conn, one.kind, one.id)
    body = stored.body if stored is not None else {}
    why = str(body.get("reason") or body.get("note") or "")
    until = _with_year(words, one.until, turn.now)
    monitor = _monitor(turn.conn, one, words)
    held_until = words.say(
        "For {monitor}, until {time} ({zone}).", monitor=monitor, time=until, zone=words.zone
    )
    lines = [
        words.say("For {monitor}.", monitor=monitor) if edge == "over" else held_until,
        words.say("Why: {reasons}", reasons=why) if why else "",
        words.say("Made by {name}.", name=_made_by(turn.conn, one)),
        words.say(OVER if edge == "over" else MEANS[one.kind]),
    ]
    facts = {"notice_kind": queue.ANNOUNCED, "what": one.kind, "name": one.name, "edge": edge}
    return plain_message(
        words.say(SUBJECTS[one.kind, edge], name=one.name, time=until),
        lines,
        f"{turn.base_url}/{PLACES[one.kind]}",
        {**facts, "until": one.until.isoformat()},
        button=words.say("Open the page"),
        language=words.language.code,
    )


def _monitor(conn: Connection, one: Holding, words: Words) -> str:
    if one.monitor is None:
        return words.say("all monitors")
    found = stored_definition(conn, "monitor", one.monitor)
    return found.name if found is not None else one.monitor


def _with_year(words: Words, at: datetime, now: datetime) -> str:
    """The time as notices show it, with its year where that is not this one."""
    zone = ZoneInfo(words.zone)
    year = at.astimezone(zone).year
    return words.clock(at) if year == now.astimezone(zone).year else f"{words.clock(at)} {year}"


def _looked(turn: Turn, *, failed: bool) -> None:
    """Keep what was looked at, and when to look again."""
    times = [at for one in defined(turn.conn) for at in (one.starts, one.until)]
    moments = [at for at in (*times, *([turn.now + AGAIN] if failed else [])) if at > turn.now]
    first = str(to_micros(min(moments))) if moments else ""
    meta.put(turn.conn, LOOKED, f"{held.stamp(turn.conn)}|{first}")


def _read_look(kept: str) -> tuple[str, datetime | None]:
    stamp, _, at = kept.rpartition("|")
    return stamp, from_micros(int(at)) if at else None


def _holding(one: Defined[Any]) -> Holding:
    value = one.value
    return Holding(one.kind, one.id, one.name, value.monitor, value.starts_at, value.ends_at, one.updated_at)


def _written(one: Holding) -> str:
    times = {name: to_micros(getattr(one, name)) for name in TIMES}
    return json.dumps({"kind": one.kind, "id": one.id, "name": one.name, "monitor": one.monitor, **times})


def _read(kept: str) -> Holding:
    body = json.loads(kept)
    return Holding(**body | {name: from_micros(body[name]) for name in TIMES})
